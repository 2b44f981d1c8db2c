"""Plain data as Python writes it, so that a constant comes along with the function that uses it."""

from __future__ import annotations

import builtins
import collections
import copyreg
import dataclasses
import enum
import functools
import inspect
import logging
import math
import re
import sys
import threading
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from runlake.models.code.libraries import is_library

__all__ = ["MAX_LENGTH", "is_plain", "literal_of", "named_tuple_of"]

MAX_LENGTH = 1 << 20  # of a constant's text: what is longer is data, which belongs into a file
_MAX_DEPTH = 50
_MAX_ITEMS = 1 << 16  # of an array
_PLAIN = {type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset}


def is_plain(value: Any) -> bool:
    """Whether the value is of one of Python's own types of data, which are equal wherever they were made."""
    return type(value) in _PLAIN


class _NoLiteral(Exception):
    """A value is no plain data."""


def literal_of(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    """The text that makes the value again, and what it takes by which names; None for what is no plain data."""
    writing = _Writing()
    try:
        return writing.text(value), writing.taken
    except _NoLiteral:
        return None


def named_tuple_of(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    """The same for a class that a call of `namedtuple` made, which has no source; None for every other."""
    if (
        not isinstance(value, type)
        or value.__bases__ != (tuple,)
        or not hasattr(value, "_field_defaults")
        or "__annotations__" in vars(value)
    ):
        return None
    defaults = literal_of(tuple(value._field_defaults.values()))
    if defaults is None:
        return None
    fields = list(getattr(value, "_fields"))  # noqa: B009 - the type has it, which mypy does not know
    return f"collections.namedtuple({value.__name__!r}, {fields!r}, defaults={defaults[0]})", {**defaults[1], "collections": collections}


class _Writing:
    """A value, written from the outside in."""

    def __init__(self) -> None:
        self.taken: dict[str, Any] = {}
        self._depth = 0

    def text(self, value: Any) -> str:
        """Raises _NoLiteral for what is no plain data, or holds itself."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _NoLiteral
        text = self._text(value)
        self._depth -= 1
        return text

    def _text(self, value: Any) -> str:
        kind = type(value)
        if value is None or value is ... or kind in (bool, int, str, bytes):
            return repr(value)
        if kind is float:
            return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
        if kind in _ATOMS:
            return _ATOMS[kind](self, value)
        if kind is dict:
            return "{" + ", ".join(f"{self.text(key)}: {self.text(each)}" for key, each in value.items()) + "}"
        if kind in _BRACKETS:
            texts = self._texts(value)
            if kind in (set, frozenset):  # whose order differs from process to process
                texts.sort()
            before, after = _BRACKETS[kind]
            return f"{before}{', '.join(texts)}{',' if kind is tuple and len(texts) == 1 else ''}{after}"
        if typing.get_origin(value) is not None:
            return self._type(value)
        if isinstance(value, type) or inspect.isroutine(value):
            return self._named(value)
        return self._object(value)

    def _texts(self, values: Iterable[Any]) -> list[str]:
        return [self.text(each) for each in values]

    def take(self, name: str, value: Any) -> str:
        """The name, which has to mean this."""
        if getattr(builtins, name, None) is not value and self.taken.setdefault(name, value) is not value:
            raise _NoLiteral
        return name

    def _named(self, value: Any) -> str:
        """A class or a function, inside of something else: by its own name."""
        name = getattr(value, "__name__", "")
        if getattr(value, "__qualname__", None) != name or not name.isidentifier():
            raise _NoLiteral
        return self.take(name, value)

    def _type(self, value: Any) -> str:
        """An alias of a type, such as `list[int] | None`."""
        origin, inside = typing.get_origin(value), ", ".join(self._texts(typing.get_args(value)))
        if isinstance(origin, type) and origin is not types.UnionType:
            return f"{self._named(origin)}[{inside}]"
        name = "Union" if origin is types.UnionType else getattr(origin, "_name", None)
        if not isinstance(name, str) or not hasattr(typing, name):
            raise _NoLiteral
        return f"{self.take('typing', typing)}.{name}[{inside}]"

    def _object(self, value: Any) -> str:
        kind = type(value)
        numpy = sys.modules.get("numpy")
        if numpy is not None and (kind is numpy.ndarray or isinstance(value, numpy.generic)):
            return self._array(numpy, value)
        if numpy is not None and isinstance(value, numpy.dtype) and value.names is None and not value.hasobject:
            return f"{self.take('numpy', numpy)}.dtype({value.str!r})"
        if isinstance(value, enum.Enum):
            return f"{self._named(kind)}[{value.name!r}]"
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return f"{self._named(kind)}({', '.join(self._texts(value))})"
        if dataclasses.is_dataclass(value) and _is_all_fields(value):
            given = (f"{field.name}={self.text(getattr(value, field.name))}" for field in dataclasses.fields(value))
            return f"{self._named(kind)}({', '.join(given)})"
        if is_library(kind.__module__):
            return self._call(value)
        raise _NoLiteral

    def _array(self, numpy: Any, value: Any) -> str:
        if value.dtype.kind not in "biufc" or value.size > _MAX_ITEMS:
            raise _NoLiteral
        array = f"{self.take('numpy', numpy)}.array({self.text(value.tolist())}, dtype={value.dtype.str!r})"
        shaped = array if value.size else f"{array}.reshape({value.shape!r})"
        return shaped if type(value) is numpy.ndarray else f"{shaped}[()]"

    def _call(self, value: Any) -> str:
        """What a library's object says makes it again, where that is one call: a date, a fraction, a counter."""
        how = copyreg.dispatch_table.get(type(value))
        made = how(value) if how is not None else value.__reduce_ex__(2) if _has_own_reduce(type(value)) else ()
        if not isinstance(made, tuple) or len(made) < 2 or any(part is not None for part in made[2:]) or not isinstance(made[0], type):
            raise _NoLiteral
        return f"{self._named(made[0])}({', '.join(self._texts(made[1]))})"

    def path(self, value: PurePath) -> str:
        """A path of this system, which is one of the other there."""
        return f"{self.take('Path', Path)}({str(value)!r})"

    def logger(self, value: logging.Logger) -> str:
        """The one of this name."""
        return f"{self.take('logging', logging)}.getLogger({value.name!r})"

    def pattern(self, value: re.Pattern[Any]) -> str:
        """Compiled anew."""
        return f"{self.take('re', re)}.compile({value.pattern!r}, {value.flags})"

    def lock(self, value: Any) -> str:
        """One that nobody holds."""
        return f"{self.take('threading', threading)}.{'Lock' if type(value) is type(threading.Lock()) else 'RLock'}()"

    def partial(self, value: functools.partial[Any]) -> str:
        """A function with some of its arguments."""
        given = [self.text(value.func), *self._texts(value.args), *(f"{name}={self.text(each)}" for name, each in value.keywords.items())]
        return f"{self.take('functools', functools)}.partial({', '.join(given)})"

    def variable(self, value: typing.TypeVar) -> str:
        """One of the same bounds."""
        said = [repr(value.__name__), *self._texts(value.__constraints__)]
        said += [f"bound={self.text(value.__bound__)}"] if value.__bound__ is not None else []
        said += [f"{way}=True" for way in ("covariant", "contravariant") if getattr(value, f"__{way}__")]
        return f"{self.take('typing', typing)}.TypeVar({', '.join(said)})"


def _is_all_fields(value: Any) -> bool:
    """Whether the object of a dataclass is what a call with its fields makes."""
    fields = dataclasses.fields(value)
    held = set(vars(value)) if hasattr(value, "__dict__") else {field.name for field in fields}
    return all(field.init for field in fields) and held == {field.name for field in fields} and not hasattr(value, "__post_init__")


def _has_own_reduce(kind: type) -> bool:
    return any(name in vars(base) for base in kind.__mro__[:-1] for name in ("__reduce__", "__reduce_ex__"))


_ATOMS: dict[type, Callable[[_Writing, Any], str]] = {
    type(Path()): _Writing.path,
    logging.Logger: _Writing.logger,
    re.Pattern: _Writing.pattern,
    type(threading.Lock()): _Writing.lock,
    type(threading.RLock()): _Writing.lock,
    functools.partial: _Writing.partial,
    typing.TypeVar: _Writing.variable,
    object: lambda _, __: "object()",
    complex: lambda writing, value: f"complex({writing.text(value.real)}, {writing.text(value.imag)})",
}
_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), set: ("set([", "])"), frozenset: ("frozenset([", "])")}
