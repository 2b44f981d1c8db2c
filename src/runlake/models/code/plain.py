"""Plain data as JSON that gives it back as it was: tuples, sets, bytes, paths, and keys that are no texts, too."""

from __future__ import annotations

import base64
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runlake.errors import InvalidModel, InvalidValue

__all__ = ["from_json", "to_json"]

_MAX_DEPTH = 100
_MAX_ARRAY_BYTES = 1 << 20
_KINDS = "biufc"  # of arrays: what holds numbers and nothing else


def to_json(name: str, value: Any, ways_out: str) -> Any:
    """What `json` writes of the value. Raises InvalidValue, which names what is no plain data by its place in `name`, and the ways out."""
    return _written(name, value, _MAX_DEPTH, ways_out)


def from_json(value: Any) -> Any:
    """The value that `to_json` wrote."""
    if isinstance(value, list):
        return [from_json(each) for each in value]
    if not isinstance(value, dict):
        return value
    (kind, held), *others = value.items() or [("", None)]
    if kind.startswith("$") and not others:
        made = _MADE.get(kind)
        if made is None:
            raise InvalidModel(f"A value of the model is of the kind {kind!r}, which this version of runlake does not know: update it.")
        return made(held)
    return {key: from_json(each) for key, each in value.items()}


def _written(name: str, value: Any, depth: int, ways_out: str) -> Any:
    def inside(place: str, each: Any) -> Any:
        return _written(f"{name}[{place}]", each, depth - 1, ways_out)

    if depth == 0:
        raise InvalidValue(f"{name[:60]}... lies more than {_MAX_DEPTH} levels deep, or holds itself. {ways_out}")
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": str(value)}
    if kind is complex:
        return {"$complex": [inside("real", value.real), inside("imag", value.imag)]}
    if kind in (bytes, bytearray):
        return {f"${kind.__name__}": base64.b64encode(value).decode()}
    if kind is list:
        return [inside(str(place), each) for place, each in enumerate(value)]
    if kind in (tuple, set, frozenset):
        return {f"${kind.__name__}": [inside(str(place), each) for place, each in enumerate(value)]}
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: inside(repr(key), each) for key, each in value.items()}
        return {"$dict": [[inside("a key", key), inside(repr(key), each)] for key, each in value.items()]}
    if kind is type(Path()):
        return {"$path": str(value)}
    if (array := _array(value)) is not None:
        return array
    raise InvalidValue(f"{name} is a {kind.__module__}.{kind.__qualname__}, which is no plain data. {ways_out}")


def _array(value: Any) -> dict[str, Any] | None:
    """A small array of numbers, or one of its numbers."""
    numpy = sys.modules.get("numpy")  # without which there are none
    if numpy is None or (type(value) is not numpy.ndarray and not isinstance(value, numpy.generic)):
        return None
    if value.dtype.kind not in _KINDS or value.nbytes > _MAX_ARRAY_BYTES:
        return None
    said = {"dtype": value.dtype.str, "shape": list(value.shape), "data": base64.b64encode(value.tobytes()).decode()}
    return {"$array" if type(value) is numpy.ndarray else "$number": said}


def _made_array(said: Mapping[str, Any]) -> Any:
    import numpy  # late: hardly any model has one

    return numpy.frombuffer(base64.b64decode(said["data"]), numpy.dtype(said["dtype"])).reshape(said["shape"]).copy()


def _made_dict(pairs: Any) -> dict[Any, Any]:
    return {from_json(key): from_json(each) for key, each in pairs}


_MADE: dict[str, Callable[[Any], Any]] = {
    "$float": float,
    "$complex": lambda parts: complex(*map(from_json, parts)),
    "$bytes": base64.b64decode,
    "$bytearray": lambda text: bytearray(base64.b64decode(text)),
    "$tuple": lambda items: tuple(map(from_json, items)),
    "$set": lambda items: set(map(from_json, items)),
    "$frozenset": lambda items: frozenset(map(from_json, items)),
    "$dict": _made_dict,
    "$path": Path,
    "$array": _made_array,
    "$number": lambda said: _made_array(said)[()],
}
