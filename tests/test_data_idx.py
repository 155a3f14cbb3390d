"""IDX files and gzip: what is read, and the message for each kind of damage."""

import gzip
import struct

import numpy as np
import pytest

from data_files import IDX_NAMES, IMAGES, LABELS, idx_bytes, idx_folder, message, write
from mlp.data import load, load_features
from mlp.errors import DataError

pytestmark = pytest.mark.no_numbers


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folder_gives_both_parts(tmp_path, suffix):
    data = load(idx_folder(tmp_path, suffix))
    assert data.x.dtype == np.uint8 and data.y.dtype == np.int64
    for x, y in ((data.x, data.y), (data.x_test, data.y_test)):
        np.testing.assert_array_equal(x, IMAGES)
        np.testing.assert_array_equal(y, [7, 0, 9])


def test_idx_folder_with_dots_in_the_names(tmp_path):
    for path in list(idx_folder(tmp_path).iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    np.testing.assert_array_equal(load(str(tmp_path)).x, IMAGES)


def test_idx_folder_lacking_files(tmp_path):
    idx_folder(tmp_path)
    (tmp_path / IDX_NAMES[1]).unlink()
    (tmp_path / IDX_NAMES[3]).unlink()
    assert f"no file {IDX_NAMES[1]}, {IDX_NAMES[3]}" in message(tmp_path)
    assert "expected an IDX data set of four files, or x.npy and y.npy" in message(tmp_path)


@pytest.mark.parametrize(
    ("kind", "dtype"), [(0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
def test_idx_types_come_by_map_or_in_native_byte_order(tmp_path, kind, dtype):
    x = np.array([[1, 100], [-3, 77]], dtype=dtype)
    path = write(tmp_path / "my-idx2.gz", gzip.compress(idx_bytes(x, kind)))
    read, y = load_features(path, 2)
    assert y is None and read.dtype == x.dtype and read.dtype.isnative
    np.testing.assert_array_equal(read, x)
    mapped, y = load_features(write(tmp_path / "my-idx2", idx_bytes(x, kind)), 2)
    assert y is None and mapped.dtype == x.dtype.newbyteorder(">")
    assert isinstance(mapped, np.memmap) and not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, x)


BAD_IMAGES = {
    "empty file": b"",
    "starts with 00 00 08, expected": b"\0\0\x08",
    "not an IDX file (starts with 89 50": b"\x89PNG" + bytes(40),
    "byte 2 is 0x0A, known types 08 09 0B 0C 0D 0E": bytes([0, 0, 10, 1]) + bytes(8),
    "0 dimensions (byte 3), expected 1 to 4": bytes([0, 0, 8, 0]) + bytes(8),
    "5 dimensions (byte 3), expected 1 to 4": bytes([0, 0, 8, 5]) + bytes(20),
    "header cut short, 15 bytes, expected 16": idx_bytes(IMAGES)[:15],
    "3x2x2 = 12 bytes, file holds 11": idx_bytes(IMAGES)[:-1],
    "3x2x2 = 12 bytes, file holds 14": idx_bytes(IMAGES) + b"ab",
    "1000000x1000x1000 = 1000000000000 bytes, file holds 5": bytes([0, 0, 8, 3])
    + struct.pack(">3I", 10**6, 1000, 1000)
    + bytes(5),
    "holds no values": bytes([0, 0, 8, 4]) + struct.pack(">4I", 0, *[2**32 - 1] * 3),
    "looks like a label file (1 dimension)": idx_bytes(LABELS),
    "2 images, but train-labels-idx1-ubyte holds 3 labels": idx_bytes(IMAGES[:2]),
    "test samples of shape (2, 2), the training samples have (2, 1)": idx_bytes(IMAGES[:, :, :1]),
    "NaN": idx_bytes(np.full((3, 2, 2), np.nan, np.float32), 0x0D),
}


@pytest.mark.parametrize("expected", BAD_IMAGES)
def test_damaged_idx(tmp_path, expected):
    idx_folder(tmp_path, train_images=BAD_IMAGES[expected])
    assert expected in message(tmp_path)


def test_idx_images_or_floats_in_place_of_labels(tmp_path):
    idx_folder(tmp_path, train_labels=idx_bytes(IMAGES))
    assert "looks like an image file (3 dimensions)" in message(tmp_path)
    idx_folder(tmp_path, train_labels=idx_bytes(np.ones(3), 0x0E))
    assert "expected integers" in message(tmp_path)


def test_a_single_idx_file_is_no_data_set(tmp_path):
    idx_folder(tmp_path)
    assert "give the folder" in message(tmp_path / IDX_NAMES[0])


GZIPPED = gzip.compress(idx_bytes(IMAGES), mtime=0)
BAD_GZIP = {
    "empty file, expected gzip": b"",
    "not a gzip file (starts with 00 00": idx_bytes(IMAGES),
    "gzip data are cut short": GZIPPED[:-1],
    "incorrect data check": GZIPPED[:-8] + bytes(4) + GZIPPED[-4:],
    "incorrect length check": GZIPPED[:-1] + b"\1",
    "a second gzip member": GZIPPED + GZIPPED,
    "other bytes follow": GZIPPED + b"\0",
    "header says 3x2x2 = 12 bytes, file holds 13 or more": gzip.compress(
        idx_bytes(IMAGES) + bytes(10**6)
    ),
    "header says 3x2x2 = 12 bytes, file holds 10": gzip.compress(idx_bytes(IMAGES)[:-2]),
}


@pytest.mark.parametrize("expected", BAD_GZIP)
def test_damaged_gzip(tmp_path, expected):
    idx_folder(tmp_path, ".gz", train_images=BAD_GZIP[expected])
    assert expected in message(tmp_path)


def test_gzip_bomb_is_stopped(tmp_path):
    bomb = gzip.compress(bytes([0, 0, 8, 2]) + struct.pack(">2I", 10**5, 1000) + bytes(10**8))
    path = write(tmp_path / "train-images-idx3-ubyte.gz", bomb)
    with pytest.raises(DataError, match="expand more than 200 times"):
        load_features(path, 1000)
