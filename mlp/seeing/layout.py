"""Where everything in the picture of a graph stands, in inches; nothing overlaps by construction.

Nodes stand in columns, each right of all that it needs. On its way into a column an edge first
crosses a gap, in which there is no text, and then runs along a lane of its own, which carries its
numbers: the value above, the gradient below. An edge that passes a column on its way has a slot
of its own there. A node whose value goes to several places shows it on a stem.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np

from mlp.seeing.graphs import Edge, Graph, Node, Panel
from mlp.seeing.notation import short

CHARACTER = 0.074
"""Width of a character of a label, and below its lane, in inches."""
LANE, RADIUS, PAD = 0.38, 0.2, 0.12
PANEL_GAP, TITLE = 0.24, 0.34


@dataclass(eq=False)
class Label:
    """Two numbers on a horizontal piece of line from x to x + width; `wrong` is the way, "forward"
    or "backward", whose number is not the reference's."""

    x: float
    y: float
    width: float
    above: str
    below: str
    wrong: str = ""


@dataclass(eq=False)
class Slot:
    """A place in a column, around x and y: room for an edge that passes the column on its way."""

    height: float = 0.0
    width: float = 0.0
    x: float = 0.0
    y: float = 0.0


@dataclass(eq=False)
class Spot(Slot):
    """Where a node stands: the middle of its circle, or of its box of that size."""

    width: float = 2 * RADIUS
    node: Node = field(kw_only=True)
    stem: Label | None = None
    dot: tuple[float, float] | None = None


@dataclass(eq=False)
class Route:
    """The line of an edge, and the label on its lane."""

    edge: Edge
    points: list[tuple[float, float]] = field(default_factory=list)
    label: Label | None = None


@dataclass(eq=False)
class Layout:
    spots: list[Spot]
    routes: list[Route]
    width: float
    height: float


@dataclass(eq=False)
class _Column:
    spots: list[Slot] = field(default_factory=list)
    gap: float = 0.0
    lane: float = 0.0
    funnel: float = 0.0
    stem: float = 0.0

    @property
    def node(self) -> float:
        return max(spot.width for spot in self.spots)


def text_width(text: str) -> float:
    return CHARACTER * len(text)


def value_text(node: Node) -> str:
    """The name and the value of a node; given nodes bear their name in the circle."""
    if node.value is None:
        return ""
    return short(node.value) if node.symbol == node.name else f"{node.name} {short(node.value)}"


def gradient_text(gradient: float | None) -> str:
    return "" if gradient is None else short(gradient)


def lay_out(graph: Graph) -> Layout:
    """Places for all nodes and edges of the graph; the origin is the lower left corner."""
    links, spot_of, columns = _columns(graph)
    _order(columns, links)
    _heights(columns, links)
    _vertical(columns, links)
    labels = _labels(graph, links)
    stems = {node: text for node in spot_of if (text := _stem(graph, node))}
    _widths(columns, links, labels, stems)
    return _placed(graph, columns, links, labels, stems)


# columns and the order in them


@dataclass(eq=False)
class _Link:
    """A piece of an edge from one column to the next; `last` if it arrives at the target."""

    edge: Edge
    start: Slot | None  # None: the constant 1, which stands at the beginning of the lane
    end: Slot
    last: bool
    offset: float = 0.0


def _columns(graph: Graph) -> tuple[list[_Link], dict[Node, Spot], list[_Column]]:
    number: dict[Node, int] = {}
    for node in graph.nodes:
        before = [number[e.source] for e in graph.into(node) if not e.source.constant]
        if node.beside is not None:
            number[node] = number[node.beside]
        elif not node.constant:
            number[node] = max(before, default=-1) + 1
    for node in number:  # what is given stands just before where it is needed
        if not graph.into(node) and (after := [number[e.target] for e in graph.out_of(node)]):
            number[node] = min(after) - 1
    columns = [_Column() for _ in range(max(number.values()) + 1)]
    spot_of = {node: Spot(node=node) for node in number}
    for node, column in number.items():
        columns[column].spots.append(spot_of[node])
    links = []
    for edge in graph.edges:
        end = spot_of[edge.target]
        if edge.source.constant:
            links.append(_Link(edge, None, end, True))
            continue
        at: Slot = spot_of[edge.source]
        for column in range(number[edge.source] + 1, number[edge.target]):
            passing = Slot()
            columns[column].spots.append(passing)
            links.append(_Link(edge, at, passing, False))
            at = passing
        links.append(_Link(edge, at, end, True))
    return links, spot_of, columns


def _order(columns: list[_Column], links: list[_Link]) -> None:
    """Next to those that they come from; given nodes next to those that need them."""
    for forward in (True, False, True):
        place = {
            spot: (i + 0.5) / len(column.spots)
            for column in columns
            for i, spot in enumerate(column.spots)
        }
        for column in columns if forward else reversed(columns):
            wanted = {}
            for spot in column.spots:
                near = [link.start for link in links if link.end is spot and link.start]
                if not near:
                    near = [link.end for link in links if link.start is spot]
                elif not forward:
                    near = []
                wanted[spot] = np.mean([place[s] for s in near]).round(6) if near else place[spot]
                if isinstance(spot, Spot) and spot.node.beside is not None:
                    wanted[spot] = [*wanted.values()][-2]  # it stays below the one before it
            column.spots.sort(key=wanted.__getitem__)
            place |= {s: (i + 0.5) / len(column.spots) for i, s in enumerate(column.spots)}


def _heights(columns: list[_Column], links: list[_Link]) -> None:
    for column in columns:
        for spot in column.spots:
            lanes = sum(link.end is spot for link in links)
            spot.height = max(lanes, 1) * LANE + PAD
            if isinstance(spot, Spot) and spot.node.panels:
                spot.width, high = box_size(spot.node)
                spot.height = max(high + 2 * PAD, spot.height)


def box_size(node: Node) -> tuple[float, float]:
    """Of a layer that is drawn as a box: its title, and its panels side by side."""
    wide = sum(map(panel_room, node.panels)) + 0.15 * (len(node.panels) + 1)
    high = max(panel_size(panel.values.shape)[1] for panel in node.panels)
    rows = 2 if any(panel.gradient is not None for panel in node.panels) else 1
    wide = max(wide, text_width(node.name) + 0.5)
    return wide, TITLE + rows * (high + 2 * PANEL_GAP) + 0.1


def panel_size(shape: tuple[int, int]) -> tuple[float, float]:
    """Width and height of a heat map of (rows, columns): cells of one size, within bounds."""
    rows, columns = shape
    cell = min(1.4 / max(rows, columns), 0.3)
    return max(cell * columns, 0.12), max(cell * rows, 0.12)


def panel_room(panel: Panel) -> float:
    """The width that a heat map takes, with its name and its scale."""
    return max(panel_size(panel.values.shape)[0], 0.068 * max(len(panel.name), 9))


def _vertical(columns: list[_Column], links: list[_Link]) -> None:
    """Each node as near as there is room to the middle of those that it comes from."""
    into: dict[Slot, list[_Link]] = {}
    out: dict[Slot, list[_Link]] = {}
    for link in links:
        into.setdefault(link.end, []).append(link)
        if link.start is not None:
            out.setdefault(link.start, []).append(link)
    for forward in (True, False, True):
        for column in columns if forward else reversed(columns):
            wanted = []
            for spot in column.spots:
                before = [link.start.y for link in into.get(spot, []) if link.start]
                after = [link.end.y for link in out.get(spot, [])]
                near = (before if forward else []) or (after if not before or not forward else [])
                wanted.append(float(np.mean(near)) if near else spot.y)
            for i, spot in enumerate(column.spots):  # an ellipsis gives way to its neighbours
                if isinstance(spot, Spot) and spot.node.beside is not None:
                    wanted[i] = (wanted[i - 1] + wanted[i + 1]) / 2
            _spread(column.spots, wanted)
        for group in into.values():
            group.sort(
                key=lambda link: -np.inf if link.start is None else link.start.y, reverse=True
            )
            for k, link in enumerate(group):
                link.offset = ((len(group) - 1) / 2 - k) * LANE


def _spread(spots: list[Slot], wanted: list[float]) -> None:
    """From top to bottom in their order, apart by their heights, and near to what is wanted.

    The middle of the solution that pushes down and of the one that pushes up keeps the distances.
    """
    apart = [(a.height + b.height) / 2 for a, b in itertools.pairwise(spots)]
    down, up = [*wanted], [*wanted]
    for i, distance in enumerate(apart):
        down[i + 1] = min(down[i + 1], down[i] - distance)
    for i, distance in reversed([*enumerate(apart)]):
        up[i] = max(up[i], up[i + 1] + distance)
    for spot, low, high in zip(spots, down, up, strict=True):
        spot.y = (low + high) / 2


# widths and places


def _labels(graph: Graph, links: list[_Link]) -> dict[_Link, tuple[str, str]]:
    """What stands on the lane of each edge that arrives."""
    labels = {}
    for link in links:
        edge = link.edge
        if not link.last:
            continue
        if edge.text is not None:
            above, below = edge.text
        elif edge.weight is not None:
            above, below = (
                f"{edge.weight.name} {short(edge.weight.value)}",
                gradient_text(edge.gradient),
            )
        else:
            above, below = value_text(edge.source), gradient_text(edge.gradient)
        labels[link] = _with_both(above, below, edge.wrong or _on_lane(graph, edge.source))
    return labels


def _with_both(above: str, below: str, wrong: tuple[str, str] | None) -> tuple[str, str]:
    """The label, with yours and the reference's number where they differ."""
    if wrong is None:
        return above, below
    way, both = wrong
    name = above.rpartition(" ")[0]
    return (f"{name} {both}".strip(), below) if way == "forward" else (above, both)


def _on_lane(graph: Graph, node: Node) -> tuple[str, str] | None:
    """What is wrong with a node that has no stem to show it."""
    return node.wrong if node.wrong and not node.panels and _stem(graph, node) is None else None


def _stem(graph: Graph, node: Node) -> tuple[str, str] | None:
    """What a node shows on its stem: where it goes to several places, to weights, or nowhere."""
    if node.left_out:
        return f"{node.left_out} more", ""
    if node.value is None:
        return None
    out = graph.out_of(node)
    if len(out) == 1 and out[0].weight is None:
        return None
    return _with_both(value_text(node), gradient_text(node.gradient), node.wrong)


def _widths(
    columns: list[_Column],
    links: list[_Link],
    labels: dict[_Link, tuple[str, str]],
    stems: dict[Node, tuple[str, str]],
) -> None:
    for column in columns:
        here = set(column.spots)
        arriving = [link for link in links if link.end in here]
        steep = [
            abs(link.start.y - link.end.y - link.offset)
            for link in arriving
            if link.start is not None
        ]
        most = max(steep, default=0.0)
        column.gap = 0.0 if not arriving else 0.15 if most < 1e-6 else min(0.5 + 0.25 * most, 2.5)
        texts = [text for link in arriving if link in labels for text in labels[link]]
        column.lane = max(map(text_width, texts), default=0.0) + 0.1
        lanes = max((abs(link.offset) for link in arriving), default=0.0)
        column.funnel = 0.0 if not lanes else min(0.25 + 0.2 * lanes, 0.6)
        nodes = [spot.node for spot in column.spots if isinstance(spot, Spot)]
        texts = [text for node in nodes for text in stems.get(node, ())]
        column.stem = max(map(text_width, texts), default=0.0) + (0.2 if texts else 0.05)


def _placed(
    graph: Graph,
    columns: list[_Column],
    links: list[_Link],
    labels: dict[_Link, tuple[str, str]],
    stems: dict[Node, tuple[str, str]],
) -> Layout:
    bottom = min(spot.y - spot.height / 2 for column in columns for spot in column.spots)
    top = max(spot.y + spot.height / 2 for column in columns for spot in column.spots)
    routes = {edge: Route(edge) for edge in graph.edges}
    at = 0.0
    right_of: dict[Slot, float] = {}
    for column in columns:
        lane = at + column.gap
        middle = lane + column.lane + column.funnel + column.node / 2
        edge_of_column = middle + column.node / 2 + column.stem
        for spot in column.spots:
            spot.x, spot.y = middle, spot.y - bottom
            right_of[spot] = edge_of_column
            if isinstance(spot, Spot) and spot.node in stems:
                start = middle + column.node / 2
                way = spot.node.wrong[0] if spot.node.wrong else ""
                spot.stem = Label(start + 0.05, spot.y, column.stem - 0.1, *stems[spot.node], way)
                if len(graph.out_of(spot.node)) > 1:
                    spot.dot = (edge_of_column, spot.y)
        for link in [link for link in links if link.end in set(column.spots)]:
            route, y = routes[link.edge], link.end.y + link.offset
            if link.start is not None:
                if isinstance(link.start, Spot) and link.start.stem is None:
                    route.points.append((link.start.x, link.start.y))
                route.points.append((right_of[link.start], link.start.y))
            route.points.append((lane, y))
            if link.last:
                arrive = lane + column.lane
                route.points += [(arrive, y), (link.end.x - link.end.width / 2, _entry(link, y))]
                above, below = labels[link]
                wrong = link.edge.wrong or _on_lane(graph, link.edge.source)
                route.label = Label(
                    lane + 0.05, y, column.lane - 0.1, above, below, wrong[0] if wrong else ""
                )
            else:
                route.points.append((edge_of_column, y))
        at = edge_of_column
    spots = [spot for column in columns for spot in column.spots if isinstance(spot, Spot)]
    return Layout(spots, [*routes.values()], at, top - bottom)


def _entry(link: _Link, y: float) -> float:
    """The height at which an edge ends: at its lane in a box, in the middle of a circle."""
    boxed = isinstance(link.end, Spot) and link.end.node.panels
    return y if boxed else link.end.y
