"""Files for the tests of the data readers, and the message that a bad one gets."""

import gzip
import struct

import numpy as np
import pytest

from mlp.data import load
from mlp.errors import DataError

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGES = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
LABELS = np.array([7, 0, 9], dtype=np.uint8)
X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
Y = np.array([0, 1, 2])


def idx_bytes(array, kind=0x08):
    return (
        bytes([0, 0, kind, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.astype(array.dtype.newbyteorder(">")).tobytes())
    )


def idx_folder(folder, suffix="", **contents):
    """The four files: the same three samples for training and test, unless `contents` differ."""
    for name in IDX_NAMES:
        content = idx_bytes(IMAGES if "images" in name else LABELS)
        content = gzip.compress(content, mtime=0) if suffix == ".gz" else content
        (folder / (name + suffix)).write_bytes(contents.get(name[:12].replace("-", "_"), content))
    return folder


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def npz(path, save=np.savez, **arrays):
    save(path, **arrays)
    return path


def message(path, **options):
    """The text of the DataError, which must be one line that begins with the path."""
    with pytest.raises(DataError) as caught:
        load(path, **options)
    text = str(caught.value)
    if not text.startswith(str(path)) or "\n" in text:
        raise AssertionError(f"expected one line that begins with {path}, got {text!r}")
    return text
