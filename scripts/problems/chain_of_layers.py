"""Problem 3, questions (a) and (b): the chain rule along a chain of layers, and the algorithm."""

import numpy as np

from problems import graphs
from problems.graphs import check_edges


def forward(h0, w, t):
    h = [h0]
    for k in range(len(w)):
        h.append(w[k] * h[k])  # h[0] is x, and w[0] is w_1
    e = (h[-1] - t) ** 2
    return np.array(h), e


def backward(h, w, t):
    dw, dh = np.zeros(len(w)), np.zeros(len(h))
    dh[-1] = 2 * (h[-1] - t)
    for k in reversed(range(len(w))):
        dw[k] = dh[k + 1] * h[k]  # upstream times the local slope in w
        dh[k] = dh[k + 1] * w[k]  # upstream times the local slope in h
    return dw, dh


def update(w, dw, eta):
    return w - eta * dw


def chain_rule(page):
    page.answer("a")
    page.formula(
        r"\frac{\partial e}{\partial w_k} = \frac{\partial e}{\partial h_K}"
        r" \frac{\partial h_K}{\partial h_{K-1}} \cdots \frac{\partial h_{k+1}}{\partial h_k}"
        r" \frac{\partial h_k}{\partial w_k}",
        "de/dw_k = de/dh_K dh_K/dh_(K-1) ... dh_(k+1)/dh_k dh_k/dw_k",
        "`w_k` moves `h_k` alone, that moves `h_(k+1)`, and so on to `e`: a factor for each step",
    )
    page.formula(
        r"\frac{\partial e}{\partial w_k} = \frac{\partial e}{\partial h_k}"
        r" \frac{\partial h_k}{\partial w_k}",
        "de/dw_k = de/dh_k dh_k/dw_k",
        "all factors but the last are `de/dh_k`",
    )
    page.formula(
        r"\frac{\partial e}{\partial h_{k-1}} = \frac{\partial e}{\partial h_k}"
        r" \frac{\partial h_k}{\partial h_{k-1}}",
        "de/dh_(k-1) = de/dh_k dh_k/dh_(k-1)",
        "and the next layer below needs one factor more",
    )
    page.say(
        """`de/dh_k` is the upstream gradient: what comes from above, and says all about the layers
        there. `dh_k/dw_k` and `dh_k/dh_(k-1)` are the local gradients: they need only `f_k` and
        what went into it. Upstream times local, twice, is all that a layer does."""
    )
    page.figure(
        "chain_of_layers",
        graphs.draw_chain,
        "Forward, the values are computed; back, the gradients, each from the one on its right; "
        "then the parameters are changed.",
    )
    page.slip("""000's first slide on the chain rule ends the product for `de/dw_k` with
        `dh_(k+1)/dh_k`; the local factor `dh_k/dw_k` is missing and comes on the next slide.""")


def algorithm(page):
    page.answer("b")
    page.say(
        "Step 1, forward: for k = 1, ..., K compute `h_k` from `h_(k-1)`, and keep it; then `e`."
    )
    page.say("Step 2, the beginning of the way back: compute `de/dh_K`.")
    page.say(
        """Step 3, the error back: for k = K, ..., 1 multiply `de/dh_k` by `dh_k/dw_k`, which
        gives `de/dw_k`, and by `dh_k/dh_(k-1)`, which gives `de/dh_(k-1)`."""
    )
    page.say("Step 4, update: `w_k <- w_k - eta de/dw_k` for every `k`. Then the next sample.")
    page.formula(
        r"h_k = w_k h_{k-1}, \quad \frac{\partial h_k}{\partial w_k} = h_{k-1}, \quad"
        r" \frac{\partial h_k}{\partial h_{k-1}} = w_k, \quad"
        r" \frac{\partial e}{\partial h_3} = 2 (h_3 - t)",
        "h_k = w_k h_(k-1),  dh_k/dw_k = h_(k-1),  dh_k/dh_(k-1) = w_k,\nde/dh_3 = 2 (h_3 - t)",
        "the local gradients of the given chain",
    )
    h, e = page.compute("h, e", forward, "h0, w, t")
    dw, dh = page.compute("de_dw, de_dh", backward, "h, w, t")
    page.compute("w_after", update, "w, de_dw, eta")
    h0, w, t = (page.values[name] for name in ("h0", "w", "t"))
    inputs = {"w1": w[0], "h0": h0, "w2": w[1], "w3": w[2], "t": t}
    gradients = [dw[0], dh[0], dw[1], dw[2], -dh[3], dh[1], dh[2], dh[3], 1]
    values = [*inputs.values(), *h[1:], e]
    page.graph(
        "chain",
        check_edges(page, inputs, graphs.CHAIN, values, gradients),
        "The chain with its numbers: values above, gradients below.",
    )
    page.proof("by hand = complex step = node by node")
    page.show("e after the step", forward(h0, page.values["w_after"], t)[1])
