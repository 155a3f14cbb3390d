"""The records of a training: a list that shows and draws itself."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, Self, SupportsIndex, overload

from mlp.tables import as_html

COLUMNS = {
    "epoch": ("epoch", "d"),
    "loss": ("loss", ".4g"),
    "accuracy": ("accuracy", ".3f"),
    "validation_loss": ("validation: loss", ".4g"),
    "validation_accuracy": ("accuracy", ".3f"),
    "seconds": ("seconds", ".2f"),
}
"""What is shown of a record, under which name and in which format."""


class History(list[dict[str, Any]]):
    """A list with a record (a dict) for each epoch, as `fit` returns it.

    Printed, or as the last value of a notebook's cell, it is a table of the first, the best and the
    last epoch. Best is that of the lowest validation loss, and of the lowest loss where nothing
    was validated. A slice of it is a History too; `pandas.DataFrame(history)` is all of it.
    """

    def plot(self, what: str | None = None, *, ax: Any = None) -> Any:
        """The curves of loss and accuracy as a figure, see `mlp.seeing.plots.curves`."""
        # by name, as it is needed: what trains does not depend on what draws
        return import_module("mlp.seeing.plots").curves(self, what, ax=ax)

    def best(self) -> dict[str, Any]:
        """The record of the lowest validation loss, or of the lowest loss if none was validated.

        Raises ValueError if there are no records.
        """
        if not self:
            raise ValueError("History.best: expected at least one epoch, got none")
        return self[self._best()]

    def _best(self) -> int:
        return min(range(len(self)), key=lambda i: _loss(self[i]))

    def __repr__(self) -> str:
        if not self:
            return "no epochs"
        head, rows = self._table()
        wide = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = (
            "  ".join([*map(str.rjust, row[:-1], wide), row[-1]]).rstrip() for row in (head, *rows)
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return as_html(*self._table(), meaning="best: lowest validation loss, or loss")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """The head and, of at most three epochs, the cells; columns without a value are left out.

        The last cell says why this epoch is shown.
        """
        known = [name for name in COLUMNS if any(r.get(name) is not None for r in self)]
        rows = []
        for place, record in self._shown().items():
            cells = (_cell(record.get(name), COLUMNS[name][1]) for name in known)
            rows.append([*cells, place])
        return [*(COLUMNS[name][0] for name in known), f"of {len(self)}"], rows

    def _shown(self) -> dict[str, dict[str, Any]]:
        if not self:
            return {}
        places: dict[int, list[str]] = {}
        for name, i in (("first", 0), ("best", self._best()), ("last", len(self) - 1)):
            places.setdefault(i, []).append(name)
        return {", ".join(names): self[i] for i, names in sorted(places.items())}

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice, /) -> Self: ...
    def __getitem__(self, index: Any, /) -> Any:
        found = super().__getitem__(index)
        return type(self)(found) if isinstance(index, slice) else found

    def __add__(self, other: Iterable[Any]) -> Any:
        return type(self)([*self, *other])

    def copy(self) -> Self:
        return type(self)(self)


def _loss(record: dict[str, Any]) -> float:
    validated = record.get("validation_loss")
    loss = record["loss"] if validated is None else validated
    return float("inf") if loss != loss else loss


def _cell(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
