"""Other ways to a gradient: differences, a closed form, forward mode; why reverse mode wins.

Deck 003, 3.3, for the output y of problem 8's network as a function of its n = 4 h + 1
parameters. ways.py holds the solution by hand, and says how the deck's columns map to our rows.
"""

import timeit
import tracemalloc

import numpy as np

from problems import ways
from problems.numeric import central, complex_step, one_sided
from problems.report import Report

TITLE = "Other ways to the gradient, and what they cost (3.3)"
DECKS = "003"


def solve(report: Report) -> None:
    t = np.random.default_rng(10).normal(size=17)
    exact, (backward, jvp) = ways.reverse_mode(t), ways.engine(t)
    report.claim("All ways give the same gradient, differences only nearly.")
    report.equal("reverse mode, complex step", exact, complex_step(ways.output, t), 1e-14)
    report.equal("forward mode", exact, ways.forward_mode(t), 1e-14)
    report.equal("closed form", exact, ways.closed_form(t), 1e-14)
    report.equal("engine, backward", exact, backward, 1e-14)
    report.equal("engine, jvp per parameter", exact, jvp, 1e-14)
    report.equal("one-sided differences", exact, one_sided(ways.output, t), 1e-6)
    report.equal("central differences", exact, central(ways.output, t), 1e-9)
    steps(report, t, exact)
    passes(report, t)
    memory(report, np.linspace(-1, 1, 10_000))
    seconds(report)


def steps(report, t, exact):
    report.claim("A long step cuts off terms of order h, or h^2; a short one rounds: 1e-16/h.")
    h, errors = 10.0 ** -np.arange(1, 13), {}
    for name, way, order in (("one-sided", one_sided, 1), ("central", central, 2)):
        errors[name] = error = [np.abs(way(ways.output, t, step) - exact).max() for step in h]
        slope = np.polyfit(np.log(h[1:4]), np.log(error[1:4]), 1)[0]
        report.check(f"{name}: slope {slope:.3f}, from {order}", abs(slope - order), 0.05)
        report.show("best step, and its error", f"{h[np.argmin(error)]:.0e}, {min(error):.1e}")
    guides = {"slope 1": np.where(h > 2e-7, h, np.nan), "slope 2": np.where(h > 2e-6, h**2, np.nan)}
    guides["1e-16 / h"] = 1e-16 / h
    labels = {"xlabel": "step h", "ylabel": "largest error", "ylim": (1e-13, 1)}
    labels["title"] = "Differences: cut off on the right, rounded on the left"
    report.curves("steps", h, errors, guides, log="xy", **labels)


def counting(f, sizes):
    """f, which notes the size of each argument in `sizes`."""
    return lambda v: sizes.append(np.size(v)) or f(v)


def passes(report, t):
    report.claim("One-sided differences take n + 1 passes, central ones 2 n, forward mode n.")
    report.slip("003 says at least n passes for one-sided ones; with f(x) itself it is n + 1.")
    for way, expected in ((one_sided, len(t) + 1), (central, 2 * len(t))):
        calls = []
        way(counting(ways.output, calls), t)
        report.check(f"{way.__name__}: {len(calls)} passes", abs(len(calls) - expected), 0)
    anew, shared = [], []
    ways.closed_form(t, counting(ways.sigmoid, anew))
    ways.reverse_mode(t, counting(ways.sigmoid, shared))
    label = f"sigmoids: {sum(anew)} without shared terms, {sum(shared)} with"
    report.check(f"{label}: 7 h and h", abs(sum(anew) - 7 * sum(shared)), 0)


def memory(report, x):
    report.claim("Forward mode along one direction keeps nothing; reverse mode keeps every layer.")
    report.slip("""003's saving holds for one direction at a time, so for n passes; its product of
        matrices carries n changes beside every value, which takes more.""")
    reverse, forward = ways.deep_slopes(x, 3, True), ways.deep_slopes(x, 3, False)
    report.equal("chain of three sigmoids: both modes", reverse, forward, 1e-14)
    for depth in (10, 40):
        peaks = []
        for keep in (False, True):
            tracemalloc.start()
            ways.deep_slopes(x, depth, keep)
            peaks.append(tracemalloc.get_traced_memory()[1] / x.nbytes)
            tracemalloc.stop()
        report.show(f"{depth} layers: arrays at the peak, forward and reverse", np.array(peaks))
        report.check(f"{depth} arrays more in reverse mode", abs(np.diff(peaks)[0] - depth), 0.2)


def seconds(report):
    report.claim("Time for a gradient of n entries (this machine, now; best of three):")
    rows = []
    for n in (17, 161, 1601):
        t = np.random.default_rng(n).normal(size=n)
        row = [n, milliseconds(one_sided, ways.output, t), milliseconds(central, ways.output, t)]
        rows.append([*row, milliseconds(ways.forward_mode, t), milliseconds(ways.reverse_mode, t)])
    report.table(("n", "one-sided, ms", "central", "forward mode", "reverse mode"), rows)


def milliseconds(way, *arguments):
    return 1e3 * min(timeit.repeat(lambda: way(*arguments), number=1, repeat=3))
