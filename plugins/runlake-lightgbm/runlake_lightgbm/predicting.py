"""What a model says of rows as its users give them: by the names that it learned, whatever their order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np

from runlake import InvalidValue
from runlake_lightgbm.models import booster_of

__all__ = ["predicted"]


def predicted(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """By its own `predict`, up to the best iteration unless the params say otherwise; None for a model of another library."""
    if not isinstance(model, (lightgbm.Booster, lightgbm.LGBMModel)):
        return None
    booster = booster_of(model)
    if hasattr(data, "iloc"):
        data = data if booster is None else _as_learned(booster, data)
    elif isinstance(data, list):
        data = np.asarray(data)
    return model.predict(data, **params)


def _as_learned(booster: lightgbm.Booster, frame: Any) -> Any:
    """The columns that it learned from, in that order: LightGBM itself goes by their places."""
    names = booster.feature_name()
    by_name = {str(name).replace(" ", "_"): name for name in frame.columns}  # as LightGBM writes them
    missing = [name for name in names if name not in by_name]
    if missing and _are_own(names):
        return _with_categories(booster, frame)
    if missing:
        raise InvalidValue(f"The model was trained with columns that are not there: {', '.join(missing[:10])}.")
    return _with_categories(booster, frame[[by_name[name] for name in names]])


def _are_own(names: list[str]) -> bool:
    """Whether LightGBM made the names itself, of data that had none."""
    return names == [f"Column_{place}" for place in range(len(names))]


def _with_categories(booster: lightgbm.Booster, frame: Any) -> Any:
    """Texts and numbers where categories were, as categories again: of these the booster knows their values, in the columns' order."""
    known = booster.pandas_categorical or []
    if not known:
        return frame
    import pandas as pd

    places = _categorical_places(booster)
    if len(places) != len(known) or any(place >= frame.shape[1] for place in places):
        return frame
    made = {
        frame.columns[place]: pd.Categorical(frame.iloc[:, place], categories=categories)
        for place, categories in zip(places, known, strict=True)
        if not hasattr(frame.iloc[:, place].dtype, "categories")
    }
    return frame.assign(**made) if made else frame


def _categorical_places(booster: lightgbm.Booster) -> list[int]:
    """Which features are categories, as the text says it after the trees."""
    found = re.search(r"^\[categorical_feature: ([\d,]*)\]$", booster.model_to_string(num_iteration=1), re.MULTILINE)
    return [int(place) for place in found[1].split(",") if place] if found else []
