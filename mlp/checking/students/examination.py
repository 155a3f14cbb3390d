"""What is known about one layer so far, and the report that it becomes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mlp.checking import diagnosis
from mlp.checking.report import Counterexample, Diagnosis, Flaw, Report, Row, worst
from mlp.checking.students.loading import Entry
from mlp.checking.students.situations import Situation
from mlp.checking.students.trials import Trial

AVERAGED = "gradients of parameters are averaged over the batch, not summed"


WHEN_AVERAGED = (
    "that is right beside a loss that is a sum over the samples; "
    "with one that is an average, 1/N would count twice"
)


class Finding(NamedTuple):
    """What a check has found: a mistake by its id, or something worth a note (id None)."""

    identity: str | None
    text: str


class Wrong(NamedTuple):
    """Where something wrong was found."""

    situation: Situation
    names: list[str]
    """The wrong gradients; none, if it is the output."""
    trial: Trial


@dataclass
class Examination:
    """What is known about an entry so far."""

    entry: Entry
    seed: int
    loss_divides: bool
    """Whether a loss of the same file is an average over the samples."""
    mistakes: dict[str, str] = field(default_factory=dict)
    """Their texts by id, in the order in which they were found."""
    notes: list[str] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    pictures: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    oracle: str | None = None
    known: bool = False
    """Whether its outputs are those of a layer or loss that is known."""
    kink: bool = False
    flaws: dict[str, str] = field(default_factory=dict)
    """Flaws of style, as the mistakes."""
    main: Situation | None = None
    """The usual way of using it, once it is found."""
    wrong: Wrong | None = None
    """The first that was found."""
    counterexample: Counterexample | None = None

    def blame(
        self, identity: str, aspect: str = "", detail: str = "", factor: float | None = None
    ) -> None:
        """Add a mistake, or a flaw of style; an id counts once."""
        found = self.flaws if identity in diagnosis.STYLE else self.mistakes
        found.setdefault(identity, diagnosis.explain(identity, aspect, detail, factor))

    def take(self, findings: Iterable[Finding]) -> None:
        """Add what a check has found."""
        for finding in findings:
            if finding.identity is None:
                self.notes.append(finding.text)
            else:
                self.blame(finding.identity, "", finding.text)

    def report(self, whole: str | None = None, note: str | None = None) -> Report:
        """The report. The verdict on the whole is the one given, or a worse one that was found."""
        notes = self.notes if note is None else [*self.notes, note]
        found = "FAIL" if self.mistakes else "KINK" if self.kink else None
        verdicts = [verdict for verdict in (whole, found) if verdict is not None]
        return Report(
            self.entry.name,
            list(self.rows.values()),
            list(dict.fromkeys(notes)),
            worst(verdicts) if verdicts else None,
            self._diagnosis(),
            against=self.oracle,
            pictures=self.pictures,
            flaws=[Flaw(*flaw) for flaw in self.flaws.items()],
            counterexample=self.counterexample,
        )

    def _diagnosis(self) -> Diagnosis | None:
        """The first mistake, unless it is general and a later one explains it."""
        if not self.mistakes:
            return None
        first = next(iter(self.mistakes))
        if first == "unknown":
            first = next((i for i in self.mistakes if i not in diagnosis.GENERAL), first)
        also = [i for i in self.mistakes if i not in (first, "unknown")]
        return Diagnosis(first, self.mistakes[first], also)
