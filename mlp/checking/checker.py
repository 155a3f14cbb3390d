"""The gradient check: what backward and jvp say, against what the forward pass does."""

import copy
import operator
import sys
from typing import Any

import numpy as np

from mlp.checking import oracles
from mlp.checking.comparing import ENOUGH, independent, judge
from mlp.checking.forwards import Forwards
from mlp.checking.oracles import EPS, STEP
from mlp.checking.precision import compare_float32, pulled
from mlp.checking.randomness import random_layers
from mlp.checking.referee import ANALYTIC_LOSSES, Referee
from mlp.checking.report import Report, Row, worst_entries
from mlp.checking.settling import Found, settled
from mlp.checking.walking import Flow, one_line, walk
from mlp.layers import Flatten, Layer
from mlp.layers.arrays import as_numbers
from mlp.layers.container import Container
from mlp.losses import Loss
from mlp.pairing import refuse_double

MANY = 20_000
"""Coordinates up to which everything is compared one by one."""
DIRECTIONS = 2
"""Random directions per array in which the whole network is differentiated."""


def gradcheck(
    layer: Layer,
    x: np.ndarray,
    target: np.ndarray | None = None,
    loss: Loss | None = None,
    *,
    rng: np.random.Generator | int | None = None,
    full: bool = False,
) -> Report:
    """Check backward and jvp of a layer or network at x, in float64; works on a copy.

    The gradient is that of <U, layer(x)> with a random normal upstream U, or with `loss` that of
    loss(layer(x), target). The report has a row for x and one per parameter. Each is compared
      - entry by entry with an oracle that only uses forward (`mlp.checking.referee`): all entries
        up to 20,000 altogether or with full=True, above that at least 64 of every array;
      - along random directions with the forward pass of the whole network;
      - along the same directions with jvp: <U, jvp(v)> = <backward(U), v>.

    PASS          no difference that rounding does not explain
    FAIL          a difference that it does not explain
    KINK          x sits on a kink. A single layer's value is a valid subgradient, and a note says
                  which. In a network the value is what backpropagation through these choices
                  gives; it need not be a subgradient of the whole
    INCONCLUSIVE  a wrong value would not have shown: all derivatives vanish or drown in rounding,
                  or forward is random, so that there is no derivative

    A float32 network is first checked in float64, then layer by layer against that.
    Raises ValueError for x or outputs that are not finite, a loss without target, and a network
    that ends in the function that the loss applies again.
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"gradcheck: expected a layer such as Affine(3, 2), got {layer!r}")
    if loss is not None and not isinstance(loss, Loss):
        raise TypeError(f"gradcheck: expected a loss such as SquaredError(), got {loss!r}")
    if (loss is None) != (target is None):
        raise ValueError("gradcheck: expected target and loss together, or neither")
    if loss is not None:
        refuse_double(layer, loss)
    check = _Check(layer, x, target, loss, rng)
    count = check.x.size + sum(p.size for p in check.net.parameters().values())
    notes = check.notes
    if random := random_layers(check.net, check.x):
        rows, notes = check.nothing_compared(), random
    else:
        rows = check.rows(full or count <= MANY)
        if check.dtype == np.float32:
            _add_float32(check, rows)
    report = Report(check.name, list(rows.values()), notes, seed=check.seed, dtype=str(check.dtype))
    if report.verdict == "FAIL":
        report.notes += _blame(check)
    return report


class _Check:
    """A network at a point, with what its backward and jvp say there."""

    def __init__(self, layer: Layer, x: Any, target: Any, loss: Loss | None, rng: Any) -> None:
        self.layer, self.target, self.loss = layer, target, copy.copy(loss)
        self.name = one_line(layer) if loss is None else f"{one_line(layer)} and {loss!r}"
        self.seed = _seed(rng)
        self.rng = np.random.default_rng(self.seed)
        x = as_numbers(x, "gradcheck", layer.dtype)
        self.dtype = x.dtype
        if self.dtype.kind == "c":
            raise TypeError("gradcheck: expected real numbers, got complex ones")
        self.x = x.astype(np.float64)
        self.net = layer.astype(np.float64)
        self.twin = self.net.astype(complex)
        self.y = _finite("forward", self.net.forward(_finite("x", self.x)))
        self.upstream = self._upstream()
        self.values = {"x": np.asarray(self.net.backward(self.upstream))}
        self.values |= {k: np.array(g) for k, g in self.net.gradients().items()}
        self.points = {"x": self.x} | self.net.parameters()
        self.notes: list[str] = []

    def nothing_compared(self) -> dict[str, Row]:
        """Rows that say so."""
        shapes = {name: point.shape for name, point in self.points.items()}
        return {k: Row(k, s, "INCONCLUSIVE", "none", 0, None, np.inf) for k, s in shapes.items()}

    def rows(self, full: bool) -> dict[str, Row]:
        with _Progress(self._work() if full and sys.stderr.isatty() else 0) as tick:
            referee = Referee(full, self.rng, tick)
            top = self._top(full)
            referee.judge_all(self.net, self.twin, self.x, top)
        self.notes += referee.notes
        self.analytic = not self.notes
        self.size = max(referee.size, float(abs(self.y).max(initial=1.0)))
        kinks = {k: None for found in referee.found.values() for k in found.kinks}
        self.notes += [str(kink) for kink in kinks]
        if kinks and isinstance(self.net, Container):
            self.notes.append("nothing is claimed about the network as a whole at this x")
        rows = {name: self._row(name, referee.found[name]) for name in self.points}
        self._along_directions(rows, referee.found)
        for name, row in rows.items():
            _conclude(row, referee.found[name])
        self._without_influence(rows)
        return rows

    def _work(self) -> int:
        """Coordinates that a full check goes through: all inputs and parameters of all layers."""
        sizes = [0]

        def through(layer: Layer, x: np.ndarray, flow: Flow, place: str) -> Flow:
            sizes.append(x.size + sum(p.size for p in layer.parameters().values()))
            return Flow(np.zeros_like(x))

        walk(self.net, self.x, Flow(self.upstream), through)
        return sum(sizes)

    def after(self, y: np.ndarray) -> np.ndarray:
        """What is differentiated: the loss, or the output itself."""
        return y if self.loss is None else np.asarray(self.loss.forward(y, self.target))

    def _upstream(self) -> np.ndarray:
        if self.loss is None:
            return self.rng.standard_normal(self.y.shape)
        _finite("the loss", self.after(self.y))
        return _finite("the gradient of the loss", np.asarray(self.loss.backward()))

    def _top(self, full: bool) -> Flow:
        """dL/dy: the loss is the last layer, and an oracle is asked about it as about any other."""
        if self.loss is None:
            return Flow(self.upstream)
        known = type(self.loss) in ANALYTIC_LOSSES
        reason = None if known else oracles.why_not_analytic(self.after, self.y, self.rng)
        if reason:
            self.notes.append(f"{self.loss!r}: {reason}; central differences instead")
        if not full:
            return Flow(self.upstream)
        ask = oracles.richardson if reason else oracles.complex_step
        shape, one = self.y.shape, np.ones(())
        found = Found(ask(self.after, self.y, one), np.arange(self.y.size), ())
        if not known:
            found = settled(found, self.after, self.y, one, self.upstream, who=self.loss)
        value, tolerance = self.upstream.flatten(), np.zeros(self.y.size)
        value[found.coordinates] = found.reference.gradient
        tolerance[found.coordinates] = found.reference.tolerance
        return Flow(
            value.reshape(shape),
            tolerance.reshape(shape),
            found.reference.floor,
            method=found.reference.method,
            kinks=found.kinks,
        )

    def _row(self, name: str, found: Found) -> Row:
        point, value, reference = self.points[name], self.values[name], found.reference
        row = Row(name, point.shape, "PASS", reference.method, len(found.coordinates), 0.0, 0.0)
        if value.shape != point.shape:
            row.max_error = row.resolution = np.inf
            row.fail(f"d{name} has shape {value.shape}, expected {point.shape}")
            return row
        value = value.ravel()[found.coordinates]
        judged = judge(value, reference)
        row.max_error, row.used = judged.max_error, judged.used
        row.resolution = judged.resolution
        if judged.wrong.any():
            row.verdict = "FAIL"
            row.wrong, row.wrong_count = worst_entries(
                found.coordinates, point.shape, value, reference.gradient, reference.tolerance
            )
        return row

    def _without_influence(self, rows: dict[str, Row]) -> None:
        """A bias before a mean that is subtracted again: its derivative is 0 for every x.

        That is a result if the rest of the network has something to show, and no accident of x.
        """
        if not any(row.verdict in ("PASS", "KINK") for row in rows.values()):
            return
        forwards = Forwards(self.net, self.x, self.after)
        for name, row in rows.items():
            blank = row.verdict == "INCONCLUSIVE"
            if blank and independent(forwards.of(name), self.points[name], self.rng):
                row.verdict, row.resolution = "PASS", 0.0
                row.notes = [f"forward does not depend on {name}: its gradient is 0 for every x"]

    def _along_directions(self, rows: dict[str, Row], found: dict[str, Found]) -> None:
        """Along all arrays at once, and one by one only if that fails."""
        forwards = Forwards(self.net, self.x, self.after, self.twin)
        shaped = [name for name in rows if self.values[name].shape == self.points[name].shape]
        for _ in range(DIRECTIONS):
            directions = {name: self._direction(name) for name in shaped}
            moves = {name: v for name, v in directions.items() if not found[name].kinks}
            note, tolerance = self._off_along(forwards, moves) if moves else ("", 0.0)
            for name, v in moves.items():
                row = rows[name]
                if note and row.verdict == "FAIL":
                    continue
                if note:
                    row.fail(self._off_along(forwards, {name: v})[0])
                elif row.checked < v.size and (along := self._inner({name: v})[0]):
                    row.resolution = min(row.resolution, tolerance / abs(along))
        self.net.forward(self.x)
        self._against_jvp(rows, directions)

    def _direction(self, name: str) -> np.ndarray:
        v = self.rng.random(self.points[name].shape)  # cheaper than normal, and as good here
        v -= 0.5
        return v

    def _off_along(self, forwards: Forwards, moves: dict[str, np.ndarray]) -> tuple[str, float]:
        """<g, v> and the change of the whole forward pass: a note if they differ; tolerance."""
        ours, size = self._inner(moves)
        if self.analytic:
            truth, tolerance = self._slope_along(forwards, moves, size)
        if not self.analytic or abs(ours - truth) > tolerance:
            line = oracles.along_line(
                lambda t: forwards.at({n: self.points[n] + t * v for n, v in moves.items()}),
                self.upstream if self.loss is None else np.ones(()),
                ours,
            )
            if not self.analytic or line.kink:  # which the complex step passes by
                truth, tolerance = line.slope, line.tolerance
        note = f"along a random direction forward moves {truth:.10g}, backward says {ours:.10g}"
        return "" if abs(ours - truth) <= tolerance else note, tolerance

    def _slope_along(
        self, forwards: Forwards, moves: dict[str, np.ndarray], size: float
    ) -> tuple[float, float]:
        """The same by complex step; `size` is that of the terms of <g, v>."""
        whole = self.upstream if self.loss is None else np.ones(())
        y = forwards.tilted(moves)
        # One complex forward pass: Im L(theta + i h v) / h = <dL/dtheta, v>.
        slope = whole * self.after(y).imag / STEP
        tolerance = self._tolerance(size + abs(slope).sum())
        if self.loss is not None:  # log sum exp z - z_j loses digits where p_j is near 1
            tolerance += float(8 * EPS * self.size * abs(y.imag).sum() / STEP)
        return float(slope.sum()), tolerance

    def _against_jvp(self, rows: dict[str, Row], directions: dict[str, np.ndarray]) -> None:
        """All arrays at once, and one by one only if that fails."""
        try:
            if self._jvp_agrees(directions):
                return
        except NotImplementedError:
            self.notes.append("there is no jvp to compare with")
            return
        for name, v in directions.items():
            if not self._jvp_agrees({name: v}):
                rows[name].fail("jvp and backward disagree: <U, J v> is not <J^T U, v>")

    def _jvp_agrees(self, directions: dict[str, np.ndarray]) -> bool:
        changes = dict(directions)
        dx = changes.pop("x", np.zeros_like(self.x))
        forth = self.upstream * np.asarray(self.net.jvp(dx, changes))
        back, size = self._inner(directions)
        return bool(abs(forth.sum() - back) <= self._tolerance(size + abs(forth).sum()))

    def _inner(self, directions: dict[str, np.ndarray]) -> tuple[float, float]:
        """<g, v>, and |g| |v|, which is not less than the sum of its absolute terms."""
        pairs = [(self.values[name], v) for name, v in directions.items()]
        size = sum(np.sqrt(np.vdot(g, g) * np.vdot(v, v)) for g, v in pairs)
        return float(sum(np.vdot(g, v) for g, v in pairs)), float(size)

    def _tolerance(self, doubt: float) -> float:
        floor = 8 * EPS * abs(self.upstream).max(initial=0.0) * self.size
        return float(32 * EPS * self.size * doubt + floor)


def _conclude(row: Row, found: Found) -> None:
    """The verdict, once all has been compared."""
    if any(not kink.valid for kink in found.kinks):
        row.verdict = "FAIL"
    if row.verdict == "FAIL":
        return
    if row.resolution <= ENOUGH or (found.kinks and not row.checked):
        row.verdict = "KINK" if found.kinks else "PASS"
    else:
        row.verdict = "INCONCLUSIVE"
        row.notes.append(
            "all derivatives are 0, or over a tenth are lost in rounding; try another x"
        )


def _add_float32(check: _Check, rows: dict[str, Row]) -> None:
    """Layer by layer: float32 and float64 on the same float32 inputs must agree to rounding."""
    for row in rows.values():
        row.max_error = row.resolution = 0.0
        row.oracle += ", then float32 against float64"
    net = check.layer.astype(np.float32)
    x = check.x.astype(np.float32)
    y = net.forward(x)
    upstream = check.upstream.astype(np.float32)
    if check.loss is not None:
        check.loss.forward(y.astype(np.float64), check.target)
        truth = check.loss.backward()
        check.loss.forward(y, check.target)
        upstream = _finite("the gradient of the loss in float32", check.loss.backward())
        compare_float32(rows["x"], "dL/dy", upstream, truth, y, np.ones(()))

    def through(layer: Layer, x: np.ndarray, flow: Flow, place: str) -> Flow:
        ours = pulled(layer, x, flow.value)
        truth = pulled(layer.astype(np.float64), *(v.astype(float) for v in (x, flow.value)))
        for name, value in ours.items():
            row = rows.get(place + name, rows["x"])
            compare_float32(row, f"{place}d{name}", value, truth[name], x, flow.value)
        return Flow(ours["x"])

    dx = walk(net, x, Flow(upstream), through).value
    if dx.dtype != np.float32 or y.dtype != np.float32:
        rows["x"].fail(f"float32 in, but y is {y.dtype} and dx is {dx.dtype}")


def _blame(check: _Check) -> list[str]:
    """The layers of a failed network that fail by themselves, at the same inputs."""
    if not isinstance(check.layer, Container) and check.loss is None:
        return []
    suspects: list[str] = []

    def through(layer: Layer, x: np.ndarray, flow: Flow, place: str) -> Flow:
        layer.forward(x)
        dx = np.asarray(layer.backward(flow.value))
        if place and gradcheck(layer, x, rng=check.seed).verdict == "FAIL":
            suspects.append(f"layer {place[:-1]} {one_line(layer)} fails by itself")
        return Flow(dx)

    walk(check.net, check.x, Flow(check.upstream), through)
    if check.loss is not None and check.name != one_line(Flatten()) + f" and {check.loss!r}":
        alone = gradcheck(Flatten(), check.y, check.target, check.loss, rng=check.seed)
        suspects += [f"{check.loss!r} fails by itself"] * (alone.verdict == "FAIL")
    return suspects


class _Progress:
    """A progress bar for checks that take longer than a second; none if there is nothing to do."""

    def __init__(self, total: int) -> None:
        self.bar = None
        if total:
            from tqdm.auto import tqdm

            self.bar = tqdm(total=total, delay=1, unit=" coordinates", leave=False)

    def __enter__(self) -> oracles.Tick:
        return (lambda count: None) if self.bar is None else self.bar.update

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            self.bar.close()


def _seed(rng: np.random.Generator | int | None) -> int:
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**32))
    if rng is None:
        return int(np.random.default_rng().integers(2**32))
    try:
        return operator.index(rng)
    except TypeError:
        raise TypeError(
            f"gradcheck: expected rng to be a whole number or a Generator, got {rng!r}"
        ) from None


def _finite(what: str, values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError(f"gradcheck: expected finite numbers, {what} has NaN or infinity")
    return values
