"""What a library says of its caller is said of the user's code, and not of ours, which stands between the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["passed_over"]

P = ParamSpec("P")
T = TypeVar("T")


def passed_over(function: Callable[P, T]) -> Callable[P, T]:
    """Have warnings pass over this function's frame where they look for the line that they concern.

    Else they would name us, and be told once where two lines of the user's caused them, or not at all: Python shows a
    DeprecationWarning only where it concerns the main program. By its file's name Python knows the frames that it passes over, which
    are those of its import system.
    """
    code = function.__code__
    function.__code__ = code.replace(co_filename=f"{code.co_filename} (passed over as importlib._bootstrap is)")
    return function
