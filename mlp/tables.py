"""Tables for notebooks: HTML without colours of its own, so light and dark themes both fit."""

from collections.abc import Iterable, Sequence


def as_html(head: Sequence[str], rows: Iterable[Sequence[str]], meaning: str = "") -> str:
    """A table; `meaning` is what it says where the mouse rests on it."""
    from html import escape  # when a notebook asks: a network is used elsewhere too

    title = f' title="{escape(meaning)}"' if meaning else ""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table{title}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
