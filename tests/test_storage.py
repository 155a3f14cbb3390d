"""What `mlp train` says of data that are large, and of --shuffle-block."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_files import npz
from mlp import DataError
from mlp.commands.train import program
from mlp.commands.train.storage import LARGE, hint, memory_of_machine

pytestmark = pytest.mark.no_numbers


def test_a_map_larger_than_the_memory_gets_a_hint(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1000, 10)))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    said = hint(tmp_path, x, None, 50_000)
    assert "--shuffle-block 4096" in said and "more than the memory" in said
    assert hint(tmp_path, x, 4096, 50_000) is None
    assert hint(tmp_path, x, None, 80_000) is None


def test_large_samples_in_memory_get_a_hint(tmp_path):
    large = np.broadcast_to(np.uint8(0), (LARGE, 1))
    assert f"gunzip '{tmp_path}/a b'/*.gz" in hint_of(tmp_path / "a b", large)
    assert "mlp convert" in hint(Path("table.csv"), large, None, np.inf)
    assert hint(Path("table.csv"), large[1:], None, np.inf) is None


def hint_of(folder, x):
    folder.mkdir()
    return hint(folder, x, None, np.inf)


def test_the_memory_of_this_machine_is_a_number():
    assert memory_of_machine() > 1 << 27


def trained(*words):
    return program.main([*map(str, words), "--epochs", "2", "--quiet"], "mlp train")


def test_shuffle_block_is_kept_and_needs_batches(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    data = npz(tmp_path / "a.npz", x=x, y=(x[:, 0] > 0).astype(int))
    words = ["--data", data, "--shuffle-block", "8"]
    assert trained(*words, "--out", tmp_path / "run") == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["shuffle_block"] == 8
    for wrong, text in (
        (["--batch-size", "0"], "--shuffle-block needs batches"),
        (["--shuffle-block", "0"], "expected a whole number from 1"),
    ):
        with pytest.raises(SystemExit):
            trained(*words, *wrong)
        assert text in capsys.readouterr().err


def test_a_folder_of_arrays_that_is_damaged_is_wrong_data(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 2)))
    with pytest.raises(DataError, match="no array y as a file"):
        trained("--data", tmp_path)
