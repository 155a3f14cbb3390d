"""What a run says, in lines of at most 80 columns (names and paths of files apart)."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from mlp.commands import again
from mlp.commands.train.judging import Judgement
from mlp.commands.train.preparing import Parts
from mlp.tables import as_text, shortened

WIDTH = 80
MOST, WORST = 30, 10
"""Of more than MOST classes or targets a table shows the WORST only."""
COLUMNS = {
    "class": ("precision", "recall", "F1", "support"),
    "target": ("RMSE", "MAE", "R squared"),
}


def opening(name: str, parts: Parts, patience: int | None) -> str:
    """What there is to train on, and whether unseen samples are looked at meanwhile."""
    train, validation, test = (0 if part is None else len(part[0]) for part in parts[:3])
    lines = [
        f"{name}: {train} samples to train on, {validation} to validate, {test} to test",
        f"{len(parts.classes)} classes" if parts.classes else "real-valued targets",
    ]
    if not validation and patience is None:
        lines.append("no curve of unseen samples is drawn: --validation 0.1 keeps some apart")
    elif not validation:
        lines.append("--patience watches the training loss: no samples are kept apart for it")
    return "\n".join(lines)


def epoch_line(record: dict[str, Any], epochs: int) -> str:
    """Loss and accuracy of an epoch, and those of the samples to validate ("val")."""
    shown = [f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}"]
    for name, write in (("loss", _loss), ("accuracy", "{:.3f}".format)):
        if record[name] is not None:
            unseen = record[f"validation_{name}"]
            val = "" if unseen is None else f" val {write(unseen)}"
            shown.append(f"{name} {write(record[name])}{val}")
    return "  ".join(shown)


def _loss(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"


def result_lines(judged: Judgement) -> list[str]:
    """The scores, each in a line that begins with its name."""
    lines = [f"test {name} {score(name, value)}" for name, value in judged.scores.items()]
    if judged.constant is not None:
        name, accuracy = judged.constant
        beside = f" (always saying {{}}, the commonest class: {accuracy:.4f})"
        room = WIDTH - len(lines[0]) - len(beside) + 2
        lines[0] += beside.format(shortened(_one_line(name), room))
    else:
        lines[0] += " (squared error in the units of the targets)"
    return lines


def score(name: str, value: float) -> str:
    """A loss and an error have units, all others are shares."""
    return f"{value:{'.6g' if name in ('loss', 'RMSE', 'MAE') else '.4f'}}"


def what_next(run: Path, data: Path) -> str:
    """Commands for a shell that do something with the run."""
    samples = next(iter(sorted(data.glob("t10k-images*"))), data)  # a folder is no file of samples
    return (
        "what to do next (put a file of your own in place of the samples of this run):\n"
        f"  {again.command('predict', run, samples)}\n"
        f"  {again.command('draw', '--model', run, '--to', run / 'graph.svg')}"
    )


def score_table(judged: Judgement) -> str:
    """The classes or targets as a table of text, the worst only if there are many."""
    rows, notes = score_rows(judged)
    table = as_text([(_one_line(name), *cells) for name, *cells in rows], widest=WIDTH)
    return "\n".join([table, *(textwrap.fill(note, WIDTH) for note in notes)])


def score_rows(judged: Judgement) -> tuple[list[tuple[str, ...]], list[str]]:
    """Head and rows of that table, and the sentences that belong below it."""
    kind = "target" if judged.counts is None else "class"
    told = judged.metrics["targets" if kind == "target" else "classes"]
    rank, shown = COLUMNS[kind][2], told  # F1, or R squared
    notes = judged.notes()
    if len(told) > MOST:
        lowest = [np.inf if record[rank] is None else record[rank] for record in told]
        shown = [told[i] for i in np.argsort(lowest, kind="stable")[:WORST]]
        notes.append(f"the {WORST} of {len(told)} with the lowest {rank}; metrics.json has all")
    rows = [
        (str(record[kind]), *(_cell(name, record[name]) for name in COLUMNS[kind]))
        for record in shown
    ]
    if kind == "class":
        means = [f"{judged.metrics[f'mean {name}']:.4f}" for name in COLUMNS[kind][:3]]
        rows.append(("mean", *means, str(sum(record["support"] for record in told))))
    return [(kind, *COLUMNS[kind]), *rows], notes


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else score(name, value)


def confusion_table(counts: np.ndarray, classes: list[str]) -> str:
    """The confusion matrix as text; if it is too wide, how many mistakes, and where to see them."""
    wide = max(len(str(counts.max())), *map(len, classes)) + 1
    if (len(classes) + 1) * wide > 72:
        wrong = counts.sum() - np.trace(counts)
        return f"{wrong} of {counts.sum()} are wrong; confusion.png shows which"
    rows = ["".join(f"{name:>{wide}}" for name in ("", *classes))]
    for name, row in zip(classes, counts, strict=True):
        rows.append("".join(f"{cell:>{wide}}" for cell in (name, *(n or "." for n in row))))
    return "\n".join([*rows, "rows: what it is; columns: what the network says"])


def _one_line(name: str) -> str:
    return " ".join(name.split())
