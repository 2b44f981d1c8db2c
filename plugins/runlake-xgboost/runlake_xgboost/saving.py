"""A model in XGBoost's own formats, with the settings of an estimator beside it; and back, by the classes listed here alone."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xgboost
from xgboost import Booster, XGBModel
from xgboost.core import XGBoostError

from runlake import Saved, entities
from runlake_xgboost import FORMAT, MODEL_FORMATS
from runlake_xgboost.asking import booster_of
from runlake_xgboost.categories import categories_of
from runlake_xgboost.checking import InvalidModel, check
from runlake_xgboost.settings import settings_of

__all__ = ["digest_of", "is_saved", "loaded", "saved"]

ESTIMATOR_FILE = "estimator.json"
MOST_COLUMNS = 2_000  # of a signature

_TYPES = {"int": "long", "i": "boolean"}

_CLASSES = {
    kind.__name__: kind
    for kind in (
        xgboost.XGBModel,
        xgboost.XGBClassifier,
        xgboost.XGBRegressor,
        xgboost.XGBRanker,
        xgboost.XGBRFClassifier,
        xgboost.XGBRFRegressor,
    )
}
_KINDS = {"tuple": tuple, "list": list}


class _NoJson(Exception):
    """A setting that is no data."""


def is_saved(model: Any) -> bool:
    """Whether it is a model of this library."""
    return isinstance(model, (Booster, XGBModel))


def saved(model: Any, max_bytes: int, model_format: str) -> Saved | None:
    """Its files, and where MLflow's tools find the booster. How large that is, is not known before it is written."""
    if not is_saved(model):
        return None
    if type(model) is not Booster and type(model) is not _CLASSES.get(type(model).__name__):
        return Saved(FORMAT, why_not=f"{type(model).__module__}.{type(model).__qualname__} is a class of the program's own, not XGBoost's")
    files, notes = ({}, {}) if isinstance(model, Booster) else _settings_file(model)
    booster = booster_of(model)
    if booster is not None:
        try:
            files[f"model.{model_format}"] = bytes(booster.save_raw(raw_format=model_format))
        except XGBoostError as error:
            return Saved(FORMAT, why_not=f"XGBoost does not save it: {str(error).splitlines()[0]}")
    if sum(map(len, files.values())) > max_bytes:
        return Saved(FORMAT, why_not=f"it takes more than {max_bytes:,} bytes")
    if isinstance(model, Booster):
        signature = entities.ModelSignature(_schema(model))
        return Saved(FORMAT, files, notes=notes, flavors=_flavor(model, model_format), modules=("xgboost",), signature=signature)
    flavors = {} if booster is None else _flavor(model, model_format)
    return Saved(FORMAT, files, notes=notes, flavors=flavors, modules=("xgboost", "sklearn"))


def _schema(booster: Booster) -> entities.Schema | None:
    """What it takes of its users: it was trained on a DMatrix, in which all numbers are single, and categories are codes."""
    n = booster.num_features()
    if n > MOST_COLUMNS:
        return None
    names: list[str | None] = list(booster.feature_names or [None] * n)  # type: ignore[list-item]  # which are names or none
    types = [_TYPES.get(kind, "double") for kind in booster.feature_types or [""] * n]
    known = categories_of(booster)
    types = [known.get(name, kind) for name, kind in zip(names, types, strict=True)]
    return entities.Schema(tuple(entities.ColSpec(kind, name) for kind, name in zip(types, names, strict=True)))


def _flavor(model: Any, model_format: str) -> dict[str, dict[str, str]]:
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    about = {"data": f"model.{model_format}", "model_class": kind, "model_format": model_format, "xgb_version": xgboost.__version__}
    return {"xgboost": about}


def digest_of(model: Any) -> str | None:
    """Of what a booster learned, and of an estimator's settings; None for what has learned nothing."""
    booster = booster_of(model)
    if booster is None:
        return None
    files = {} if isinstance(model, Booster) else _settings_file(model)[0]
    raw = bytes(booster.save_raw(raw_format="ubj"))
    return hashlib.sha256(b"".join([type(model).__name__.encode(), *files.values(), raw])).hexdigest()


def loaded(files: Mapping[str, bytes]) -> Any:
    """The booster or the estimator. Raises InvalidModel for files that are none."""
    raw = next((files[f"model.{name}"] for name in MODEL_FORMATS if f"model.{name}" in files), None)
    if raw is not None:
        check(raw)
    try:
        if ESTIMATOR_FILE in files:
            return _estimator(files[ESTIMATOR_FILE], raw)
        if raw is None:
            raise InvalidModel(f"There is no model in {', '.join(files) or 'no files'}.")
        booster = Booster()
        booster.load_model(bytearray(raw))
        return booster
    except InvalidModel:
        raise
    except (XGBoostError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise InvalidModel(f"The files are no model of XGBoost's: {type(error).__name__}: {str(error).splitlines()[:1]}") from error


def _settings_file(model: XGBModel) -> tuple[dict[str, bytes], dict[str, str]]:
    """What the estimator was told, and in a note what of it JSON does not have."""
    params, left_out = {}, []
    for name, value in settings_of(model).items():
        try:
            params[name] = _to_json(value)
        except _NoJson:
            left_out.append(name)
    about: dict[str, Any] = {"class": type(model).__name__, "params": params}
    if hasattr(model, "n_classes_"):
        about["n_classes"] = int(model.n_classes_)
    text = json.dumps(about, allow_nan=False).encode()
    return {ESTIMATOR_FILE: text}, {"left_out": ", ".join(left_out)} if left_out else {}


def _estimator(text: bytes, raw: bytes | None) -> Any:
    about = json.loads(text)
    kind = _CLASSES.get(about["class"]) if isinstance(about, dict) and isinstance(about.get("class"), str) else None
    given = about.get("params") if kind is not None else None
    if kind is None or not isinstance(given, dict):
        raise InvalidModel(f"{ESTIMATOR_FILE} names no estimator of XGBoost's with its settings.")
    for name in given:
        if name.startswith("_") or hasattr(kind, name):
            raise InvalidModel(f"{ESTIMATOR_FILE} sets {name!r}, which is no setting.")
    params = {name: _from_json(value) for name, value in given.items()}
    estimator: Any = kind(**params)
    if raw is not None:
        estimator.load_model(bytearray(raw))
        # Loading changes settings to what came of them. Not by `set_params`, which tells the booster.
        for name in params.keys() & vars(estimator).keys():
            setattr(estimator, name, params[name])
        if isinstance(about.get("n_classes"), int):
            estimator.n_classes_ = about["n_classes"]
    return estimator


def _to_json(value: Any) -> Any:
    """The value, where it is data; what JSON has not by the name of its kind."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(float(value))}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return {"tuple" if isinstance(value, tuple) else "list": [_to_json(each) for each in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _to_json(each) for key, each in value.items()}}
    raise _NoJson


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, held),) = value.items()
        if kind == "float" and held in ("nan", "inf", "-inf"):
            return float(held)
        if kind in _KINDS and isinstance(held, list):
            return _KINDS[kind](map(_from_json, held))
        if kind == "dict" and isinstance(held, dict):
            return {key: _from_json(each) for key, each in held.items()}
    raise InvalidModel(f"{ESTIMATOR_FILE} has a setting of no kind that is known: {str(value)[:80]}.")
