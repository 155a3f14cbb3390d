"""Tables: as text, and for notebooks as HTML without colours of its own, so that light and dark
themes both fit."""

from collections.abc import Iterable, Sequence


def as_text(rows: Sequence[Sequence[str]], gap: int = 2, widest: int | None = None) -> str:
    """The first column to the left, shortened where the lines would be wider than `widest`; all
    others to the right."""
    wide = widths(rows)
    if widest is not None:
        wide[0] = min(wide[0], max(widest - sum(w + gap for w in wide[1:]), 8))
    lines = []
    for name, *numbers in rows:
        cells = [f"{shortened(name, wide[0]):<{wide[0]}}"]
        cells += [f"{cell:>{w}}" for cell, w in zip(numbers, wide[1:], strict=True)]
        lines.append((" " * gap).join(cells).rstrip())
    return "\n".join(lines)


def widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of each column, in characters."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def as_html(head: Sequence[str], rows: Iterable[Sequence[str]], meaning: str = "") -> str:
    """A table; `meaning` is what it says where the mouse rests on it."""
    from html import escape  # when a notebook asks: a network is used elsewhere too

    title = f' title="{escape(meaning)}"' if meaning else ""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table{title}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
