"""What a gradient check found: a row per array, printable at 80 columns."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SHOWN = 10
"""Wrong entries that are printed."""


@dataclass
class Row:
    """The gradient with respect to one array."""

    name: str
    shape: tuple[int, ...]
    verdict: str
    """PASS, FAIL, KINK or INCONCLUSIVE."""
    oracle: str
    checked: int
    """Coordinates compared one by one."""
    max_error: float
    """Largest difference, relative to the largest entry."""
    resolution: float
    """The relative error that would have been seen in 90 % of the entries."""
    used: float = 0.0
    """Largest error as a part of the tolerance, which is 32 eps of the numbers that were added."""
    notes: list[str] = field(default_factory=list)
    wrong: list[tuple[tuple[int, ...], float, float, float]] = field(default_factory=list)
    """The worst entries: index, what backward says, the reference, the tolerance."""
    wrong_count: int = 0

    def fail(self, note: str) -> None:
        """Turn into a FAIL for this reason; an empty note changes nothing."""
        if note:
            self.verdict = "FAIL"
            self.notes.append(note)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "shape": list(self.shape),
            "verdict": self.verdict,
            "oracle": self.oracle,
            "checked": self.checked,
            "max_error": _finite(self.max_error),
            "resolution": _finite(self.resolution),
            "used": _finite(self.used),
            "notes": list(self.notes),
            "wrong_count": self.wrong_count,
            "wrong": [
                {
                    "index": list(i),
                    "analytic": _finite(g),
                    "reference": _finite(r),
                    "tolerance": _finite(t),
                }
                for i, g, r, t in self.wrong
            ],
        }


@dataclass
class Report:
    """The result of `gradcheck`; `str()` is a table, `.ok` says whether all rows are sound."""

    name: str
    seed: int
    dtype: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The worst of the rows."""
        found = {row.verdict for row in self.rows}
        return next(v for v in ("FAIL", "INCONCLUSIVE", "KINK", "PASS") if v in found)

    @property
    def ok(self) -> bool:
        """True if every row is PASS or KINK."""
        return self.verdict in ("PASS", "KINK")

    def to_dict(self) -> dict[str, Any]:
        """The report as plain numbers, strings and lists."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "seed": self.seed,
            "dtype": self.dtype,
            "oracle": ", ".join(sorted({row.oracle for row in self.rows})),
            "max_error": _finite(max(row.max_error for row in self.rows)),
            "resolution": _finite(max(row.resolution for row in self.rows)),
            "diagnosis": None,
            "notes": list(self.notes),
            "arrays": [row.to_dict() for row in self.rows],
        }

    def __str__(self) -> str:
        lines = [
            f"{self.verdict}  {self.name}, {self.dtype}, seed {self.seed}",
            f"  {'array':<10} {'shape':<17} {'checked':>17} {'error':>8} {'sees':>8}  verdict",
        ]
        for row in self.rows:
            size = math.prod(row.shape)
            lines.append(
                f"  {row.name:<10} {row.shape!s:<17} {f'{row.checked:,} of {size:,}':>17} "
                f"{row.max_error:>8.1e} {row.resolution:>8.1e}  {row.verdict}"
            )
            lines += [f"    {note}" for note in row.notes] + _worst(row)
        return "\n".join(lines + [f"  {note}" for note in self.notes])


def summary(reports: list[Report]) -> str:
    """One line per report; those that are not sound follow in full."""
    lines = [f"{'checked':<52} {'dtype':<8} {'error':>8} {'sees':>8}  verdict"]
    for report in reports:
        error = max(row.max_error for row in report.rows)
        sees = max(row.resolution for row in report.rows)
        name = report.name if len(report.name) <= 52 else report.name[:49] + "..."
        lines.append(f"{name:<52} {report.dtype:<8} {error:>8.1e} {sees:>8.1e}  {report.verdict}")
        if report.verdict == "KINK":
            lines += [f"    {note}" for note in report.notes]
    details = [f"\n{report}" for report in reports if not report.ok]
    return "\n".join(lines + details)


def _worst(row: Row) -> list[str]:
    lines = [
        f"    d{row.name}[{', '.join(map(str, index))}]: backward {value:+.6e}, "
        f"{row.oracle} {reference:+.6e}"
        for index, value, reference, _ in row.wrong
    ]
    if row.wrong_count > len(row.wrong) > 0:
        lines.append(f"    and {row.wrong_count - len(row.wrong):,} more")
    return lines


def worst_entries(
    index: np.ndarray, shape: tuple[int, ...], value: np.ndarray, reference, wrong: np.ndarray
) -> list[tuple[tuple[int, ...], float, float, float]]:
    """The SHOWN entries furthest beyond their tolerance; `index` are their flat positions."""
    excess = np.full(len(index), -1.0)
    np.divide(abs(value - reference.gradient), reference.tolerance, out=excess, where=wrong)
    order = np.argsort(-np.nan_to_num(excess, nan=np.inf), kind="stable")[:SHOWN]
    return [
        (
            tuple(map(int, np.unravel_index(index[k], shape))),
            float(value[k]),
            float(reference.gradient[k]),
            float(reference.tolerance[k]),
        )
        for k in order
        if wrong[k]
    ]


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return float(number) if math.isfinite(number) else None
