"""Activations with kinks: which slopes are subgradients of ReLU, leaky ReLU and the max.

One sample, a flat vector; gradients of a number are flat too. Deck 004 calls the subsets of the max
delta_j; here they are S_j, and units are counted from 1 as in the deck.
"""

import numpy as np

from book.page import Page
from mlp import MaxPool
from problems.numeric import central
from problems.subgradients import (
    draw_max,
    draw_subgradients,
    engine_gradient,
    engine_slopes,
    leaky,
    misses,
    randomized,
    steep,
    violation,
)

TITLE = "Kinks: ReLU, its leaky kin, and the max"
DECKS = "004"
NUMBERS = {
    "a": 0.25,
    "alpha": 1.0,
    "z": np.array([3, -2, 5, 0, 1]),
    "subsets": np.array([[1, 2, 3], [3, 4, 5], [1, 2, 5]]),
    "u": np.array([2, -1, 6]),
}


def draw(rng):
    z = rng.permutation(np.array([-4, 0, 2, 3, 5]))
    return NUMBERS | {"z": z, "a": float(rng.choice([0.1, 0.2, 0.25, 0.5]))}


def ask(page: Page, a, alpha, z, subsets, u) -> None:
    page.given(
        """Leaky ReLU is z for z > 0 and a z below; ReLU is the case a = 0. At z = 0 one
        of its subgradients is taken as the slope, `alpha`. A max layer gives
        `y_j = max(z_l)` over the l in a subset `S_j` of its inputs, row j of `subsets`, counted
        from 1, and behind it `dDiv/dy_j = u_j`.""",
        a=a,
        alpha=alpha,
        z=z,
        subsets=subsets,
        u=u,
    )
    page.ask("a", "Which activations have no derivative somewhere, and where?")
    page.ask(
        "b",
        "What is a subgradient? Find all of leaky ReLU at 0, and its slopes at the given z.",
    )
    page.ask("c", "Argue the same by a small change of z, `Delta f = alpha Delta z`.")
    page.ask("d", "Does every function have one? What are quasi-secants for?")
    page.ask("e", "Does f rise along a subgradient v, and fall along -v?")
    page.ask("f", "What does the max layer give, and what is `dDiv/dz`? What if two are largest?")


def slopes(z, a, alpha):
    slope = np.ones(len(z))
    slope[z < 0] = a
    slope[z == 0] = alpha
    return slope


def largest(z, subsets):
    y = np.zeros(len(subsets))
    winners = np.zeros(len(subsets), int)
    for j, subset in enumerate(subsets):
        winners[j] = max(subset, key=lambda unit: z[unit - 1])
        y[j] = z[winners[j] - 1]
    return y, winners


def max_gradient(z, winners, u):
    dz = np.zeros(len(z))
    for j, winner in enumerate(winners):
        dz[winner - 1] += u[j]  # the winner's slope is 1, all others' 0
    return dz


def answers(a, alpha, z, subsets, u):
    y, winners = largest(z, subsets)
    return {
        "b": {"from": a, "to": 1.0, "slopes": slopes(z, a, alpha)},
        "f": {"y": y, "winners": winners, "dDiv/dz": max_gradient(z, winners, u)},
    }


def solve(page: Page) -> None:
    page.answer("a")
    page.table(
        ("activation", "f(z)", "kink"),
        [
            ("ReLU", "max(z, 0)", "z = 0"),
            ("leaky ReLU", "z above 0, a z below", "z = 0"),
            ("randomized leaky ReLU", "the same with a random a", "z = 0"),
            ("max", "the largest of some z", "where two are largest"),
        ],
    )
    page.say("""A layer whose a is drawn anew must use, on the way back, the a of its last way
        forward. In the mean over many passes it is a leaky ReLU with the mean a.""")
    randomized(page)

    page.answer("b")
    page.formula(
        r"f(x) - f(x_0) \ge v^\top (x - x_0) \quad \text{for all } x",
        "f(x) - f(x_0) >= v^T (x - x_0)   for all x",
        "the definition: v is a subgradient of f at `x_0` if the plane of slope v through the "
        "point lies nowhere above f. Where a convex f has a gradient, that is the only one.",
    )
    page.formula(
        r"z > 0: \quad z \ge v z \text{ if and only if } v \le 1",
        "z > 0:  z >= v z if and only if v <= 1",
        "the definition for leaky ReLU at 0, where f = 0; divided by z",
    )
    page.formula(
        r"z < 0: \quad a z \ge v z \text{ if and only if } v \ge a",
        "z < 0:  a z >= v z if and only if v >= a",
        "divided by z < 0, the sign turns; together `a <= v <= 1`, for ReLU `0 <= v <= 1`",
    )
    a = page.values["a"]
    tried = (-0.1, 0.0, a, 0.5, 1.0, 1.1)
    page.say("By how much the definition fails at worst, for z from -1 to 1 (0: a subgradient):")
    rows = [(v, misses(0, v), misses(a, v), misses(1.5, v)) for v in tried]
    page.table(("slope v", "ReLU", f"leaky, a = {a}", "leaky, a = 1.5"), rows)
    for leak in (0.0, a):
        inside, outside = np.linspace(leak, 1, 9), (leak - 0.1, 1.1)
        page.check(f"a = {leak}: slopes from a to 1", max(misses(leak, v) for v in inside), 1e-14)
        worst = [misses(leak, v) for v in outside]
        page.equal(f"a = {leak}: 0.1 outside misses by 0.1", worst, [0.1, 0.1], 1e-14)
        engine = [engine_slopes(np.zeros(1), leak, v)[0] for v in inside]
        page.equal(f"a = {leak}: engine", engine, inside, 0)
    page.proof("the slopes from a to 1 fulfil the definition, 0.1 outside misses it by 0.1")
    page.figure("subgradients", draw_subgradients, "ReLU and lines through its kink.")
    page.formula(
        r"f'(z) = \begin{cases} a & z < 0 \\ 1 & z \ge 0 \end{cases}",
        "f'(z) = { a  z < 0\n        { 1  z >= 0",
        "at 0 any of them may be taken: here 1, in most programs 0; to hit 0 exactly is rare",
    )
    slope = page.compute("slope", slopes, "z, a, alpha")
    by_engine = engine_slopes(page.values["z"], a, page.values["alpha"])
    page.equal("slopes, engine", slope, by_engine, 0)
    page.proof("by hand = engine")
    page.slip("""004 says TensorFlow and PyTorch take slope 1 at 0; they take 0. A line that lies
        under ReLU gives a subgradient only if it touches it at the point.""")

    page.answer("c")
    page.formula(
        r"\Delta f = \alpha \Delta z",
        "Delta f = alpha Delta z",
        "what a slope is for: it turns a small change of z into that of f",
    )
    page.formula(
        r"\Delta z < 0: \quad \Delta f = 0, \quad \alpha = 0",
        "Delta z < 0:  Delta f = 0,  alpha = 0",
        "ReLU at 0: to the left nothing changes",
    )
    page.formula(
        r"\Delta z > 0: \quad \Delta f = \Delta z, \quad \alpha = 1",
        "Delta z > 0:  Delta f = Delta z,  alpha = 1",
        "to the right f changes as z does",
    )
    page.say("""So no single alpha serves both sides. Round the corner off, and the curve turns from
        slope 0 to slope 1 within a short way, through every slope between them; however short the
        way, all those slopes are there. As `f_k(z) = log(1 + exp(k z)) / k` with the slope
        `1/(1 + exp(-k z))`:""")
    k, alpha = 1000, np.array([0.1, 0.5, 0.9])
    z = np.log(alpha / (1 - alpha)) / k
    page.table(("slope", "at z, for k = 1000"), [*zip(alpha, z, strict=True)])
    rounded = central(lambda z: np.log1p(np.exp(k * z)) / k, z, 1e-8).diagonal()
    page.equal("slopes of f_k", rounded, alpha, 1e-5)
    page.proof("those slopes = central differences")

    page.answer("d")
    page.say("""Only a convex function, a bowl, has one everywhere. Leaky ReLU with a = 1.5 bends
        down at 0: `v <= 1` and `v >= 1.5` cannot both hold, and the last column above has no 0. And
        sin has none at 0 by the definition, though it has a derivative.""")
    page.slip("""004 says that a differentiable f has its gradient as subgradient. That holds for
        convex f; the subgradient of the definition looks at all x, and sin at 0 falls below its
        tangent.""")
    turn = 2 * np.pi * np.arange(-1, 1.1, 0.25)[:, None]
    page.equal("a = 1.5", min(misses(1.5, v) for v in np.linspace(0, 2, 201)), 0.25, 1e-12)
    sine = [violation(lambda z: np.sin(z[..., 0]), [v], np.zeros(1), turn) for v in (0, 1)]
    page.equal("sin: slopes 0, 1", sine, [1, 2 * np.pi], 1e-14)
    page.proof("a = 1.5: every v misses by at least 0.25; sin: v = 1 misses by `2 pi`")
    page.formula(
        r"f(x + h g) - f(x) \le h \, v^\top g",
        "f(x + h g) - f(x) <= h v^T g",
        "v is a quasi-secant of f at x for the direction g, |g| = 1, and the length h: a slope "
        "from near x that does not promise less than what f changes by on this one step",
    )
    page.say("""They are for going down a function with kinks that is no bowl. A gradient at one
        point says nothing of the other side of a kink; so one collects a quasi-secant for each
        direction that was tried, and takes the shortest vector v in their hull. Along -v all of
        them promise a fall, so f falls; if it does not, there is one more to collect. If the
        shortest is 0, x is where f has no way down. For a = 1.5 at 0, where no subgradient is, all
        v from 1 to 1.5 are quasi-secants for both directions:""")
    steps = np.array([[-1.0], [1.0]]) * [0.01, 0.1, 1]
    excess = [leaky(steps, 1.5) - steps * v for v in np.linspace(1, 1.5, 6)]
    page.check("quasi-secants", max(0.0, np.max(excess)), 1e-14)
    page.proof("v from 1 to 1.5, steps of 0.01, 0.1 and 1 both ways")

    page.answer("e")
    page.say("""Along v it rises, unless v = 0: with `x = x_0 + t v` the definition says that
        `f(x_0 + t v) - f(x_0) >= t v^T v`. But it need not fall along -v. At (1, 0) the function
        `f(x) = |x_1| + 2 |x_2|` has the subgradient v = (1, 2), and it rises along -v too.""")
    at, v = np.array([1.0, 0.0]), np.array([1.0, 2.0])
    around = [at - v, at - 0.1 * v, at, at + 0.1 * v]
    page.table(
        ("point", "f"), [(f"({point[0]:g}, {point[1]:g})", steep(point)) for point in around]
    )
    page.figure("direction", draw_max, "From (1, 0) the function rises along -v.")
    points = np.random.default_rng(17).normal(size=(500, 2))
    page.check("v, at 500 points", violation(steep, v, at, points), 1e-14)
    page.equal("along -v", steep(at - 0.1 * v) - steep(at), 0.3, 1e-14)
    page.proof("(1, 2) is a subgradient, by the definition, and a step of -v/10 raises f by 0.3")
    page.say("""What a short step along -v does lessen is the distance to the minimum: for
        `v^T (x_0 - x) >= f(x_0) - f(x) > 0` wherever f is smaller. From (1, 0) to (0.9, -0.2) it
        falls from 1 to 0.92, and that is why descent with subgradients works.""")
    page.equal("distance", np.linalg.norm(at - 0.1 * v) ** 2, 0.85, 1e-14)
    page.proof("the squared distance after the step is 0.85")
    page.slip("""004 calls a subgradient a direction in which f is sure to rise, and any such
        direction a subgradient. Rising is not the test: |x| rises along 5, which is no subgradient
        at 0; 0 is one, and nothing rises along it.""")

    page.answer("f")
    over_subsets(page)


def over_subsets(page: Page) -> None:
    z, subsets, u = page.values["z"], page.values["subsets"], page.values["u"]
    page.formula(
        r"\frac{\partial y_j}{\partial z_i} = 1 \text{ if } i = \arg \max_{l \in S_j} \, z_l,"
        r" \text{ else } 0",
        "dy_j/dz_i = 1 if i = arg max_{l in S_j} z_l, else 0",
        "near z the largest stays the largest, so that `y_j` follows it and no other",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_i} = \sum_j [i \text{ wins } S_j] \, u_j",
        "dDiv/dz_i = sum_j [i wins S_j] u_j",
        "a unit may win several subsets, as in a convolutional network whose windows overlap; "
        "in the numbers, dz is `dDiv/dz`",
    )
    y, _ = page.compute("y, winners", largest, "z, subsets")
    dz = page.compute("dz", max_gradient, "z, winners, u")
    at = subsets - 1
    numeric = u @ central(lambda z: np.array([z[s].max() for s in at]), z)
    page.equal("central differences", dz, numeric, 1e-9)
    pool = MaxPool(subsets=subsets - 1)
    page.equal("engine: y", pool.forward(1.0 * z[None])[0], y, 0)
    page.equal("engine: dz", engine_gradient(pool, z, u), dz, 0)
    page.proof("by hand = engine = central differences")
    page.say("""Where two are largest, 1 for either is a subgradient, and so is any mixture such as
        0.3 and 0.7, for the max is convex; what goes to a loser is none. The engine takes the
        first.""")
    tie, points = np.array([2.0, 2.0, 1.0]), np.random.default_rng(17).normal(2, 1, size=(500, 3))
    tried = [1, 0, 0], [0, 1, 0], [0.3, 0.7, 0], [0, 0, 1]
    worst = [violation(lambda x: x.max(axis=-1), v, tie, points) for v in tried]
    page.equal("winners and mixture, not the loser", worst, [0, 0, 0, 1], 1e-14)
    page.equal("engine, the first", engine_gradient(MaxPool(3), tie, [1]), [1, 0, 0], 0)
    page.proof("z = (2, 2, 1): (1, 0, 0), (0, 1, 0) and (0.3, 0.7, 0) are, (0, 0, 1) misses by 1")
