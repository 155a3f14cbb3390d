"""One pass forward and backward through a network, with everything that was computed on the way."""

import copy
import os
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mlp.layers import Layer
from mlp.losses import Loss
from mlp.optim import checked_rate
from mlp.pairing import refuse_double
from mlp.seeing import table
from mlp.seeing.records import Passed, Recorder, with_recorders
from mlp.sequential import Sequential

if TYPE_CHECKING:
    from mlp.seeing.graphs import Graph


class Trace(Passed):
    """A pass that can show itself. Printed, it is a table; in a notebook an HTML one."""

    def graph(self, detail: str = "auto", units: int = 8) -> "Graph":
        """The pass as a graph of nodes and edges, see `draw`."""
        from mlp.seeing.network_graph import graph_of

        return graph_of(self, detail, units)

    def draw(
        self, path: str | os.PathLike | None = None, *, detail: str = "auto", units: int = 8
    ) -> Any:
        """Draw the pass, write it to path (.svg, .png or .pdf), and return the figure.

        detail  "neurons": every unit a node, for one sample; layers of more than `units` units
                show the first ones and an ellipsis. "layers": every layer a box with heat maps
                of its values and gradients. "auto" takes neurons where they are readable.
        Raises ValueError for an unknown detail, and for neurons of more than one sample.
        """
        from mlp.seeing.drawing import draw

        return draw(self.graph(detail, units), path)

    def explain(self, style: str = "text", *, blanks: bool = False, decimals: int = 4) -> str:
        """The pass written out step by step, as one would by hand; `print` it.

        style     "text", or "markdown" with formulas in LaTeX
        blanks    leave the results out, and give them on an answer sheet at the end
        decimals  digits after the point, or three significant ones where that is more
        Raises ValueError for an unknown style, and for blanks where the network is large or there
        is more than one sample: the text then goes layer by layer.
        """
        from mlp.seeing.explaining import explanation

        return explanation(self, style, blanks=blanks, decimals=decimals)

    def __repr__(self) -> str:
        return table.as_text(self)

    def _repr_html_(self) -> str:
        return table.as_html(self)


@np.errstate(over="ignore", invalid="ignore")  # the numbers tell
def trace(
    net: Layer,
    x: np.ndarray,
    target: np.ndarray | None = None,
    loss: Loss | None = None,
    *,
    upstream: np.ndarray | None = None,
    learning_rate: float | None = None,
) -> Trace:
    """Run x (N, ...) forward through net and back, and keep what every layer did.

    The way back starts from the loss of the outputs and `target`, or from `upstream` = dL/dy;
    without either there is none. With `learning_rate` the records hold the parameters after one
    step of gradient descent too. All is done on a copy: net, its gradients and caches, x and loss
    stay what they are.

    A layer whose backward gives None, or leaves a gradient of a parameter None, has no gradient
    there in its record, and neither has what lies before it.

    Raises TypeError or ValueError for arguments that do not fit together.
    """
    if not isinstance(net, Layer):
        raise TypeError(f"trace: expected a network such as Sequential(...), got {net!r}")
    _check_ends(target, loss, upstream, learning_rate)
    if loss is not None:
        refuse_double(net, loss)
        loss = copy.copy(loss)
    rate = None if learning_rate is None else checked_rate(learning_rate, who="trace")
    recorders: list[Recorder] = []
    whole = net if isinstance(net, Sequential) else Sequential(net)
    lost: set[str] = set()
    recorded = with_recorders(whole, "", recorders, lost)
    x = np.array(x)
    y = recorded.forward(x)
    value, downstream = None, None
    if loss is not None:
        target = np.array(target)
        value = cast(float, loss.forward(y, target))
        upstream = loss.backward()
    if upstream is not None:
        upstream = np.array(upstream)
        downstream = recorded.backward(upstream)
        if lost and np.isnan(downstream).all():
            downstream = None
    return Trace(
        recorded=recorded,
        records=[recorder.record(rate) for recorder in recorders],
        x=x,
        output=y,
        target=target,
        loss=loss,
        loss_value=value,
        upstream=upstream,
        downstream=downstream,
        learning_rate=rate,
    )


def _check_ends(target: Any, loss: Any, upstream: Any, learning_rate: Any) -> None:
    if loss is not None and not isinstance(loss, Loss):
        raise TypeError(f"trace: expected a loss such as SquaredError(), got {loss!r}")
    if (target is None) != (loss is None):
        given, missing = ("a loss", "target") if target is None else ("a target", "loss")
        raise ValueError(f"trace: {given} needs a {missing}; write trace(net, x, target, loss)")
    if loss is not None and upstream is not None:
        raise ValueError(
            "trace: expected a target with its loss, or upstream, got both; the loss gives upstream"
        )
    if learning_rate is not None and loss is None and upstream is None:
        raise ValueError(
            "trace: a learning_rate needs gradients; give a target with its loss, or upstream"
        )
