"""The params of a point, however nested the space is, and the numbers of what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

__all__ = ["labels_of", "numbers_of", "params_of"]


def params_of(point: Any) -> dict[str, Any]:
    """Each value under the names that lead to it, with dots between them; a point that is one value is called `point`."""
    return dict(_flat(point, ())) if isinstance(point, (Mapping, list, tuple)) else {"point": _plain(point)}


def labels_of(doc: Mapping[str, Any]) -> dict[str, Any]:
    """What was drawn for an evaluation, by the labels of the space: of a choice it is the place."""
    return {label: _plain(values[0]) for label, values in doc["misc"]["vals"].items() if len(values)}


def numbers_of(result: Mapping[str, Any]) -> dict[str, float]:
    """The loss, and whatever else is a number."""
    found = {str(key): value for key, value in result.items() if isinstance(value, Real) and not isinstance(value, bool)}
    return {key: float(value) for key, value in found.items() if key}


def _flat(point: Any, path: tuple[str, ...]) -> Any:
    if isinstance(point, Mapping) and point:
        for name, value in point.items():
            yield from _flat(value, (*path, str(name)))
    elif isinstance(point, Sequence) and not isinstance(point, (str, bytes)) and point:
        for place, value in enumerate(point):
            yield from _flat(value, (*path, str(place)))
    else:
        yield ".".join(path), _plain(point)


def _plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's, text and None as they are, anything else as it is called or shows itself."""
    found = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if found is None or isinstance(found, (bool, int, float, str)):
        return found
    return f"{found.__module__}.{found.__qualname__}" if callable(found) and hasattr(found, "__qualname__") else repr(found)
