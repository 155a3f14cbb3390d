"""A network of two hidden layers of three ReLU units as one formula, and layer by layer.

theta (3, 2), psi (3, 4), phi (4,): a row per unit, its bias first. The input u is a number.
"""

import sys

import numpy as np

from book.page import Page
from book.sheets import whole
from problems import deep, ways

NUMBERS = {
    "u": 1,
    "theta": np.array([[0, 1], [1, -2], [-1, 3]]),
    "psi": np.array([[0, 1, -1, 1], [1, 2, 0, -1], [-2, 0, 1, 2]]),
    "phi": np.array([1, 2, -1, 3]),
}


def draw(rng):
    tables = {name: whole(rng, *np.shape(NUMBERS[name]), largest=3) for name in TABLES}
    return {"u": int(whole(rng, 1, largest=3)[0]), **tables}


TABLES = ("theta", "psi", "phi")


def ask(page: Page, u, theta, psi, phi) -> None:
    page.given(
        """For the next question: a network with one input u, two hidden layers of three ReLU units
        each and one output. Row j of `theta` holds the bias `theta_j0` and the weight `theta_j1`
        of unit j of the first layer, row i of `psi` the bias `psi_i0` and the three weights of unit
        i of the second, and `phi` the bias `phi_0` and the three weights of the output.""",
        u=u,
        theta=theta,
        psi=psi,
        phi=phi,
    )
    page.ask(
        "f",
        """Write this network as one formula, and compute its output from it. How many activations
        does the formula compute, and how many do the layers? How many for K layers of D units?""",
    )


def relu(f):
    return f * (np.real(f) > 0)


def formula(u, theta, psi, phi):
    output = phi[0]
    for i in range(3):  # each unit computes the whole first layer anew
        inside = psi[i, 0]
        inside = inside + psi[i, 1] * relu(theta[0, 0] + theta[0, 1] * u)
        inside = inside + psi[i, 2] * relu(theta[1, 0] + theta[1, 1] * u)
        inside = inside + psi[i, 3] * relu(theta[2, 0] + theta[2, 1] * u)
        output = output + phi[i + 1] * relu(inside)
    return output


def layers(u, theta, psi, phi):
    h1 = relu(theta[:, 0] + theta[:, 1] * u)
    h2 = relu(psi[:, 0] + psi[:, 1:] @ h1)
    return phi[0] + phi[1:] @ h2


def answer(page: Page) -> None:
    _line(page, 1, "the output, and unit 1 of the second layer with all that leads into it")
    _line(page, 2, "unit 2 of the second layer: the whole first layer once more")
    _line(page, 3, "unit 3 of the second layer: and once more")
    by_formula = page.compute("output", formula, "u, theta, psi, phi")
    by_layers = page.compute("output_by_layers", layers, "u, theta, psi, phi")
    given = [page.values[name] for name in NUMBERS]
    in_formula = len(ways.counted(sys.modules[__name__], "relu", formula, *given))
    in_layers = sum(ways.counted(sys.modules[__name__], "relu", layers, *given))
    page.equal("the formula, the layers", by_formula, by_layers, 0)
    page.check(f"{in_formula} activations in the formula", abs(in_formula - 12), 0)
    page.check(f"{in_layers} activations in the layers", abs(in_layers - 6), 0)
    page.proof(f"the same output; counted: {in_formula} activations in the formula, {in_layers} in "
               "the layers")  # fmt: skip
    page.formula(
        r"D + D^2 + \dots + D^K > D K",
        "D + D^2 + ... + D^K > D K",
        "activations in the formula and in K layers of D units: each unit asks for all before it",
    )
    page.say("""Taking derivatives of this formula on paper would repeat all that even more often;
        layers compute, and keep, each thing once.""")
    _at_random(page)


def _line(page: Page, i: int, because: str) -> None:
    """Unit i of the second layer in the formula."""
    terms = [rf"\psi_{{{i}{j}}} \, a(\theta_{{{j}0}} + \theta_{{{j}1}} u)" for j in (1, 2, 3)]
    plain = [f"psi_{i}{j} a(theta_{j}0 + theta_{j}1 u)" for j in (1, 2, 3)]
    start, plain_start = (r"f(u) = \phi_0 ", "f(u) = phi_0 ") if i == 1 else ("", "     ")
    page.formula(
        rf"{start}+ \phi_{i} \, a(\psi_{{{i}0}} + {' + '.join(terms)})",
        f"{plain_start}+ phi_{i} a(psi_{i}0 + " + "\n         + ".join(plain) + ")",
        because,
    )


def _at_random(page: Page) -> None:
    rng = np.random.default_rng(12)
    theta, psi, phi = (rng.normal(size=shape) for shape in ((3, 2), (3, 4), 4))
    net = deep.network([part for m in (theta, psi, phi[None]) for part in (m[:, 1:], m[:, 0])])
    u = np.linspace(-3, 3, 50)
    value, slope = formula(u, theta, psi, phi), formula(u + 1e-30j, theta, psi, phi).imag / 1e-30
    page.equal("engine: value", value, net.forward(u[:, None])[:, 0], 1e-14)
    page.equal("engine: slope", slope, net.backward(np.ones((50, 1)))[:, 0], 1e-14)
    page.proof("at random numbers: value and slope of the formula = those of the engine")
