"""The one place that catches everything, so that a failure of ours never reaches the user's program."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from runlake.redaction import redacted_text

__all__ = ["attempt", "choose_strict", "contained", "guarded", "is_strict", "log", "set_silent", "set_strict"]

T = TypeVar("T")


class _WithoutSecrets(logging.Filter):
    """What is said in our name holds no secrets: errors quote what they were given."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = attempt(record.getMessage)
        if isinstance(said, str) and (kept := redacted_text(said)) != said:
            record.msg, record.args = kept, None
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            trace = attempt(lambda: "".join(traceback.format_exception(error)).rstrip("\n"))
            if isinstance(trace, str) and (kept := redacted_text(trace)) != trace:
                record.exc_info, record.exc_text = None, kept
        return True


log = logging.getLogger("runlake")
log.addFilter(_WithoutSecrets())

_strict = False
_chosen_strict: bool | None = None
_reported: set[tuple[tuple[str, ...], type[BaseException], int]] = set()


def set_strict(strict: bool) -> None:
    """Make every guard re-raise, for tests and for plugin authors: by the settings, unless `choose_strict` outranks them."""
    global _strict
    _strict = strict


def choose_strict(strict: bool | None) -> None:
    """The same by the word of `autolog()`; None takes the choice back."""
    global _chosen_strict
    _chosen_strict = strict


def is_strict() -> bool:
    """Whether guards re-raise."""
    return _strict if _chosen_strict is None else _chosen_strict


def set_silent(silent: bool) -> None:
    """Have nothing said of what goes wrong, nor of anything else."""
    log.disabled = silent


def attempt(call: Callable[[], T]) -> T | BaseException:
    """What a stranger's code gives, or what it raised: for code whose failure is an answer. KeyboardInterrupt passes."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return error


def contained(doing: tuple[str, ...], call: Callable[..., T], *args: Any, **kwargs: Any) -> tuple[T, None] | tuple[None, BaseException]:
    """What a call gave, or what it raised, which is logged as `guarded` does it: for code that is called at every step of a training."""
    try:
        return call(*args, **kwargs), None
    except BaseException as error:
        if not _contains(doing, error, error.__traceback__):
            raise
        return None, error


class guarded:  # noqa: N801 - reads as a word at the with statement
    """Log what goes wrong inside, once per cause, and go on; KeyboardInterrupt passes at once.

    What is being done is given in words, which are joined only where they are wanted: this stands on the way of every call.
    """

    __slots__ = ("doing", "error")

    def __init__(self, *doing: str) -> None:
        self.doing = doing
        self.error: BaseException | None = None

    def __enter__(self) -> guarded:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None or not _contains(self.doing, error, trace):
            return False
        self.error = error
        return True


def _contains(doing: tuple[str, ...], error: BaseException, trace: TracebackType | None) -> bool:
    """Whether it goes no further; it is logged then."""
    if isinstance(error, KeyboardInterrupt) or is_strict():
        return False
    cause = (doing, type(error), trace.tb_lineno if trace else 0)
    if cause not in _reported:
        _reported.add(cause)
        with contextlib.suppress(Exception):  # the stack may be full already, and handlers are the user's
            log.warning("runlake failed while %s; your program goes on.", " ".join(doing), exc_info=(type(error), error, trace))
    return True
