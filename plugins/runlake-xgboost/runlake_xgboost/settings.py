"""What a training was asked for, as plain values: data, callbacks and other objects are none."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["given_params", "path_of", "plain", "plain_ones", "settings_of"]


def given_params(params: Any) -> dict[str, Any]:
    """The parameters of a booster, which may also be pairs; a name that comes twice has a list."""
    if isinstance(params, Mapping):
        return dict(params)
    found: dict[str, list[Any]] = {}
    for key, value in params if isinstance(params, (list, tuple)) else ():
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def settings_of(estimator: Any) -> dict[str, Any]:
    """The constructor's parameters."""
    asked, state = estimator, getattr(estimator, "random_state", None)
    if hasattr(state, "randint") or hasattr(state, "integers"):
        # `get_params` draws from it, and the training's own draw is to be the one that it would have been.
        asked = copy.copy(estimator)
        asked.random_state = None
    return {**asked.get_params(), "random_state": state}


def plain_ones(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are set, and are plain."""
    found = {str(key): plain(value) for key, value in values.items()}
    return {key: value for key, value in found.items() if value is not None}


def plain(value: Any) -> Any:
    """The value as Python and JSON have it, a function by its name; None for what is not plain."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain(value.item())
    if isinstance(value, (list, tuple)):
        return _all_or_none(list(map(plain, value)))
    if isinstance(value, Mapping):
        found = plain_ones(value)
        return found if len(found) == len(value) else None
    if callable(value):
        return path_of(value)
    return path_of(type(value)) if hasattr(value, "randint") or hasattr(value, "integers") else None


def path_of(named: Any) -> str:
    """Where a function or class is defined, and its name; of an object that can be called those of its class."""
    named = named if hasattr(named, "__qualname__") else type(named)
    return f"{named.__module__}.{named.__qualname__}"


def _all_or_none(values: Iterable[Any]) -> list[Any] | None:
    found = list(values)
    return None if any(value is None for value in found) else found
