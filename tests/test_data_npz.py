"""NPZ files: what is read, and the message for each kind of damage."""

import io
import itertools
import struct
import zipfile

import numpy as np
import pytest

from data_files import IMAGES, LABELS, X, Y, message, npz, write
from mlp.data import load
from mlp.errors import DataError

pytestmark = pytest.mark.no_numbers


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


@pytest.mark.long
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
