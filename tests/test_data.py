"""The data readers: what they accept, and the message for each kind of damaged file."""

import gzip
import hashlib
import io
import itertools
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp.data import load, load_features, one_hot, stratified_split
from mlp.errors import DataError

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
DIGITS = ROOT / "data" / "digits.csv.gz"
IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGES = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
LABELS = np.array([7, 0, 9], dtype=np.uint8)


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


def message(path, **options):
    """The text of the DataError, which must be one line that begins with the path."""
    with pytest.raises(DataError) as caught:
        load(path, **options)
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text
    return text


# IDX


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


@pytest.mark.parametrize(
    ("kind", "dtype"), [(0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
def test_idx_types_come_in_native_byte_order(tmp_path, kind, dtype):
    x = np.array([[1, 100], [-3, 77]], dtype=dtype)
    path = write(tmp_path / "my-idx2", idx_bytes(x, kind))
    read, y = load_features(path, 2)
    assert y is None and read.dtype == x.dtype and read.dtype.isnative
    np.testing.assert_array_equal(read, x)


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


# gzip


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


# CSV


def test_embedded_digits():
    checksum = hashlib.sha256(DIGITS.read_bytes()).hexdigest()
    assert checksum in (ROOT / "data" / "README.md").read_text()
    x, y, x_test, y_test = load(DIGITS)
    assert x.shape == (1797, 64) and x.dtype == np.float64 and y.dtype == np.int64
    assert (x.min(), x.max()) == (0, 16) and set(y) == set(range(10))
    assert x_test is None and y_test is None
    np.testing.assert_array_equal(x, np.loadtxt(DIGITS, delimiter=",")[:, :-1])


GOOD_CSV = {
    "plain": "1,2.5,0\n3,4e0,1\n",
    "no end of line": "1,2.5,0\n3,4,1",
    "header": "a,b,label\n1,2.5,0\n3,4,1\n",
    "BOM and CRLF": "\ufeff1,2.5,0\r\n3,4,1\r\n",
    "blank lines": "\n1,2.5,0\n\n3,4,1\n\n  \n",
    "quoted and spaced": '"1", 2.5 ,"0"\n 3, "4",1\n',
    "labels written as floats": "1,2.5,0.0e+00\n3,4,1.0\n",
}


@pytest.mark.parametrize("name", GOOD_CSV)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".txt"])
def test_csv_spellings_of_the_same_data(tmp_path, name, suffix):
    content = GOOD_CSV[name].encode()
    path = write(tmp_path / f"own{suffix}", gzip.compress(content) if "gz" in suffix else content)
    x, y, *_ = load(path)
    np.testing.assert_array_equal(x, [[1, 2.5], [3, 4]])
    np.testing.assert_array_equal(y, [0, 1])
    assert x.dtype == np.float64 and y.dtype == np.int64


@pytest.mark.parametrize("label_column", [0, -3, "kind"])
def test_csv_label_column(tmp_path, label_column):
    path = write(tmp_path / "own.csv", "kind,a,b\n5,1,2\n6,3,4\n")
    x, y, *_ = load(path, label_column=label_column)
    np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(y, [5, 6])


def test_csv_text_labels_and_real_targets(tmp_path):
    y = load(write(tmp_path / "a.csv", "1,2,cat\n3,4, dog \n5,6,Kätzchen\n")).y
    np.testing.assert_array_equal(y, ["cat", "dog", "Kätzchen"])
    assert y.dtype.kind == "U"
    y = load(write(tmp_path / "b.csv", "1,2,0\n3,4,-1.5\n")).y
    np.testing.assert_array_equal(y, [0, -1.5])
    assert y.dtype == np.float64
    assert load(write(tmp_path / "c.csv", "1,2,1e300\n")).y.dtype == np.float64


def test_csv_of_one_sample_or_one_feature(tmp_path):
    assert load(write(tmp_path / "a.csv", "1,2,0\n")).x.shape == (1, 2)
    assert load(write(tmp_path / "b.csv", "size,label\n1,0\n2,0\n")).x.shape == (2, 1)


def test_csv_columns_numbered_by_pandas_are_a_header(tmp_path):
    for label in ("label", "5"):
        path = write(tmp_path / "own.csv", f"0,1,2,3,4,{label}\n1,2,3,4,5,6\n")
        assert load(path).x.shape == (1, 5)
    assert len(load(write(tmp_path / "own.csv", "0,1,2,3,4,9\n1,2,3,4,5,6\n")).x) == 2


BAD_CSV = {
    ": empty file": "",
    ": empty file, expected rows": "\n\n  \n",
    ": no rows below the header": "a,b,label\n",
    " line 3: 2 values, expected 3": "1,2,0\n3,4,1\n5,6\n",
    " line 4: 4 values, expected 3": "a,b,label\n\n1,2,0\n3,4,1,1\n",
    " line 2, column 1: 'x' is text, expected a number": "1,2,0\nx,4,1\n",
    " line 1, column 1: 'x' is text, expected a number": "x,2,0\n3,4,1\n",
    " line 1, column 2: '2o' is text": "1,2o,0\n3,4,1\n",
    " line 3, column 2 ('b'): missing value; fill it in or remove the row": "a,b,l\n1,2,0\n3,,1\n",
    " line 2, column 2: missing value": "1,2,0\n3,NaN,1\n",
    " line 2, column 1: missing value": "1,2,0\n?,4,1\n",
    " line 3, column 1: missing value": "1,2,0\n3,3,3\nN/A,4,1\n",
    " line 2, column 1: 'inf' is not a finite number": "1,2,0\n1e999,4,1\n",
    " line 2, column 2: '1_000' is text": "1,2,0\n3,1_000,1\n",
    " line 2, column 2: '٣' is text": "1,2,0\n3,٣,1\n",
    " line 2, column 3, the label: missing value": "1,2,0\n3,4,\n",
    " line 2, column 3, the label: missing": "1,2,cat\n3,4,NA\n",
    " line 2, column 3, the label: 'O' is text, expected a number": "1,2,0\n3,4,O\n",
    " line 3, column 3 ('l'), the label: '1e999' is not a finite": "a,b,l\n1,2,0\n3,4,1e999\n",
    " line 1: found ';' between the values": "1;2;0\n3;4;1\n",
    " line 1: found ';' between": "1,5;2,5;0\n3;4;1\n",
    " line 1: found a tab between": "1\t2\t0\n",
    " line 1: 1 column, expected features and a label": "1\n2\n",
    " line 2: not UTF-8 text (byte 0xE9)": b"1,2,caf\n3,4,caf\xe9\n",
    " line 1: not UTF-8 text (byte 0xFF)": "1,2,0\n".encode("utf-16"),
    " line 2: holds a NUL": "1,2,0\n3,4\0,1\n",
    " line 2: not valid CSV": '1,2,0\n3,"4"5,1\n',
    " line 3: not valid CSV (unexpected end of data)": '1,2,0\n3,4,1\n5,"6,1\n7,8,0\n',
    " line 1: longer than 16777216 bytes": b"1" * (1 << 24) + b",2\n",
    " line 1: column 1 has no name": ",a,b,label\n0,1,2,0\n",
    " line 1: the last column is 'b', but another is named 'Label'": "Label,a,b\n5,1,2\n",
}


@pytest.mark.parametrize("expected", BAD_CSV)
def test_damaged_csv(tmp_path, expected):
    path = write(tmp_path / "own.csv", BAD_CSV[expected])
    assert f"{path}{expected}" in message(path)


def test_csv_label_column_that_is_not_there(tmp_path):
    path = write(tmp_path / "own.csv", "a,b,b\n1,2,0\n")
    assert "no label column 3 in 3 values" in message(path, label_column=3)
    assert "no label column -4 in 3 values" in message(path, label_column=-4)
    assert "0 columns named 'c', expected one among 'a, b, b'" in message(path, label_column="c")
    assert "2 columns named 'b'" in message(path, label_column="b")


def test_csv_error_places_count_the_label_column(tmp_path):
    path = write(tmp_path / "own.csv", "kind,a,b\n5,1,2\n6,3,x\n")
    assert "line 3, column 3 ('b'): 'x'" in message(path, label_column="kind")


def test_csv_one_long_label_takes_no_memory_in_every_row(tmp_path):
    path = write(tmp_path / "own.csv", "1,a\n" * 2000 + "1," + "b" * 100_000 + "\n")
    assert "line 2001, column 2, the label: 100000 characters" in message(path)


# NPZ


X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
Y = np.array([0, 1, 2])


def npz(path, save=np.savez, **arrays):
    save(path, **arrays)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "x", [X, X.astype(np.float32), X.astype(">i2"), np.asfortranarray(X), IMAGES, X[:1] > 1]
)
def test_npz_keeps_shape_and_kind_of_x(tmp_path, save, x):
    y = Y[: len(x)].astype(np.uint8)
    data = load(npz(tmp_path / "own.npz", save, x=x, y=y, x_test=x[:1], y_test=y[:1]))
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.x_test, x[:1])
    np.testing.assert_array_equal(data.y, y)
    assert data.x.dtype == (np.uint8 if x.dtype == bool else x.dtype.newbyteorder("="))
    assert data.x.flags.c_contiguous and data.y.dtype == np.int64


@pytest.mark.parametrize(
    "y", [np.array(["a", "b", "ß"]), np.array([0.5, 1, 2]), X, Y > 0, Y.astype(np.float32)]
)
def test_npz_kinds_of_y(tmp_path, y):
    data = load(npz(tmp_path / "own.npz", x=X, y=y, extra=X))
    np.testing.assert_array_equal(data.y, y)
    assert data.y.dtype == (np.int64 if y.dtype == bool else y.dtype)
    assert data.x_test is None


NAN = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
BAD_NPZ = {
    "no array y in this NPZ file, it holds x": {"x": X},
    "no array x in this NPZ file, it holds 'x_train.npy', 'y_train.npy'": {
        "x_train": X,
        "y_train": Y,
    },
    "no array y_test": {"x": X, "y": Y, "x_test": X},
    "2 samples in x, but 3 labels in y": {"x": X[:2], "y": Y},
    "x[1, 1] is nan, expected finite": {"x": NAN, "y": Y},
    "y[2] is inf, expected finite": {"x": X, "y": np.array([1, 2, np.inf])},
    "x has shape (3,), expected (N, features)": {"x": X[:, 0], "y": Y},
    "y has shape (3, 2) and dtype int64": {"x": X, "y": X.astype(int)},
    "y has shape ()": {"x": X, "y": np.array(3)},
    "x is empty (shape (0, 2)": {"x": X[:0], "y": Y[:0]},
    "x holds text": {"x": X.astype(str), "y": Y},
    "x has dtype complex128, expected real": {"x": X * 1j, "y": Y},
    "y row 1: missing value": {"x": X, "y": np.array(["a", "", "b"])},
    "y holds Python objects": {"x": X, "y": np.array(["a", 1, None], dtype=object)},
    "y holds 18446744073709551615": {"x": X, "y": np.array([2**64 - 1] * 3, np.uint64)},
    "the test part has samples of shape (1,), the training part (2,)": {
        "x": X,
        "y": Y,
        "x_test": X[:, :1],
        "y_test": Y,
    },
    "the test part has labels of kind f": {"x": X, "y": Y, "x_test": X, "y_test": X[:, 0]},
    "the test part has targets of shape (1,)": {
        "x": X,
        "y": X,
        "x_test": X,
        "y_test": X[:, :1],
    },
}


@pytest.mark.parametrize("expected", BAD_NPZ)
def test_unsuitable_npz(tmp_path, expected):
    assert expected in message(npz(tmp_path / "own.npz", **BAD_NPZ[expected]))


def zip_file(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def npy(header, body=b""):
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + body


def npy_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(shape, dtype="<f8"):
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n"


BAD_MEMBERS = {
    "x of shape (100000000000,) and dtype float64 needs 800000000000": npy(
        header("(100000000000,)")
    ),
    "x of shape (4611686018427387904, 4)": npy(header("(4611686018427387904, 4)"), bytes(32)),
    "x has the impossible shape (-1, -4)": npy(header("(-1, -4)"), bytes(32)),
    "file holds 33": npy(header("(2, 2)"), bytes(33)),
    "x is not an array that NumPy wrote": b"plain text",
    "not an array that NumPy wrote": npy("(" * 9000),
    "x is not an array": npy("{'\\d': 1}"),
    "x has dtype [('a', '<f8')]": npy(header("(1,)").replace("'<f8'", "[('a', '<f8')]"), bytes(8)),
    "x is empty": npy(header("(3, 2)", "<U0")),
    "x has the impossible shape (1, 1, 1, 1, 1, 1, 1, 1, 1)": npy(header((1,) * 9), bytes(8)),
}


@pytest.mark.parametrize("expected", BAD_MEMBERS)
def test_hostile_npz_members(tmp_path, expected):
    path = zip_file(
        tmp_path / "own.npz", [("x.npy", BAD_MEMBERS[expected]), ("y.npy", npy_bytes(Y))]
    )
    assert expected in message(path)


def test_npz_header_of_python_2(tmp_path):
    old = npy(header("(3L, 2L)"), X.tobytes())
    path = zip_file(tmp_path / "own.npz", [("x.npy", old), ("y.npy", npy_bytes(Y))])
    np.testing.assert_array_equal(load(path).x, X)


def test_npz_text_that_is_not_unicode(tmp_path):
    y = npy(header("(3,)", "<U1"), struct.pack("<3I", 65, 0x110000, 66))
    path = zip_file(tmp_path / "own.npz", [("x.npy", npy_bytes(X)), ("y.npy", y)])
    assert "y holds characters that are not Unicode" in message(path)


def test_hostile_npz_archives(tmp_path):
    path = tmp_path / "own.npz"
    both = [("x.npy", npy_bytes(X)), ("y.npy", npy_bytes(Y))]
    assert "damaged NPZ" in message(write(path, b""))
    assert "damaged NPZ" in message(write(path, npy_bytes(X)))
    assert "it holds nothing" in message(zip_file(path, []))
    assert "compression method 12" in message(zip_file(path, both, zipfile.ZIP_BZIP2))
    bomb = npy(header("(100000, 1000)", "|u1"), bytes(10**8))
    bomb_file = zip_file(path, [("x.npy", bomb), both[1]], zipfile.ZIP_DEFLATED)
    assert "x.npy expands from" in message(bomb_file)
    with pytest.warns(UserWarning, match="Duplicate"):
        zip_file(path, [*both, both[0]])
    assert "holds 'x.npy' 2 times" in message(path)


def test_every_bit_flip_of_an_npz_is_noticed_or_harmless(tmp_path):
    """np.load takes some of them for a file in which arrays are missing."""
    path = npz(tmp_path / "own.npz", x=IMAGES, y=LABELS, x_test=IMAGES[:1], y_test=LABELS[:1])
    content = path.read_bytes()
    places = np.flatnonzero(np.frombuffer(content, np.uint8) != ord(" "))  # not the filling
    for place, bit in itertools.product(places, range(8)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        write(path, bytes(damaged))
        try:
            data = load(path)
        except DataError:
            continue
        np.testing.assert_array_equal(data.x, IMAGES)
        np.testing.assert_array_equal(data.y, LABELS)
        np.testing.assert_array_equal(data.x_test, IMAGES[:1])
        np.testing.assert_array_equal(data.y_test, LABELS[:1])


# The file system


def test_paths_that_are_no_files(tmp_path):
    assert "No such file or directory" in message(tmp_path / "none.csv")
    assert "No such file or directory" in message(tmp_path / "none")
    assert "Not a directory" in message(write(tmp_path / "a.csv", "1,2\n") / "b.npz")
    assert "File name too long" in message(tmp_path / ("a" * 300 + ".csv"))
    assert "null byte" in message("a\0b.csv")
    assert "unknown type of file; expected" in message(write(tmp_path / "a.png", b"\x89PNG"))
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is a pipe, socket or device" in message(tmp_path / "pipe.csv")
    idx_folder(tmp_path)
    (tmp_path / IDX_NAMES[0]).unlink()
    (tmp_path / IDX_NAMES[0]).mkdir()
    assert "is a folder, expected a file" in message(tmp_path)


def test_files_without_permission(tmp_path):
    path = write(tmp_path / "own.csv", "1,2,0\n")
    folder = tmp_path / "closed"
    folder.mkdir()
    path.chmod(0)
    folder.chmod(0)
    user = os.geteuid()
    if user == 0:  # root may read everything
        os.seteuid(65534)
    try:
        assert "Permission denied" in message(path)
        assert "Permission denied" in message(folder)
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


# Samples to predict


def test_features_with_and_without_labels(tmp_path):
    for content in ("1,2\n3,4\n", "a,b\n1,2\n3,4\n"):
        x, y = load_features(write(tmp_path / "own.csv", content), 2)
        np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
        assert y is None
    x, y = load_features(write(tmp_path / "own.csv", "7,1,2\n8,3,4\n"), 2, label_column=0)
    np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(y, [7, 8])
    x, y = load_features(write(tmp_path / "own.csv", "k,a\nu,1\n"), 1, label_column="k")
    np.testing.assert_array_equal(y, ["u"])
    assert load_features(write(tmp_path / "own.csv", "a,b\n1,2\n"), 2, label_column="k")[1] is None


def test_features_from_npz_and_idx(tmp_path):
    x, y = load_features(npz(tmp_path / "own.npz", x=IMAGES), 4)
    assert x.shape == (3, 4) and y is None
    np.testing.assert_array_equal(load_features(npz(tmp_path / "b.npz", x=X, y=Y), 2)[1], Y)
    idx_folder(tmp_path)
    x, y = load_features(tmp_path / IDX_NAMES[0], 4)
    np.testing.assert_array_equal(x, IMAGES.reshape(3, 4))
    assert y is None


def test_features_of_another_width(tmp_path):
    path = write(tmp_path / "own.csv", "1,2,0\n")
    for width in (1, 4):
        with pytest.raises(DataError, match=f"3 values, expected {width} features, or"):
            load_features(path, width)
    named = write(tmp_path / "named.csv", "a,b,kind\n1,2,0\n")
    with pytest.raises(DataError, match="expected 3 features"):
        load_features(named, 3, label_column="kind")
    with pytest.raises(DataError, match="4 features in each sample, expected 5"):
        load_features(npz(tmp_path / "own.npz", x=IMAGES), 5)
    with pytest.raises(DataError, match="is a folder"):
        load_features(tmp_path, 5)


# Splitting and encoding


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_stratified_split(counts, fraction, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)) * 3, counts))
    try:
        train, test = stratified_split(y, fraction, seed)
    except ValueError:
        assert max(counts) == 1
        return
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
    assert train.dtype == test.dtype == np.int64
    assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
    for label in np.unique(y):
        n, tested = np.sum(y == label), np.sum(y[test] == label)
        assert abs(tested - fraction * n) < 1 or tested in (1, n - 1)
        assert 0 < tested < n or n == 1
    if min(counts) * min(fraction, 1 - fraction) >= 1:
        assert len(test) == round(fraction * len(y))


def test_stratified_split_by_hand_and_by_seed():
    y = np.array(["a"] * 6 + ["b"] * 3 + ["c"])
    train, test = stratified_split(y, 1 / 3, 0)
    assert sorted(y[test]) == ["a", "a", "b"] and len(train) == 7
    np.testing.assert_array_equal(test, stratified_split(y, 1 / 3, np.random.default_rng(0))[1])
    tests = {tuple(stratified_split(y, 1 / 3, seed)[1]) for seed in range(20)}
    assert len(tests) > 10


def test_split_of_real_targets():
    for y in (np.linspace(0, 1, 10), np.zeros((10, 3))):
        train, test = stratified_split(y, 0.25, 0)
        assert (len(train), len(test)) == (8, 2)


def test_split_that_leaves_a_part_empty():
    with pytest.raises(ValueError, match=r"0.5 of 3 samples in 3 classes leaves 3 .* and 0"):
        stratified_split(np.arange(3), 0.5, 0)
    with pytest.raises(ValueError, match="leaves 0 for training and 0 for the test"):
        stratified_split(np.array([], dtype=int), 0.5, 0)
    for fraction in (0, 1, -0.1, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            stratified_split(np.arange(3), fraction, 0)
    with pytest.raises(ValueError, match=r"shape \(N,\), got \(2, 2\)"):
        stratified_split(np.eye(2, dtype=int), 0.5, 0)


def test_one_hot():
    np.testing.assert_array_equal(one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])
    assert one_hot(np.array([1], np.uint8), 300).shape == (1, 300)
    with pytest.raises(ValueError, match="label 10 at row 3, expected 0 to 9"):
        one_hot([0, 1, 2, 10], 10)
    with pytest.raises(ValueError, match="label -1 at row 0"):
        one_hot([-1], 10)
    with pytest.raises(ValueError, match=r"shape \(N,\)"):
        one_hot([[0, 1]], 10)
    with pytest.raises(TypeError, match="dtype float64"):
        one_hot([0.5], 10)


# Real data


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_mnist(name):
    if not (SHARED / name).is_dir():
        pytest.skip(f"no folder {name} in ../shared/data")
    data = load(SHARED / name)
    assert data.x.shape == (60000, 28, 28) and data.x_test.shape == (10000, 28, 28)
    assert data.x.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(data.y_test) > 800, [True] * 10)
    if name == "mnist":
        assert data.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        assert round(float(data.x.mean() / 255), 5) == 0.13066
