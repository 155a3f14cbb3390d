"""What the ways to a gradient of problem 10 cost: calls, errors, memory and time."""

import timeit
import tracemalloc
from collections.abc import Callable
from types import ModuleType
from unittest import mock

import numpy as np
from tqdm.auto import tqdm

from book.page import Page
from mlp import Affine, Sequential, Sigmoid
from problems.numeric import central, complex_step, gradient_vector, one_sided


def engine(
    x: np.ndarray, W0: np.ndarray, b0: np.ndarray, W1: np.ndarray, b1: float
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient by backward, and by jvp once per parameter, in the order W0, b0, W1, b1."""
    h = len(b0)
    net = Sequential(Affine(2, h), Sigmoid(), Affine(h, 1))
    net[0].W, net[0].b, net[2].W, net[2].b = W0.T, b0, W1[:, None], [b1]
    net.backward(np.ones_like(net.forward(x[None, :])))
    changed = net.astype(float)  # its parameters: the change of one alone
    slopes = []
    for change in np.eye(4 * h + 1):
        changed.load_vector(change)
        slopes.append(net.jvp(np.zeros((1, 2)), changed.parameters()).item())
    order = np.r_[np.arange(2 * h).reshape(2, h).T.ravel(), 2 * h : 4 * h + 1]
    return gradient_vector(net)[order], np.array(slopes)[order]


def counted(module: ModuleType, name: str, way: Callable, *given: object) -> list[int]:
    """The sizes of the last arguments with which way(*given) calls that function of the module."""
    function, sizes = getattr(module, name), []

    def counting(*arguments: np.ndarray) -> np.ndarray:
        sizes.append(int(np.size(arguments[-1])))
        return function(*arguments)

    with mock.patch.object(module, name, counting):
        way(*given)
    return sizes


def errors_over_steps(
    page: Page,
    one_sided: Callable,
    central: Callable,
    x: np.ndarray,
    t: np.ndarray,
    exact: np.ndarray,
) -> None:
    """The errors of both kinds of differences, for steps from 0.1 down to 1e-12."""
    step, errors, rows = 10.0 ** -np.arange(1, 13), {}, []
    for name, way, order in (("one-sided", one_sided, 1), ("central", central, 2)):
        errors[name] = error = np.array([np.abs(way(x, t, s) - exact).max() for s in step])
        slope = np.polyfit(np.log(step[1:4]), np.log(error[1:4]), 1)[0]
        page.check(f"{name}: slope {slope:.3f}, from {order}", abs(slope - order), 0.01)
        rows.append([name, f"{step[np.argmin(error)]:.0e}", f"{min(error):.1e}"])
    page.table(["differences", "best step", "largest error then"], rows)
    page.proof("from 1e-2 to 1e-4 the error falls as the step, one-sided, and as its square")
    guides = {
        "slope 1": np.where(step > 2e-7, step, np.nan),
        "slope 2": np.where(step > 2e-6, step**2, np.nan),
        "1e-16 / step": 1e-16 / step,
    }
    labels = {"xlabel": "step", "ylabel": "largest error", "ylim": (1e-13, 1)}
    labels["title"] = "Differences: cut off on the right, rounded on the left"
    caption = "Errors over the step. The best one depends on the kind; none gives all digits."
    page.curves("steps", step, errors, guides, log="xy", caption=caption, **labels)


def in_reverse(x: np.ndarray, depth: int) -> np.ndarray:
    """Slopes of sigmoid(... sigmoid(x)), from the last layer back: every layer is kept."""
    kept, slope = [], np.ones_like(x)
    for _ in range(depth):
        x = 1 / (1 + np.exp(-x))
        kept.append(x)
    for y in reversed(kept):
        slope = slope * y * (1 - y)
    return slope


def on_the_way(x: np.ndarray, depth: int) -> np.ndarray:
    """The same slopes, from the first layer on: nothing is kept."""
    slope = np.ones_like(x)
    for _ in range(depth):
        x = 1 / (1 + np.exp(-x))
        slope = x * (1 - x) * slope
    return slope


def memory(page: Page) -> None:
    """A chain of sigmoids, of 10000 numbers each: what the modes hold at once."""
    x, rows = np.linspace(-1, 1, 10_000), []
    page.equal("a chain of three", in_reverse(x, 3), on_the_way(x, 3), 1e-14)
    for depth in (10, 40):
        least, most = (_peak(way, x, depth) for way in (on_the_way, in_reverse))
        rows.append([depth, f"{least:.1f}", f"{most:.1f}"])
        page.check(f"{depth} arrays more in reverse mode", abs(most - least - depth), 0.2)
    page.table(["sigmoids in a chain", "arrays held: forward mode", "reverse mode"], rows)
    page.proof("measured: reverse mode holds an array more for every layer")


def _peak(way: Callable, x: np.ndarray, depth: int) -> float:
    """The most memory that way(x, depth) holds at once, in arrays of the size of x."""
    tracemalloc.start()
    way(x, depth)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / x.nbytes


def with_a_mistake(x, t):
    h = len(t) // 4
    W0, b0 = t[: 2 * h].reshape(h, 2), t[2 * h : 3 * h]
    W1 = t[3 * h : 4 * h]
    z = 1 / (1 + np.exp(-(W0 @ x + b0)))
    delta = W1 * z  # the factor 1 - z is missing
    return np.concatenate([np.outer(delta, x).ravel(), delta, z, [1.0]])


def times(page: Page, ten: ModuleType) -> None:
    """How long each way takes, by the number of parameters."""
    page.say("Milliseconds for a gradient of n entries, the best of three on this machine:")
    x, rows = np.array([0.8, -1.3]), []
    for n in tqdm((17, 161, 1601), desc="timing", disable=None, leave=False):
        t = np.random.default_rng(n).normal(size=n)
        differences = ten.one_sided_differences, ten.central_differences
        exact = ten.closed_form, ten.forward_mode, ten.reverse_mode
        taken = [_milliseconds(way, x, t, 1e-6) for way in differences]
        taken += [_milliseconds(way, x, t) for way in exact]
        rows.append([n, *(f"{time:.3f}" for time in taken)])
    page.table(("n", "one-sided", "central", "closed form", "forward mode", "reverse mode"), rows)


def _milliseconds(way: Callable, *arguments: object) -> float:
    return 1e3 * min(timeit.repeat(lambda: way(*arguments), number=1, repeat=3))


def at_random(page: Page, ten: ModuleType) -> None:
    """All ways of problem 10 at 17 random parameters."""
    x, t = np.array([0.8, -1.3]), np.random.default_rng(10).normal(size=17)
    exact, (backward, jvp) = ten.reverse_mode(x, t), engine(x, *ten.unpack(t))
    page.equal("reverse mode, complex step", exact, complex_step(lambda t: ten.f(x, t), t), 1e-14)
    page.equal("forward mode", exact, ten.forward_mode(x, t), 1e-14)
    page.equal("closed form", exact, ten.closed_form(x, t), 1e-14)
    page.equal("engine, backward", exact, backward, 1e-14)
    page.equal("engine, jvp per parameter", exact, jvp, 1e-14)
    for product in ten.both_orders(*ten.factors(x, t)):
        page.equal("product of Jacobians", product[0], exact[:8], 1e-14)
    page.proof("at 17 random parameters: all exact ways agree")
    short = ten.one_sided_differences(x, t, 1e-8), ten.central_differences(x, t, 6e-6)
    again = one_sided(lambda t: ten.f(x, t), t), central(lambda t: ten.f(x, t), t)
    page.equal("one-sided, a second program", short[0], again[0], 1e-12)
    page.equal("central, a second program", short[1], again[1], 1e-12)
    page.equal("one-sided differences", exact, short[0], 1e-6)
    page.equal("central differences", exact, short[1], 1e-9)
    page.proof("at 17 random parameters: differences nearly agree")
