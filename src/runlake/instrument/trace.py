"""What is patched and which plugin's code is called, told line by line on stderr where the setting `trace` asks for that."""

from __future__ import annotations

import sys

__all__ = ["set_trace", "tell"]

_is_on = False


def set_trace(is_on: bool) -> None:
    """Tell from now on, or no more."""
    global _is_on
    _is_on = is_on


def tell(*what: object) -> None:
    """One thing that happened."""
    if _is_on and sys.stderr is not None:
        print("runlake:", *what, file=sys.stderr)
