"""The value of a param: its text exactly as given, and the kind that brings the value back."""

from __future__ import annotations

import ast
from typing import Any

from runlake.guard import attempt

__all__ = ["kind_of", "typed"]

_PLAIN = {bool: "bool", int: "int", float: "float", str: "str", type(None): "none"}
_WORDS = {"bool": ("True", "False"), "none": ("None",)}
_CONTAINERS = (list, tuple, dict, set)


def kind_of(value: Any) -> str:
    """Which kind of value this is: one of Python's plain ones, a literal made of them, or an object that only has a text."""
    kind = _PLAIN.get(type(value)) or attempt(lambda: _kind_of_other(value))
    return kind if isinstance(kind, str) else "object"


def _kind_of_other(value: Any) -> str:
    is_scalar = hasattr(value, "__array_interface__") and getattr(value, "shape", None) == ()
    held = value.item() if is_scalar else value  # a NumPy scalar is the plain value that it holds
    for plain, kind in _PLAIN.items():
        if isinstance(held, plain):
            # Of these two the text alone is not looked at again: NaT holds None, and some only say that they are bool.
            return "object" if kind in _WORDS and str(value) not in _WORDS[kind] else kind
    return "literal" if isinstance(held, _CONTAINERS) and _reads_back(held) else "object"


def typed(kind: str, text: str) -> Any:
    """The value of this kind that has this text; for an object the text."""
    if kind in ("str", "object"):
        return text
    if kind == "none":
        return None
    if kind == "bool":
        return text == "True"
    if kind == "int":
        return _int(text)
    if kind == "float":
        return _float(text)
    return ast.literal_eval(text)


def _int(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:  # a subclass may print as a word, and what has thousands of digits nobody wrote
        return text


def _float(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _reads_back(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(str(value)) == value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
