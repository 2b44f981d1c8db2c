"""Tables of names and rows."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

__all__ = ["Number", "table_html"]

MOST_CELL = 300


class Number(str):
    """A number as it is written."""


def table_html(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; numbers have the class `number`, and what is missing `none`."""
    head = "".join(f"<th>{html.escape(_cut(str(name)))}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: Any) -> str:
    if value is None:
        return '<td class="none"></td>'
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        said = repr(value) if isinstance(value, float) else _whole(value)
        return f'<td class="number">{said}</td>'
    if isinstance(value, Number):
        return f'<td class="number">{html.escape(value)}</td>'
    return f"<td>{html.escape(_cut(value if isinstance(value, str) else repr(value)))}</td>"


def _whole(value: int) -> str:
    return str(value) if abs(value) < 1 << 128 else f"a whole number of {value.bit_length():,} bits"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CELL else f"{text[: MOST_CELL - 1]}…"
