"""Cells of IPython, in a notebook or a terminal: what is to happen as the one that runs now ends, and how the last one ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from runlake.guard import guarded
from runlake.recording.recorders import is_worker

__all__ = ["uncaught_error", "when_the_cell_ends"]

_calls: dict[Callable[[BaseException | None], None], None] = {}
_last_cell: tuple[BaseException | None] | None = None  # IPython forgets it before exit handlers run, where it is a terminal


def when_the_cell_ends(call: Callable[[BaseException | None], None]) -> bool:
    """Call it once with the error, if any, that ends the cell; whether there are cells here."""
    shell = _shell()
    if shell is None:
        return False
    _calls[call] = None
    shell.events.register("pre_run_cell", _before_a_cell)  # a second time, nothing happens
    shell.events.register("post_run_cell", _after_a_cell)
    return True


def uncaught_error() -> BaseException | None:
    """The error that the program leaves with, as far as it is told. After one in an earlier cell the user went on."""
    if is_worker():  # multiprocessing catches its errors, and what it inherited is an error of its parent
        return None
    return getattr(sys, "last_value", None) if _last_cell is None else _last_cell[0]


def _before_a_cell(_: Any) -> None:
    """What a thread or a widget began between two cells ends here: the next one has nothing to do with it."""
    _make_calls(None)


def _after_a_cell(result: Any) -> None:
    global _last_cell
    error = _error_of(result)
    _last_cell = (error,)
    _make_calls(error)


def _make_calls(error: BaseException | None) -> None:
    while _calls:
        call, _ = _calls.popitem()
        with guarded("doing what a cell leaves to its end"):
            call(error)


def _error_of(result: Any) -> BaseException | None:
    if result is None:  # the cell was cancelled before IPython could say anything of it
        return KeyboardInterrupt()
    before: BaseException | None = result.error_before_exec
    inside: BaseException | None = result.error_in_exec
    return before if inside is None else inside


def _shell() -> Any:
    """The one of this process: a forked worker inherits it and never sees a cell end."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return None if get_ipython is None or is_worker() else get_ipython()
