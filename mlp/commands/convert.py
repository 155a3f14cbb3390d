"""A data set as NPY files, which training reads by memory map: it may be larger than the memory."""

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from mlp.commands.command_line import OneLineParser, column
from mlp.commands.endings import EXPLAINED
from mlp.data import convert
from mlp.files.whole import PARTIAL, sync_folder


def main(arguments: Sequence[str], called: str) -> int:
    """Convert a data set; the folder appears when all of it is written."""
    options = _options(arguments, called)
    bar = tqdm(unit="B", unit_scale=True, leave=False, disable=None)  # None: on a terminal only
    with _whole_folder(options.folder) as folder, bar:
        arrays = convert(
            options.input,
            folder,
            label_column=options.label_column,
            dtype=options.dtype,
            told=bar.update,
        )
        said = [f"{key}.npy {array.shape} {array.dtype}" for key, array in arrays.items()]
    print(f"{options.folder}: {', '.join(said)}")
    return 0


def _options(arguments: Sequence[str], called: str) -> argparse.Namespace:
    parser = OneLineParser(
        prog=called,
        description="Write a data set as x.npy and y.npy into a new folder, for --data of `mlp "
        "train`. It takes little memory, however large the data are.",
        epilog=EXPLAINED,
    )
    parser.add_argument("input", type=Path, metavar="INPUT",
                        help="CSV (.gz), NPZ, or folder of IDX files (.gz)")  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="to be made")
    parser.add_argument("--label-column", type=column, default=-1, metavar="COLUMN",
                        help="of a CSV file, as for `mlp train`")  # fmt: skip
    parser.add_argument("--dtype", choices=("uint8", "float32", "float64"), default=None,
                        help="of the samples; default: as `mlp train` reads them (float64 of a CSV "
                        "file), which trains to the same bits; uint8 is for pixels")  # fmt: skip
    options = parser.parse_args(arguments)
    if options.folder.exists():
        parser.error(f"{options.folder} exists; choose another folder")
    return options


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """A folder that gets its name when the block has ended well; otherwise nothing is left."""
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    temporary.mkdir()
    try:
        yield temporary
        sync_folder(temporary)
        os.rename(temporary, path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
