"""mlp convert: the arrays that reading gives, the same trained bits, and nothing half-written."""

import gzip
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from data_files import IDX_NAMES, IMAGES, X, Y, idx_bytes, idx_folder, npz, write
from mlp import DataError
from mlp.commands import convert as program
from mlp.commands import predict
from mlp.commands.train import program as train_program
from mlp.data import column_names, convert, load
from mlp.rows import ROWS
from programs import ENVIRONMENT, write_csv

pytestmark = pytest.mark.no_numbers


def converted(path, folder, **options):
    folder.mkdir()
    return convert(path, folder, **options)


def assert_same_as_loaded(path, folder, **options):
    """Raise unless converting gives what loading gives, with the same dtypes."""
    convert_options = {"label_column": options["label_column"]} if options else {}
    converted(path, folder, **convert_options)
    expected, found = load(path, **options), load(folder)
    for name in expected._fields:
        a, b = getattr(expected, name), getattr(found, name)
        if a is None or b is None:
            same = a is b
        else:
            same = a.dtype.newbyteorder("=") == b.dtype and np.array_equal(a, b)
        if not same:
            raise AssertionError(f"{name}: expected {a!r}, got {b!r}")
    if {p.name for p in folder.iterdir()} - {"names.json"} != {
        f"{name}.npy" for name, array in expected._asdict().items() if array is not None
    }:
        raise AssertionError(f"other files: {[*folder.iterdir()]}")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("1,2,0\n3,4,1\n", {}),
        ("a,b,kind\n1,2,x\n3,4,yyyy\n5,6,\u00e4\n", {}),
        ("kind,b,c\n0.5,2,3\n1,4,5\n", {"label_column": "kind"}),
        ("7,1,2\n8,3,4\n", {"label_column": 0}),
        ('1,"two\nlines"\n2,"and, a comma"\n', {}),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv(tmp_path, text, options, suffix):
    content = text.encode()
    path = write(tmp_path / f"a{suffix}", gzip.compress(content) if "gz" in suffix else content)
    assert_same_as_loaded(path, tmp_path / "out", **options)
    names = column_names(path, label_column=options.get("label_column", -1))
    assert column_names(tmp_path / "out") == names


def test_csv_of_many_blocks(tmp_path):
    n = 2 * ROWS + 3
    numbers = np.random.default_rng(0).normal(size=(n, 2)).round(3)
    labels = ["b"] * (n - 1) + ["longer"]
    rows = [[*x, label] for x, label in zip(numbers.tolist(), labels, strict=True)]
    assert_same_as_loaded(write_csv(tmp_path / "text.csv", rows), tmp_path / "text")
    rows = [[*x, 5] for x in numbers.tolist()]
    assert_same_as_loaded(write_csv(tmp_path / "whole.csv", rows), tmp_path / "whole")
    for place in (0, -1):  # makes the labels of all blocks, before and after, real numbers
        rows[place][-1] = 5.5
        path = write_csv(tmp_path / f"real{place}.csv", rows)
        assert load(path).y.dtype == np.float64
        assert_same_as_loaded(path, tmp_path / f"real{place}")
        rows[place][-1] = 5


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    arrays = {"x": X, "y": Y, "x_test": X[:2], "y_test": Y[:2]}
    assert_same_as_loaded(npz(tmp_path / "a.npz", save, **arrays), tmp_path / "a")
    arrays = {"x": np.asfortranarray(IMAGES.astype(">f4")), "y": np.array(["a", "bb", "c"])}
    assert_same_as_loaded(npz(tmp_path / "b.npz", save, **arrays), tmp_path / "b")
    assert_same_as_loaded(
        npz(tmp_path / "f.npz", save, x=np.asfortranarray(X), y=Y), tmp_path / "f"
    )
    for name in "bf":
        assert np.load(tmp_path / name / "x.npy").flags.c_contiguous
    assert_same_as_loaded(npz(tmp_path / "c.npz", save, x=X > 2, y=Y / 2), tmp_path / "c")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(("dtype", "kind"), [("u1", 0x08), ("i2", 0x0B), ("f8", 0x0E)])
def test_idx(tmp_path, suffix, dtype, kind):
    folder = tmp_path / "idx"
    folder.mkdir()
    images = idx_bytes(IMAGES.astype(dtype), kind)
    content = gzip.compress(images) if suffix else images
    assert_same_as_loaded(
        idx_folder(folder, suffix, train_images=content, t10k_images=content), tmp_path / "out"
    )


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_another_dtype(tmp_path, dtype):
    path = npz(tmp_path / "a.npz", x=X, y=Y)
    assert converted(path, tmp_path / "a", dtype=dtype)["x"].dtype == dtype
    path = write(tmp_path / "b.csv", "1,200,0\n3,4,1\n")
    x = converted(path, tmp_path / "b", dtype=dtype)["x"]
    assert x.dtype == dtype
    np.testing.assert_array_equal(x, [[1, 200], [3, 4]])


@pytest.mark.parametrize(
    ("cell", "dtype"), [("0.5", "uint8"), ("256", "uint8"), ("-1", "uint8"), ("1e39", "float32")]
)
def test_a_number_that_does_not_fit_is_named(tmp_path, cell, dtype):
    path = write(tmp_path / "b.csv", f"1,2,0\n3,{cell},1\n")
    with pytest.raises(DataError, match=rf"x\[1, 1\] is .*, which is no {dtype}"):
        converted(path, tmp_path / "b", dtype=dtype)


BAD = {
    "line 3: 2 values, expected 3": "1,2,0\n3,4,1\n5,6\n",
    "line 2, column 2: missing value": "1,2,0\n3,,1\n",
    "line 2, column 3, the label: missing value": "1,2,0\n3,4,\n",
    "line 1, column 3, the label: 'a' is text": "1,2,a\n3,4,1\n",
    "line 2, column 2: 'inf' is not a finite number": "1,2,0\n3,inf,1\n",
}


@pytest.mark.parametrize("expected", BAD)
def test_damaged_csv_gives_the_error_of_reading_it(tmp_path, expected):
    path = write(tmp_path / "bad.csv", BAD[expected])
    with pytest.raises(DataError) as read:
        load(path)
    with pytest.raises(DataError) as caught:
        program.main([str(path), str(tmp_path / "out")], "mlp convert")
    assert expected in str(read.value) and str(caught.value) == str(read.value)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


def test_a_mixture_of_labels_in_different_blocks_is_damage(tmp_path):
    rows = [[1, "text"]] * (ROWS + 5) + [[1, 2]]
    path = write_csv(tmp_path / "bad.csv", rows)
    for read in (load, lambda p: converted(p, tmp_path / "out")):
        with pytest.raises(DataError, match="line 1, column 2, the label: 'text' is text"):
            read(path)


def test_damage_of_other_files_names_the_input(tmp_path):
    cut = npz(tmp_path / "cut.npz", x=X, y=Y[:2])
    objects = npz(tmp_path / "objects.npz", x=X.astype(object), y=Y)
    idx = idx_folder(tmp_path / "idx" if (tmp_path / "idx").mkdir() is None else tmp_path)
    write(idx / IDX_NAMES[0], idx_bytes(IMAGES)[:-1])
    cases = {
        cut: "3 samples in x, but 2 labels in y",
        objects: "x holds Python objects",
        idx: "3x2x2 = 12 bytes, file holds 11",
        idx / IDX_NAMES[1]: "a single IDX file is no data set",
        tmp_path / "none.csv": "No such file",
    }
    for path, text in cases.items():
        with pytest.raises(DataError) as caught:
            program.main([str(path), str(tmp_path / "out")], "mlp convert")
        assert text in str(caught.value) and str(caught.value).startswith(str(path))
    assert not [p for p in tmp_path.iterdir() if p.name.startswith((".", "out"))]


def test_an_existing_folder_is_left_alone(tmp_path, capsys):
    path = write(tmp_path / "a.csv", "1,2,0\n3,4,1\n")
    with pytest.raises(SystemExit):
        program.main([str(path), str(tmp_path)], "mlp convert")
    assert "exists; choose another folder" in capsys.readouterr().err
    assert program.main([str(path), str(tmp_path / "new" / "out")], "mlp convert") == 0
    assert "x.npy (2, 2) float64, y.npy (2,) int64" in capsys.readouterr().out
    with pytest.raises(DataError, match="NPY files already"):
        program.main([str(tmp_path / "new" / "out"), str(tmp_path / "b")], "mlp convert")


def test_ctrl_c_leaves_nothing(tmp_path):
    table = tmp_path / "long.csv"
    with open(table, "w") as file:
        for _ in range(40 * ROWS):
            file.write("1,2,3,4,5,6,7,0\n")
    command = [sys.executable, "-P", "-m", "mlp", "convert", str(table), str(tmp_path / "out")]
    how = {"env": ENVIRONMENT, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **how) as process:
        while not any(p.name.endswith(".part") for p in tmp_path.iterdir()):
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and said.endswith("mlp convert: interrupted\n")
    assert [p.name for p in tmp_path.iterdir()] == ["long.csv"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    path = write_csv(tmp_path / "a.csv", [[1, 2, 0], [3, 4, 1]] * 5000)
    limited = (
        "import resource, signal, sys; from mlp.commands import console;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
        f"sys.argv = ['mlp', 'convert', {str(path)!r}, {str(tmp_path / 'out')!r}];"
        "sys.exit(console.main())"
    )
    how = {"env": ENVIRONMENT, "capture_output": True, "text": True}
    result = subprocess.run([sys.executable, "-BP", "-c", limited], **how)
    assert result.returncode == 6 and "x.npy: File too large" in result.stderr, result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("kind", [pytest.param("csv", marks=pytest.mark.long), "npz", "idx"])
def test_memory_of_converting_does_not_grow_with_the_file(tmp_path, kind):
    def peak(n):
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (n, 40)).astype(np.uint8), rng.integers(0, 3, n)
        if kind == "csv":
            path = write_csv(tmp_path / f"{n}.csv", np.column_stack([x[:, :3], y]).tolist())
        elif kind == "npz":
            path = npz(tmp_path / f"{n}.npz", np.savez_compressed, x=x, y=y)
        else:
            path = tmp_path / f"idx{n}"
            path.mkdir()
            for name in IDX_NAMES:
                content = idx_bytes(x if "images" in name else y.astype(np.uint8))
                write(path / f"{name}.gz", gzip.compress(content, 1))
        tracemalloc.start()
        converted(path, tmp_path / f"out{n}")
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(ROWS)  # what is imported late
    assert peak(4 * ROWS) < peak(2 * ROWS) + ROWS  # a byte for each row more would be twice that


def trained(data, out, *words):
    """The bytes of what a run learned."""
    words = ["--data", str(data), "--out", str(out), "--epochs", "2", "--quiet", *words]
    if train_program.main([*words, "--hidden", "8", "--batch-size", "64"], "mlp train"):
        raise AssertionError(f"mlp train {words}")
    return [(out / name).read_bytes() for name in ("model.npz", "history.csv")]


def table_of(path, n):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5)).round(4)
    rows = [
        [*row, "yes" if hit else "no"] for row, hit in zip(x.tolist(), x[:, 0] > 0.3, strict=True)
    ]
    return write_csv(path, [["a", "b", "c", "d", "e", "kind"], *rows])


@pytest.mark.parametrize("n", [300, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_model_is_the_same_by_map_and_in_memory(tmp_path, n, capsys):
    table = table_of(tmp_path / "table.csv", n)
    converted(table, tmp_path / "maps")
    words = ("--validation", "0.2", "--patience", "3")
    expected = trained(table, tmp_path / "memory", *words)
    assert trained(tmp_path / "maps", tmp_path / "mapped", *words) == expected
    other = trained(tmp_path / "maps", tmp_path / "blocks", *words, "--shuffle-block", "100")
    assert other[0] != expected[0]
    again = trained(table, tmp_path / "again", *words, "--shuffle-block", "100")
    assert again == other
    outputs = []
    for run in ("memory", "mapped"):
        capsys.readouterr()
        predict.main([str(tmp_path / run), str(table)], "mlp predict")
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("n", [300, pytest.param(100_000, marks=pytest.mark.long)])
def test_pixels_train_to_the_same_bytes_from_every_form(tmp_path, n):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (n, 6, 6)).astype(np.uint8), rng.integers(0, 3, n)
    raw, packed, maps = tmp_path / "raw", tmp_path / "packed", tmp_path / "maps"
    for folder, suffix in ((raw, ""), (packed, ".gz")):
        folder.mkdir()
        for name in IDX_NAMES:
            content = idx_bytes(x if "images" in name else y.astype(np.uint8))
            write(folder / f"{name}{suffix}", gzip.compress(content, 1) if suffix else content)
    converted(packed, maps)
    runs = [trained(data, tmp_path / f"run-{data.name}") for data in (raw, packed, maps)]
    assert runs[0] == runs[1] == runs[2]
