"""What students are called on the pages: by name or, for blind marking, by a word of chance.

The words are kept in names.csv in the folder of results, for the one who may look: a later run, or
a resubmission, gets the same.
"""

import csv
import io
import secrets
from pathlib import Path

from mlp.errors import DataError
from mlp.files.whole import write_whole

KEY = "names.csv"


def blind_names(students: list[str], output: Path) -> dict[str, str]:
    """A name that says nothing for each student; old ones are kept."""
    path = output / KEY
    known: dict[str, str] = {}
    if path.exists():
        rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        try:
            known = {student: word for word, student in list(rows)[1:]}
        except ValueError:
            raise DataError(f"{path}: expected two columns, the word and the student") from None
    taken = set(known.values())
    for student in students:
        while student not in known:
            word = f"Student {secrets.token_hex(2).upper()}"
            if word not in taken:
                known[student] = word
                taken.add(word)
    text = io.StringIO(newline="")
    rows_of = sorted((word, student) for student, word in known.items())
    csv.writer(text).writerows([("called", "student"), *rows_of])
    output.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.getvalue().encode("utf-8-sig"))
    return known
