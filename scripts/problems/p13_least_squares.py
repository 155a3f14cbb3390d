"""Least squares by gradient descent: a line with two parameters, its gradient, its descent.

Deck 002 writes f[x, phi] = phi_0 + phi_1 x, L = sum_i (f[x_i, phi] - y_i)^2 over I samples, alpha
for the learning rate and dL/dphi as a column; phi_0 is our b, phi_1 our W. With rows (1, x_i) in A:
L = |A phi - y|^2.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from problems import descent
from problems.numeric import complex_step

TITLE = "Least squares by gradient descent"
DECKS = "002"
NUMBERS = {
    "x": np.array([0, 1, 2, 3]),
    "y": np.array([1, 3, 2, 5]),
    "phi_start": np.array([0, 0]),
    "alpha": 0.05,
    "batches": np.array([[0, 3], [1, 2]]),
}


def draw(rng):
    return {
        "x": np.array([0, 1, 2, 3]),
        "y": whole(rng, 4),
        "phi_start": whole(rng, 2, largest=3),
        "alpha": float(rng.choice([0.01, 0.02, 0.05])),
        "batches": rng.permutation(4).reshape(2, 2),
    }


def ask(page: Page, x, y, phi_start, alpha, batches) -> None:
    page.given(
        """A line `f(x) = phi_0 + phi_1 x` shall pass near I = 4 points `(x_i, y_i)`. Its two
        parameters stand in the column phi, which starts at `phi_start`, and alpha is the learning
        rate. A row of `batches` holds the numbers of the samples in a batch, counted from 0.""",
        x=x,
        y=y,
        phi_start=phi_start,
        alpha=alpha,
        batches=batches,
    )
    page.ask(
        "a",
        """What is a loss for? Write the least squares loss L of the four points and its partial
        derivatives in `phi_0` and `phi_1`. What are L and they at the start?""",
    )
    page.ask("b", "What are the two steps of gradient descent? Go through them twice.")
    page.ask(
        "c",
        """What does stochastic gradient descent do instead? Take a step with each of the two
        batches, one after the other. What changes if the loss is a mean instead of a sum?""",
    )
    page.ask("d", "Where does descent end, and for which learning rates does it get there?")


def errors(phi, x, y):
    return phi[0] + phi[1] * x - y


def loss(phi, x, y):
    return (errors(phi, x, y) ** 2).sum()


def gradient(phi, x, y):
    r = errors(phi, x, y)
    return np.array([2 * r.sum(), 2 * (x * r).sum()])


def descend(phi, alpha, x, y):
    return phi - alpha * gradient(phi, x, y)


def descend_by_batches(phi, alpha, x, y, batches):
    first, second = batches
    phi_next = phi - alpha * gradient(phi, x[first], y[first])
    phi_then = phi_next - alpha * gradient(phi_next, x[second], y[second])
    return phi_next, phi_then


def best_line(x, y):
    A = np.column_stack([np.ones(len(x)), x])  # rows (1, x_i)
    phi_best = np.linalg.solve(A.T @ A, A.T @ y)
    H = 2 * A.T @ A
    largest_alpha = 2 / np.linalg.eigvalsh(H)[-1]
    return phi_best, H, largest_alpha


def answers(x, y, phi_start, alpha, batches):
    after_one = descend(phi_start, alpha, x, y)
    first, second = descend_by_batches(phi_start, alpha, x, y, batches)
    phi_best, _, largest_alpha = best_line(x, y)
    return {
        "a": {"L": loss(phi_start, x, y), "dL/dphi": gradient(phi_start, x, y)},
        "b": {"after one step": after_one, "after two": descend(after_one, alpha, x, y)},
        "c": {"after the first batch": first, "after the second": second},
        "d": {"best phi": phi_best, "alpha must be less than": largest_alpha},
    }


def solve(page: Page) -> None:
    x, y, start, alpha, batches = (page.values[name] for name in NUMBERS)
    page.answer("a")
    page.say("""A loss says in one number how badly a model with these parameters maps the inputs of
        the data to their outputs: the smaller, the better. Training means making it small, so it
        must have slopes; and it is the sum (or mean) of a loss `l_i` for each sample, so its
        derivative is the sum of theirs. For outputs that are numbers one takes the squared error;
        for classes the cross-entropy of the probabilities (problems 15 and 19).""")
    page.formula(
        r"L = \sum_i l_i = \sum_i (\phi_0 + \phi_1 x_i - y_i)^2",
        "L = sum_i l_i = sum_i (phi_0 + phi_1 x_i - y_i)^2",
        "how far the line is above the point (or below it), squared, for each sample",
    )
    page.formula(
        r"\frac{\partial l_i}{\partial \phi_0} = 2 (\phi_0 + \phi_1 x_i - y_i)",
        "dl_i/dphi_0 = 2 (phi_0 + phi_1 x_i - y_i)",
        "the slope of the square, times 1, for the bracket holds `phi_0` as it is",
    )
    page.formula(
        r"\frac{\partial l_i}{\partial \phi_1} = 2 x_i (\phi_0 + \phi_1 x_i - y_i)",
        "dl_i/dphi_1 = 2 x_i (phi_0 + phi_1 x_i - y_i)",
        "likewise, times `x_i`, for the bracket holds `phi_1` with the factor `x_i`",
    )
    page.formula(
        r"\frac{\partial L}{\partial \phi} = \sum_i \frac{\partial l_i}{\partial \phi}"
        r" = \sum_i \begin{pmatrix} 2 r_i \\ 2 x_i r_i \end{pmatrix}",
        "dL/dphi = sum_i dl_i/dphi = sum_i (2 r_i, 2 x_i r_i)",
        "a sum is differentiated term by term; `r_i = phi_0 + phi_1 x_i - y_i` is the error",
    )
    page.compute("r", errors, "phi_start, x, y")
    L = page.compute("L", loss, "phi_start, x, y")
    by_hand = page.compute("dL_dphi", gradient, "phi_start, x, y")
    numeric = complex_step(lambda phi: loss(phi, x, y), start)
    page.equal("complex step", by_hand, numeric, 1e-14)
    value, by_engine = descent.engine(start, x, y)
    page.equal("engine: L", value, float(L), 1e-14)
    page.equal("engine: dL/dphi", by_engine, by_hand.astype(float), 1e-14)
    page.proof("by hand = engine = complex step")
    page.slip("002 writes the gradient in phi also as grad_w L; grad_phi L is meant.")

    page.answer("b")
    page.say("First, compute the derivatives of the loss in all parameters. Second, move each one:")
    page.formula(
        r"\phi \leftarrow \phi - \alpha \frac{\partial L}{\partial \phi}",
        "phi <- phi - alpha dL/dphi",
        "against the gradient, for along it L rises fastest; alpha says how far",
    )
    page.compute("phi_next", descend, "phi_start, alpha, x, y")
    page.compute("phi_then", descend, "phi_next, alpha, x, y")
    path = [start, page.values["phi_next"], page.values["phi_then"]]
    page.table(["", "phi_0", "phi_1", "L"], [
        [name, *phi, loss(phi, x, y)]
        for name, phi in zip(("start", "after one step", "after two"), path, strict=True)
    ])  # fmt: skip
    every = [np.arange(len(x))] * 2
    page.equal("engine", descent.by_engine(start, x, y, alpha, every, "sum")[1:], path[1:], 1e-14)
    falling = [loss(phi, x, y) for phi in path]
    page.check("the loss falls", max(0.0, *np.diff(falling)), 0)
    page.proof("both steps = engine, and the loss falls")
    page.figure("line", lambda figure: descent.draw_line(figure, x, y, path), LINE)

    page.answer("c")
    page.formula(
        r"\phi_{t+1} \leftarrow \phi_t - \alpha \sum_{i \in B_t}"
        r" \frac{\partial l_i(\phi_t)}{\partial \phi}",
        "phi_t+1 <- phi_t - alpha sum_i in B_t dl_i(phi_t)/dphi",
        "step t takes only the samples of a batch `B_t`, drawn anew or in turn; t counts the steps",
    )
    page.say("Each step is cheaper, as there are fewer samples, and its direction is rougher:")
    by_hand = page.compute(
        "phi_next, phi_then", descend_by_batches, "phi_start, alpha, x, y, batches"
    )
    page.equal("engine", descent.by_engine(start, x, y, alpha, batches, "sum")[1:], by_hand, 1e-14)
    twice = descent.by_engine(start, x, y, 2 * alpha, batches, "mean")[1:]
    page.equal("engine, the mean and twice alpha", twice, by_hand, 1e-14)
    page.proof("by hand = engine, with the sum and alpha as with the mean and 2 alpha")
    page.say("""A mean over a batch of B samples is the sum divided by B: the same steps need
        B times the learning rate. With a mean, alpha need not change with the size of the batch.
        On average over all batches of B of the I samples, the batch sum is B/I of the whole
        gradient: the direction is right on average. With a constant alpha small batches do not
        come to rest; they hover around the best parameters.""")
    descent.with_batches(page, gradient)

    page.answer("d")
    page.formula(
        r"\frac{\partial L}{\partial \phi} = 2 A^\top (A \phi - y)",
        "dL/dphi = 2 A^T (A phi - y)",
        "the sums of (a), with a row `(1, x_i)` of A for each sample",
    )
    page.formula(
        r"A^\top A \, \phi_{\text{best}} = A^\top y",
        "A^T A phi_best = A^T y",
        "where the gradient is 0; L is a bowl, so this is its bottom",
    )
    page.formula(
        r"\frac{\partial L}{\partial \phi} = H (\phi - \phi_{\text{best}}), \quad H = 2 A^\top A",
        "dL/dphi = H (phi - phi_best),  H = 2 A^T A",
        "the first line less the same at `phi_best`, where it is 0",
    )
    page.formula(
        r"\phi_{t+1} - \phi_{\text{best}} = (1 - \alpha H) (\phi_t - \phi_{\text{best}})",
        "phi_t+1 - phi_best = (1 - alpha H) (phi_t - phi_best)",
        "put into the step",
    )
    page.say("""Along an eigenvector of H with the eigenvalue h, each step multiplies the distance
        by `1 - alpha h`. It shrinks if that is between -1 and 1 for every h: if alpha is less than
        2 over the largest h. Slow is the direction with the smallest h, the long axis of the
        bowl.""")
    best, _, limit = page.compute("phi_best, H, largest_alpha", best_line, "x, y")
    page.figure("bowl", lambda figure: descent.draw_bowl(figure, x, y, start, alpha, loss), BOWL)
    page.equal("the gradient there", gradient(best, x, y), [0.0, 0.0], 1e-12)
    far = start
    for _ in range(1000):
        far = descend(far, alpha, x, y)
    page.equal("1000 steps", far, best, 1e-12)
    page.check("alpha is small enough", max(0.0, alpha - limit), 0)
    page.proof("the gradient is 0 there, and a thousand steps end there")
    descent.at_length(page, gradient, loss)


LINE = "The points, and the line at the start, after each of the two steps, and in the end."
BOWL = """The loss over both parameters, dark where it is large, and the first 40 steps, from the
start (dot) towards the best parameters (star): to and fro across the valley, where alpha is nearly
too large, and slowly along it."""
