"""The solution book: the problems of five lecture decks, derived, computed and checked.

  homework.py                      list the problems
  homework.py 8                    one of them: by number, or by a part of its name ("softmax")
  homework.py all                  all of them
  homework.py book --to FILE       the book, as FILE.html, FILE.md or a folder of notebooks
  homework.py sheet 3 8 --seed 5   the same problems with other numbers, and no answers

Exit status 0: every check passed, 1: a check failed, 2: the call was wrong.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlp.commands import endings, processor


def main() -> int:
    for variable in processor.THREADS:  # before NumPy reads it
        os.environ.setdefault(variable, "1")  # small products: threads would wait for each other
    from book import command

    return command.main(sys.argv[1:], __doc__)


if __name__ == "__main__":
    sys.exit(endings.status_of(main, "homework.py"))
