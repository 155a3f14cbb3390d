"""Every single-bit flip and every truncation of small checkpoints, of a network and a training."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlp import (
    SGD,
    Affine,
    CheckpointError,
    ReLU,
    Sequential,
    SquaredError,
    fit,
    load_checkpoint,
    save_checkpoint,
)


def run(cases: int, seed: int) -> tuple[str, list[str]]:
    """All of them, or with `cases` as many drawn from them."""
    rng, tried, failures = np.random.default_rng(seed), 0, []
    with tempfile.TemporaryDirectory() as folder:
        model, training = Path(folder, "model.npz"), Path(folder, "checkpoint.npz")
        save_checkpoint(model, _net(), classes=np.array(["a", "b"]))
        _train(training)
        for path, read in ((model, load_checkpoint), (training, _train)):
            read(path)
            sound = path.read_bytes()
            damages = list(_damages(sound))
            if cases:
                chosen = rng.choice(len(damages), size=min(cases, len(damages)), replace=False)
                damages = [damages[i] for i in chosen]
            for damage, place in damages:
                path.write_bytes(_damaged(sound, damage, place))
                tried += 1
                try:
                    read(path)
                except CheckpointError as error:
                    if str(path) in str(error):
                        continue
                    failures.append(f"{path.name}, {damage} {place}: does not name it: {error}")
                except Exception as error:  # whatever else it is, it is a failure
                    failures.append(f"{path.name}, {damage} {place}: {error!r}")
                else:
                    failures.append(f"{path.name}, {damage} {place}: nobody saw it")
            path.write_bytes(sound)
    return f"{tried} flips and truncations", failures


def _damages(sound: bytes) -> Iterator[tuple[str, int]]:
    yield from (("bit", place) for place in range(8 * len(sound)))
    yield from (("length", place) for place in range(len(sound)))


def _damaged(sound: bytes, damage: str, place: int) -> bytes:
    if damage == "length":
        return sound[:place]
    flipped = bytearray(sound)
    flipped[place // 8] ^= 1 << place % 8
    return bytes(flipped)


def _net() -> Sequential:
    return Sequential(Affine(2, 2, rng=0), ReLU(), Affine(2, 1, rng=1))


def _train(path: Path) -> None:
    x = np.arange(8.0).reshape(4, 2) / 8
    fit(
        _net(),
        SquaredError(),
        SGD(0.1, momentum=0.9),
        x,
        x[:, :1],
        epochs=2,
        patience=2,
        rng=0,
        checkpoint=path,
    )
