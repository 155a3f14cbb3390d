"""`api.py`: reads its options, writes the pages, and says what is wrong with them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mlp.commands.command_line import OneLineParser
from mlp.files.whole import write_whole


def main(words: Sequence[str], description: str | None = None) -> int:
    """The exit status: 0, or 2 with one line that says why nothing was written."""
    parser = OneLineParser(
        prog="api.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="write them there")
    options = parser.parse_args(words)
    try:
        from apipages.pages import pages

        made = pages()
        for name, text in made.items():
            path = options.to / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text.encode())
    except ModuleNotFoundError as error:
        print(f'api.py: {error}; pip install -e ".[docs]"', file=sys.stderr)
        return 2
    except OSError as error:
        print(f"api.py: {error.filename or options.to}: {error.strerror or error}", file=sys.stderr)
        return 2
    except (ValueError, Warning) as error:
        print(f"api.py: {error}", file=sys.stderr)
        return 2
    print(f"{options.to / 'index.html'}: {len(made)} pages")
    return 0
