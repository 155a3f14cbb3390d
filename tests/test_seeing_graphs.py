"""Graphs: their numbers, and that the picture shows them and nothing overlaps."""

import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mlp import (
    Affine,
    Concat,
    Elementwise,
    Flatten,
    KLDivergence,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    trace,
)
from mlp.seeing import plots
from mlp.seeing.drawing import draw
from mlp.seeing.notation import short
from mlp.seeing.operations import Operation, add, computation
from passes import agrees, branching, gate, mazur, sigmoid_neuron, toy

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(figure):
    return [text.get_text() for text in figure.axes[0].texts]


# expressions


def test_product_of_a_sum():
    graph = toy()
    assert {n.name: (n.value, n.gradient) for n in graph.nodes} == {
        "x": (-2, -4), "y": (5, -4), "z": (-4, 3), "q": (3, -4), "f": (-12, 1),
    }  # fmt: skip


def test_every_number_of_the_course_figure_of_the_sigmoid_neuron():
    """Values above and gradients below, to the two decimals that the figure has; 0.39 is
    0.1966 * 2, not twice what was rounded to 0.20."""
    graph = sigmoid_neuron()
    above = {"w0": 2.00, "x0": -1.00, "w1": -3.00, "x1": -2.00, "w2": -3.00, "a": -2.00, "b": 6.00,
             "s": 4.00, "t": 1.00, "n": -1.00, "e": 0.37, "u": 1.37, "f": 0.73}  # fmt: skip
    below = {"w0": -0.20, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.20, "a": 0.20, "b": 0.20,
             "s": 0.20, "t": 0.20, "n": -0.20, "e": -0.53, "u": -0.53, "f": 1.00}  # fmt: skip
    shown = texts_of(graph.draw())
    for name, value in above.items():
        node = graph[name]
        assert round(node.value, 2) == value
        assert round(node.gradient, 2) == below[name]
        label = short(node.value) if not node.formula else f"{name} {short(node.value)}"
        assert (label, short(node.gradient)) in itertools.pairwise(shown)


def test_a_branch_shows_each_part_and_their_sum():
    """t = tanh((a + b) a b): dt/da = (1 - t^2) (p + s b), a part on each way."""
    graph = gate()
    a, b = 0.5, -1.5
    slope = 1 - np.tanh((a + b) * a * b) ** 2
    assert graph["a"].gradient == pytest.approx(slope * (a * b + (a + b) * b), rel=1e-15)
    parts = [edge.gradient for edge in graph.out_of(graph["a"])]
    assert parts == pytest.approx([slope * a * b, slope * (a + b) * b], rel=1e-15)
    shown = texts_of(graph.draw())
    for number in (*parts, graph["a"].gradient):
        assert short(number) in shown


def test_an_operation_needs_what_is_there():
    with pytest.raises(ValueError, match="'y' is not computed yet; there are x"):
        computation({"x": 1}, [add("s", "x", "y")])
    with pytest.raises(ValueError, match="its name is taken"):
        computation({"x": 1}, [add("x", "x")])
    with pytest.raises(ValueError, match="zip"):
        computation({"x": 1}, [Operation("s", "s", ["x"], lambda x: x, lambda x: [1, 2])])


def test_an_input_that_leads_nowhere_has_no_gradient_and_none_is_drawn():
    graph = computation({"x": 1.0, "y": 2.0, "z": 5.0}, [add("s", "x", "y")])
    assert graph["z"].gradient is None
    shown = texts_of(graph.draw())
    assert "0.00" not in shown
    assert shown[shown.index("5.00") + 1 :][:1] != ["0.00"]


# networks


def test_the_graph_of_a_network_has_the_numbers_of_the_arrays():
    traced = mazur()
    graph = traced.graph()
    W, dW = traced["2"].parameters["W"], traced["2"].gradients["W"]
    weights = {weight.name: weight for weight in graph.weights}
    assert list(weights) == ["w1", "w2", "b1", "w3", "w4", "b2", "w5", "w6", "b3", "w7", "w8", "b4"]
    for name, (i, j) in {"w5": (0, 0), "w6": (1, 0), "w7": (0, 1), "w8": (1, 1)}.items():
        assert (weights[name].value, weights[name].gradient) == (W[i, j], dW[i, j])
        assert weights[name].new == W[i, j] - 0.5 * dW[i, j]
    assert graph["net_h1"].value == traced["0"].output[0, 0]
    assert graph["h2"].gradient == traced["1"].upstream[0, 1]
    assert graph["o1"].value == traced.output[0, 0]
    assert graph["x2"].gradient == traced.downstream[0, 1]
    assert graph["L"].value == traced.loss_value


def networks():
    rng = np.random.default_rng(3)
    tanh = Elementwise(np.tanh, lambda z, y: 1 - y * y)
    x, row = rng.normal(size=(1, 4)), [[0.2, 0.3, 0.5]]
    return {
        "branches": (branching(rng), x[:, :3], [[1.0, 2.0]], SquaredError()),
        "softmax": (Sequential(Affine(4, 3, rng=rng), Softmax()), x, row, KLDivergence()),
        "cross-entropy": (Sequential(Affine(4, 3, rng=rng)), x, row, SoftmaxCrossEntropy()),
        "one label": (Sequential(Affine(4, 3, rng=rng)), x, [2], SoftmaxCrossEntropy()),
        "sigmoids": (Sequential(Affine(4, 3, rng=rng)), x, row, SigmoidCrossEntropy()),
        "one output": (Sequential(Affine(4, 1, rng=rng), Sigmoid()), x, [1], KLDivergence()),
        "others": (
            Sequential(Scale(1.0, 2.0), Multiply([[0, 1], [1, 1], [2, 3]]), tanh, MaxPool(2, 1)),
            x, [[1.0, 2.0]], SquaredError(),
        ),
        "images": (
            Sequential(MaxPool((2, 2)), Flatten(), Affine(4, 2, rng=rng), ReLU(negative_slope=0.1)),
            rng.normal(size=(1, 4, 4)), [[1.0, 0.0]], SquaredError(factor=2.0),
        ),
        "no bias": (Sequential(Affine(4, 2, bias=False, rng=rng)), x, [[1.0, 2.0]], SquaredError()),
    }  # fmt: skip


@pytest.mark.parametrize("name", networks())
def test_the_chain_rule_holds_in_every_graph(name):
    """Each node's gradient, from the arrays, is the sum over its edges of gradient and slope."""
    graph = trace(*networks()[name]).graph("neurons", units=20)
    for node in graph.nodes:
        out = [e for e in graph.out_of(node) if e.target.gradient is not None]
        if out and not node.constant:
            total = sum(edge.target.gradient * edge.local for edge in out)
            assert node.gradient == pytest.approx(total, rel=1e-12, abs=1e-14)
    for edge in graph.edges:
        if edge.weight is not None:
            slope = edge.target.gradient * edge.source.value
            assert edge.weight.gradient == pytest.approx(slope, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", networks())
def test_the_picture_shows_what_the_arrays_hold(name):
    graph = trace(*networks()[name]).graph("neurons", units=20)
    shown = texts_of(draw(graph))
    for weight in graph.weights:
        at = shown.index(f"{weight.name} {short(weight.value)}")
        assert agrees(shown[at].split()[1], weight.value)
        assert agrees(shown[at + 1], weight.gradient)


def test_left_out_units_are_an_ellipsis():
    net = Sequential(Affine(2, 12, rng=0), ReLU(), Affine(12, 1, rng=0))
    traced = trace(net, [[1.0, 2.0]], [[1.0]], SquaredError())
    shown = texts_of(traced.draw())
    assert shown.count("5 more") == shown.count("⋮") == 2
    names = [node.name for node in traced.graph().nodes if node.name.startswith("h")]
    assert names == ["h1", "h2", "h3", "h4", "h5", "h6", "h1...", "h12"]
    assert traced.graph()["o1"].formula.endswith("w30 * h6 + ... + w36 * h12 + b13")
    everything = texts_of(traced.draw(units=12))
    assert "⋮" not in everything


def test_the_details_of_a_drawing():
    traced = mazur()
    with pytest.raises(ValueError, match="detail to be one of auto, neurons, layers"):
        traced.draw(detail="all")
    with pytest.raises(ValueError, match="units from 3"):
        traced.draw(units=2)
    batch = trace(Sequential(Sigmoid()), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="one sample, got 5"):
        batch.draw(detail="neurons")
    assert "heat maps" in " ".join(texts_of(batch.draw()))


def test_a_gradient_that_was_not_computed_is_not_drawn():
    traced = trace(mazur().net, [[0.05, 0.10]])
    shown = texts_of(traced.draw())
    assert all(
        len(text.split()) == 2 or text in ("0.0500", "0.100") for text in shown if "." in text
    )
    assert not any("gradient" in text for text in shown)


# overlap


def boxes_of(figure):
    """Boxes (left, bottom, right, top) of the circles, and of all text that is in none."""
    canvas = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    axes = figure.axes[0]
    circles = [p for p in axes.patches if (p.get_gid() or "").startswith("node-")]
    marks = np.array([p.get_window_extent(renderer).extents for p in circles])
    texts = [text for text in axes.texts if text.get_text()]
    words = np.array([text.get_window_extent(renderer).extents for text in texts])
    middle = (words[:, :2] + words[:, 2:]) / 2
    inside = ((marks[None, :, :2] < middle[:, None]) & (middle[:, None] < marks[None, :, 2:])).all(
        2
    )
    return marks, words, inside, [text.get_text() for text in texts]


def assert_nothing_overlaps(figure):
    marks, words, inside, names = boxes_of(figure)
    for k in np.flatnonzero(inside.any(axis=1)):  # symbols stay within their circle
        mark = marks[inside[k].argmax()]
        assert (words[k, :2] >= mark[:2]).all() and (words[k, 2:] <= mark[2:]).all(), names[k]
    free = ~inside.any(axis=1)
    boxes = np.concatenate([words[free], marks])
    names = [name for name, out in zip(names, free, strict=True) if out] + ["circle"] * len(marks)
    apart = (boxes[:, None, :2] >= boxes[None, :, 2:]).any(2)
    apart |= apart.T
    np.fill_diagonal(apart, True)
    assert apart.all(), [(names[i], names[j]) for i, j in np.argwhere(~apart)[:3]]
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    assert (low >= 0).all() and (high <= figure.bbox.extents[2:]).all()
    assert_no_line_crosses(figure, words[free], names)


def assert_no_line_crosses(figure, words, names):
    """No piece of a line runs through a text: clipped to its box, nothing is left of it."""
    low, high = words[:, :2] + 1, words[:, 2:] - 1
    for line in figure.axes[0].lines:
        points = figure.axes[0].transData.transform(line.get_xydata())
        for a, b in itertools.pairwise(points):
            with np.errstate(divide="ignore", invalid="ignore"):
                ends = np.stack([(low - a) / (b - a), (high - a) / (b - a)])
            beside = np.isnan(ends).any(0) | ((b == a) & ((a <= low) | (a >= high)))
            enter = np.where(b == a, 0, ends.min(0)).max(1).clip(0)
            leave = np.where(b == a, 1, ends.max(0)).min(1).clip(None, 1)
            hit = (enter < leave) & ~beside.any(1)
            assert not hit.any(), names[int(hit.argmax())]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 8), min_size=2, max_size=4), st.integers(0, 99))
def test_nothing_overlaps_in_small_networks(widths, seed):
    rng = np.random.default_rng(seed)
    layers = []
    for before, after in itertools.pairwise(widths):
        layers += [Affine(before, after, rng=rng), [ReLU, Sigmoid][seed % 2]()]
    x = rng.normal(size=(1, widths[0])) * 10.0 ** (seed % 9 - 4)
    traced = trace(Sequential(*layers), x, np.ones((1, widths[-1])), SquaredError())
    assert_nothing_overlaps(traced.draw())


def test_nothing_overlaps_in_eight_layers_of_eight_units():
    rng = np.random.default_rng(0)
    net = Sequential(*(Affine(8, 8, rng=rng) for _ in range(8)))
    traced = trace(net, rng.normal(size=(1, 8)), np.ones((1, 8)), SquaredError())
    assert_nothing_overlaps(traced.draw())


@pytest.mark.parametrize("graph", [toy(), gate(), sigmoid_neuron(), sigmoid_neuron(backward=False)])
def test_nothing_overlaps_in_expressions(graph):
    assert_nothing_overlaps(draw(graph))


@pytest.mark.parametrize("name", networks())
def test_nothing_overlaps_in_other_networks(name):
    assert_nothing_overlaps(trace(*networks()[name]).draw(detail="neurons"))


def test_nothing_overlaps_where_an_edge_passes_a_column():
    graph = computation(
        {"x": 1.0, "y": 2.0},
        [add("p", "x", "y"), add("q", "p", "y"), add("r", "q", "x"), add("s", "r", "p", "y")],
    )
    assert_nothing_overlaps(graph.draw())


# files


def test_svg_edges_carry_their_formula(tmp_path):
    path = tmp_path / "graph.svg"
    mazur().draw(path)
    root = ElementTree.parse(path).getroot()
    titles = [title.text for title in root.iter(f"{SVG}title")]
    graph = mazur().graph()
    assert len(titles) == 3 * len(graph.edges)  # on the line and on both numbers
    assert set(titles) == {edge.formula("L") for edge in graph.edges}
    assert "dL/dw5 = dL/dnet1 * dnet1/dw5 = dL/dnet1 * h1" in titles
    assert "dL/db3 = dL/dnet1 * dnet1/db3 = dL/dnet1 * 1" in titles
    assert "dL/dnet1 gets dL/do1 * do1/dnet1 = dL/do1 * o1 * (1 - o1)" in titles
    words = {"".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")}
    assert {"w5 0.400", "0.0822", "o1 0.751", "L 0.298"} <= words


def test_formats_and_the_same_file_twice(tmp_path):
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
        mazur().draw(one)
        mazur().draw(two)
        assert one.read_bytes().startswith(start)
        assert one.read_bytes() == two.read_bytes()
    with pytest.raises(ValueError, match=r"ends in svg, png, pdf"):
        mazur().draw(tmp_path / "graph.gif")


def test_layers_as_boxes_do_not_overlap_and_the_right_class_is_framed():
    rng = np.random.default_rng(0)
    net = Sequential(
        Affine(64, 20, rng=rng),
        Concat(ReLU(), Sequential(Affine(20, 6, rng=rng), Sigmoid())),
        Affine(26, 10, rng=rng),
    )
    for n in (1, 5):
        x, labels = rng.normal(size=(n, 64)), rng.integers(10, size=n)
        traced = trace(net, x, labels, SoftmaxCrossEntropy())
        graph = traced.graph()
        assert graph.nodes[-2].panels[0].right == [*enumerate(labels)]
        figure = draw(graph)
        boxes = [p for p in figure.axes[0].patches if (p.get_gid() or "").startswith("node-")]
        assert len(boxes) == 6 + 1
        extents = np.array([b.get_window_extent().extents for b in boxes])
        apart = (extents[:, None, :2] >= extents[None, :, 2:]).any(2)
        apart |= apart.T
        np.fill_diagonal(apart, True)
        assert apart.all()
        images = figure.axes[0].images
        assert {image.get_cmap().name for image in images} == {plots.SIGNED}


def test_blue_is_positive_in_the_common_colours():
    from matplotlib import colormaps

    low, middle, high = colormaps[plots.SIGNED]([0.0, 0.5, 1.0])
    assert low[0] > low[2] and high[2] > high[0]
    assert (middle > 0.95).all()
