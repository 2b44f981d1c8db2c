"""What a model says of rows as its users give them: by the names that it learned, whatever their order."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from xgboost import Booster, DMatrix, XGBModel

from runlake import InvalidValue
from runlake_xgboost.asking import booster_of
from runlake_xgboost.categories import categories_of

__all__ = ["predicted"]


def predicted(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """By its own `predict`, with those of the params that this takes; None for a model of another library."""
    if not isinstance(model, (Booster, XGBModel)):
        return None
    given = _taken(model.predict, params)
    booster = booster_of(model)
    if booster is not None and hasattr(data, "iloc"):
        data = _as_learned(booster, data)
    return model.predict(data if isinstance(model, XGBModel) else _matrix(model, data), **given)


def _taken(predict: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    known = inspect.signature(predict).parameters
    unknown = [name for name in params if name not in known]
    if unknown:
        warnings.warn(f"XGBoost's predict takes no {', '.join(unknown)}, which is left out.", stacklevel=4)
    return {name: value for name, value in params.items() if name in known}


def _as_learned(booster: Any, frame: Any) -> Any:
    """The columns that it learned from, in that order; texts and numbers where those were categories as categories again."""
    names = booster.feature_names
    if names is None:
        return frame
    by_name = {str(name): name for name in frame.columns}
    missing = [name for name in names if name not in by_name]
    if missing and len(missing) < len(names):
        raise InvalidValue(f"The model was trained with columns that are not there: {', '.join(missing[:10])}.")
    if missing:  # the frame has other names altogether: XGBoost itself says what it thinks of that
        return frame
    ordered = frame[[by_name[name] for name in names]]
    plain = [by_name[name] for name in categories_of(booster) if not hasattr(ordered[by_name[name]].dtype, "categories")]
    return ordered.astype(dict.fromkeys(plain, "category")) if plain else ordered


def _matrix(booster: Any, data: Any) -> DMatrix:
    if isinstance(data, DMatrix):
        return data
    if hasattr(data, "columns"):
        return DMatrix(data, enable_categorical=True)
    rows = data if hasattr(data, "tocsr") else np.asarray(data)
    return DMatrix(rows, feature_names=booster.feature_names, feature_types=booster.feature_types, enable_categorical=True)
