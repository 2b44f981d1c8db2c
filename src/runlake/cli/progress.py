"""Tells who waits at a terminal what is being done; in a pipe or a file, nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.text import Text

from runlake.cli.printing import console_for

__all__ = ["progress"]


@contextmanager
def progress(begin: str) -> Iterator[Callable[[str], None]]:
    """A line that changes while the block goes on, and is gone after it."""
    console = console_for(sys.stderr)
    if not console.is_terminal:
        yield lambda what: None
        return
    with console.status(Text(begin)) as status:
        yield lambda what: status.update(Text(f"{begin}: {what}"))
