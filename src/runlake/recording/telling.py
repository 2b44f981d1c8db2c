"""What is said to the user while a program runs: single lines on stderr, none where `silent` is set."""

from __future__ import annotations

import contextlib
import sys

from runlake import config
from runlake.guard import log
from runlake.redaction import redacted_text

__all__ = ["name_unused", "say"]

_named: set[tuple[str, str]] = set()


def say(line: str) -> None:
    """Print it, if there is anybody to read it."""
    if log.disabled or sys.stderr is None or config.load().silent:  # without one, print would write to the program's own output
        return
    with contextlib.suppress(OSError, ValueError):  # it is closed, or nobody reads it
        shown = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in redacted_text(line))
        print(shown, file=sys.stderr)  # nothing that a terminal would obey


def name_unused(verb: str, **arguments: object) -> None:
    """Name, once each, the arguments given that MLflow's verb of this name knows and ours has no use for."""
    for name, value in arguments.items():
        if value is not None and (verb, name) not in _named:
            _named.add((verb, name))
            say(f"runlake: {verb}() has no use for {name}={value!r:.80}, and goes on without it")
