"""Loading a data set: paths that are no files, samples to predict, the real data."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from data_files import IDX_NAMES, IMAGES, X, Y, idx_folder, message, npz, write
from mlp.data import load, load_features
from mlp.errors import DataError

pytestmark = pytest.mark.no_numbers

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


def test_paths_that_are_no_files(tmp_path):
    assert "No such file or directory" in message(tmp_path / "none.csv")
    assert "No such file or directory" in message(tmp_path / "none")
    assert "Not a directory" in message(write(tmp_path / "a.csv", "1,2\n") / "b.npz")
    assert "File name too long" in message(tmp_path / ("a" * 300 + ".csv"))
    assert re.search("null (byte|character)", message("a\0b.csv"))  # Python to 3.12, from 3.13
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
