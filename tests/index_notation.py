"""Evaluates formulas in index notation: dL/dX_ab = sum_k W_ka U_kb, with arrays by name.

Every index letter becomes an axis, a sum runs over its axes, [k = a] is 1 where the indices agree.
Formulas with a name that has no value, or with a sign that is not known here, are Unknown.
"""

import contextlib
import functools
import re

import numpy as np

TOKEN = re.compile(
    r"\s*(?:(?P<slope>d[A-Za-z]\w*/d[A-Za-z]\w*)|(?P<sum>sum_\(?[a-z,]+\)?)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<product>\([A-Za-z][A-Za-z0-9^ ]*\)_[a-z]+)"
    r"|(?P<name>[A-Za-z]+\d*(?:_[A-Za-z0-9]+)?)|(?P<sign>\^T|\^2|[-+=()\[\]/]))"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Unknown(Exception):
    """Something in the formula has no value here."""


def chains(text: str, values: dict[str, np.ndarray]) -> list[list[np.ndarray]]:
    """For each statement of a line "a = b = c,  d = e": the values of its sides that have one.

    Every value has an axis for each index letter.
    """
    return [_chain(statement, values) for statement in re.split(r",\s+", text)]


def _chain(text: str, values: dict[str, np.ndarray]) -> list[np.ndarray]:
    sizes: dict[str, int] = {}
    sides, found = [_Side(part, values, sizes) for part in _sides(text) if part.strip()], []
    for side in sides:
        try:
            found.append(side.value())
        except (Unknown, ValueError):  # without a value, or with shapes that do not belong together
            continue
    return found


def _sides(text: str) -> list[str]:
    """Split at each = that is not within brackets."""
    sides, depth = [""], 0
    for sign in text:
        depth += (sign in "[(") - (sign in ")]")
        if sign == "=" and depth == 0:
            sides.append("")
        else:
            sides[-1] += sign
    return sides


class _Side:
    """Recursive descent over one side; every value has one axis for each of the 26 letters."""

    def __init__(self, text: str, values: dict[str, np.ndarray], sizes: dict[str, int]):
        self.values, self.sizes, self.at = values, sizes, 0
        self.tokens: list[tuple[str, str]] = []
        text, at = text.rstrip(), 0
        while match := TOKEN.match(text, at):
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        if at < len(text):
            self.tokens.append(("unknown", text[at:]))
        for kind, token in self.tokens:
            if kind in ("name", "slope", "product"):
                with contextlib.suppress(Unknown):
                    self._note_sizes(token)

    def value(self) -> np.ndarray:
        result = self._sum()
        if self.at != len(self.tokens):
            raise Unknown(str(self.tokens[self.at :]))
        return result

    def _sum(self) -> np.ndarray:
        result = -self._product() if self._take("-") else self._product()
        while self._next() in ("+", "-"):
            sign = self._take(self._next())
            result = result + self._product() if sign == "+" else result - self._product()
        return result

    def _product(self) -> np.ndarray:
        result = self._factor()
        while self._next() not in (None, "+", "-", ")", "]", "="):
            result = result / self._factor() if self._take("/") else result * self._factor()
        return result

    def _factor(self) -> np.ndarray:
        if self.at == len(self.tokens):
            raise Unknown("ends too early")
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "sum":
            letters = re.sub(r"sum_|[(),]", "", token)
            axes = tuple(LETTERS.index(letter) for letter in letters)
            return self._product().sum(axis=axes, keepdims=True)
        if kind == "number":
            return np.full((1,) * 26, float(token))
        if token == "[":
            return self._indicator()
        if token == "(":
            result = self._sum()
            if not self._take(")"):
                raise Unknown("an open bracket")
        elif kind in ("name", "slope", "product"):
            result = self._array(token)
        else:
            raise Unknown(token)
        return result**2 if self._take("^2") else result

    def _indicator(self) -> np.ndarray:
        """[k = a]"""
        try:
            (_, a), (_, equal), (_, b), (_, close) = self.tokens[self.at : self.at + 4]
        except ValueError:
            raise Unknown("[") from None
        if equal != "=" or close != "]" or not {a, b} <= {*self.sizes}:
            raise Unknown("[")
        self.at += 4
        return (self._axis(a) == self._axis(b)).astype(float)

    def _array(self, token: str) -> np.ndarray:
        array, letters = self._look(token)
        for letter in letters:
            if letter not in LETTERS:
                raise Unknown(token)
        subscripts = "".join(letters)
        distinct = "".join(sorted(set(subscripts)))
        array = np.einsum(f"{subscripts}->{distinct}", array)
        shape = [1] * 26
        for letter, size in zip(distinct, array.shape, strict=True):
            shape[LETTERS.index(letter)] = size
        return array.reshape(shape)

    def _look(self, token: str) -> tuple[np.ndarray, str]:
        """The array and its index letters; fixed digits are picked out of it."""
        if token.startswith("("):
            inside, _, indices = token[1:].partition(")_")
            array = self._matrix(inside)
        else:
            top, _, bottom = token.partition("/")
            name, _, indices = (bottom or top).partition("_")
            array = self._named(f"{top}/{name}" if bottom else name)
        if array.ndim != len(indices):
            raise Unknown(token)
        for axis in reversed(range(array.ndim)):
            if indices[axis].isdigit():
                array = np.take(array, int(indices[axis]) - 1, axis)
        return array, re.sub(r"\d", "", indices)

    def _named(self, name: str) -> np.ndarray:
        of_loss = re.fullmatch("d[A-Za-z]/d(.+)", name)  # dL/dW is also called dW
        for key in (name, name.replace("/", "_"), *([f"d{of_loss[1]}"] if of_loss else [])):
            if isinstance(self.values.get(key), np.ndarray | int | float | np.generic):
                return np.asarray(self.values[key], float)
        raise Unknown(name)

    def _matrix(self, product: str) -> np.ndarray:
        """W^T U: a product of matrices by name."""
        factors = [self._named(factor.removesuffix("^T")) for factor in product.split()]
        turned = [
            f.T if text.endswith("^T") else f
            for f, text in zip(factors, product.split(), strict=True)
        ]
        try:
            return functools.reduce(np.matmul, turned)
        except ValueError:
            raise Unknown(product) from None

    def _note_sizes(self, token: str) -> None:
        array, letters = self._look(token)
        for letter, size in zip(letters, array.shape, strict=True):
            if self.sizes.setdefault(letter, size) != size:
                raise Unknown(token)

    def _axis(self, letter: str) -> np.ndarray:
        shape = [1] * 26
        shape[LETTERS.index(letter)] = self.sizes[letter]
        return np.arange(self.sizes[letter]).reshape(shape)

    def _next(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def _take(self, token: str | None) -> str | None:
        if token is not None and self._next() == token:
            self.at += 1
            return token
        return None
