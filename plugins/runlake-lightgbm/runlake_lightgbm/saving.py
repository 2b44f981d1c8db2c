"""A model as files that are safe to read: the text of its booster, and JSON of what a class for scikit-learn adds to that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np
from lightgbm.compat import _LGBMLabelEncoder

from runlake import InvalidModel, RunlakeError, Saved
from runlake_lightgbm import FORMAT
from runlake_lightgbm.checking import checked
from runlake_lightgbm.models import booster_of
from runlake_lightgbm.params import name_of

__all__ = ["digest_of", "loaded", "objective_not_kept", "saved"]

BOOSTER, MODEL, TEXT = "booster.json", "estimator.json", "model.txt"

_CLASSES = {kind.__name__: kind for kind in (lightgbm.LGBMModel, lightgbm.LGBMClassifier, lightgbm.LGBMRegressor, lightgbm.LGBMRanker)}
_STATE = ("_n_features", "_n_features_in", "_n_classes", "_fitted_with_feature_names", "_evals_result", "_objective", "_class_weight")
_LABELS = "biufU"  # kinds of arrays that classes may be
# MLflow's tools read a booster by itself; of an estimator it is what learned.
_FLAVORS = {"lightgbm": {"data": TEXT, "model_class": "lightgbm.basic.Booster", "lgb_version": lightgbm.__version__}}

_WRONG = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError, lightgbm.basic.LightGBMError)


def objective_not_kept(truth: Any, said: Any) -> Any:
    """Stands where a function of the program was: what is predicted is as before, and a training says what it lacks."""
    raise RunlakeError("The objective of this model was a function of the program that trained it, which is not kept; set it anew.")


def saved(model: Any, max_bytes: int) -> Saved | None:
    """Its files; or why there are none."""
    if isinstance(model, lightgbm.Booster):
        files = _of_booster(model)
        left_out: list[str] = []
    elif not isinstance(model, lightgbm.LGBMModel):
        return None
    elif type(model) is not _CLASSES.get(type(model).__name__):
        return Saved(FORMAT, why_not=f"is of {name_of(type(model))}, a class of its own, which only its code can tell of")
    else:
        try:
            about, left_out = _of_model(model)
        except TypeError as error:
            return Saved(FORMAT, why_not=str(error))
        files = {MODEL: json.dumps(about).encode()} | (_of_booster(model.booster_) if "state" in about else {})
    if sum(map(len, files.values())) > max_bytes:
        return Saved(FORMAT, why_not=f"it takes more than {max_bytes:,} bytes")
    notes = {"left_out": ", ".join(left_out)} if left_out else {}
    modules = ("lightgbm",) if isinstance(model, lightgbm.Booster) else ("lightgbm", "sklearn")
    return Saved(FORMAT, files, notes=notes, flavors=_FLAVORS if TEXT in files else {}, modules=modules)


def digest_of(model: Any) -> str | None:
    """Of what a booster learned, and of what a class for scikit-learn adds; None for what has learned nothing."""
    booster = booster_of(model)
    if booster is None:
        return None
    files = _of_booster(booster)
    if model is not booster:
        try:
            files[MODEL] = json.dumps(_of_model(model)[0]).encode()
        except TypeError:  # its labels have no form
            files[MODEL] = type(model).__name__.encode()
    return hashlib.sha256(b"".join(files.values())).hexdigest()


def loaded(files: Mapping[str, bytes]) -> Any:
    """The model. Raises InvalidModel for files that none was saved as."""
    try:
        if not files.keys() & {TEXT, MODEL}:
            raise KeyError(TEXT)
        booster = _booster(files) if TEXT in files else None
        return booster if MODEL not in files else _model(json.loads(files[MODEL]), booster)
    except _WRONG as error:
        raise InvalidModel(f"These files are no model of LightGBM: {type(error).__name__}: {error}") from error


def _of_booster(booster: lightgbm.Booster) -> dict[str, bytes]:
    about = {"best_iteration": booster.best_iteration, "best_score": booster.best_score}
    return {TEXT: booster.model_to_string(num_iteration=-1).encode(), BOOSTER: json.dumps(about).encode()}


def _booster(files: Mapping[str, bytes]) -> lightgbm.Booster:
    about = json.loads(files.get(BOOSTER, b"{}"))
    booster = lightgbm.Booster(model_str=checked(files[TEXT].decode()))
    booster.best_iteration = int(about.get("best_iteration", -1))
    booster.best_score = {name: dict(scores) for name, scores in about.get("best_score", {}).items()}
    return booster


def _of_model(model: Any) -> tuple[dict[str, Any], list[str]]:
    """What is written of it, and what is left out. Raises TypeError for classes that have no form."""
    params, left_out = {}, []
    for key, value in model.get_params(deep=False).items():
        try:
            params[key] = _written(value)
        except TypeError:
            left_out.append(key)
    about: dict[str, Any] = {"class": type(model).__name__, "params": params, "has_objective": "objective" not in left_out}
    if model.__sklearn_is_fitted__():
        held = {name: None if callable(vars(model)[name]) else vars(model)[name] for name in _STATE}
        about["state"] = {name: _written(value) for name, value in held.items()}
        if hasattr(model, "_eval_at"):
            about["state"]["_eval_at"] = _written(model._eval_at)
        if model._classes is not None:
            about["classes"] = _of_classes(model._classes)
    return about, left_out


def _of_classes(classes: np.ndarray[Any, Any]) -> dict[str, Any]:
    values = classes.tolist()
    if classes.dtype.kind not in _LABELS and not (classes.dtype == object and all(type(value) is str for value in values)):
        raise TypeError(f"its classes are of {classes.dtype}")
    return {"dtype": classes.dtype.str, "values": values}


def _written(value: Any) -> Any:
    """What JSON has, with tuples and keys that are no texts told apart. TypeError for anything else."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, dict):
        return {"dict": [[_written(key), _written(each)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_written(each) for each in value]} if type(value) in (list, tuple) else _written(list(value))
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a {type(value).__name__}")


def _read(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, values),) = node.items()
    if kind == "dict":
        return {_read(key): _read(value) for key, value in values}
    return {"list": list, "tuple": tuple}[kind](map(_read, values))


def _model(about: Mapping[str, Any], booster: lightgbm.Booster | None) -> Any:
    model: Any = _CLASSES[about["class"]](**{str(key): _read(value) for key, value in about["params"].items()})
    if not about["has_objective"]:
        model.objective = model._objective = objective_not_kept
    if booster is None:
        return model
    state = {name: _read(value) for name, value in about["state"].items() if name in (*_STATE, "_eval_at")}
    if not about["has_objective"]:
        state["_objective"] = objective_not_kept
    vars(model).update(state, _Booster=booster, _best_iteration=booster.best_iteration, _best_score=booster.best_score, fitted_=True)
    if isinstance(model, lightgbm.LGBMClassifier):
        model._classes = np.array(about["classes"]["values"], np.dtype(about["classes"]["dtype"]))
        model._le = _LGBMLabelEncoder()
        model._le.classes_ = model._classes
        model._class_map = dict(zip(model._classes, range(len(model._classes)), strict=True))
    return model
