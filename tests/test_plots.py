"""The pictures of runs and reports: one look, every format, and the figure as the result."""

from functools import partial

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlp.checking.drawing import draw
from mlp.checking.students.sandbox import check_file
from mlp.seeing import layer_curves, plots
from mlp.seeing.differences import gradient_difference

HISTORY = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.5, "validation_loss": 2.1, "validation_accuracy": 0.4},
    {"epoch": 2, "loss": 0.1, "accuracy": 0.9, "validation_loss": 0.3, "validation_accuracy": 0.8},
]
WATCHED = [record | {"0.gradient_norm": 0.5} for record in HISTORY]
RNG = np.random.default_rng(0)
DRAWN = {
    "curves": partial(plots.curves, HISTORY),
    "curve": partial(plots.curves, HISTORY, "accuracy"),
    "confusion": partial(plots.confusion, np.array([[5, 1], [0, 4]]), ["a", "b"]),
    "mistakes": partial(plots.mistakes, RNG.random((3, 8, 8)), "123", "456"),
    "weights": partial(plots.weights, RNG.normal(size=(64, 10)), (8, 8)),
    "layer": partial(layer_curves.panel, WATCHED, {"0": "Affine(2, 2)"}, "gradient_norm"),
    "gradient_difference": partial(
        gradient_difference, RNG.normal(size=(3, 9)), RNG.normal(size=(3, 9)), "MaxPool: dx"
    ),
}


@pytest.mark.parametrize("name", sorted(DRAWN.keys() - {"curve", "layer"}))
def test_a_figure_comes_back_and_every_format_is_written(name, tmp_path):
    figure = DRAWN[name]()
    assert figure.axes
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        path = tmp_path / f"picture.{ending}"
        assert DRAWN[name](path=path).axes
        assert path.read_bytes().startswith(start)
    assert len([*tmp_path.iterdir()]) == 3


@pytest.mark.parametrize("name", sorted(DRAWN.keys() - {"gradient_difference"}))
def test_given_axes_are_drawn_into_and_nothing_else_changes(name):
    settings = matplotlib.rcParams.keys() - {"backend"}  # looking at that one would decide it
    before = {key: matplotlib.rcParams[key] for key in settings}
    whole = Figure()
    part = whole.subfigures(1, 2)[1]  # axes may lie deep in a figure
    ax, other = part.subplots(1, 2)
    left_alone = [*map(str, other.get_children())], other.get_title()
    given = {} if name != "curves" else {"what": "loss"}
    assert DRAWN[name](ax=ax, **given) is whole
    assert ax.lines or ax.images
    assert ([*map(str, other.get_children())], other.get_title()) == left_alone
    assert {key: matplotlib.rcParams[key] for key in settings} == before
    alone = DRAWN[name](**given).axes[0]
    for drawn, expected in zip(ax.lines, alone.lines, strict=True):
        np.testing.assert_array_equal(drawn.get_xydata(), expected.get_xydata())
    for drawn, expected in zip(ax.images, alone.images, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), expected.get_array())
    assert [text.get_text() for text in ax.texts] == [text.get_text() for text in alone.texts]


def test_axes_that_are_given_keep_their_own_style():
    with matplotlib.rc_context({"text.color": "white", "figure.facecolor": "black"}):
        ax = Figure().subplots()
        figure = plots.curves(HISTORY, ax=ax)
    assert figure.get_facecolor() == (0, 0, 0, 1)
    assert {text.get_color() for text in ax.get_legend().get_texts()} == {"white"}


def test_what_curves_draws():
    both = plots.curves(HISTORY)
    assert [axes.get_ylabel() for axes in both.axes] == ["loss", "accuracy"]
    assert plots.curves(HISTORY, ax=Figure().subplots()).axes[0].get_ylabel() == "loss"
    real_valued = [{"epoch": 1, "loss": 2.0, "accuracy": None}]
    assert [axes.get_ylabel() for axes in plots.curves(real_valued).axes] == ["loss"]
    with pytest.raises(ValueError, match=r"one of \['loss'\], got 'accuracy'"):
        plots.curves(real_valued, "accuracy")
    with pytest.raises(ValueError, match="at least one epoch"):
        plots.curves([])


def test_classes_without_names_are_numbered():
    ax = plots.confusion([[5, 1], [0, 4]]).axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1"]


def test_axes_and_a_path_are_not_given_together(tmp_path):
    with pytest.raises(ValueError, match=r"ax or path, got both"):
        plots.curves(HISTORY, ax=Figure().subplots(), path=tmp_path / "a.png")
    assert not [*tmp_path.iterdir()]


def test_a_notebook_shows_what_a_cell_returns():
    data, shown = plots.curves(HISTORY)._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert (shown["width"], shown["height"]) == (648, 259)
    assert int.from_bytes(data[16:20], "big") == 2 * 648  # its pixels, finer than it is shown


def test_another_ending_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match="ends in svg, png, pdf"):
        plots.figure((1, 1), tmp_path / "picture.bmp", lambda picture: 1 / 0)


def test_signed_heat_maps_have_one_colour_code():
    """The same number has the same colour: blue above 0, red below."""
    for name in ("weights", "gradient_difference"):
        figure = DRAWN[name]()
        for image in (image for axes in figure.axes for image in axes.images):
            low, high = image.get_clim()
            assert low == -high
            assert image.get_cmap().name == plots.SIGNED
            blue, red = image.to_rgba([high, low], bytes=False)
            assert blue[2] > blue[0] and red[0] > red[2]


def test_negative_cells_are_dotted_for_grey_print():
    values = np.array([[1.0, -1.0, 0.0], [-0.5, 0.2, -1e-6]])
    figure = gradient_difference(values, values, "ReLU: dx")
    dots = figure.axes[0].collections[0].get_offsets()
    assert sorted(map(tuple, dots.round(9).tolist())) == [(0.0, 1.0), (1.0, 0.0)]


@pytest.mark.parametrize(
    ("what", "rows", "columns"),
    [("dx", "sample", "input"), ("dW", "input", "output"), ("Jacobian", "output", "input"),
     ("Jacobian-samples", "output of sample 0", "inputs of all samples in turn"),
     ("V", "row", "column")],
)  # fmt: skip
def test_axes_are_named(what, rows, columns):
    figure = gradient_difference(np.ones((2, 3)), np.zeros((2, 3)), f"Layer: {what}")
    assert figure.axes[0].get_ylabel() == rows
    assert [axes.get_xlabel() for axes in figure.axes[:3]] == [columns] * 3


def test_the_row_of_the_largest_difference_is_framed():
    right = np.zeros((4, 3))
    wrong = right.copy()
    wrong[2, 1] = 0.5
    figure = gradient_difference(wrong, right, "Softmax: dx")
    for axes in figure.axes[:3]:
        (frame,) = axes.patches
        assert (frame.get_y(), frame.get_height(), frame.get_width()) == (1.5, 1, 3)
    same = gradient_difference(right, right, "Softmax: dx")
    assert not any(axes.patches for axes in same.axes[:3])


@pytest.mark.parametrize("shape", [(3, 9), (7, 9), (40, 4), (1, 30), (2, 200)])
def test_no_third_of_a_comparison_is_blank(shape):
    """The heat maps fill the figure: their height is at least half of it, or a row of cells."""
    figure = gradient_difference(np.ones(shape), np.zeros(shape), "MaxPool: dx")
    FigureCanvasAgg(figure).draw()
    heights = [axes.get_position().height for axes in figure.axes[:3]]
    widths = [axes.get_position().width for axes in figure.axes[:3]]
    inches = figure.get_size_inches()[1]
    assert min(heights) > 0.5 or inches <= 2.2
    assert sum(widths) > 0.6


CENTRED = """
import numpy as np


class Centred:
    def forward(self, z):
        return z - z.mean(axis=0)

    def backward(self, upstream):
        return upstream
"""


def test_the_jacobian_of_a_layer_that_couples_samples_shows_the_coupling(tmp_path):
    """dy_0j/dx_ni = (n = 0)(i = j) - (i = j)/N: the same entry in the columns of every sample."""
    path = tmp_path / "student.py"
    path.write_text(CENTRED)
    report = check_file(path)
    (record,) = report.reports
    mine, right = map(np.array, record.pictures["Jacobian-samples"])
    outputs, samples = len(right), right.shape[1] // len(right)
    assert samples > 1
    eye = np.eye(outputs)
    np.testing.assert_allclose(
        right, np.hstack([eye, *[0 * eye] * (samples - 1)]) - np.hstack([eye] * samples) / samples,
        rtol=0, atol=1e-12,
    )  # fmt: skip
    np.testing.assert_array_equal(mine, np.hstack([eye, *[0 * eye] * (samples - 1)]))
    names = [drawn.name for drawn in draw(report, tmp_path / "pictures")]
    assert "student-Centred-Jacobian-samples.png" in names


def test_long_names_of_classes_stay_different():
    names = ["diagnosis: benign", "diagnosis: malignant", "twelve chars", "not a diagnosis"]
    ax = plots.confusion(np.eye(4, dtype=int), names).axes[0]
    shown = ["diagn…benign", "diagn…ignant", "twelve chars", "not a diagn…"]
    assert [label.get_text() for label in ax.get_yticklabels()] == shown


@pytest.mark.parametrize(
    ("counts", "names", "said"),
    [
        ([1, 2], None, r"counts of shape \(C, C\), got \(2,\); mlp\.metrics\.confusion_counts"),
        ([[1, 2, 3], [4, 5, 6]], None, r"counts of shape \(C, C\), got \(2, 3\)"),
        ([[1, 2], [3, 4]], ["a"], "the names of 2 classes, got 1"),
    ],
)
def test_counts_that_are_no_confusion_matrix_are_refused(counts, names, said):
    with pytest.raises(ValueError, match=f"confusion: expected {said}"):
        plots.confusion(counts, names)
