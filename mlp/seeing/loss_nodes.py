"""The loss of one sample as nodes of the graph, in the formula of its kind."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mlp.losses import (
    KLDivergence,
    Loss,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)
from mlp.seeing.graphs import Edge, Graph, Node

if TYPE_CHECKING:
    from mlp.seeing.records import Ending


def add_loss(
    graph: Graph,
    ending: "Ending",
    y: np.ndarray,
    wires: list[Node | None],
    term: Callable[[list[Node | None], int], str],
) -> None:
    """Add what leads from the outputs to L; its edges carry the gradient that the loss gave."""
    loss, outputs = ending.loss, [term(wires, j) for j in range(len(wires))]
    targets = loss._target_rows(ending.target, y)[0]
    graph.given |= {f"t{j + 1}": float(t) for j, t in enumerate(targets)}
    gradient = ending.gradient[0]
    if type(loss) is SquaredError and len(wires) > 1:
        _squares(graph, ending.value, loss.factor, y[0], wires, outputs, targets, gradient)
        return
    node = Node("L", "L", ending.value, 1.0)
    slopes = _describe(node, loss, outputs, y, targets)
    graph.nodes.append(node)
    graph.places["", "loss"] = {(0,): node}
    graph.edges += [
        Edge(wire, node, float(gradient[j]), slopes[j])
        for j, wire in enumerate(wires)
        if wire is not None
    ]


def _squares(
    graph: Graph,
    value: float,
    factor: float,
    y: np.ndarray,
    wires: list[Node | None],
    outputs: list[str],
    targets: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """One node for the error of each output, and their sum."""
    errors = []
    for j, wire in enumerate(wires):
        if wire is None:
            continue
        error = float(factor * (y[j] - targets[j]) ** 2)
        formula = f"{_times(factor)}(t{j + 1} - {outputs[j]})^2"
        node = Node(f"E{j + 1}", "½ e²" if factor == 0.5 else "e²", error, 1.0, formula)
        errors.append(node)
        slope = f"{_times(2 * factor)}({outputs[j]} - t{j + 1})"
        graph.edges.append(Edge(wire, node, float(gradient[j]), slope))
    names = [node.name for node in errors]
    if len(errors) < len(wires):
        names.insert(-1, "...")
    total = Node("L", "+", value, 1.0, " + ".join(names))
    graph.nodes += [*errors, total]
    graph.places["", "loss"] = {(0,): total}
    graph.edges += [Edge(node, total, 1.0, "1") for node in errors]


def _describe(
    node: Node, loss: Loss, outputs: list[str], y: np.ndarray, targets: np.ndarray
) -> list[str]:
    """Give the node its formula; how dL/d(output) is written for each output."""
    targeted = [j for j, t in enumerate(targets) if t != 0]
    if type(loss) is SquaredError:
        node.symbol = "½ e²" if loss.factor == 0.5 else "e²"
        node.formula = f"{_times(loss.factor)}(t1 - {outputs[0]})^2"
        return [f"{_times(2 * loss.factor)}({outputs[0]} - t1)"]
    if type(loss) is SoftmaxCrossEntropy or type(loss) is SigmoidCrossEntropy:
        p = loss.probabilities(y)[0]
        total = " + ".join(f"exp({name})" for name in outputs)
        for j, name in enumerate(outputs):
            rule = f"exp({name}) / ({total})"
            if type(loss) is SigmoidCrossEntropy:
                rule = f"1 / (1 + exp(-{name}))"
            node.before.append((f"p{j + 1}", rule, float(p[j])))
        if type(loss) is SoftmaxCrossEntropy:
            node.formula = "-(" + " + ".join(f"t{j + 1} * log(p{j + 1})" for j in targeted) + ")"
        else:
            terms = [
                f"t{j} * log(p{j}) + (1 - t{j}) * log(1 - p{j})" for j in range(1, len(outputs) + 1)
            ]
            node.formula = f"-({' + '.join(terms)})"
        weight = 1.0 if type(loss) is SigmoidCrossEntropy else float(targets.sum())
        factor = "" if weight == 1 else f"{weight:g} * "
        return [f"{factor}p{j + 1} - t{j + 1}" for j in range(len(outputs))]
    if type(loss) is KLDivergence and len(outputs) == 1:
        one, other = (
            f"t1 * log(t1 / {outputs[0]})",
            f"(1 - t1) * log((1 - t1) / (1 - {outputs[0]}))",
        )
        terms = [term for term, share in ((one, targets[0]), (other, 1 - targets[0])) if share]
        node.formula = " + ".join(terms)  # 0 log 0 is 0
        return [f"-t1 / {outputs[0]} + (1 - t1) / (1 - {outputs[0]})"]
    if type(loss) is KLDivergence:
        node.formula = " + ".join(f"t{j + 1} * log(t{j + 1} / {outputs[j]})" for j in targeted)
        return [f"-t{j + 1} / {name}" for j, name in enumerate(outputs)]
    node.formula = f"{type(loss).__name__}({', '.join(outputs)})"
    return [f"dL/d{name}" for name in outputs]


def _times(factor: float) -> str:
    return "" if factor == 1 else f"{factor:g} * "
