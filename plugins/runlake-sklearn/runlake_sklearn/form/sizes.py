"""How large a model is, counted without a copy and only as far as a cap."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.errors import NoSafeForm
from runlake_sklearn.form.names import INSTANCES, class_name
from runlake_sklearn.form.natives import NATIVE

_NODE_BYTES = 24  # about what a number, or the brackets around a list, take in the tree


def size_of(model: Any, cap: int) -> int:
    """The bytes of a model's arrays and about those of its tree; what is over the cap is not counted further."""
    size = 0
    seen: set[int] = set()
    kept: list[Any] = []  # parts made here must live, or their ids would be given to others
    waiting = [model]
    while waiting and size <= cap:
        value = waiting.pop()
        size += _NODE_BYTES
        kind = type(value)
        if kind in _SMALL:
            continue
        if kind is str:
            size += len(value)
        elif id(value) not in seen:
            seen.add(id(value))
            size += getattr(value, "nbytes", 0) if kind is np.ndarray else 0
            parts = _inside(kind, value)
            kept.append(parts)
            waiting.extend(parts)
    return size


_SMALL = {type(None), bool, int, float}


def _inside(kind: type, value: Any) -> Any:
    """What an object holds, if it is of the closed list; nothing else is looked into."""
    if kind is list or kind is tuple or kind is set or kind is frozenset:
        return value
    if kind is dict:
        return [*value, *value.values()]
    if kind is np.ndarray:
        return value.ravel().tolist() if value.dtype == object else ()
    name = class_name(kind)
    if name is None:
        return ()
    if name in INSTANCES:
        return [*vars(value), *vars(value).values()]
    try:
        return list(NATIVE[name].take_apart(value).values())
    except NoSafeForm:
        return ()
