"""Numbers that can be read on whatever colour is behind them."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from mlp.seeing import plots
from mlp.seeing.contrast import READABLE, contrast, text_colour

pytestmark = pytest.mark.no_numbers


def test_contrast_by_hand():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert contrast((0.3, 0.6, 0.9), (0.3, 0.6, 0.9)) == 1
    # of WCAG's own examples: #777777 on white is just too pale, #767676 just dark enough
    assert contrast((0x77 / 255,) * 3, (1, 1, 1)) == pytest.approx(4.48, abs=0.005)
    assert contrast((0x76 / 255,) * 3, (1, 1, 1)) == pytest.approx(4.54, abs=0.005)
    assert text_colour((1, 1, 0)) == "black"
    assert text_colour((0, 0, 0.6)) == "white"


@pytest.mark.parametrize("name", ["Blues", "Oranges", "viridis", "gray", plots.SIGNED])
def test_text_is_readable_on_all_256_colours(name):
    for colour in colormaps[name](np.arange(256)):
        assert contrast(colour, to_rgb(text_colour(colour))) >= READABLE


@pytest.mark.parametrize(
    ("classes", "most"),
    [(2, 1), (2, 10**6), (10, 40), (10, 10**6), (26, 40), (100, 40), (100, 10**6),
     pytest.param(26, 10**6, marks=pytest.mark.long)],
)  # fmt: skip
def test_the_numbers_of_a_confusion_matrix_can_be_read(classes, most):
    rng = np.random.default_rng(classes)
    counts = rng.integers(0, most + 1, (classes, classes)) * (rng.random((classes, classes)) < 0.3)
    counts[0, 0] = most
    names = [f"class {i}" for i in range(classes)]
    figure = plots.confusion(counts, names)
    figure.canvas.draw()
    (axes,) = figure.axes
    if classes > plots.NUMBERED:
        assert not axes.texts
    else:
        assert len(axes.texts) == np.count_nonzero(counts)
    cell = axes.get_window_extent().width / classes
    for text in axes.texts:
        column, row = map(int, text.get_position())
        image = axes.images[int(row == column)]
        behind = image.to_rgba(image.get_array()[row, column])
        assert contrast(behind, to_rgb(text.get_color())) >= READABLE
        assert text.get_fontsize() >= plots.SMALLEST_TEXT
        assert text.get_window_extent().width <= cell
    for axis in (axes.xaxis, axes.yaxis):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        for before, after in pairwise(boxes):
            assert not before.overlaps(after)
