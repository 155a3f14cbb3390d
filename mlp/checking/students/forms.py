"""The forms of layers that are understood: one function for each, which finds its situations.

The first situation is the main one. A new form is a new function here, and its line in `FORMS`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from mlp.checking.students import besides, singles, updating
from mlp.checking.students.adapters import Subject
from mlp.checking.students.alone import for_one_sample
from mlp.checking.students.building import Size, accepts, constructor_arguments, takes_target
from mlp.checking.students.convolutions import ConvolutionReference, convolutions
from mlp.checking.students.loading import Entry
from mlp.checking.students.loss_forms import keep_finite, loss
from mlp.checking.students.readings import settle
from mlp.checking.students.references import (
    PLAIN,
    AffineReference,
    ChannelsLast,
    Flattening,
    LayerReference,
    OwnForward,
    PoolReference,
    ProductReference,
    Reference,
)
from mlp.checking.students.situations import (
    Draw,
    Situation,
    agreeing,
    agrees,
    fit,
    normal,
    of_shapes,
    same_shape,
)
from mlp.checking.students.trials import Broken, WrongOutput, forward, run
from mlp.checking.students.variants import variants
from mlp.layers import MaxPool, Multiply


def situations(entry: Entry) -> list[Situation]:
    """All situations of an entry; the first is the main one. Raises Broken if none runs."""
    if takes_target(entry):
        return loss(entry)
    found = FORMS.get(entry.kind or "", black_box)(entry)
    found += variants(entry, found[0])
    for situation in found:
        if situation.right:
            settle(situation)
        if situation.recipe.columns and situation.draw(np.random.default_rng(0), 2)["x"].ndim == 2:
            situation.notes.append("samples are columns")
        if situation.recipe.single:
            situation.notes.append(singles.NOTE)
    if besides.hides_weights(entry, found[0]):
        found[0].notes.append(besides.HIDDEN)
    if besides.takes_steps(found[0]):
        found[0].notes.append(updating.NOTE)
    return found


def without_parameters(entry: Entry) -> list[Situation]:
    """One of ours that has no parameters, on one input."""
    reference = LayerReference(PLAIN[entry.kind or ""]())
    found = fit(entry, [Size()], _always([normal(5)]), _always([reference]))
    found = for_one_sample(entry, found, [normal(5)], [reference])
    sized = entry.is_class and any(accepts(entry, wanted) for wanted in ("in", "out"))
    if sized and not found.right and not same_shape(found):  # an affine map is part of it
        return black_box(replace(entry, kind=None))
    return [found]


def affine(entry: Entry, size: Size | None = None) -> list[Situation]:
    """One situation, with D and M distinct; the orientation of W is found out."""
    size = size or Size()
    if entry.is_class and entry.make is None and not constructor_arguments(entry):
        return black_box(replace(entry, kind=None))  # called so, but it has no weights

    def widths(subject: Subject) -> list[Draw]:
        if "W" not in subject.parameters:
            return [normal(size.D)]
        shape = subject.get("W").shape
        chosen = [size.D] if size.D in shape and entry.make is None else shape[:2]
        return [normal(d) for d in chosen]

    def orientations(subject: Subject) -> list[Reference]:
        shape = subject.get("W").shape if "W" in subject.parameters else ()
        if len(shape) != 2:
            return [OwnForward(lambda: subject)]
        usual = AffineReference(False), AffineReference(True)
        return list(usual if shape[0] == size.D else usual[::-1])

    found = fit(entry, [size], widths, orientations)
    found = for_one_sample(entry, found, [normal(size.D)], orientations(found.make()))
    if isinstance(found.reference, OwnForward):
        found.reference = OwnForward(found.make)
        found.right, found.kind = True, None
        if not entry.is_class or _constructor_takes(entry):
            found.notes.append(NO_WEIGHTS)
        return [settle(found)]
    shape = found.make().get("W").shape
    if not found.right and entry.make is None and sorted(shape) != sorted((size.D, size.M)):
        return black_box(replace(entry, kind=None))  # the bias is a row of W, say
    more = [] if found.recipe.single else _more_axes(found)
    if entry.is_class and more and _flat_gradient(more[0]):
        found.notes.append("takes samples of more axes, but dx has two: reshape it to x.shape")
        more = []
    return [settle(found), *more]


def _flat_gradient(s: Situation) -> bool:
    rng = np.random.default_rng(9)
    dx = run(s.make(), s.arrays(rng, 7), None, rng).gradients.get("x")
    return dx is not None and dx.ndim == 2


NO_WEIGHTS = "found no weights (W, weight, ...): only dx is checked"


def _constructor_takes(entry: Entry) -> bool:
    """Whether it is built with anything: `Linear()` is the identity."""
    return any(accepts(entry, wanted) for wanted in ("in", "out", "W", "b"))


def _more_axes(main: Situation) -> list[Situation]:
    """Samples of more axes, where the layer makes them vectors by itself.

    It claims to where forward does and backward finds the gradients of the parameters: then the
    gradient of the input has all axes of the input.
    """
    width = main.draw(np.random.default_rng(0), 2)["x"].shape[1]
    found = []
    for shape in ((1, width), (width, 1)):
        other = replace(main, draw=normal(*shape), notes=[], kind=None)
        try:
            found.append(agreeing(other, [Flattening(main.reference)]))
            trial = run(other.make(), other.arrays(rng := np.random.default_rng(9), 7), None, rng)
        except (Broken, WrongOutput):
            return []
        claimed = [trial.gradients.get(n) for n in other.make().parameters]
        sizes = [other.make().get(n).shape for n in other.make().parameters]
        shapes = [None if g is None else g.shape for g in claimed]
        if not found[-1].right or shapes != sizes:
            return []
    return found[:1]


def multiply(entry: Entry) -> list[Situation]:
    """Two inputs, neighbouring pairs, or pairs of the constructor (some with shared inputs)."""
    two = [normal(5, names=("x", "y"))]
    simple = [(0, 1), (2, 3)]
    listed = accepts(entry, "pairs")
    sizes = [Size(D=6), Size(D=4, pairs=simple)]

    def draws(subject: Subject) -> list[Draw]:
        return two if len(subject.inputs) == 2 else [normal(6), normal(4), normal(2), normal(8)]

    def references(subject: Subject) -> list[Reference]:
        if len(subject.inputs) == 2:
            return [ProductReference()]
        pairs = getattr(getattr(subject, "instance", None), "pairs", None)
        return [LayerReference(m) for m in (Multiply(), Multiply(simple), *_wired(pairs))]

    main = fit(entry, sizes, draws, references)
    if not listed:
        return [main]
    shared = [(0, 1), (1, 2), (3, 3), (1, 0)]
    return [
        main,
        *_also(entry, Size(D=5, pairs=shared), [normal(5)], LayerReference(Multiply(shared))),
    ]


def _wired(pairs: Any) -> Iterator[Multiply]:
    try:
        if pairs is not None:
            yield Multiply(pairs)
    except (ValueError, TypeError):
        return


def _also(
    entry: Entry,
    size: Size,
    draws: list[Draw],
    *references: Reference,
    single: str | None = None,
) -> list[Situation]:
    """A further situation, if the layer accepts it: a recipe that gave it what it asked for."""
    try:
        found = fit(entry, [size], _always(draws), _always([*references]))
    except (Broken, WrongOutput):
        return []
    given = found.recipe.gives("stride" if size.stride else "window", "pairs")
    alike = found.recipe.single == single
    return [found] if found.right or (given and alike) else []


def maxpool(entry: Entry) -> list[Situation]:
    """Vectors if it takes them, else images; other widths and overlapping windows as well."""
    known = accepts(entry, "window")
    main = _pool_fit(entry, [Size(window=2), Size(window=(2, 2))], (6,), (4, 6), known)
    shape = main.draw(np.random.default_rng(0), 2)["x"].shape[1:]
    found = [main]
    if not isinstance(main.reference, PoolReference):
        return found
    k, s = main.reference.window, main.reference.stride
    odd = (*shape[: len(shape) - len(k)], *(2 * b + a - 1 for a, b in zip(k, s, strict=True)))
    if odd[-1] > k[-1] and (odd[-1] - k[-1]) % s[-1]:
        found += _same_maker(main, normal(*odd))
    if known:
        image = len(k) == 2
        for window, stride in ((3, None), (3, 2), (3, 1)):
            if stride is None or accepts(entry, "stride"):
                w = (window, window) if isinstance(main.size.window, tuple) else window
                side = (window, window) if image else window
                found += _also(
                    entry,
                    Size(window=w, stride=stride and (stride if w == window else (stride, stride))),
                    [normal(*shape[:-2], 6, 7)] if image else [normal(9)],
                    *(
                        PoolReference(MaxPool(side, s))
                        for s in ([stride] if stride else [None, 2, 1])
                    ),
                    single=main.recipe.single,
                )
    return found


def _pool_fit(
    entry: Entry, sizes: list[Size], vector: tuple, image: tuple, known: bool
) -> Situation:
    attempts: list[Situation] = []
    errors: list[Exception] = []
    shapes = ((vector, False), ((2, *image), True), (image, True), ((*image, 2), True))
    for shape, images in shapes:
        references: list[Reference] = [PoolReference(m) for m in _pools(images, known)]
        if len(shape) == 3 and shape[-1] == 2:
            references = [ChannelsLast(r) for r in references]
        for size in sizes:
            size = replace(size, image=shape)
            try:
                found = fit(entry, [size], _always([normal(*shape)]), _always(references))
            except (Broken, WrongOutput) as error:
                errors.append(error)
                continue
            if found.right:
                found.kind = found.kind if isinstance(found.reference, PoolReference) else None
                return found
            attempts.append(found)
    if attempts:
        return min(attempts, key=lambda s: not same_shape(s))
    raise errors[0]


def _always(these: list[Any]) -> Callable[[Subject], list[Any]]:
    """The same list for every subject."""
    return lambda subject: these


def _pools(images: bool, known: bool) -> list[MaxPool]:
    """Windows and strides that a pool of unknown size may have, the expected one first."""
    sides = [(2, 2), (2, 1), (3, 3), (3, 2), (3, 1), (4, 4), (4, 2)]
    chosen = [(2, 2), (2, 1)] if known else sides
    return [MaxPool((k, k) if images else k, s) for k, s in chosen]


def _same_maker(main: Situation, draw: Draw) -> list[Situation]:
    """The main situation on another width, where the layer takes it and drops what is left."""
    other = replace(main, draw=draw, notes=[])
    try:
        found = agreeing(other, [main.reference])
    except (Broken, WrongOutput):
        main.notes.append("refuses widths that the window does not divide")
        return []
    if not found.right and not same_shape(found):
        main.notes.append("keeps the incomplete window at the end")
        found.reference, found.right, found.kind = OwnForward(found.make), True, None
    return [found]


def black_box(entry: Entry) -> list[Situation]:
    """Compared with its own forward pass, unless that is one of our layers'."""
    shapes: list[tuple[int, ...]] = [(5,), (6,), (2, 4, 4), (6, 6), (1, 6, 6)]
    images_first = _IMAGES if _OF_IMAGES.search(entry.name) else []
    images_first = _SEQUENCES if _OF_SEQUENCES.search(entry.name) else images_first

    def draws(subject: Subject) -> list[Draw]:
        shapes_known = getattr(subject, "shapes", None)
        if shapes_known is not None:
            return [of_shapes(shapes_known, subject.below)]  # type: ignore[attr-defined]
        sizes = [d for n in subject.parameters for d in subject.get(n).shape[:3] if d > 1]
        widths = [(d,) for d in sizes]
        images = [shape for d in sizes for shape in ((d, 4, 4), (4, 4, d), (2, d))]
        ordered = [*shapes[:1], *widths, *shapes[1:], *images]
        if images_first:
            ordered = [*(size.shape for size in images_first), *images, *ordered]
        return [normal(*shape, names=subject.inputs) for shape in dict.fromkeys(ordered)]

    def references(subject: Subject) -> list[Reference]:
        return _identities(subject)

    other_sizes = [] if images_first else _IMAGES[:1]
    sizes = [*images_first, Size(), Size(D=2), *other_sizes]
    found = fit(entry, sizes, draws, references)
    own = OwnForward(found.make)
    found = for_one_sample(entry, found, [normal(*shape) for shape in _SINGLE], [own])
    if not (found.right and _agrees_far_away(found)):
        _trim(found)
        found.reference, found.right = OwnForward(found.make), True
        keep_finite(found)
    else:
        found.kind = _kind(found.reference)
        found.notes.append(f"its outputs are those of {found.reference.label}")
    return [found]


_SINGLE: list[tuple[int, ...]] = [(5,), (2, 4, 4), (4, 4), (4, 4, 2)]
"""Shapes of a single sample."""
_OF_SEQUENCES = re.compile(r"(conv|pool|sampl)\w*1d", re.IGNORECASE)
"""Names of layers that want samples of channels and one more axis."""
_SEQUENCES = [Size(D=2, window=2, stride=1, image=shape) for shape in ((2, 6), (6, 2))]
_OF_IMAGES = re.compile(r"conv|pool|upsampl|spatial|2d", re.IGNORECASE)
"""Names of layers that want images."""
_IMAGES = [
    Size(D=2, window=window, stride=stride, image=image)
    for image in ((2, 4, 4), (4, 4, 2), (4, 4))
    for window, stride in ((2, 1), ((2, 2), (1, 1)))
]


def _agrees_far_away(found: Situation) -> bool:
    """ReLU6 is ReLU for small inputs only."""
    arrays = found.arrays(np.random.default_rng(4), 7)
    arrays |= {name: 100 * arrays[name] for name in found.make().inputs}
    return agrees(found.reference, arrays, forward(found.make(), arrays))


def _identities(subject: Subject) -> list[Reference]:
    if subject.inputs == ("x", "y"):
        return [ProductReference()]
    if "W" in subject.parameters and subject.get("W").ndim == 2:
        return [AffineReference(False), AffineReference(True)]
    if "W" in subject.parameters and subject.get("W").ndim == 4:
        return convolutions()
    return [*(LayerReference(layer()) for layer in PLAIN.values()), LayerReference(Multiply())]


def _kind(reference: Reference) -> str | None:
    if isinstance(reference, ConvolutionReference):
        return None
    names = {ProductReference: "Multiply", AffineReference: "Affine"}
    return names.get(type(reference)) or type(reference.layer).__name__


def _trim(found: Situation) -> None:
    """Forget arrays that no gradient belongs to: buffers and running means are no parameters."""
    rng = np.random.default_rng(2)
    try:
        trial = run(found.make(), found.arrays(rng, 4), None, rng)
    except (Broken, WrongOutput):
        return
    subject, arrays = found.make(), found.arrays(rng, 4)
    for _ in range(2):  # some make their parameters in the first
        forward(subject, arrays)
    kept = {
        n
        for n in subject.parameters
        if trial.gradients.get(n) is not None and np.array_equal(subject.get(n), arrays[n])
    }  # what forward itself sets, such as a running mean, is no parameter
    whole, first = found.make, found.make()
    constants = {n: first.get(n).copy() for n in first.parameters if n not in kept}

    def make() -> Subject:
        subject = whole()
        for name, value in constants.items():  # random features, say, are the same in all
            subject.set(name, value)
        subject.parameters = tuple(n for n in subject.parameters if n in kept or n in ("W", "b"))
        return subject

    found.make = make


FORMS: dict[str, Callable[[Entry], list[Situation]]] = {
    "Affine": affine,
    "Multiply": multiply,
    "MaxPool": maxpool,
    **dict.fromkeys(PLAIN, without_parameters),
}
