"""Which arrays of a layer are its parameters."""

from typing import Any

from mlp.checking.students.names import BIASES, WEIGHTS, plain
from mlp.checking.students.slots import Slot, slots


def find_parameters(instance: Any, kind: str | None) -> dict[str, Slot]:
    """W and b by their usual names; for Affine under any name, by their shapes."""
    arrays = [p for p in slots(instance) if not _is_gradient(p, instance)]
    found: dict[str, Slot] = {}
    for role, names in (("W", WEIGHTS), ("b", BIASES)):
        named = [p for p in arrays if plain(p.name) in names or _wrapped(p, names)]
        named = named or [p for p in arrays if p.name.lower().rpartition("_")[2] in names]
        if named:
            found[role] = named[0]
    if kind == "Affine":
        _complete_affine(found, arrays)
    elif kind is None:
        known = {id(p.read()) for p in found.values()}
        for slot in arrays:
            taken = slot.name in ("x", "y", "target")
            if id(slot.read()) not in known and slot.read().size and not taken:
                name = slot.path if isinstance(slot.holder, list) else slot.name
                found.setdefault(name, slot)
                known.add(id(slot.read()))
    else:
        found = {}
    return found


def _wrapped(slot: Slot, names: set[str]) -> bool:
    """A Parameter object called W: the attribute of the layer has the name, not the array."""
    return plain(slot.path) in names


def _complete_affine(found: dict[str, Slot], arrays: list[Slot]) -> None:
    if "W" not in found:
        matrices = [p for p in arrays if p.read().ndim == 2 and min(p.read().shape) > 1]
        if matrices:
            found["W"] = matrices[0]
    if "b" not in found and "W" in found:
        rest = [p for p in arrays if p.read() is not found["W"].read()]
        vectors = [p for p in rest if p.read().size in found["W"].read().shape]
        if vectors:
            found["b"] = vectors[0]


def _is_gradient(slot: Slot, instance: Any) -> bool:
    """dW, grad_b, W_old, ...: named after an array of the object, or in a dict of gradients."""
    if slot.holder is not instance and not isinstance(slot.holder, dict | list):
        return slot.name in ("grad", "g", "gradient")
    path = plain(slot.path)
    if path.startswith(("grad", "dparam", "momentum", "velocity", "cache")):
        return True
    if {"last", "old", "prev", "previous", "velocity", "momentum"} & {
        *slot.name.lower().split("_")
    }:
        return True
    name = plain(slot.name)
    for prefix in ("dld", "grad", "d", "v", "m"):
        rest = name.removeprefix(prefix)
        if rest != name and (rest in WEIGHTS | BIASES or _has(instance, rest)):
            return True
    return name.endswith("grad")


def _has(instance: Any, name: str) -> bool:
    return any(plain(p.name) == name for p in slots(instance))


def waits(instance: Any) -> bool:
    """Whether it has weights that are not there yet."""
    return any(
        slot.read() is None
        and (plain(slot.name) in WEIGHTS or plain(slot.path).startswith("param"))
        for slot in slots(instance, everything=True)
    )
