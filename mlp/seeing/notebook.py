"""A figure that a notebook shows when a cell returns it."""

import io

from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A notebook knows how to show what pyplot made; without pyplot the figure says it itself."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture, and how wide and high it is shown: twice as fine as a screen's pixels."""
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=2 * PIXELS)
        wide, high = self.get_size_inches()
        return stream.getvalue(), {"width": round(wide * PIXELS), "height": round(high * PIXELS)}


PIXELS = 72
"""Of the notebook, for an inch."""
