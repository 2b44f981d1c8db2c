"""What an estimator says of rows as its users give them: of a frame the texts or the records in it, where its first step takes such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

__all__ = ["predicted"]

DEEPEST = 20  # of estimators in each other

_takes: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def predicted(model: Any, data: Any, params: Mapping[str, Any], method: str) -> Any:
    """By the method of this name; None for what is no estimator, or does not have it."""
    if not isinstance(model, BaseEstimator) or not hasattr(model, method):
        return None
    return getattr(model, method)(_as_learned(model, data), **params)


def _as_learned(model: Any, data: Any) -> Any:
    """A signature tells columns; an estimator of texts would take the names of a frame's for them."""
    if not hasattr(data, "iloc") or not hasattr(data, "columns"):
        return data
    if model not in _takes:
        _takes[model] = _taken_by(_first_of(model))
    if _takes[model] == "texts" and len(data.columns) == 1:
        return data.iloc[:, 0]
    if _takes[model] == "records":  # one that lacks something has no value for it
        return [{name: value for name, value in row.items() if value == value} for row in data.to_dict("records")]
    return data


def _taken_by(estimator: Any) -> str:
    """What it takes instead of rows and columns; "" where it takes these."""
    tags = get_tags(estimator).input_tags if isinstance(estimator, BaseEstimator) else None
    if tags is None or tags.two_d_array:
        return ""
    return "records" if tags.dict else "texts"


def _first_of(model: Any) -> Any:
    """What the data comes to first: of a pipeline its first step, of what trains others one of them."""
    for _ in range(DEEPEST):
        inside = _inside(model)
        if inside is None:
            return model
        model = inside
    return model


def _inside(model: Any) -> Any:
    for name in ("steps", "transformer_list", "estimators"):
        parts = [part[1] for part in getattr(model, name, None) or () if isinstance(part, tuple) and isinstance(part[1], BaseEstimator)]
        if parts:
            return parts[0]
    inside = getattr(model, "estimator", None)
    return inside if isinstance(inside, BaseEstimator) else None
