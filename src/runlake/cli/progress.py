"""Tells who waits at a terminal what is being done, and how far it is; in a pipe or a file, nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from runlake.cli.printing import console_for

__all__ = ["progress", "progress_bar"]


@contextmanager
def progress(begin: str) -> Iterator[Callable[[str], None]]:
    """A line that changes while the block goes on, and is gone after it."""
    console = console_for(sys.stderr)
    if not console.is_terminal:
        yield lambda what: None
        return
    with console.status(Text(begin)) as status:
        yield lambda what: status.update(Text(f"{begin}: {what}"))


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar that grows by so many of them with each call, and is gone after the block."""
    console = console_for(sys.stderr)
    if not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
