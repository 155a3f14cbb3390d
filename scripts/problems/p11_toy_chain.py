"""The toy chain: four weights, four biases, one path, and every derivative along it.

f[x, phi] = b3 + w3 a[b2 + w2 a[b1 + w1 a[b0 + w0 x]]] with the loss l = (f - y)^2. Deck 002 writes
omega_k, beta_k for w_k, b_k, f_k for what enters an activation, h_k for what leaves it (h_0 = x).
All are scalars: the order of factors is free.
"""

import numpy as np

from book.page import Page
from mlp import SquaredError, trace
from problems import chain, diagrams

TITLE = "The toy chain and its eight derivatives"
DECKS = "002"
NUMBERS = {"x": 1, "y": 1, "b": np.array([-1, -1, 9, -11]), "w": np.array([2, 3, -1, 2])}


def draw(rng):
    x, target = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    w = rng.integers(1, 4, 4) * rng.choice([-1, 1], 4)
    f = rng.integers(1, 5, 4)  # positive, so that every ReLU is on; the biases follow
    b = f - w * np.array([x, *f[:3]])
    y = target + int(target >= f[3])  # not what the chain gives already
    return {"x": x, "y": y, "b": b, "w": w}


def ask(page: Page, x, y, b, w) -> None:
    page.given(
        """The smallest deep network: three hidden layers of one unit each, all scalars. With the
        activation a = ReLU, `a(f) = max(f, 0)`, its output is
        `f(x) = b_3 + w_3 a(b_2 + w_2 a(b_1 + w_1 a(b_0 + w_0 x)))`. The loss for one example (x, y)
        is `l = (f(x) - y)^2`. The biases `b_0` to `b_3` and the weights `w_0` to `w_3` stand in b
        and w.""",
        x=x,
        y=y,
        b=b,
        w=w,
    )
    page.ask(
        "a",
        """Forward: write the output as a series of steps, `f_0`, `h_1`, `f_1`, `h_2`, `f_2`,
        `h_3`, `f_3`, where `f_k` enters an activation and `h_k` leaves one, and compute them
        and the loss.""",
    )
    page.ask(
        "b",
        """Backward: compute the derivative of the loss in each of these, from `f_3` back to
        `f_0`.""",
    )
    page.ask("c", "What are the eight derivatives in the biases and the weights?")
    page.ask(
        "d",
        """Which values of the forward pass does `dl/dw_k` need? What happens to the effect of a
        weight if the activation that it meets is doubled?""",
    )
    page.ask(
        "e",
        """A small change of a weight that leads into hidden layer 3, 2 or 1: what must be known
        to say how it changes the loss? Why does one go backwards? Write the algorithm as
        steps.""",
    )


def a(f):
    return f * (np.real(f) > 0)


def slope_of_a(f):
    return 1.0 * (f > 0)


def forward(x, y, b, w):
    f0 = b[0] + w[0] * x
    h1 = a(f0)
    f1 = b[1] + w[1] * h1
    h2 = a(f1)
    f2 = b[2] + w[2] * h2
    h3 = a(f2)
    f3 = b[3] + w[3] * h3
    loss = (f3 - y) ** 2
    return f0, h1, f1, h2, f2, h3, f3, loss


def back_to_h2(y, w, f2, f3):
    dl_df3 = 2 * (f3 - y)
    dl_dh3 = w[3] * dl_df3
    dl_df2 = slope_of_a(f2) * dl_dh3
    dl_dh2 = w[2] * dl_df2
    return dl_df3, dl_dh3, dl_df2, dl_dh2


def back_to_f0(w, f0, f1, dl_dh2):
    dl_df1 = slope_of_a(f1) * dl_dh2
    dl_dh1 = w[1] * dl_df1
    dl_df0 = slope_of_a(f0) * dl_dh1
    return dl_df1, dl_dh1, dl_df0


def parameters(x, h1, h2, h3, dl_df0, dl_df1, dl_df2, dl_df3):
    dl_db = np.array([dl_df0, dl_df1, dl_df2, dl_df3])
    dl_dw = np.array([x * dl_df0, h1 * dl_df1, h2 * dl_df2, h3 * dl_df3])
    return dl_db, dl_dw


def answers(x, y, b, w):
    f0, h1, f1, h2, f2, h3, f3, loss = forward(x, y, b, w)
    df3, dh3, df2, dh2 = back_to_h2(y, w, f2, f3)
    df1, dh1, df0 = back_to_f0(w, f0, f1, dh2)
    db, dw = parameters(x, h1, h2, h3, df0, df1, df2, df3)
    back = {"dl/df3": df3, "dl/dh3": dh3, "dl/df2": df2, "dl/dh2": dh2, "dl/df1": df1}
    return {
        "a": {"f0": f0, "h1": h1, "f1": f1, "h2": h2, "f2": f2, "h3": h3, "f3": f3, "loss": loss},
        "b": back | {"dl/dh1": dh1, "dl/df0": df0},
        "c": {"dl/db": db, "dl/dw": dw},
    }


def solve(page: Page) -> None:
    x, y, b, w = (page.values[name] for name in NUMBERS)
    page.answer("a")
    page.formula(
        r"f_k = b_k + w_k h_k, \quad h_0 = x",
        "f_k = b_k + w_k h_k,  h_0 = x",
        "k = 0, 1, 2, 3: what enters the next activation (deck 002 writes beta and omega)",
    )
    page.formula(
        r"h_k = a(f_{k-1})",
        "h_k = a(f_k-1)",
        "k = 1, 2, 3: what leaves it",
    )
    page.formula(r"l = (f_3 - y)^2", "l = (f_3 - y)^2", "the loss of this example")
    names = ["f0", "h1", "f1", "h2", "f2", "h3", "f3", "loss"]
    values = page.compute(", ".join(names), forward, "x, y, b, w")
    net, loss, dx, db, dw = chain.engine(x, y, b, w, chain.RELU.layer)
    page.equal("engine: l", loss, float(values[-1]), 0)
    page.proof("by hand = engine")

    page.answer("b")
    page.formula(
        r"\frac{\partial l}{\partial f_3} = 2 (f_3 - y)",
        "dl/df_3 = 2 (f_3 - y)",
        "the slope of a square",
    )
    page.formula(
        r"\frac{\partial l}{\partial h_3} = \frac{\partial f_3}{\partial h_3}"
        r" \frac{\partial l}{\partial f_3} = w_3 \frac{\partial l}{\partial f_3}",
        "dl/dh_3 = df_3/dh_3 dl/df_3 = w_3 dl/df_3",
        "how `h_3` changes `f_3` (`f_3` holds it with the factor `w_3`), and what is known already",
    )
    page.formula(
        r"\frac{\partial l}{\partial f_2} = \frac{\partial h_3}{\partial f_2}"
        r" \left( \frac{\partial f_3}{\partial h_3} \frac{\partial l}{\partial f_3} \right)"
        r" = a'(f_2) \frac{\partial l}{\partial h_3}",
        "dl/df_2 = dh_3/df_2 (df_3/dh_3 dl/df_3) = a'(f_2) dl/dh_3",
        "the bracket is the line before: nothing is computed twice",
    )
    page.say("And so on, by the same two rules in turn, each time with what was known before:")
    page.formula(
        r"\frac{\partial l}{\partial h_k} = w_k \frac{\partial l}{\partial f_k}",
        "dl/dh_k = w_k dl/df_k",
        "k = 3, 2, 1: `f_k` holds `h_k` with the factor `w_k`",
    )
    page.formula(
        r"\frac{\partial l}{\partial f_{k-1}} = a'(f_{k-1})"
        r" \frac{\partial l}{\partial h_k}",
        "dl/df_k-1 = a'(f_k-1) dl/dh_k",
        "`h_k = a(f_(k-1))`; the slope of ReLU is 1 where its input is positive, else 0",
    )
    page.say("Put together, the last of them is one product along the whole chain:")
    page.formula(
        r"\frac{\partial l}{\partial f_0} = a'(f_0) \, w_1 \, a'(f_1) \, w_2 \, a'(f_2)"
        r" \, w_3 \cdot 2 (f_3 - y)",
        "dl/df_0 = a'(f_0) w_1 a'(f_1) w_2 a'(f_2) w_3 * 2 (f_3 - y)",
        "a factor for every link",
    )
    results = "dl_df3, dl_dh3, dl_df2, dl_dh2"
    df3, dh3, df2, dh2 = page.compute(results, back_to_h2, "y, w, f2, f3")
    results = "dl_df1, dl_dh1, dl_df0"
    df1, dh1, df0 = page.compute(results, back_to_f0, "w, f0, f1, dl_dh2")
    first, second = diagrams.cut(graph(net, x, y), "h2")
    page.graph("first_half", first, "The chain from the input to `h_2`. " + GRAPH)
    page.graph("second_half", second, "The chain from `h_2` to the loss.")
    numeric = chain.all_slopes(x, y, b, w, a)
    page.equal("complex step: dl/df", [df0, df1, df2, df3], numeric["b"], 1e-14)
    page.equal("complex step: dl/dh", [w[0] * df0, dh1, dh2, dh3], numeric["h"], 1e-14)
    page.equal("engine: dl/dx", dx, float(w[0] * df0), 1e-14)
    page.proof("by hand = complex step (moving `f_k` is moving `b_k`) = engine")
    page.slip("""002 reminds of the chain rule as `dh/df = dh/dg dg/df` for `h = g(f(x))`; it must
        be `dh/dx = dg/df df/dx`.""")

    page.answer("c")
    page.formula(
        r"\frac{\partial l}{\partial w_k} = \frac{\partial f_k}{\partial w_k}"
        r" \frac{\partial l}{\partial f_k} = h_k \frac{\partial l}{\partial f_k}",
        "dl/dw_k = df_k/dw_k dl/df_k = h_k dl/df_k",
        "`f_k` holds `w_k` with the factor `h_k`, and `h_0 = x`; both are known by now",
    )
    page.formula(
        r"\frac{\partial l}{\partial b_k} = \frac{\partial f_k}{\partial b_k}"
        r" \frac{\partial l}{\partial f_k} = \frac{\partial l}{\partial f_k}",
        "dl/db_k = df_k/db_k dl/df_k = dl/df_k",
        "`f_k` holds `b_k` as it is",
    )
    needs = "x, h1, h2, h3, dl_df0, dl_df1, dl_df2, dl_df3"
    by_hand = page.compute("dl_db, dl_dw", parameters, needs)
    page.equal("complex step: dl/db", by_hand[0], numeric["b"], 1e-14)
    page.equal("complex step: dl/dw", by_hand[1], numeric["w"], 1e-14)
    page.equal("engine: dl/db", by_hand[0], db, 1e-14)
    page.equal("engine: dl/dw", by_hand[1], dw, 1e-14)
    page.proof("by hand = engine = complex step")
    chain.another_activation(page, *SMOOTH)

    page.answer("d")
    page.say("""`dl/dw_k = h_k dl/df_k` needs the activation `h_k` that the weight multiplies: so
        the forward pass must keep all of them. A weight on a doubled activation has twice the
        effect on what it leads into, `df_k/dw_k = h_k`, always. It has twice the effect on the
        output only while the slopes on the way stay what they are: with ReLU until a unit
        switches on or off, with sigmoid only in the last layer.""")
    relu, sigmoid = chain.doubled(x, b, w, chain.RELU), chain.doubled(*SMOOTH, chain.SIGMOID)
    page.table(["effect of `w_k` on `f_3` for twice `h_k`, times", *"0123"],
               [["this chain, ReLU", *relu], ["the one with sigmoid", *sigmoid]])  # fmt: skip
    page.equal("doubled: ReLU all, sigmoid the last", [*relu, sigmoid[3]], [2] * 5, 1e-14)
    page.proof("the effect doubles: ReLU, all four; sigmoid, the last")
    page.slip("""002 says that twice the activation gives the weight twice the effect; that is so
        for `f_k`, and for the output only while no slope in between changes.""")

    def draw_effects(figure):
        chain.draw_effects(figure, (x, b, w), SMOOTH)

    page.figure("doubled_activation", draw_effects, DOUBLED)

    page.answer("e")
    page.say("""For a weight into layer 3: how layer 3 changes the output, and how the output
        changes the loss. For a weight into layer 2: how layer 2 changes layer 3, and then the
        same again. For a weight into layer 1: how layer 1 changes layer 2, and then the same
        again. Each asks for all that the one behind it asks for, and one thing more: so one
        starts at the loss and hands back what is known, and no product is computed twice.""")
    page.figure("what_must_be_known", deep_network, DEEP)
    page.say("""Backpropagation (Rumelhart, Hinton and Williams, 1986), as steps. 1: run forward
        and keep every `f_k` and `h_k`. 2: take the derivative of the loss in the output. 3: for
        each layer, from the last to the first, multiply by its weight and by the slope of the
        activation before it. 4: multiply each `dl/df_k` by `h_k` for the weight, by 1 for the
        bias. 5: move every parameter against its derivative. The notebook that deck 002 shows next
        builds such a graph of scalars that differentiates itself; by hand it is problem 3. Here
        nothing differentiates itself, on purpose: each layer's derivative is written out beside
        it.""")


SMOOTH = 0.6, np.array([0.4, 0.2, -0.1, 0.3]), np.array([1.3, 0.8, 0.7, -1.9])
"""x, b and w of a chain for the sigmoid, which would hardly move for the numbers above."""
GRAPH = """Above each line stands a value, below it the derivative of the loss in that value; on
the line of a weight or a bias (the dots), those of the weight or bias."""
DOUBLED = """What multiplying the activation does to the effect of the weight that it meets. With
ReLU it is a straight line until a unit switches: then the effect drops to nothing."""
DEEP = """Top left: the orange weight multiplies the green activation, which the forward pass must
keep. The others: to know what a change of the orange weight does to the loss, one must know all
that is green; each holds the one before it."""


def graph(net, x, y):
    names = {"x1": "x", "o1": "f3", "L": "l"}
    for k in range(4):
        names |= {f"w{k + 1}": f"w{k}", f"b{k + 1}": f"b{k}"}
        names |= {f"net_h{k + 1}.1": f"f{k}", f"h{k + 1}.1": f"h{k + 1}"}
    given = np.array([[float(x)]]), np.array([[float(y)]])
    return diagrams.renamed(trace(net, *given, SquaredError()).graph("neurons"), "l", names)


def deep_network(figure) -> None:
    figure.set_size_inches(11, 7)
    columns = [[""] * 2, [""] * 3, [""] * 3, [""] * 3, [""] * 2, [""]]
    titles = ["$x$", "$h_1$", "$h_2$", "$h_3$", "$f$", "$l$"]
    panels = {"a weight and the activation that it meets": 3}
    panels |= {f"a weight into layer {layer}": layer for layer in (3, 2, 1)}
    for axes, (name, layer) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        marked = {((layer - 1, 0), (layer, 0))}
        known, filled = set(), {(layer - 1, 0)}
        if name.startswith("a weight into"):
            first = {((layer, 0), (layer + 1, i)) for i in range(len(columns[layer + 1]))}
            known, filled = first | diagrams.between(columns, layer + 1, 5), set()
        diagrams.network(
            axes, columns, (), titles, marked, known, filled, size=16
        )  # fmt: skip
        axes.set_title(name, pad=14)
