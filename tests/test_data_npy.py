"""Folders of NPY files: maps of what np.save wrote, and the message for each kind of damage."""

import json
import pickle

import numpy as np
import pytest

from data_files import IMAGES, X, Y, message, write
from mlp.data import column_names, load, load_features
from mlp.errors import DataError

pytestmark = pytest.mark.no_numbers


def npy_folder(folder, **arrays):
    for name, array in ({"x": X, "y": Y} | arrays).items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.mark.parametrize("dtype", ["u1", ">f4", "<f8", ">i8", "f2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_as_maps_that_nobody_can_change(tmp_path, dtype, order):
    x = np.array([[0, 1], [1, 1], [0, 0]]).astype(dtype, order=order)
    data = load(npy_folder(tmp_path, x=x, x_test=x[:2], y_test=Y[:2]))
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.x_test, x[:2])
    for array in data:
        assert isinstance(array, np.memmap) and not array.flags.writeable
    assert load(npy_folder(tmp_path, y=Y.astype(np.uint8))).y.dtype == np.int64


def test_labels_may_be_texts_and_targets_several(tmp_path):
    texts = np.array(["a", "bcd", "ä"])
    for y in (texts, texts.astype(">U5")):
        read = load(npy_folder(tmp_path, y=y)).y
        assert read.tolist() == texts.tolist() and read.dtype.isnative
    np.testing.assert_array_equal(load(npy_folder(tmp_path, y=X / 7)).y, X / 7)


def test_features_of_one_file(tmp_path):
    np.save(tmp_path / "new.npy", IMAGES)
    x, y = load_features(tmp_path / "new.npy", 4)
    assert y is None and isinstance(x, np.memmap)
    np.testing.assert_array_equal(x, IMAGES.reshape(3, 4))
    with pytest.raises(DataError, match="4 features in each sample, expected 5"):
        load_features(tmp_path / "new.npy", 5)
    with pytest.raises(DataError, match="is a folder"):
        load_features(npy_folder(tmp_path), 2)
    np.save(tmp_path / "new.npy", Y)
    with pytest.raises(DataError, match=r"it has shape \(3,\), expected \(N, features\)"):
        load_features(tmp_path / "new.npy", 2)
    assert "give the folder" in message(tmp_path / "new.npy")


NOT_FINITE = np.where(np.arange(6).reshape(3, 2) == 3, np.nan, X)
BAD_FOLDERS = {
    "no array y as a file .npy in this folder, it holds x": {"y": None},
    "no array x as a file .npy in this folder, it holds y": {"x": None},
    "no array y_test as a file": {"x_test": X},
    "x[1, 1] is nan": {"x": NOT_FINITE},
    "y[2] is inf": {"y": np.array([1, 2, np.inf])},
    "3 samples in x, but 2 labels in y": {"y": Y[:2]},
    "x holds text": {"x": X.astype(str)},
    "x has shape (3,)": {"x": Y},
    "y has shape (3, 2) and dtype int64": {"y": X.astype(int)},
    "y row 1: missing value": {"y": np.array(["a", "", "b"])},
    "not Unicode": {"y": np.array([0xD800, 65, 66], np.uint32).view("<U1")},
    "x.npy: it is empty": {"x": np.zeros((0, 2))},
    "expected real numbers or text": {"x": X.astype(complex)},
    "samples of shape (1,), the training part (2,)": {"x_test": X[:, :1], "y_test": Y},
    "beyond the range of int64": {"y": np.array([0, 1, 2**64 - 1], np.uint64)},
}


@pytest.mark.parametrize("expected", BAD_FOLDERS)
def test_arrays_that_are_no_data_set(tmp_path, expected):
    arrays = {"x": X, "y": Y} | BAD_FOLDERS[expected]
    for name, array in arrays.items():
        if array is not None:
            np.save(tmp_path / f"{name}.npy", array)
    assert expected in message(tmp_path)


class Trap:
    """Pickled, it makes a file when somebody unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def npy_bytes(array, tmp_path):
    np.save(tmp_path / "sound.npy", array, allow_pickle=True)
    return (tmp_path / "sound.npy").read_bytes()


DAMAGE = {
    "it of shape (3, 2) and dtype float64 needs 48 bytes, file holds 47": lambda b: b[:-1],
    "needs 48 bytes, file holds 49": lambda b: b + b"\0",
    "it is not an array that NumPy wrote": lambda b: b[:40],
    "is not an array that NumPy wrote": lambda b: b"",
    "not an array that NumPy wrote": lambda b: b"PK\3\4" + b,
    "an array that NumPy wrote": lambda b: b.replace(b"'<f8'", b"'<q8'"),
    "array that NumPy wrote": lambda b: b.replace(b"descr", b"descx"),
    "(3000000, 2) and dtype float64 needs": lambda b: b.replace(
        b"(3, 2), }      ", b"(3000000, 2), }"
    ),
    "impossible shape (-3, 2)": lambda b: b.replace(b"(3, 2), } ", b"(-3, 2), }"),
}


@pytest.mark.parametrize("expected", DAMAGE)
def test_damaged_files(tmp_path, expected):
    folder = tmp_path / "data"
    folder.mkdir()
    npy_folder(folder)
    write(folder / "x.npy", DAMAGE[expected](npy_bytes(X, tmp_path)))
    assert expected in message(folder).replace(str(folder), "")


def test_nothing_is_ever_unpickled(tmp_path):
    trap = Trap(tmp_path / "unpickled")
    folder = tmp_path / "data"
    folder.mkdir()
    npy_folder(folder, x=np.array([[trap], [trap], [trap]], object))
    assert "x.npy: it holds Python objects" in message(folder)
    write(folder / "x.npy", pickle.dumps(trap))
    assert "x.npy: it is not an array that NumPy wrote" in message(folder)
    assert not (tmp_path / "unpickled").exists()


def test_booleans_that_are_none(tmp_path):
    x = np.array([[True, False]] * 3)
    content = npy_bytes(x, tmp_path)
    npy_folder(tmp_path)
    write(tmp_path / "x.npy", content[:-1] + b"\7")
    assert "x.npy: it holds bytes that are no Booleans" in message(tmp_path)


def test_names_beside_the_arrays(tmp_path):
    npy_folder(tmp_path)
    assert column_names(tmp_path) is None
    write(tmp_path / "names.json", json.dumps({"features": ["a", "b"], "label": "c"}))
    assert column_names(tmp_path) == (["a", "b"], "c")
    for bad in ("{", '{"features": [1], "label": "c"}', '{"features": ["a"]}', "[]"):
        write(tmp_path / "names.json", bad)
        with pytest.raises(DataError, match=r"names.json: no names of features and label"):
            column_names(tmp_path)
