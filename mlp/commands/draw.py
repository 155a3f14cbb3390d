"""Draw one pass forward and back through a network, and explain every number.

    mlp draw --net 2,2,2 --x .05,.10 --target .01,.99 --to graph.svg
    mlp draw --net 2,2,2 --x .05,.10 --target .01,.99 --explain text --blanks
    mlp draw --model runs/digits-1 --row 17 --to graph.png

The weights' FILE is a JSON list with one {"W": [[...], ...], "b": [...]} for
each layer; row i of W holds what leads away from unit i. Without it weights are
drawn at random. Biases learn as weights do.

Exit: 0 done, 2 wrong usage, 3 wrong data, 4 damaged model, 5 the loss left the
finite numbers, 6 a file cannot be written.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlp.commands.command_line import OneLineParser
from mlp.commands.endings import complain
from mlp.commands.trained_run import load_run
from mlp.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from mlp.layers import Layer
    from mlp.losses import Loss
    from mlp.seeing.traces import Trace
    from mlp.sequential import Sequential

LOSSES = ("squared-error", "cross-entropy", "kl")
ACTIVATIONS = ("sigmoid", "relu", "tanh", "none")
ENDINGS = (".svg", ".png", ".pdf")


def main(arguments: Sequence[str], called: str) -> int:
    """Draw or explain the pass that the arguments describe."""
    parser = _options(called)
    options = parser.parse_args(_joined(arguments))
    _check(parser, options)
    target: np.ndarray | None
    try:
        if options.model:
            net, loss, x, target = _of_run(options.model, options.row)
        else:
            net, loss, x, target = _of_options(parser, options)
        passed = _pass(net, loss, x, target, options)
        if options.explain:
            text = passed.explain(options.explain, blanks=options.blanks)
        else:
            text = f"{passed}\n"
        if options.to:
            passed.draw(options.to, detail=options.detail)
            print(f"{called}: wrote {options.to}", file=sys.stderr)
    except (DataError, CheckpointError):
        raise
    except ValueError as error:
        return complain(called, error, 2)
    sys.stdout.write(text)
    return 0


def _joined(arguments: Sequence[str]) -> list[str]:
    """Numbers joined to their option by "=": argparse takes -1,2 for an option of its own."""
    words: list[str] = []
    for word in arguments:
        if words and words[-1] in ("--x", "--target") and not word.startswith("--"):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def _options(prog: str) -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=prog,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument_group("a network of your own").add_argument
    add("--net", type=_widths, metavar="WIDTHS", help="units of each layer, as in 2,2,2")
    add("--activation", choices=ACTIVATIONS, help="of the hidden layers; default: sigmoid")
    add("--output-activation", choices=(*ACTIVATIONS, "softmax"), metavar="NAME",
        help=f"{', '.join(ACTIVATIONS)} or softmax; default: with squared-error that of the hidden "
        "layers, with cross-entropy none, with kl sigmoid or softmax")  # fmt: skip
    add("--weights", type=Path, metavar="FILE", help='JSON list of {"W": ..., "b": ...}')
    add("--seed", type=int, metavar="N", help="of the random weights; default: 0")
    add("--x", type=_numbers, metavar="NUMBERS", help="the inputs, as in .05,.10")
    add("--target", type=_numbers, metavar="NUMBERS",
        help="the targets, as in .01,.99, or the number of a class, from 0")  # fmt: skip
    add("--loss", choices=LOSSES, help="default: squared-error")
    add("--factor", type=float, metavar="F",
        help="the squared error is F times the sum of squares; default: 0.5")  # fmt: skip
    add = parser.add_argument_group("or a trained one").add_argument
    add("--model", type=Path, metavar="RUN", help="run folder of `mlp train`")
    add("--row", type=int, metavar="N", help="which test sample, from 0; default: 0")
    add = parser.add_argument_group("what to do").add_argument
    add("--learning-rate", type=float, metavar="RATE", help="show the step of gradient descent too")
    add("--steps", type=int, default=0, metavar="N",
        help="take N such steps first, and show the pass after them")  # fmt: skip
    add("--to", type=Path, metavar="FILE", help=f"write the picture: {', '.join(ENDINGS)}")
    add("--detail", choices=("auto", "neurons", "layers"), default="auto",
        help="every neuron, or every layer with heat maps; default: what is readable")  # fmt: skip
    add("--explain", choices=("text", "markdown"), help="every step with its numbers")
    add("--blanks", action="store_true", help="as an exercise: results on an answer sheet")
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse what does not go together, and fill in the defaults."""
    own = ("net", "activation", "output_activation", "weights", "seed", "x", "target", "loss",
           "factor")  # fmt: skip
    if options.model:
        if extra := [name for name in own if getattr(options, name) is not None]:
            parser.error(f"--{extra[0].replace('_', '-')} does not go with --model")
        options.row = 0 if options.row is None else options.row
    else:
        if options.net is None or options.x is None:
            parser.error("expected --net with --x, or --model")
        if options.row is not None:
            parser.error("--row needs --model")
        if options.factor is not None and options.loss not in (None, "squared-error"):
            parser.error("--factor goes with --loss squared-error only")
        if options.target is None and (options.loss or options.factor is not None):
            parser.error("--loss and --factor need a --target")
        if options.target is None and options.learning_rate is not None:
            parser.error("--learning-rate needs a --target")
        if options.seed is not None and options.weights:
            parser.error("--seed draws weights, and --weights gives them: take one")
    if options.learning_rate is not None and not 0 < options.learning_rate < np.inf:
        parser.error(f"expected --learning-rate above 0, got {options.learning_rate}")
    if options.steps < 0:
        parser.error(f"expected --steps from 0, got {options.steps}")
    if options.steps and options.learning_rate is None:
        parser.error("--steps needs a --learning-rate")
    if options.blanks and not options.explain:
        parser.error("--blanks needs --explain text or --explain markdown")
    if options.to and options.to.suffix.lower() not in ENDINGS:
        parser.error(f"--to {options.to}: expected a name that ends in {', '.join(ENDINGS)}")


def _pass(
    net: "Sequential", loss: "Loss", x: np.ndarray, target: Any, options: argparse.Namespace
) -> "Trace":
    from mlp import SGD, fit, trace

    if target is None:
        return trace(net, x)
    if options.steps:
        fit(net, loss, SGD(options.learning_rate), x, target, epochs=options.steps, batch_size=None)
    return trace(net, x, target, loss, learning_rate=options.learning_rate)


def _of_options(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> tuple["Sequential", "Loss", np.ndarray, np.ndarray | None]:
    from mlp import (
        Affine,
        Elementwise,
        ReLU,
        Sequential,
        Sigmoid,
        Softmax,
    )

    inputs, outputs = options.net[0], options.net[-1]
    if len(options.x) != inputs:
        parser.error(f"--x: expected {inputs} numbers for --net, got {len(options.x)}")
    name, activation = options.loss or "squared-error", options.activation or "sigmoid"
    one = outputs == 1
    last = (
        options.output_activation
        or {
            "squared-error": activation,
            "cross-entropy": "none",
            "kl": "sigmoid" if one else "softmax",
        }[name]
    )
    make: dict[str, Callable[[], Layer]] = {
        "sigmoid": Sigmoid,
        "relu": ReLU,
        "softmax": Softmax,
        "tanh": lambda: Elementwise(np.tanh, lambda z, y: 1 - y * y),
    }
    rng = np.random.default_rng(options.seed or 0)
    layers: list[Layer] = []
    for i, (before, after) in enumerate(itertools.pairwise(options.net)):
        layers.append(Affine(before, after, rng=rng))
        kind = last if i == len(options.net) - 2 else activation
        layers += [make[kind]()] if kind != "none" else []
    net = Sequential(*layers)
    if options.weights:
        _load_weights(options.weights, [layer for layer in layers if isinstance(layer, Affine)])
    target = options.target
    if target is not None:
        is_class = len(target) == 1 and not one
        if target[0] not in range(outputs) if is_class else len(target) != outputs:
            got = f"{target[0]:g}" if is_class else f"{len(target)} numbers"
            classes = ", ".join(map(str, range(min(outputs, 3)))) + ", ..." * (outputs > 3)
            parser.error(
                f"--target: expected {outputs} numbers for --net, or the number of a class "
                f"({classes}), got {got}"
            )
        target = np.array(target) if is_class else np.array([target])
    return net, _loss(name, one, options.factor), np.array([options.x]), target


def _loss(name: str, one_output: bool, factor: float | None) -> "Loss":
    from mlp import KLDivergence, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError

    if name == "squared-error":
        return SquaredError(factor=0.5 if factor is None else factor)
    if name == "kl":
        return KLDivergence()
    return SigmoidCrossEntropy() if one_output else SoftmaxCrossEntropy()


def _load_weights(path: Path, layers: list) -> None:
    """Fill the layers from a JSON file; DataError for one that does not fit."""
    try:
        parts = json.loads(path.read_text())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise DataError(f"{path}: no JSON: {error}") from None
    if not isinstance(parts, list) or len(parts) != len(layers):
        got = f"{len(parts)} of them" if isinstance(parts, list) else type(parts).__name__
        raise DataError(
            f'{path}: expected a list of {len(layers)} {{"W": ..., "b": ...}}, got {got}'
        )
    for i, (part, layer) in enumerate(zip(parts, layers, strict=True)):
        if not isinstance(part, dict) or not {"W"} <= part.keys() <= {"W", "b"}:
            raise DataError(f'{path}: layer {i}: expected {{"W": ..., "b": ...}}, got {part!r:.60}')
        for name, value in part.items():
            try:
                array = np.array(value, float)
                if not np.isfinite(array).all():
                    raise ValueError(f"{name} holds NaN or infinity")
                setattr(layer, name, array)
            except (TypeError, ValueError) as error:
                raise DataError(f"{path}: layer {i}: {error}") from None


def _of_run(run: Path, row: int) -> tuple["Sequential", "Loss", np.ndarray, np.ndarray]:
    """The network of a run folder, its loss, and one of its test samples."""
    net, loss, parts = load_run(run)
    x, y = parts.test
    if not 0 <= row < len(x):
        raise DataError(f"--row {row}: expected a test sample from 0 to {len(x) - 1}")
    return net, loss, x[row : row + 1], y[row : row + 1]


def _widths(text: str) -> tuple[int, ...]:
    try:
        widths = tuple(int(part) for part in text.split(","))
    except ValueError:
        widths = ()
    if len(widths) < 2 or min(widths) < 1:
        raise argparse.ArgumentTypeError(f"expected widths like 2,2,2, got {text!r}")
    return widths


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = [np.nan]
    if not np.isfinite(numbers).all():
        raise argparse.ArgumentTypeError(f"expected numbers like .05,.10, got {text!r}")
    return numbers
