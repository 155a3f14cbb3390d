"""Numerical derivatives to check derived ones against, from nothing but forward passes.

f maps an array to an array. With a fixed upstream U, phi(x) = <U, f(x)> is a number, and backward
claims to know its gradient, g_i = sum_j U_j df_j/dx_i. Three ways to find out, on plain callables:

    complex_step   g_i = Im phi(x + i h e_i) / h with a tiny h: no difference is taken, so nothing
                   cancels and the error is rounding only, about 1e-16. f has to be analytic
                   (Squire and Trapp 1998); `why_not_analytic` asks f.
    richardson     central differences D(h), and (4 D(h/2) - D(h)) / 3, whose error is of order
                   h^4: about 1e-12. For every smooth f.
    one_sided      slopes to the right and to the left of x, for a point that may be a kink.

Every value comes with a tolerance: how far two correct routes may lie apart in float64. It is
computed from the sums that were formed, not guessed. `comparing.judge` compares.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]
Tick = Callable[[int], object]

EPS = float(np.finfo(np.float64).eps)
STEP = 2.0**-66
"""Imaginary step: h^2 is far below EPS, and dividing by a power of two is exact."""


class NumericalGradient(NamedTuple):
    """The gradient of <upstream, f> at K coordinates, as an oracle sees it."""

    gradient: np.ndarray
    """(K,) float64."""
    tolerance: np.ndarray
    """(K,): the largest difference from a correct gradient that rounding explains."""
    terms: np.ndarray
    """(K,): sum_j |U_j df_j/dx_i|, the size of what was added up. Where the terms cancel to a
    gradient of 0, a mistake in one of them would still show."""
    floor: float
    """The part of the tolerance that every coordinate has; values below it are noise."""
    method: str
    """"complex step" or "central differences"."""
    bent: np.ndarray | None = None
    """(K,) booleans, by differences only: the slopes to the two sides do not seem to meet."""


def complex_step(
    f: Function,
    x: np.ndarray,
    upstream: np.ndarray,
    coordinates: np.ndarray | None = None,
    *,
    lanes: tuple[int, int] | None = None,
    trust_lanes: bool = False,
    upstream_tolerance: np.ndarray | float = 0.0,
    condition: float | None = None,
    tick: Tick = lambda count: None,
) -> NumericalGradient:
    """The gradient of <upstream, f(x)> at flat `coordinates` of x (all of them by default).

    `f` takes complex arrays of the shape of x and gives arrays of the shape of upstream.
    `lanes=(a, b)` claims that index k on axis a of x moves f only at index k on axis b, as rows
    of a batch do: then all k are perturbed in one call (Curtis, Powell and Reid 1974). The claim
    is tested with a random direction, and dropped if it fails, unless `trust_lanes` is set.
    `upstream_tolerance` is the uncertainty of upstream itself, `condition` the size of the numbers
    that f works with (1 + max |x| by default). `tick(n)` is called after every n coordinates.
    """
    x, upstream = np.asarray(x, np.float64), np.asarray(upstream, np.float64)
    chosen = np.arange(x.size) if coordinates is None else np.asarray(coordinates, np.intp)
    condition = 1 + largest(x) if condition is None else condition
    weight = 32 * EPS * condition * abs(upstream) + upstream_tolerance
    if lanes is not None and x.shape[lanes[0]] == upstream.shape[lanes[1]]:
        reference = _sweep(f, x, upstream, weight, chosen, lanes, tick)
        if trust_lanes or _holds(f, x, upstream, chosen, reference):
            return reference
    alone = partial(_first, f)
    return _sweep(alone, x[None], upstream[None], weight[None], chosen, (0, 0), tick)


def push(f: Function, x: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """J v by complex step: the change of f(x) per unit step along `direction`."""
    return f(tilted(x, direction)).imag / STEP


def tilted(x: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """x + i STEP direction."""
    point = np.empty(x.shape, complex)
    point.real = x
    np.multiply(direction, STEP, out=point.imag)
    return point


def why_not_analytic(f: Function, x: np.ndarray, rng: np.random.Generator) -> str | None:
    """None if the complex step can be used on f near x, else the reason why not.

    f must take complex numbers, keep the real part what it was, add no imaginary part of its own,
    and agree with real central differences in one random direction: what has no complex
    derivative (abs, sign, norm, conjugates, real parts) shows there. All this is tried a little
    beside x, which may sit on a kink.
    """
    x, real = _beside(f, np.asarray(x, np.float64), rng)
    v = rng.standard_normal(x.shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            y = np.asarray(f(x.astype(complex)))
            slope = push(f, x, v)
    except Exception as error:  # whatever a stranger's forward may raise
        return f"forward does not take complex numbers ({type(error).__name__}: {error})"
    if y.dtype.kind != "c" or y.shape != real.shape:
        return "forward drops the imaginary part"
    if y.imag.any() or not largest(y.real - real) <= 2.0**-40 * largest(real):
        return "forward gives another value for complex numbers"
    u = rng.standard_normal(real.shape)
    claim = float((u * slope).sum())
    try:
        line = along_line(lambda t: f(x + t * v), u, claim)
    except ValueError:  # a step away from x f refuses, and the complex step needs none
        return None
    if not abs(claim - line.slope) <= line.tolerance:
        return "the complex step disagrees with central differences"
    return None


def _beside(f: Function, x: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A point a little beside x with f there; x itself, if f does not take the other."""
    beside = x + 2.0**-10 * rng.standard_normal(x.shape) * np.where(x == 0, 1, abs(x))
    try:
        y = np.asarray(f(beside))
        if np.isfinite(y).all():
            return beside, y
    except ValueError:  # no probabilities any more, say
        pass
    return x, np.asarray(f(x))


class Line(NamedTuple):
    """The slope of <upstream, f> along a line."""

    slope: float
    tolerance: float
    kink: bool
    """The slopes to the two sides differ; any between them is within the tolerance."""


def along_line(f: Function, upstream: np.ndarray, claim: float) -> Line:
    """The slope of <upstream, f(t)> at t = 0, by differences.

    Where they do not bear out `claim` they step back from kinks near by.
    """
    slope = richardson(f, np.zeros(()), upstream)
    if abs(claim - slope.gradient[0]) <= slope.tolerance[0]:
        return Line(float(slope.gradient[0]), float(slope.tolerance[0]), False)
    low, high, kink = one_sided(f, np.zeros(()), upstream, 0)
    return Line((low + high) / 2, (high - low) / 2, kink)


def richardson(
    f: Function,
    x: np.ndarray,
    upstream: np.ndarray,
    coordinates: np.ndarray | None = None,
    *,
    upstream_tolerance: np.ndarray | float = 0.0,
    tick: Tick = lambda count: None,
) -> NumericalGradient:
    """As `complex_step`, by central differences at two steps; f takes and gives real arrays."""
    point = np.array(x, np.float64)
    upstream = np.asarray(upstream, np.float64)
    chosen = np.arange(point.size) if coordinates is None else np.asarray(coordinates, np.intp)
    condition = 1 + largest(point)
    middle = np.array(f(point))
    floor = 8 * EPS * largest(upstream) * max(1.0, largest(middle))
    steps = _steps(point)
    gradient, tolerance, terms = np.empty((3, len(chosen)))
    bent = np.empty(len(chosen), bool)
    for k, i in enumerate(chosen):
        right, left = _slopes(f, point, middle, i, steps[i])
        near_right, near_left = _slopes(f, point, middle, i, steps[i] / 2)
        # The central difference at h and at h/2: each is off by c h^2 + O(h^4), with the same c.
        coarse = (upstream * (right + left)).sum() / 2
        fine = (upstream * (near_right + near_left)).sum() / 2
        # Richardson: 4 times the second minus the first, over 3, has no h^2 term left.
        value = (4 * fine - coarse) / 3
        # Rounding of f, eps |y|, is divided by the step: so large are the numbers that cancel.
        size = (
            2 * (abs(upstream) * abs(middle)).sum() / steps[i]
            + (abs(upstream) * (abs(right) + abs(left))).sum()
        )
        # What the uncertainty of U itself makes of the slopes.
        doubt = (upstream_tolerance * (abs(right) + abs(left))).sum()
        gradient[k] = value
        # |value - fine| is the h^2 term at h/2: larger than the h^4 term that is left.
        tolerance[k] = 6 * EPS * condition * size + abs(value - fine) + 8 * EPS * abs(value)
        tolerance[k] += doubt + floor
        terms[k] = (abs(upstream) * (abs(near_right) + abs(near_left))).sum() / 2
        # Where f is smooth the gap between the two sides is halved with h; at a kink it stays.
        gap = (abs(upstream) * abs(near_right - near_left)).sum()
        was = (abs(upstream) * abs(right - left)).sum()
        bent[k] = gap > 0.75 * was + 64 * EPS * size
        tick(1)
    return NumericalGradient(gradient, tolerance, terms, floor, "central differences", bent)


def central(f: Function, x: np.ndarray, coordinate: int) -> np.ndarray:
    """The derivative of every output in one flat coordinate of x, as `richardson` does it."""
    point = np.array(x, np.float64)
    middle, h = np.array(f(point)), _steps(point)[coordinate]
    right, left = _slopes(f, point, middle, coordinate, h)
    near_right, near_left = _slopes(f, point, middle, coordinate, h / 2)
    return (4 * (near_right + near_left) - (right + left)) / 6


def one_sided(
    f: Function, x: np.ndarray, upstream: np.ndarray, coordinate: int
) -> tuple[float, float, bool]:
    """(low, high, kink): the range in which a gradient at this flat coordinate is right.

    Steps shrink until the slopes to the right and to the left agree, which also lets a kink drop
    out of the step that lies near x but not at it. Where they never agree x is on a kink (True),
    and every value between the two is a subgradient.
    """
    point = np.array(x, np.float64)
    upstream = np.asarray(upstream, np.float64)
    middle = np.array(f(point))
    h = float(_steps(point)[coordinate])
    centers: list[float] = []
    gaps: list[float] = []
    rounding = 16 * EPS * abs(upstream) * abs(middle)
    still = None
    low = high = noise = least = 0.0
    for _ in range(11):
        right, left = _slopes(f, point, middle, coordinate, h)
        if still is None:  # what a large step does not move adds no noise to a small one
            still = (right == 0) & (left == 0)
            least = float(rounding.sum() / h)
        # Each output takes the slope of either side, so the sum lies between these two.
        low = float(np.minimum(upstream * right, upstream * left).sum())
        high = float(np.maximum(upstream * right, upstream * left).sum())
        # Rounding of f over the step: what the two sides may differ by at a smooth point.
        noise = float(least + rounding[~still].sum() / h)
        gaps.append(high - low)
        centers.append((low + high) / 2)
        # Smooth: the gap is second differences, of order h, so a quarter of h leaves a quarter.
        if len(gaps) > 2 and gaps[-1] < 0.3 * gaps[-2] < 0.09 * gaps[-3]:
            # The center is the central difference, off by order h^2, a 16th of what it was at the
            # step before: by less than it moved.
            doubt = min(gaps[-1] / 2, abs(centers[-1] - centers[-2])) + noise
            return centers[-1] - doubt, centers[-1] + doubt, False
        if gaps[-1] <= noise:
            return low - noise, high + noise, False
        h /= 4
    return low - noise, high + noise, True


def _sweep(
    f: Function,
    x: np.ndarray,
    upstream: np.ndarray,
    weight: np.ndarray,
    chosen: np.ndarray,
    lanes: tuple[int, int],
    tick: Tick,
) -> NumericalGradient:
    """sum_j U_j J_ji and sum_j weight_j |J_ji| for the chosen i, one call of f per place.

    A place is an index into all axes of x but that of the lanes, and is perturbed in every lane.
    """
    a, b = lanes
    storage = x.swapaxes(0, a).astype(complex, order="C")
    point, table = storage.swapaxes(0, a), storage.reshape(len(storage), -1)
    upstream, weight = _by_lane(upstream, b), _by_lane(weight, b)
    strength = abs(upstream)
    lane, place = _lane_and_place(chosen, x.shape, a)
    places = np.unique(place)
    sums, terms, spreads = np.empty((3, len(places), len(table)))
    floor = 0.0
    for k, p in enumerate(places):
        saved = table[:, p].copy()
        table[:, p] += 1j * STEP
        # f(x + i h e) = f(x) + i h df/dx + O(h^2): the imaginary part over h is the derivative.
        y = f(point)
        slope = _by_lane(y.imag, b) / STEP
        size = abs(slope)
        # The chain rule: dL/dx_i = sum_j U_j dy_j/dx_i, lane by lane.
        sums[k] = (upstream * slope).sum(axis=1)
        terms[k] = (strength * size).sum(axis=1)
        # Each term is right to some eps, and as uncertain as its U_j: the tolerance of the sum.
        spreads[k] = (weight * size).sum(axis=1)
        floor = floor or 8 * EPS * largest(upstream) * max(1.0, largest(y.real))
        table[:, p] = saved  # only now: y may be a view of it
        tick(len(table))
    row = places.searchsorted(place)
    at = row, lane
    return NumericalGradient(sums[at], spreads[at] + floor, terms[at], floor, "complex step")


def _by_lane(values: np.ndarray, axis: int) -> np.ndarray:
    return values.swapaxes(0, axis).reshape(values.shape[axis], -1)


def _lane_and_place(
    chosen: np.ndarray, shape: tuple[int, ...], axis: int
) -> tuple[np.ndarray, np.ndarray]:
    index, sizes = [*np.unravel_index(chosen, shape)], [*shape]
    index[0], index[axis] = index[axis], index[0]
    sizes[0], sizes[axis] = sizes[axis], sizes[0]
    place = np.zeros_like(chosen)
    for along, size in zip(index[1:], sizes[1:], strict=True):  # in row-major order
        place = place * size + along
    return index[0], place


def _first(f: Function, x: np.ndarray) -> np.ndarray:
    """f with one lane that holds everything."""
    return f(x[0])[None]


def _holds(
    f: Function,
    x: np.ndarray,
    upstream: np.ndarray,
    chosen: np.ndarray,
    reference: NumericalGradient,
) -> bool:
    """Does the reference foretell the change along a random mixture of its coordinates?"""
    v = np.zeros(x.size)
    v[chosen] = np.random.default_rng(0).standard_normal(len(chosen))
    change = (upstream * push(f, x, v.reshape(x.shape))).sum()
    doubt = (abs(v[chosen]) * reference.tolerance).sum()
    return bool(abs(change - v[chosen] @ reference.gradient) <= doubt)


def _steps(x: np.ndarray) -> np.ndarray:
    """Steps of the size that balances rounding and the h^4 of the extrapolation, powers of two."""
    typical = min(1.0, float(np.sqrt(np.mean(x**2)))) if x.size else 1.0
    size = np.maximum(abs(x), typical or 1.0).ravel()
    return 2.0 ** np.round(np.log2(EPS**0.2 * size))


def _slopes(
    f: Function, point: np.ndarray, middle: np.ndarray, i: int, h: float
) -> tuple[np.ndarray, np.ndarray]:
    """Difference quotients of every output, to the right and to the left."""
    saved = point.flat[i]
    point.flat[i] = saved + h
    right = (f(point) - middle) / (point.flat[i] - saved)
    point.flat[i] = saved - h
    left = (middle - f(point)) / (saved - point.flat[i])
    point.flat[i] = saved
    return right, left


def largest(values: np.ndarray) -> float:
    return float(np.max(abs(values), initial=0.0))
