"""The chain of problem 11 link by link, for its checks: any part of it, with any activation.

h_0 = x, f_k = b_k + w_k h_k, and h_k+1 = a(f_k).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from book.page import Page
from mlp import Affine, ReLU, Sequential, Sigmoid, SquaredError
from mlp.seeing import plots
from problems.engine import backpropagate
from problems.numeric import complex_step


class Activation(NamedTuple):
    layer: type
    a: Callable
    slope: Callable


RELU = Activation(ReLU, lambda f: f * (np.real(f) > 0), lambda f: 1.0 * (np.real(f) > 0))
SIGMOID = Activation(
    Sigmoid, lambda f: 1 / (1 + np.exp(-f)), lambda f: np.exp(-f) / (1 + np.exp(-f)) ** 2
)


def loss_from(k: int, h: Any, y: Any, b: Any, w: Any, a: Callable) -> Any:
    """The loss as a function of h_k."""
    for j in range(k, 4):
        f = b[j] + w[j] * h
        h = a(f)
    return (f - y) ** 2


def all_slopes(x: Any, y: Any, b: Any, w: Any, a: Callable) -> dict[str, np.ndarray]:
    """dl/db, dl/dw, and dl/dh_0 ... dl/dh_3 with dl/dh_0 = dl/dx, by the complex step."""
    h = [x]
    for k in range(3):
        h.append(a(b[k] + w[k] * h[k]))
    dh = [
        complex_step(lambda h_k, k=k: loss_from(k, h_k, y, b, w, a), np.array(h[k]))
        for k in range(4)
    ]
    return {
        "b": complex_step(lambda b: loss_from(0, x, y, b, w, a), b),
        "w": complex_step(lambda w: loss_from(0, x, y, b, w, a), w),
        "h": np.array(dh),
    }


def engine(
    x: Any, y: Any, b: Any, w: Any, layer: type
) -> tuple[Sequential, float, float, np.ndarray, np.ndarray]:
    """The chain as a network; its loss, dl/dx, dl/db and dl/dw."""
    net = Sequential(*(part for _ in range(3) for part in (Affine(1, 1), layer())), Affine(1, 1))
    net.load_vector(np.stack([w, b], axis=1).astype(float).ravel())  # w_0, b_0, w_1, b_1, ...
    given = np.array([[float(x)]]), np.array([[float(y)]])
    loss, dx, eight = backpropagate(net, SquaredError(), *given)
    return net, loss, dx.item(), eight[1::2], eight[::2]


def effect(b: Any, w: Any, k: int, h: Any, activation: Activation) -> Any:
    """df_3/dw_k, if h_k is h: h times the slopes on the way."""
    slope, f = h, b[k] + w[k] * h
    for j in range(k + 1, 4):
        slope = slope * activation.slope(f) * w[j]
        f = b[j] + w[j] * activation.a(f)
    return slope


def doubled(x: Any, b: Any, w: Any, activation: Activation) -> list[float]:
    """df_3/dw_k with twice h_k, over df_3/dw_k, for k = 0 ... 3."""
    return [
        effect(b, w, k, 2 * h, activation) / effect(b, w, k, h, activation)
        for k, h in enumerate(outputs(x, b, w, activation))
    ]


def outputs(x: Any, b: Any, w: Any, activation: Activation) -> list[Any]:
    """h_0 ... h_3."""
    h = [x]
    for k in range(3):
        h.append(activation.a(b[k] + w[k] * h[k]))
    return h


def another_activation(page: Page, x: Any, b: Any, w: Any) -> None:
    """Each rule once more, where a' is neither 0 nor 1, at other numbers."""
    for name, activation in (("ReLU", RELU), ("sigmoid", SIGMOID)):
        h = outputs(x, b, w, activation)
        df = [2 * (b[3] + w[3] * h[3] - 1.5)]
        for k in (3, 2, 1):
            df.insert(0, activation.slope(b[k - 1] + w[k - 1] * h[k - 1]) * w[k] * df[0])
        numeric = all_slopes(x, 1.5, b, w, activation.a)
        _, _, dx, db, dw = engine(x, 1.5, b, w, activation.layer)
        eight = [*df, *np.multiply(h, df)]
        page.equal(f"{name}: complex step", eight, [*numeric["b"], *numeric["w"]], 1e-14)
        page.equal(f"{name}: dl/dh", w * df, numeric["h"], 1e-14)
        page.equal(f"{name}: engine", [*eight, w[0] * df[0]], [*db, *dw, dx], 1e-14)
        if name == "sigmoid":
            page.say("""The same rules with the sigmoid for a, whose slope `h (1 - h)` is neither
                0 nor 1, for x = 0.6, y = 1.5, `b = (0.4, 0.2, -0.1, 0.3)`,
                `w = (1.3, 0.8, 0.7, -1.9)`:""")
            rows = [("`h_k`", *h), ("`dl/df_k = dl/db_k`", *df), ("`dl/dw_k`", *np.multiply(h, df))]
            page.table(["k =", *"0123"], rows)
    page.proof("ReLU and sigmoid at these numbers: by hand = engine = complex step")


def draw_effects(figure: Any, with_relu: Sequence[Any], with_sigmoid: Sequence[Any]) -> None:
    """The effect of each weight on f_3, over what h_k is multiplied with; chains are (x, b, w)."""
    axes, scales = figure.subplots(1, 2, sharey=True), np.linspace(0, 4, 401)
    cases = ("ReLU", RELU, with_relu), ("sigmoid", SIGMOID, with_sigmoid)
    for axis, (name, activation, (x, b, w)) in zip(axes, cases, strict=True):
        h = outputs(x, b, w, activation)
        for k, line in ((1, "-"), (2, "--"), (3, ":")):
            curve = effect(b, w, k, scales * h[k], activation) / effect(b, w, k, h[k], activation)
            axis.plot(scales, curve, line, label=f"weight $w_{k}$")
        axis.plot(2, 2, "o", color=plots.INK)
        axis.set(title=name, xlabel="activation $h_k$, times", xlim=(0, 4), ylim=(0, 4))
    axes[0].annotate("twice the activation,\ntwice the effect", (2, 2), (0.15, 2.5))
    axes[0].set(ylabel="effect of $w_k$ on $f_3$, times")
    axes[1].legend()
