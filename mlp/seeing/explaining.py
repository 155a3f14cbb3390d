"""A pass written out as one would by hand: the formula, the numbers put in, the result.

As plain text or as Markdown with LaTeX. With blanks, the results are left out and stand on an
answer sheet at the end: an exercise.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlp.seeing.graphs import Edge, Graph, Node
from mlp.seeing.notation import latex, with_numbers, written
from mlp.seeing.statistics import norm

if TYPE_CHECKING:
    from mlp.seeing.records import LayerRecord, Passed

STYLES = ("text", "markdown")
WIDTH = 80


@dataclass
class Step:
    """left = formula = formula = result, the last formula with numbers instead of names."""

    left: str
    formulas: list[str]
    result: str


@dataclass
class Section:
    title: str
    lines: list[str | Step]


def explanation(
    trace: "Passed",
    style: str = "text",
    *,
    blanks: bool = False,
    decimals: int = 4,
) -> str:
    """The pass of one sample neuron by neuron; of a large network, or a batch, layer by layer.

    Numbers have `decimals` digits after the point, or three significant ones where that is more.
    Raises ValueError for an unknown style, and for blanks where it goes layer by layer.
    """
    from mlp.seeing.network_graph import graph_of, is_small

    if is_small(trace):
        graph = graph_of(trace, "neurons", units=10**9)
        return explanation_of_graph(graph, style, blanks=blanks, decimals=decimals)
    if blanks:
        raise ValueError(
            "explain: blanks need one sample and at most 16 units in a layer, "
            f"got {len(trace.x)} samples; trace x[:1], or a smaller network"
        )
    return _written(_layers(trace), _checked(style), blanks=False)


def explanation_of_graph(
    graph: Graph,
    style: str = "text",
    *,
    blanks: bool = False,
    decimals: int = 4,
) -> str:
    """The same for any graph whose nodes are single numbers."""
    return _written(_sections(graph, decimals), _checked(style), blanks)


def _checked(style: str) -> str:
    if style not in STYLES:
        raise ValueError(f"explain: expected style to be text or markdown, got {style!r}")
    return style


# neuron by neuron


def _sections(graph: Graph, decimals: int) -> list[Section]:
    number = {name: written(value, decimals) for name, value in graph.numbers().items()}
    sections = [Section("Given", _given(graph, decimals)), Section("Forward", [])]
    for node in graph.nodes:
        if node.formula:
            for name, formula, value in node.before:
                step = Step(
                    name, [formula, with_numbers(formula, number)], written(value, decimals)
                )
                sections[-1].lines.append(step)
            formulas = [node.formula, with_numbers(node.formula, number)]
            sections[-1].lines.append(Step(node.name, formulas, number[node.name]))
    if not graph.backward:
        return sections
    steps = _Backward(graph, decimals, number)
    sections.append(Section("Backward: from the end to the inputs", [*steps.nodes()]))
    if graph.weights:
        sections.append(Section("Gradients of the weights and biases", [*steps.weights()]))
    if graph.learning_rate is not None:
        sections.append(Section("One step of gradient descent", [*_updates(graph, decimals)]))
    return sections


def _given(graph: Graph, decimals: int) -> list[str | Step]:
    inputs = {node.name: node.value for node in graph.nodes if _is_input(node)}
    weights = {weight.name: weight.value for weight in graph.weights}
    groups: list[Mapping[str, float | None]] = [inputs, graph.given, weights]
    if graph.learning_rate is not None:
        groups.append({"rate": graph.learning_rate})
    return [
        ", ".join(f"{name} = {_number(value, decimals)}" for name, value in group.items())
        for group in groups
        if group
    ]


def _is_input(node: Node) -> bool:
    return not (node.formula or node.constant or node.left_out)


class _Backward:
    """The steps of the way back."""

    def __init__(self, graph: Graph, decimals: int, number: dict[str, str]) -> None:
        self.graph, self.goal, self.decimals, self.number = graph, graph.goal, decimals, number

    def nodes(self) -> Iterator[str | Step]:
        yield f"d{self.goal}/d{self.goal} = 1"
        for node in _from_the_end(self.graph):
            out = self.graph.out_of(node)
            if not out or node.constant:
                if self._starts(node):
                    yield f"{self._d(node.name)} = {_number(node.gradient, self.decimals)} (given)"
                continue
            for edge in out:
                yield from self._local(edge)
            if [edge.target.name for edge in out] == [self.goal]:
                if out[0].local_formula == "1":
                    yield f"{self._d(node.name)} = 1"
            elif node.gradient is None:
                yield f"{self._d(node.name)} was not computed"
            else:
                yield self._chain(node, out)

    def weights(self) -> Iterator[str | Step]:
        for edge in self.graph.edges:
            if edge.weight is None:
                continue
            name, end = edge.weight.name, edge.target
            if edge.weight.gradient is None:
                yield f"{self._d(name)} was not computed"
                continue
            before = self.graph.out_of(end)
            factors = [self._d(end.name)]
            numbers = [end.gradient]
            if len(before) == 1 and before[0].weight is None and before[0].target.name != self.goal:
                after = before[0].target
                factors = [self._d(after.name), f"d{after.name}/d{end.name}"]
                numbers = [after.gradient, before[0].local]
            factors.append(f"d{end.name}/d{name}")
            numbers.append(edge.source.value)
            yield Step(
                self._d(name),
                [" * ".join(factors), " * ".join(map(self._signed, numbers))],
                written(edge.weight.gradient, self.decimals),
            )

    def _starts(self, node: Node) -> bool:
        return node.gradient is not None and node.name != self.goal

    def _local(self, edge: Edge) -> Iterator[Step]:
        """The local derivative, unless it is a weight or 1 and stands in the chain as it is."""
        if edge.weight is None and edge.local is not None and edge.local_formula != "1":
            left = f"d{edge.target.name}/d{edge.source.name}"
            formulas = [edge.local_formula, with_numbers(edge.local_formula, self.number)]
            yield Step(
                left,
                [f for f in dict.fromkeys(formulas) if f != left],
                written(edge.local, self.decimals),
            )

    def _chain(self, node: Node, out: list[Edge]) -> Step:
        known = [
            (edge.target.name, edge.target.gradient, edge.local)
            for edge in out
            if edge.target.gradient is not None and edge.local is not None
        ]
        rule = [f"{self._d(end)} * d{end}/d{node.name}" for end, _, _ in known]
        numbers = [f"{self._signed(slope)} * {self._signed(local)}" for _, slope, local in known]
        formulas = [" + ".join(rule), " + ".join(numbers)]
        if len(known) > 1:
            formulas.append(" + ".join(self._signed(slope * local) for _, slope, local in known))
        return Step(self._d(node.name), formulas, _number(node.gradient, self.decimals))

    def _d(self, name: str) -> str:
        return f"d{self.goal}/d{name}"

    def _signed(self, value: float | None) -> str:
        text = _number(value, self.decimals)
        return f"({text})" if text.startswith("-") else text


def _number(value: float | None, decimals: int) -> str:
    """A question mark for what was not computed."""
    return "?" if value is None else written(value, decimals)


def _from_the_end(graph: Graph) -> list[Node]:
    """The nodes in the order of the way back: layer by layer, each from its first unit."""
    depth: dict[Node, int] = {}
    for node in graph.nodes:
        depth[node] = 1 + max((depth[edge.source] for edge in graph.into(node)), default=0)
    return sorted(graph.nodes, key=lambda node: -depth[node])


def _updates(graph: Graph, decimals: int) -> Iterator[str | Step]:
    rate = _number(graph.learning_rate, decimals)
    weights = [w for w in graph.weights if w.gradient is not None and w.new is not None]
    for weight in weights:
        old, slope = _number(weight.value, decimals), _number(weight.gradient, decimals)
        slope = f"({slope})" if slope.startswith("-") else slope
        yield Step(
            f"new {weight.name}",
            [f"{weight.name} - rate * d{graph.goal}/d{weight.name}", f"{old} - {rate} * {slope}"],
            _number(weight.new, decimals),
        )
    if any(weight.name.startswith("b") for weight in weights):
        yield (
            "Biases learn as weights do. A text that keeps them fixed has the same new weights "
            "after this step, and others after the next."
        )


# layer by layer


def _layers(trace: "Passed") -> list[Section]:
    forward: list[str | Step] = [_layer_line(record, "output") for record in trace]
    sections = [Section(f"Forward: x {_size(trace.x)}", forward)]
    if trace.ending is not None:
        forward.append(f"L = {trace.ending.loss!r} = {written(trace.ending.value)}")
    if trace.upstream is not None:
        lines: list[str | Step] = [
            f"dL/dy at the end: {_size(trace.upstream)}, norm {norm(trace.upstream):.4g}"
        ]
        for record in reversed(trace.records):
            lines.append(_layer_line(record, "downstream"))
            for name, gradient in record.gradients.items():
                lines.append(f"   d{name} {_rule(record, name)}: {_described(gradient)}")
        sections.append(Section("Backward", lines))
    return sections


def _layer_line(record: "LayerRecord", which: str) -> str:
    head = f"{record.name}  {record.layer!r}: "
    if which == "output":
        return head + f"{_rule(record, 'y')}{_described(record.output)}"
    return head + f"dL/dx {_rule(record, 'x')}: {_described(record.downstream)}"


def _rule(record: "LayerRecord", name: str) -> str:
    from mlp.seeing.network_graph import is_affine

    if not is_affine(record):
        return ""
    rules = {"y": "y = x W + b, ", "x": "= dL/dy W^T", "W": "= x^T dL/dy", "b": "= sum of dL/dy"}
    return rules[name]


def _described(values: np.ndarray | None) -> str:
    if values is None:
        return "not computed"
    low, high = (written(v) for v in (values.min(), values.max()))
    return f"{_size(values)}, from {low} to {high}, norm {norm(values):.4g}"


def _size(values: np.ndarray) -> str:
    return "(" + " x ".join(map(str, values.shape)) + ")"


# writing


def _written(sections: Iterable[Section], style: str, blanks: bool) -> str:
    answers: list[str] = []
    out: list[str] = []
    markdown = style == "markdown"
    for section in sections:
        out += ["", f"## {section.title}" if markdown else section.title, ""]
        for line in section.lines:
            if isinstance(line, str):
                out += _plain(line, markdown)
                continue
            parts = [line.left, *dict.fromkeys(line.formulas)]
            if blanks:
                answers.append(f"({len(answers) + 1})  {line.left} = {line.result}")
                parts = [line.left, line.formulas[0], f"______ ({len(answers)})"]
            elif parts[-1] != line.result:
                parts.append(line.result)
            out += [f"- ${latex(' = '.join(parts))}$"] if markdown else _wrapped(parts)
    if blanks:
        out += ["", "## Answer sheet" if markdown else "Answer sheet", ""]
        out += [f"- {a}" for a in answers] if markdown else [f"  {a}" for a in answers]
    return "\n".join(out[1:]) + "\n"


def _plain(line: str, markdown: bool) -> list[str]:
    if markdown:
        return [f"- ${latex(line)}$" if " = " in line and "(" not in line else line]
    whole = line.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")  # not to be parted there
    lines = textwrap.wrap(whole, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _wrapped(parts: list[str]) -> list[str]:
    """One line if it fits, else a new line for each equals sign."""
    whole = "  " + " = ".join(parts)
    if len(whole) <= WIDTH:
        return [whole]
    lines = [f"  {parts[0]} = {parts[1]}", *(f"    = {part}" for part in parts[2:])]
    return [
        wrapped
        for line in lines
        for wrapped in textwrap.wrap(
            line, WIDTH, subsequent_indent="      ", break_long_words=False, drop_whitespace=True
        )
    ]
