"""What backpropagation costs: time, memory for the intermediates, what can go on in parallel.

Deck 002: products and thresholds only; all intermediates must be kept; batches go in parallel,
layers do not. Our W_k is its Omega_k^T, samples are rows, and all units are ReLU without a bias.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import SquaredError
from problems.blocks import (
    check_gradients,
    draw_memory,
    draw_pipeline,
    kept,
    multiplications,
    peaks,
    relu_network,
)
from problems.engine import backpropagate

TITLE = "What backpropagation costs"
DECKS = "002"
NUMBERS = {
    "K": 16,
    "N": 256,
    "D": 64,
    "s": 4,
    "M": 4,
    "x": np.array([[1, 2], [2, 1]]),
    "W": np.array([[[1, -1], [2, 1]], [[1, 2], [-1, 1]], [[2, -1], [1, 1]], [[1, -1], [-2, 2]]]),
    "U": np.array([[3, -1], [2, 5]]),
    "size": 2,
}


def draw(rng):
    s, blocks, N, D = (
        int(2 ** rng.integers(*bounds)) for bounds in ((1, 4), (1, 4), (4, 9), (4, 8))
    )
    small = {"x": whole(rng, 2, 2), "U": whole(rng, 2, 2)}
    return NUMBERS | {"K": s * blocks, "N": N, "D": D, "s": s} | small


def ask(page: Page, K, N, D, s, M, x, W, U, size) -> None:
    page.given(
        """A network has K layers of D units of ReLU, `h_k = max(h_(k-1) W_k, 0)` with `h_0 = x`,
        and N samples in the rows of x; numbers have 8 bytes. The loss is `L = |h_K|^2`, the sum of
        all squares. In (c) only each s-th h is kept, in (d) and (e) there are M machines.""",
        K=K,
        N=N,
        D=D,
        s=s,
        M=M,
    )
    page.given(
        """To do by hand, one with two samples, two units and the four layers of W, in blocks of
        2 layers (size); and its first layer alone, `z = x W_1`, with `dL/dz = U`.""",
        x=x,
        W=W,
        U=U,
        size=size,
    )
    page.ask("a", "What work is there, and how many multiplications forward and backward?")
    page.ask("b", "What must be kept from the forward pass, and how many bytes is that?")
    page.ask(
        "c", "How does one get along with less? Keep only each s-th h: what does it save and cost?"
    )
    page.ask("d", "Which work can M machines share? Split the two samples of x.")
    page.ask("e", "And if the network itself fits on no machine? Split the columns of `W_1`.")


def work(K, N, D):
    forward_pass = K * N * D * D
    backward_pass = 2 * K * N * D * D
    return forward_pass, backward_pass


def bytes_kept(K, N, D):
    return 8 * K * N * D, 8 * K * D * D


def bytes_by_blocks(K, N, D, s):
    return 8 * (K // s + s) * N * D


def forward(x, W):
    h = [x]
    for W_k in W:
        h.append(np.maximum(h[-1] @ W_k, 0))
    return h


def backward(h, W, dh):
    dW = []
    for W_k, before, after in zip(W[::-1], h[-2::-1], h[:0:-1], strict=True):
        dz = dh * (after > 0)  # the sign of the output tells that of z
        dW.insert(0, before.T @ dz)
        dh = dz @ W_k.T
    return dW, dh


def all_kept(x, W):
    h = [x]
    for k in range(len(W)):
        h.append(np.maximum(h[k] @ W[k], 0))
    dh, dW = 2 * h[-1], np.zeros(W.shape)
    for k in reversed(range(len(W))):
        dz = dh * (h[k + 1] > 0)  # the sign of h tells that of z
        dW[k] = h[k].T @ dz
        dh = dz @ W[k].T
    return dW


def by_blocks(x, W, s):
    blocks = [W[k : k + s] for k in range(0, len(W), s)]
    starts, dW = [x], []
    for block in blocks:
        starts.append(forward(starts[-1], block)[-1])  # keeps one h of s
    dh = 2 * starts.pop()
    for block in reversed(blocks):  # computes the others once more
        part, dh = backward(forward(starts.pop(), block), block, dh)
        dW = part + dW
    return np.array(dW)


def split_samples(x, U):
    first = x[:1].T @ U[:1]
    second = x[1:].T @ U[1:]
    return first, second, first + second


def split_columns(x, W, U):
    W_a, W_b = W[0][:, :1], W[0][:, 1:]  # one for each machine
    z = np.hstack([x @ W_a, x @ W_b])
    dx_a, dx_b = U[:, :1] @ W_a.T, U[:, 1:] @ W_b.T
    return z, dx_a, dx_b, dx_a + dx_b


def bytes_sent(K, N, D):
    gradients_of_all_weights = 8 * K * D * D
    outputs_of_one_layer = 8 * N * D
    return gradients_of_all_weights, outputs_of_one_layer


def busy(machines, parts):
    return parts / (parts + machines - 1)


def answers(K, N, D, s, M, x, W, U, size):
    def named(names, values):
        return dict(zip(names, values, strict=True))

    return {
        "a": named(("forward", "backward"), work(K, N, D)),
        "b": named(("bytes for h", "bytes for W"), bytes_kept(K, N, D)),
        "c": {"bytes": bytes_by_blocks(K, N, D, s), "more multiplications": work(K, N, D)[0]},
        "d": named(("first", "second", "dW_1"), split_samples(x, U)),
        "e": named(("z", "dx_a", "dx_b", "dx"), split_columns(x, W, U))
        | {"busy": busy(M, 1), "busy, in parts": busy(M, 4 * M)},
    }


def solve(page: Page) -> None:
    page.answer("a")
    page.say("""Only products of matrices and comparisons with 0: forward one product and one
        threshold a layer, backward two products, and the same threshold as a mask.""")
    page.formula(
        r"z_{nj} = \sum_i h_{ni} W_{ij}",
        "z_nj = sum_i h_ni W_ij",
        "forward: N D entries, each a sum of D products, so `N D^2` a layer and `K N D^2` in all",
    )
    page.formula(
        r"\frac{\partial L}{\partial W} = h^\top \frac{\partial L}{\partial z},"
        r" \quad \frac{\partial L}{\partial h} = \frac{\partial L}{\partial z} W^\top",
        "dL/dW = h^T dL/dz,   dL/dh = dL/dz W^T",
        "backward: two products of the same size, so twice as much. All `K D^2` derivatives "
        "together cost three forward passes; one by one, by differences, they would cost a pass "
        "each.",
    )
    page.compute("forward_pass, backward_pass", work, "K, N, D")
    page.say("Both passes of the small network; dW is `dL/dW`, and so on:")
    page.compute("dW", all_kept, "x, W")
    x, W = page.values["x"], page.values["W"]
    page.equal("forward, counted", multiplications(forward, x, W), work(4, 2, 2)[0], 0)
    page.equal("both passes, counted", multiplications(all_kept, x, W), sum(work(4, 2, 2)), 0)
    page.proof("counted in the small network: `K N D^2` forward, and `2 K N D^2` backward")

    page.answer("b")
    page.say("""All of `h_0` to `h_(K-1)`, for `dL/dW_k` has the layer before as a factor; and where
        z was above 0, which the sign of `h_k` tells. So memory grows as depth times batch, while
        the weights need the same however many samples there are:""")
    page.compute("bytes_h, bytes_W", bytes_kept, "K, N, D")
    page.say("""Measured for D = 64, by hand as above and in the engine, which keeps the slopes of
        ReLU too, as many again:""")
    table = kept(page, forward)
    page.proof("deviation: by hand from 8 K N D bytes, the engine from 16 K N D")

    page.answer("c")
    page.say("""Throw the others away, and compute them once more when they are needed: keep the K/s
        starts of blocks of s layers; go back block by block, each one forward again first. At any
        time there are K/s starts and s layers of one block.""")
    page.formula(
        r"8 N D (\frac{K}{s} + s)",
        "8 N D (K / s + s)",
        "smallest where both terms are equal, `s^2 = K`: then 2 s layers are kept for K; the price "
        "is one more forward pass, four for three",
    )
    page.compute("bytes_blocks", bytes_by_blocks, "K, N, D, s")
    page.say("""The gradients are the same; here of the small network in blocks of two layers, where
        `forward` and `backward` are the two loops of (a):""")
    page.compute("dW_blocks", by_blocks, "x, W, size")
    check_gradients(page, forward, by_blocks)
    page.say("""Measured for N = 256 and K = 16; the prediction counts what is at work, too, 4
        layers, and the gradients:""")
    blocks = peaks(page, by_blocks)
    page.proof("the gradients of all sizes agree; relative deviation of the peak")
    page.figure(
        "memory",
        lambda figure: draw_memory(figure, table, blocks),
        "Memory, measured and predicted.",
    )
    page.answer("d")
    parallel(page)
    page.answer("e")
    too_large(page)


def parallel(page: Page) -> None:
    """Part (d)."""
    page.say("""Not the layers: each needs what the one before gives, forward, and the one behind,
        backward. But samples do not meet in any layer, only in the sum over them:""")
    page.formula(
        r"\frac{\partial L}{\partial W_{ij}} = \sum_n x_{ni} U_{nj}"
        r" = \sum_{n \text{ here}} x_{ni} U_{nj} + \sum_{n \text{ there}} x_{ni} U_{nj}",
        "dL/dW_ij = sum_n x_ni U_nj\n         = sum_{n here} x_ni U_nj + sum_{n there} x_ni U_nj",
        "a sum may be added up in parts",
    )
    page.compute("dW_here, dW_there, dW_1", split_samples, "x, U")
    page.say("""So each of M machines gets all the weights and N/M of the samples, goes forward and
        back on its own, and then all add up their gradients: data parallel. A machine keeps an M-th
        of the h, but all weights, and sends all gradients at each step; that pays if N is large
        enough. Within one machine its cores do the same: the engine, two halves in two threads.""")
    page.compute("bytes_dW, bytes_z", bytes_sent, "K, N, D")
    rng, net = np.random.default_rng(20), relu_network(4)
    x, loss = rng.normal(size=(32, 64)), SquaredError(reduction="sum")
    whole_batch = backpropagate(net, loss, x, 0 * x)[2]
    halves = [(net.astype(float), SquaredError(reduction="sum"), h, 0 * h) for h in np.split(x, 2)]
    with ThreadPoolExecutor(2) as pool:  # a network and a loss for each thread
        total = sum(result[2] for result in pool.map(lambda half: backpropagate(*half), halves))
    page.equal("engine: two halves in two threads", total, whole_batch, 1e-14)
    dW_1 = page.values["x"].T @ page.values["U"]
    page.equal("two samples", page.values["dW_1"], dW_1, 0)
    page.proof("the gradients of the parts add up to those of the whole batch, here and in threads")


def too_large(page: Page) -> None:
    """Part (e)."""
    page.say("""Then the network is split: model parallel, and here it gets harder. One way is to
        split each layer: every machine has some columns of W, and so computes some of the units
        from all of h; backward each gives its share of `dL/dh`, and these add up.""")
    page.formula(
        r"h \begin{pmatrix} W_a & W_b \end{pmatrix} = \begin{pmatrix} h W_a & h W_b \end{pmatrix}",
        "h (W_a W_b) = (h W_a h W_b)",
        "a column of the product needs that column of W alone; all machines then need all of it",
    )
    page.formula(
        r"\frac{\partial L}{\partial h} = U_a W_a^\top + U_b W_b^\top",
        "dL/dh = U_a W_a^T + U_b W_b^T",
        "`dL/dh_i = sum_j U_j W_ij`, the sum over the columns j in two parts",
    )
    z, _, _, dx = page.compute("z, dx_a, dx_b, dx", split_columns, "x, W, U")
    x, W, U = (page.values[name] for name in "xWU")
    page.equal("z", z, x @ W[0], 0)
    page.equal("dx", dx, U @ W[0].T, 0)
    page.proof("columns on two machines = the layer as a whole")
    page.say("""So the machines exchange N D numbers in every layer, twice. The other way is to give
        each machine some of the layers: then only what is between them is sent, but while one
        works, the others wait, one of M at a time. The batch in m parts, one behind the other, lets
        them work at once as on a belt, but for the start and the end:""")
    page.formula(
        r"\text{busy} = \frac{m}{m + M - 1}",
        "busy = m / (m + M - 1)",
        "m parts pass M machines in m + M - 1 turns, of which each machine works in m; forward and "
        "backward alike",
    )
    M = page.values["M"]
    page.table(("parts m", "busy"), [(m, busy(M, m)) for m in (1, 2, 4, 4 * M)])
    page.figure(
        "pipeline",
        lambda figure: draw_pipeline(figure, M, [1, 4]),
        "Who works when, if each machine has some of the layers; the numbers are the parts.",
    )
