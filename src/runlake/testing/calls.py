"""Calls of the library's own functions, seen from below: whatever stands around a function, its code runs in the end."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from runlake.testing.scenario import attribute

__all__ = ["counted", "raising"]


@contextmanager
def counted(targets: Sequence[str]) -> Iterator[Counter[str]]:
    """How often each of these is called inside, in this thread."""
    counts: Counter[str] = Counter()
    with _seen(targets, lambda target: counts.update([target])):
        yield counts


@contextmanager
def raising(targets: Sequence[str], error: BaseException) -> Iterator[None]:
    """The first call of any of these raises this very object."""

    def fail(_: str) -> None:
        raise error

    with _seen(targets, fail):
        yield


@contextmanager
def _seen(targets: Sequence[str], tell: Callable[[str], None]) -> Iterator[None]:
    codes = dict(pair for target in targets if (pair := (_code_of(target), target))[0] is not None)

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in codes:
            tell(codes[frame.f_code])

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


def _code_of(target: str) -> CodeType | None:
    """Of the innermost function; what is not written in Python has none."""
    function = inspect.unwrap(attribute(target))
    return getattr(getattr(function, "__func__", function), "__code__", None)
