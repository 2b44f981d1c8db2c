"""Parts of a page under titles of their own; one without a line is left out."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

__all__ = ["INDENT", "section"]

INDENT = "  "


def section(title: str, found: Iterator[Text]) -> Iterator[Text]:
    """The lines below their title, behind an empty line."""
    body = list(found)
    if body:
        yield Text()
        yield Text(title, "bold")
        yield from (Text.assemble(INDENT, line) for line in body)
