"""Y = W X for a mini-batch and a loss L = l(Y): dL/dX and dL/dW.

Deck 001 has one sample per column of X (d, n) and W (m, d) from the left; so has this problem.
Our layers have samples as rows: its X is our x^T, its Y our z^T, its W our W^T.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import Affine
from problems.numeric import central, complex_step
from problems.shapes import draw_shapes

TITLE = "Y = W X for a mini-batch, by entries and matrices"
DECKS = "001"
NUMBERS = {
    "W": np.array([[2, -1], [3, 5]]),
    "X": np.array([[1, 4, -2], [0, 7, 3]]),
    "U": np.array([[1, -3, 2], [6, 0, -5]]),
}


def draw(rng):
    return {"W": whole(rng, 2, 2), "X": whole(rng, 2, 3), "U": whole(rng, 2, 3)}


def ask(page: Page, W, X, U) -> None:
    page.given(
        """A mini-batch of `n = 3` samples stands in the columns of `X`, 2 x 3. A linear layer
        with the weights `W`, 2 x 2, gives `Y = W X`. Behind it comes a loss `L`, a number, of
        which only its derivatives in the entries of `Y` are known: `U_kl = dL/dY_kl`, an array
        like `Y`.""",
        W=W,
        X=X,
        U=U,
    )
    page.ask("a", "Write out `Y_kl`. What is `dY/dX_ab`, the change of all of `Y` with one entry?")
    page.ask("b", "What is `dL/dX_ab`? Write all of `dL/dX` as a product of matrices.")
    page.ask("c", "The same for `dL/dW_ab` and `dL/dW`.")


def entry_by_entry(W, X, U):
    dX = np.zeros(X.shape)
    for a, b in np.ndindex(X.shape):
        for k, column in np.ndindex(U.shape):
            if column == b:  # X_ab reaches only column b of Y
                dX[a, b] += U[k, column] * W[k, a]
    return dX


def change_with_one_entry(W, X):
    dY = np.zeros((len(W), X.shape[1]))
    dY[:, 0] = W[:, 0]
    return dY


def gradients(W, X, U):
    dX = W.T @ U
    dW = U @ X.T
    return dX, dW


def answers(W, X, U):
    dX, dW = gradients(W, X, U)
    return {"a": {"Y": W @ X}, "b": {"dL/dX": dX}, "c": {"dL/dW": dW}}


def solve(page: Page) -> None:
    W, X, U = (page.values[name] for name in "WXU")
    page.answer("a")
    page.say(
        """For one sample, `y = W x` takes a vector to a vector. The samples of a mini-batch stand
        side by side, and the same `W` is multiplied with each: a matrix in, a matrix out, and the
        loss behind it makes one number of that. Here `m = 2`, `d = 2`, `n = 3`."""
    )
    page.figure("shapes", draw_shapes, "From one sample to a mini-batch.")
    page.formula(
        r"Y_{kl} = \sum_i W_{ki} X_{il}",
        "Y_kl = sum_i W_ki X_il",
        "row `k` of `W` times column `l` of `X`",
    )
    page.formula(
        r"\frac{\partial Y_{kl}}{\partial X_{ab}} = W_{ka} \, [l = b]",
        "dY_kl/dX_ab = W_ka [l = b]",
        "`X_ab` stands in column `b` alone, and there in the term `i = a`, with the factor `W_ka`; "
        "`[l = b]` is 1 where `l = b` and 0 elsewhere",
    )
    page.say("So `dY/dX_11` is zero but for its first column, where column 1 of `W` stands:")
    page.compute("dY_dX_11", change_with_one_entry, "W, X")

    page.answer("b")
    page.formula(
        r"\frac{\partial L}{\partial X_{ab}}"
        r" = \sum_{k,l} \frac{\partial L}{\partial Y_{kl}} \frac{\partial Y_{kl}}{\partial X_{ab}}"
        r" = \sum_{k,l} U_{kl} W_{ka} \, [l = b]",
        "dL/dX_ab = sum_kl dL/dY_kl dY_kl/dX_ab = sum_kl U_kl W_ka [l = b]",
        "`L` changes through every entry of `Y`: a contraction over `k` and `l`",
    )
    page.formula(
        r"= \sum_k W_{ka} U_{kb} = (W^\top U)_{ab}",
        "         = sum_k W_ka U_kb = (W^T U)_ab",
        "only `l = b` is left, and `W_ka` is entry (a, k) of `W^T`",
    )
    entries = page.compute("entries", entry_by_entry, "W, X, U")
    dX, dW = page.compute("dL_dX, dL_dW", gradients, "W, X, U")
    four_way = np.einsum("ka,lb->klab", W, np.eye(3))
    page.equal("entry by entry = W^T U", entries, dX, 0)
    page.equal("the whole array dY/dX, contracted", np.einsum("kl,klab->ab", U, four_way), dX, 0)
    affine = Affine(2, 2, bias=False)
    affine.W = W.T
    page.equal("engine: Y", affine.forward(X.T).T, W @ X, 0)
    page.equal("engine: dX", affine.backward(U.T).T, dX, 0)
    page.proof("entry by entry = `W^T U` = the whole array of `dY/dX`, contracted = engine")
    page.slip("""001 has `dL/dy_2j w12 + dL/dy_2j w22` in the second row of `dL/dX`; it must be
        `dL/dy_1j w12 + dL/dy_2j w22`. Its final `W^T dL/dY` is right, but as printed out its
        `dL/dY` has `dL/dy_23` for `dL/dy_13` and the second row `(dL/dy_23, dL/dy_23)`.""")
    printed = U[1] * W[0, 1] + U[1] * W[1, 1]
    page.show("second row as the deck prints it", printed)
    page.equal("the difference is (U_2j - U_1j) w12", printed - dX[1], (U[1] - U[0]) * W[0, 1], 0)
    page.proof("the difference to `dL/dX_2j` is `(U_2j - U_1j) W_12`")

    page.answer("c")
    page.formula(
        r"\frac{\partial Y_{kl}}{\partial W_{ab}} = [k = a] \, X_{bl}",
        "dY_kl/dW_ab = [k = a] X_bl",
        "`W_ab` stands in row `a` of `Y` alone, in the term `i = b`, with the factor `X_bl`",
    )
    page.formula(
        r"\frac{\partial L}{\partial W_{ab}} = \sum_{k,l} U_{kl} [k = a] X_{bl}"
        r" = \sum_l U_{al} X_{bl} = (U X^\top)_{ab}",
        "dL/dW_ab = sum_kl U_kl [k = a] X_bl = sum_l U_al X_bl = (U X^T)_ab",
        "the samples `l` add up, for all of them use the same `W`",
    )
    page.say("The numbers are above. With the loss `L = sum sin Y_kl + sum Y_1l Y_2l`, by numbers:")
    affine.forward(X.T)
    affine.backward(U.T)
    page.equal("engine: dW", affine.dW.T, dW, 0)
    dX, dW = gradients(W, X, upstream(W @ X))
    page.equal("complex step, dX", dX, complex_step(lambda X: loss(W @ X), X), 1e-14)
    page.equal("complex step, dW", dW, complex_step(lambda W: loss(W @ X), W), 1e-14)
    page.proof("by hand = engine = complex step")
    page.equal("central differences", dW, central(lambda W: loss(W @ X), W), 1e-9)
    page.proof("by hand = central differences")
    page.slip("""001 writes `w12 x31` in `y13` and `w22 x31` in `y23`, but `X` has no third row: it
        must be `x23`. It names the last entry of `Y` `y33`; it must be `y23`.""")
    right = [W[0, 0] * X[0, 2] + W[0, 1] * X[1, 2], W[1, 0] * X[0, 2] + W[1, 1] * X[1, 2]]
    page.equal("y13 and y23 with x23", right, (W @ X)[:, 2], 0)


def loss(Y: np.ndarray) -> complex:
    """Any smooth number made of Y will do."""
    return np.sin(Y).sum() + (Y[0] * Y[1]).sum()


def upstream(Y: np.ndarray) -> np.ndarray:
    """dL/dY of that loss."""
    return np.cos(Y) + Y[::-1]
