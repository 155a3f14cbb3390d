"""CSV files: what is read, and the message for each kind of damage."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from data_files import message, write
from mlp.data import load

pytestmark = pytest.mark.no_numbers

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / "data" / "digits.csv.gz"


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
