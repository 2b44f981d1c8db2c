"""Plain data as Python writes it, so that a constant comes along with the function that uses it."""

from __future__ import annotations

import enum
import logging
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

__all__ = ["MAX_LENGTH", "literal_of"]

MAX_LENGTH = 1 << 20  # of a constant's text: what is longer is data, which belongs into a file
_MAX_DEPTH = 50


def literal_of(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    """The text that makes the value again, and what it takes by which names; None for what is no plain data."""
    taken: dict[str, Any] = {}
    text = _literal(value, taken, _MAX_DEPTH)
    return None if text is None else (text, taken)


def _literal(value: Any, taken: dict[str, Any], depth: int) -> str | None:
    if depth == 0:
        return None
    if value is None or value is ... or type(value) in (bool, int, str, bytes):
        return repr(value)
    if type(value) is float:
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
    if type(value) is complex:
        return f"complex({_literal(value.real, taken, depth)}, {_literal(value.imag, taken, depth)})"
    written = _ATOMS.get(type(value))
    if written is not None:
        return written(value, taken)
    if isinstance(value, enum.Enum) and "<locals>" not in type(value).__qualname__ and "." not in type(value).__qualname__:
        taken[type(value).__name__] = type(value)
        return f"{type(value).__name__}[{value.name!r}]"
    return _several(value, taken, depth - 1)


def _several(value: Any, taken: dict[str, Any], depth: int) -> str | None:
    if type(value) is dict:
        pairs = [(_literal(key, taken, depth), _literal(each, taken, depth)) for key, each in value.items()]
        return None if any(None in pair for pair in pairs) else "{" + ", ".join(f"{key}: {each}" for key, each in pairs) + "}"
    if type(value) not in _BRACKETS:
        return None
    texts = [_literal(each, taken, depth) for each in value]
    if type(value) in (set, frozenset):  # whose order differs from process to process
        texts = sorted(texts, key=str)
    if None in texts:
        return None
    before, after = _BRACKETS[type(value)]
    comma = "," if type(value) is tuple and len(texts) == 1 else ""
    return f"{before}{', '.join(map(str, texts))}{comma}{after}"


def _path(value: PurePath, taken: dict[str, Any]) -> str:
    taken["Path"] = Path
    return f"Path({str(value)!r})"


def _logger(value: logging.Logger, taken: dict[str, Any]) -> str:
    taken["logging"] = logging
    return f"logging.getLogger({value.name!r})"


def _pattern(value: re.Pattern[Any], taken: dict[str, Any]) -> str:
    taken["re"] = re
    return f"re.compile({value.pattern!r}, {value.flags})"


_ATOMS: dict[type, Callable[[Any, dict[str, Any]], str]] = {type(Path()): _path, logging.Logger: _logger, re.Pattern: _pattern}
_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), set: ("set([", "])"), frozenset: ("frozenset([", "])")}
