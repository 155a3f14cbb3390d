"""Other ways to a gradient: differences, a closed form, forward mode; why reverse mode wins.

Deck 003, 3.3, for the output y of problem 8's network as a function of its n = 4 h + 1
parameters. One sample; Jacobians have a row per output. ways.py holds the solution by hand, and
says how the deck's columns map to our rows.
"""

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
    passes(report, t, exact[:8])
    memory(report, np.linspace(-1, 1, 10_000))
    seconds(report)


def steps(report, t, exact):
    report.claim("A long step cuts off terms of order h, or h^2; a short one rounds: 1e-16/h.")
    report.derive("""
        f(x + h) = f + h f' + h^2/2 f'' + h^3/6 f''' + ...
        one-sided leaves h f''/2, central h^2 f'''/6; rounding adds eps |f| / h
        """)
    h, errors = 10.0 ** -np.arange(1, 13), {}
    for name, way, order in (("one-sided", one_sided, 1), ("central", central, 2)):
        errors[name] = error = [np.abs(way(ways.output, t, step) - exact).max() for step in h]
        slope = np.polyfit(np.log(h[1:4]), np.log(error[1:4]), 1)[0]
        report.check(f"{name}: slope {slope:.3f}, from {order}", abs(slope - order), 0.002)
        report.show("best step, and its error", f"{h[np.argmin(error)]:.0e}, {min(error):.1e}")
    guides = {"slope 1": np.where(h > 2e-7, h, np.nan), "slope 2": np.where(h > 2e-6, h**2, np.nan)}
    guides["1e-16 / h"] = 1e-16 / h
    labels = {"xlabel": "step h", "ylabel": "largest error", "ylim": (1e-13, 1)}
    labels["title"] = "Differences: cut off on the right, rounded on the left"
    report.curves("steps", h, errors, guides, log="xy", **labels)


def passes(report, t, dW0):
    report.claim("One-sided differences take n + 1 passes, central ones 2 n, forward mode n.")
    report.slip("003 says at least n passes for one-sided ones; with f(x) itself it is n + 1.")
    for way, expected in ((one_sided, len(t) + 1), (central, 2 * len(t))):
        calls = ways.sizes_of_calls(ways.output, lambda f, way=way: way(f, t))
        report.check(f"{way.__name__}: {len(calls)} passes", abs(len(calls) - expected), 0)
    for way, expected in ((ways.forward_mode, 17), (ways.closed_form, 7), (ways.reverse_mode, 1)):
        sizes = ways.sizes_of_calls(ways.sigmoid, lambda f, way=way: way(t, f))
        label = f"{way.__name__}: {sum(sizes)} sigmoids are {expected} h"
        report.check(label, abs(sum(sizes) - 4 * expected), 0)
    report.claim("Both orders of 3.3c's product give dy/dvec(W0), at different cost:")
    report.derive("""
        (dy/dz dz/dv) dv/dvec(W0)   reverse: row times matrix, h^2 + 2 h^2 products
        dy/dz (dz/dv dv/dvec(W0))   forward: matrix times matrix,    2 h^3 + 2 h^2
        """)
    for order, product in zip(("reverse", "forward"), ways.jacobian_products(t), strict=True):
        report.equal(f"{order} order", product, dW0, 1e-14)


def memory(report, x):
    report.claim("Forward mode along one direction keeps nothing; reverse mode keeps every layer.")
    report.slip("""003's saving holds for one direction at a time, so for n passes; its product of
        matrices carries n changes beside every value, which takes more.""")
    reverse, forward = ways.deep_slopes(x, 3, True), ways.deep_slopes(x, 3, False)
    report.equal("chain of three sigmoids: both modes", reverse, forward, 1e-14)
    for depth in (10, 40):
        peaks = [ways.peak(x, depth, keep) for keep in (False, True)]
        report.show(f"{depth} layers: arrays at the peak, forward and reverse", np.array(peaks))
        report.check(f"{depth} arrays more in reverse mode", abs(np.diff(peaks)[0] - depth), 0.2)


def seconds(report):
    report.claim("Time for a gradient of n entries (this machine, now; best of three):")
    rows, exact = [], (ways.closed_form, ways.forward_mode, ways.reverse_mode)
    for n in (17, 161, 1601):
        t = np.random.default_rng(n).normal(size=n)
        differences = [ways.milliseconds(way, ways.output, t) for way in (one_sided, central)]
        rows.append([n, *differences, *(ways.milliseconds(way, t) for way in exact)])
    names = ("one-sided, ms", "central", "closed form", "forward mode", "reverse mode")
    report.table(("n", *names), rows)
