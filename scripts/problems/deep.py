"""The network of problem 12 as layers of the engine; its checks, its pictures and its cost.

`given` is x, y, Omega_0, beta_0, ..., Omega_3, beta_3, as vectors and as matrices with a row
for each unit; `twelve` is the module of the problem, whose functions are checked.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from book.page import Page
from mlp import Affine, ReLU, Sequential, SquaredError, trace
from mlp.seeing import plots
from problems import diagrams
from problems.engine import backpropagate, complex_step_gradient
from problems.numeric import complex_step

Arrays = Sequence[Any]


def network(layers: Arrays) -> Sequential:
    """Omega_0, beta_0, Omega_1, ... as layers, whose W are the transposes."""
    parts: list[Any] = []
    for omega, beta in zip(layers[::2], layers[1::2], strict=True):
        affine = Affine(omega.shape[1], omega.shape[0])
        affine.W, affine.b = omega.T, np.ravel(beta)
        parts += [affine, ReLU()]
    return Sequential(*parts[:-1])


def as_vector(layers: Arrays) -> np.ndarray:
    """Omega_0, beta_0, Omega_1, ... (or derivatives in them) in the order of the engine."""
    return np.concatenate([np.ravel(np.transpose(part)) for part in layers])


def engine(x: Any, y: Any, *layers: Any) -> tuple[Sequential, float, np.ndarray, np.ndarray]:
    """The network, the loss, dl/dx, and the derivatives in all parameters."""
    net = network(layers)
    return net, *backpropagate(net, SquaredError(), _row(x), _row(y))


def _row(vector: Any) -> np.ndarray:
    return np.asarray(vector, float)[None, :]


# the steps of the problem, one after the other


def forward(twelve: ModuleType, x: Any, y: Any, *layers: Any) -> tuple[list[Any], list[Any], Any]:
    """f_0 ... f_3, h_0 = x ... h_3 and the loss."""
    f: list[Any] = []
    h = [x]
    for omega, beta in zip(layers[:6:2], layers[1:6:2], strict=True):
        f_k, h_k = twelve.hidden_layer(h[-1], omega, beta)
        f, h = [*f, f_k], [*h, h_k]
    f_3, loss = twelve.output_layer(h[3], layers[6], layers[7], y)
    return [*f, f_3], h, loss


def backward(twelve: ModuleType, y: Any, f: Arrays, omegas: Arrays) -> list[Any]:
    """dl/df_0 ... dl/df_3."""
    df = [twelve.slope_of_loss(f[3], y)]
    for k in (3, 2, 1):
        df.insert(0, twelve.one_layer_back(df[0], omegas[k], f[k - 1]))
    return df


# checks


def check_layer(
    page: Page, omega: Any, beta: Any, h: Any, dh: np.ndarray, dbeta: np.ndarray
) -> None:
    by_h = complex_step(lambda h: beta + omega @ h, h)
    by_beta = complex_step(lambda beta: beta + omega @ h, beta)
    page.equal("complex step: df/dh, transposed", by_h.T, dh, 0)
    page.equal("complex step: df/dbeta", by_beta.T, dbeta, 0)
    page.proof("by hand = complex step (a row per output, so transposed)")


def check_back(page: Page, given: Arrays, df: Arrays) -> None:
    net, _, dx, _ = engine(*given)
    for k in range(4):
        page.equal(f"the layouts agree: dl/df_{k}", df[k], page.values[f"row{k}"], 0)
        page.equal(f"engine: dl/df_{k} = dl/dbeta_{k}", net[2 * k].db, df[k], 0)
    page.equal("engine: dl/dx", dx[0], (given[2].T @ df[0]).astype(float), 0)
    page.proof("the two layouts give the same numbers; by hand = engine")


def check_parameters(page: Page, given: Arrays, twelve: ModuleType) -> None:
    for place, name in enumerate(twelve.LAYERS, 2):

        def loss(value: Any, place: int = place) -> Any:
            return forward(twelve, *given[:place], value, *given[place + 1 :])[-1]

        by_hand = page.values[f"dl_d{name}" if "Omega" in name else f"dl_df{name[-1]}"]
        label = f"complex step: dl/d{name}"
        page.equal(label, complex_step(loss, given[place]), by_hand, 1e-14)
    page.equal("engine: all of them", engine(*given)[3], _gradient(given, twelve), 1e-14)
    page.proof("by hand = engine = complex step, all weights and biases")


def _gradient(given: Arrays, twelve: ModuleType) -> np.ndarray:
    """The derivatives by hand, in the order of the engine."""
    f, h, _ = forward(twelve, *given)
    df = backward(twelve, given[1], f, given[2::2])
    return as_vector(
        [part for k in range(4) for part in (twelve.slope_in_weights(df[k], h[k]), df[k])]
    )


def at_random(page: Page, twelve: ModuleType) -> None:
    rng, shapes = np.random.default_rng(12), [(5, 2), (4, 5), (3, 4), (2, 3)]
    layers = [part for m, d in shapes for part in (rng.normal(size=(m, d)), rng.normal(size=m))]
    x, y = rng.normal(size=(2, 2))
    given = x, y, *layers
    f, h, _ = forward(twelve, *given)
    df = backward(twelve, y, f, layers[::2])
    row, rows = df[3], [df[3]]
    for k in (3, 2, 1):
        row = twelve.one_layer_back_in_rows(row, layers[2 * k], f[k - 1])
        rows.insert(0, row)
    page.equal("the layouts agree", np.hstack(df), np.hstack(rows), 1e-14)
    in_rows = [part for k in range(4) for part in (np.outer(h[k], rows[k]).ravel(), rows[k])]
    net, _, dx, gradient = engine(*given)
    page.equal("engine", gradient, _gradient(given, twelve), 1e-14)
    page.equal("engine, in rows: h_k dl/df_k", gradient, np.concatenate(in_rows), 1e-14)
    page.equal("engine: dl/dx", dx[0], layers[0].T @ df[0], 1e-14)
    numeric = complex_step_gradient(net, SquaredError(), _row(x), _row(y))
    page.equal("complex step", numeric, _gradient(given, twelve), 1e-14)
    page.proof("at random numbers, layers of 5, 4, 3: both layouts = engine = complex step")


# pictures


def draw_relu(figure: Any) -> None:
    figure.set_size_inches(8, 3)
    z = np.linspace(-3, 3, 301)
    left, right = figure.subplots(1, 2)
    left.plot(z, np.maximum(z, 0))
    left.set(title="ReLU(z)", xlabel="z")
    for side in (z < 0, z > 0):
        right.plot(z[side], 1.0 * (z[side] > 0), color=plots.BLUE)
    right.plot([0], [0], "o", color=plots.BLUE)
    right.plot([0], [1], "o", color="white", markeredgecolor=plots.BLUE)
    right.set(title="I[z > 0], with 0 chosen at 0", xlabel="z", ylim=(-0.1, 1.1))


def graphs(page: Page, given: Arrays) -> None:
    """The pass as a graph, in two pictures."""
    names = {"o1": "f3_1", "o2": "f3_2", "L": "l"}
    sizes, weight, bias = (2, 3, 2, 3, 2), 0, 0
    for k in range(4):
        for j in range(1, sizes[k + 1] + 1):
            names |= {f"net_h{k + 1}.{j}": f"f{k}_{j}", f"h{k + 1}.{j}": f"h{k + 1}_{j}"}
            names[f"b{(bias := bias + 1)}"] = f"β{k}_{j}"
            for i in range(1, sizes[k] + 1):
                names[f"w{(weight := weight + 1)}"] = f"Ω{k}_{j}{i}"
    net = network(given[2:])
    made = trace(net, _row(given[0]), _row(given[1]), SquaredError()).graph("neurons")
    first, second = diagrams.cut(diagrams.renamed(made, "l", names), "h2_1", "h2_2")
    page.graph("first_half", first, "The network from the inputs to `h_2`. " + GRAPH)
    page.graph("second_half", second, "The network from `h_2` to the loss.")


GRAPH = """Above each line stands a value (or a weight, or at a dot a bias), below it the derivative
of the loss in it. Where a ReLU is off, everything behind it on the way back is 0."""


# cost


def cost(page: Page, given: Arrays, twelve: ModuleType) -> None:
    page.formula(
        r"\sum_{k=0}^{3} D_k D_{k+1}",
        "sum_k=0^3 D_k D_k+1",
        "multiplications on the way forward, `D_k` units in layer k: one for every weight",
    )
    page.formula(
        r"\sum_{k=1}^{3} D_k D_{k+1} + \sum_{k=0}^{3} D_k D_{k+1}",
        "sum_k=1^3 D_k D_k+1 + sum_k=0^3 D_k D_k+1",
        "on the way back: `Omega_k^T dl/df_k`, but for k = 0, and the products `dl/df_k h_k^T`",
    )
    products, thresholds = _counted(given, twelve)
    weights = [omega.size for omega in given[2::2]]
    page.table(
        ["", "multiplications in matrix products", "thresholds"],
        [["forward", products[0], thresholds[0]], ["backward", products[1], thresholds[1]]],
    )
    page.check("forward", abs(products[0] - sum(weights)), 0)
    page.check("backward", abs(products[1] - sum(weights[1:]) - sum(weights)), 0)
    page.check("thresholds", abs(thresholds[0] - 8) + abs(thresholds[1] - 8), 0)
    page.proof("counted while the passes above ran: as many as the sums say")
    page.say("""So all derivatives together cost less than two more forward passes, however many
        there are, and nothing is needed but matrix products and, for ReLU, a comparison with 0
        for every hidden unit. Matrix products are what computers do best.""")
    page.say("""Memory: the way back needs every `h_k` and the signs of every `f_k`, for all samples
        of the batch at once, so it grows with depth times batch; the forward pass alone needs one
        layer at a time. Problem 20 computes some of them again instead of keeping them.""")
    page.say("""In parallel: not the layers, for layer k waits for layer k - 1 on the way forward
        and for layer k + 1 on the way back. But all units of a layer, all samples of a batch, and
        several batches or parts of one on several machines, whose derivatives are added up before
        the step. It gets harder if the model does not fit on one machine. Cut between layers, all
        machines but one wait, unless several small batches are on the way. Cut within a layer, each
        machine has some rows of Omega and computes its entries of f; on the way back its part of
        `Omega^T dl/df`; and in every layer the machines exchange h and add up these parts.""")
    check_parallel(page, given[2:])


class _Counting:
    """A number that counts products with its like, and apart from them those with True or False."""

    products = 0
    thresholds = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __mul__(self, other: Any) -> "_Counting":
        if isinstance(other, _Counting):
            _Counting.products += 1
            return _Counting(self.value * other.value)
        _Counting.thresholds += isinstance(other, bool | np.bool_)
        return _Counting(self.value * other)

    __rmul__ = __mul__

    def __add__(self, other: "_Counting") -> "_Counting":
        return _Counting(self.value + other.value)

    def __sub__(self, other: "_Counting") -> "_Counting":
        return _Counting(self.value - other.value)

    def __pow__(self, power: int) -> "_Counting":
        return _Counting(self.value**power)

    def __gt__(self, other: float) -> bool:
        return self.value > other


def _counted(given: Arrays, twelve: ModuleType) -> tuple[tuple[int, int], tuple[int, int]]:
    """Products forward and backward, and thresholds forward and backward."""
    given = [np.frompyfunc(_Counting, 1, 1)(part) for part in given]
    _Counting.products = _Counting.thresholds = 0
    f, h, _ = forward(twelve, *given)
    first = _Counting.products, _Counting.thresholds
    df = backward(twelve, given[1], f, given[2::2])
    for k in range(4):
        twelve.slope_in_weights(df[k], h[k])
    both = _Counting.products, _Counting.thresholds
    return (first[0], both[0] - first[0]), (first[1], both[1] - first[1])


def check_parallel(page: Page, layers: Arrays) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 2))
    net, loss = network(layers), SquaredError(reduction="sum")
    whole, *halves = (
        backpropagate(net, loss, x[part], y[part])[2]
        for part in (slice(None), slice(4), slice(4, None))
    )
    page.equal("two halves of a batch, added up", halves[0] + halves[1], whole, 1e-14)
    omega, h, u = rng.normal(size=(6, 4)), rng.normal(size=4), rng.normal(size=6)
    one, two = omega[:3], omega[3:]
    page.equal("rows on two machines: f", np.concatenate([one @ h, two @ h]), omega @ h, 1e-15)
    parts = one.T @ u[:3] + two.T @ u[3:]
    page.equal("rows on two machines: their parts added up", parts, omega.T @ u, 1e-15)
    page.proof("half batches add up to the whole; halves of a layer on two machines do, too")
