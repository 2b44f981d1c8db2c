"""Prints for people: in colours and as wide as it is on a terminal, else plain and 200 wide."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

__all__ = ["PLAIN_WIDTH", "console_for", "print_line", "readable"]

PLAIN_WIDTH = 200

_SIGNS = "✓●✕■†▲▼╰·…∞▁▂▃▄▅▆▇█│┤└┬─━→"
_OLDER = str.maketrans(_SIGNS, "+*x#!^v`-~I_.,-=+*#|+++-->")  # for what has no such letters


def console_for(file: TextIO) -> Console:
    """What prints there."""
    if hasattr(file, "reconfigure"):
        file.reconfigure(errors="replace")  # a name in letters that a terminal lacks is no reason to stop
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(file=file, highlight=False, markup=False, emoji=False, width=PLAIN_WIDTH)


def print_line(console: Console, line: Text) -> None:
    """One line, which is not broken."""
    console.print(readable(console, line), soft_wrap=True)


def readable(console: Console, line: Text) -> Text:
    """The line, in letters that are there."""
    if not console.encoding.startswith("utf"):
        line.plain = line.plain.translate(_OLDER)
    return line
