"""MNIST as the peers get it: rows of float32 in [0, 1] and labels."""

import gzip
import pathlib

import numpy as np


def load(folder: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return (*_part(folder, "train"), *_part(folder, "t10k"))


def _part(folder: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = (_bytes(folder, f"{name}-{kind}") for kind in ("images-idx3", "labels-idx1"))
    return x[16:].reshape(-1, 784).astype(np.float32) / 255, y[8:].astype(np.int64)


def _bytes(folder: str, name: str) -> np.ndarray:
    return np.frombuffer(
        gzip.decompress(pathlib.Path(folder, f"{name}-ubyte.gz").read_bytes()), np.uint8
    )
