"""Small data files of every format, and what damage can make of them."""

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np

from mlp.data import Dataset, load, load_features

HUGE = [struct.pack(">I", 2**32 - 1), struct.pack("<Q", 2**62), b"999999999999", b"1e999", b"\0\0"]


def seed_files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 6, 5), dtype=np.uint8)
    labels = rng.integers(0, 10, 20, dtype=np.uint8)
    idx = b"\0\0\x08\x03" + struct.pack(">3I", *images.shape) + images.tobytes()
    floats = (
        b"\0\0\x0d\x02" + struct.pack(">2I", 10, 30) + rng.random((10, 30)).astype(">f4").tobytes()
    )
    idx_labels = b"\0\0\x08\x01" + struct.pack(">I", len(labels)) + labels.tobytes()
    rows = "".join(
        f"{','.join(map(str, x.ravel()))},{y}\n" for x, y in zip(images, labels, strict=True)
    )
    named = "width,height,kind\n" + "".join(
        f'{x:.3f},"{y}",{"ab"[y % 2]}\n' for y, x in enumerate(rng.random(40))
    )
    parts = {"x": images, "y": labels, "x_test": images[:5], "y_test": labels[:5]}
    files = {
        "train-images-idx3-ubyte": idx,
        "train-labels-idx1-ubyte": idx_labels,
        "float-idx2": floats,
        "numbers.csv": rows.encode(),
        "named.csv": named.encode(),
        "float.npy": npz_bytes(np.save, arr=rng.random((10, 30))),
        "stored.npz": npz_bytes(np.savez, **parts),
        "deflated.npz": npz_bytes(np.savez_compressed, **parts),
        "text.npz": npz_bytes(np.savez, x=images / 256, y=labels.astype(str)),
    }
    gzipped = {name + ".gz": gzip.compress(content, mtime=0) for name, content in files.items()}
    return files | {name: content for name, content in gzipped.items() if ".np" not in name}


def npz_bytes(save, **arrays) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def flip_bits(data, start, stop, rng):
    for place in rng.integers(0, len(data), rng.integers(1, 5)):
        data[place] ^= 1 << rng.integers(8)


def damage_the_start(data, start, stop, rng):
    data[rng.integers(min(20, len(data)))] = rng.integers(256)


def truncate(data, start, stop, rng):
    del data[start:]


def insert(data, start, stop, rng):
    data[start:start] = rng.bytes(rng.integers(1, 20))


def remove(data, start, stop, rng):
    del data[start:stop]


def duplicate(data, start, stop, rng):
    data[start:start] = data[start:stop] * rng.integers(1, 4)


def zero(data, start, stop, rng):
    data[start:stop] = bytes(stop - start)


def put_huge(data, start, stop, rng):
    huge = HUGE[rng.integers(len(HUGE))]
    start = rng.integers(4, 20) if rng.random() < 0.5 else start
    data[start : start + len(huge)] = huge


def put_text(data, start, stop, rng):
    texts = [b",", b"\n", b'"', b"nan", b";", b"\r", b"-", b"\xff\xfe", b"_", b" ", b",,\n"]
    data[start:start] = texts[rng.integers(len(texts))]


MUTATIONS = [
    flip_bits,
    damage_the_start,
    truncate,
    insert,
    remove,
    duplicate,
    zero,
    put_huge,
    put_text,
]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start, stop = sorted(rng.integers(0, len(data) + 1, 2))
        MUTATIONS[rng.integers(len(MUTATIONS))](data, start, stop, rng)
        if not data:
            break
    return bytes(data)


def mutated_file(
    files: dict[str, bytes], folder: Path, rng: np.random.Generator
) -> tuple[Path, bool]:
    """A file, mutated itself or in what a sound archive holds; and whether checksums guard it."""
    name = list(files)[rng.integers(len(files))]
    guarded, path = name.endswith((".gz", ".npz")), folder / name
    if not guarded or rng.random() < 0.5:
        path.write_bytes(mutate(files[name], rng))
        return path, guarded
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(mutate(gzip.decompress(files[name]), rng), 1))
    else:
        path.write_bytes(mutate_member(files[name], rng))
    return path, False


def mutate_member(content: bytes, rng: np.random.Generator) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[rng.integers(len(members))]
    members[name] = mutate(members[name], rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def read(path: Path, files: dict[str, bytes]) -> Dataset:
    """As part of a folder, or alone, as its kind allows."""
    if not path.name.startswith("train"):
        if "float" not in path.name:
            return load(path)
        x, y = load_features(path, 30)
        return Dataset(x, y)  # type: ignore[arg-type]  # such a file may hold no labels
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        path.with_name(name.replace("train", "t10k")).write_bytes(files[name])
        if name not in path.name:
            path.with_name(name).write_bytes(files[name])
    return load(path.parent)


def fault_of(data: Dataset) -> str | None:
    """What no reader may let through; None: the data are sound."""
    for x, y in ((data.x, data.y), (data.x_test, data.y_test)):
        if x is not None and not (
            x.ndim >= 2
            and x.size
            and np.isfinite(x).all()
            and (x.dtype.isnative or isinstance(x, np.memmap))
        ):
            return "samples that are not finite, native or a map, and in rows"
        if y is not None and (x is None or len(x) != len(y) or y.dtype.kind not in "ifU"):
            return "labels that do not fit the samples"
        if y is not None and y.dtype.kind != "U" and not np.isfinite(y).all():
            return "labels that are not finite"
    return None


def same(data: Dataset, expected: Dataset) -> bool:
    pairs = zip(data, expected, strict=True)
    return all(a is not None and np.array_equal(a, b) for a, b in pairs if b is not None)


def sound_data(files: dict[str, bytes], folder: Path) -> dict[str, Dataset]:
    """Copies: the files that are mapped will be overwritten."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {
        name: Dataset(*(None if a is None else np.array(a) for a in read(folder / name, files)))  # type: ignore[arg-type]
        for name in files
    }
