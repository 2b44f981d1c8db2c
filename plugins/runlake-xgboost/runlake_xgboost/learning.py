"""How much features matter to a booster, and how its predictions come apart by them: all of it by XGBoost's own methods."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xgboost import Booster
from xgboost.core import XGBoostError

from runlake import Explainer, Learner, Unexplained
from runlake_xgboost.asking import booster_of, matrix_of, rounds_asked
from runlake_xgboost.matrices import names_of, with_nan

__all__ = ["explainer_of", "importance_of", "learner_of"]

_LOG_ODDS = {"binary:logistic", "binary:logitraw", "reg:logistic"}
_LOGARITHMS = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"}
_DECISIONS = ("multi:", "rank:", "binary:")

Rows = NDArray[Any]


def learner_of(model: Any, rows: Any) -> Learner | Unexplained | None:
    """The model with its rows as numbers, categories by their codes."""
    booster = booster_of(model)
    if booster is None:
        return None
    if hasattr(rows, "tocoo"):
        rows = with_nan(rows)
    try:
        matrix = np.asarray(_coded(booster, rows) if hasattr(rows, "dtypes") and hasattr(rows, "columns") else rows)
        matrix = matrix if matrix.dtype.kind in "biuf" else matrix.astype(np.float64)
    except (TypeError, ValueError):
        return Unexplained(f"{type(model).__name__} takes columns that are no numbers; of a pipeline that encodes them it is explained")
    if matrix.ndim != 2:
        return Unexplained(f"{type(model).__name__} takes rows that are no columns of numbers")
    if isinstance(model, Booster):
        return Learner(model, matrix, names_of(booster.feature_names, matrix.shape[1]))
    names = rows.columns if hasattr(rows, "columns") else [f"x{place}" for place in range(matrix.shape[1])]
    return Learner(model, matrix, [str(name) for name in names])


def _coded(booster: Booster, rows: Any) -> Any:
    """A frame with each column of categories as the booster numbers them, which is as its training data did."""
    kinds = dict(zip(map(str, rows.columns), rows.dtypes, strict=True))
    if not any(hasattr(kind, "categories") for kind in kinds.values()):
        return rows
    import pandas as pd

    known = dict(booster.get_categories(export_to_arrow=True).to_arrow())
    coded = {}
    for name in kinds:
        categories = known.get(name)
        codes = None if categories is None else pd.Categorical(rows[name], categories.to_pylist()).codes
        coded[name] = rows[name] if codes is None else np.where(codes < 0, np.nan, codes)
    return pd.DataFrame(coded)


def importance_of(model: Any, wanted: Sequence[str]) -> Mapping[str, Mapping[str, Sequence[float]]] | None:
    """By kind of measure, with zero for features that no tree uses; of a linear booster its coefficients."""
    booster = booster_of(model)
    if booster is None:
        return None
    names = names_of(booster.feature_names, booster.num_features())
    if _config_of(booster)["gradient_booster"]["name"] == "gblinear":
        found = booster.get_score(importance_type="weight")
        by_output = np.array([found[name] for name in names], np.float64).reshape(len(names), -1).T
        return {"coefficient": dict(zip(_outputs_of(model), by_output.tolist(), strict=True))}
    kinds = {}
    for kind in wanted:
        found = booster.get_score(importance_type=kind)
        kinds[kind] = {"": [float(found.get(name, 0.0)) for name in names]}
    return kinds


def explainer_of(model: Any) -> Explainer | Unexplained | None:
    """By `pred_contribs`, of the rounds that the model's own predictions are of."""
    booster = booster_of(model)
    if booster is None:
        return None
    rounds = rounds_asked(model)

    def values(rows: Rows) -> tuple[Rows, Rows]:
        data = matrix_of(model, rows)
        found = np.asarray(booster.predict(data, pred_contribs=True, iteration_range=rounds), np.float64)
        found = found[:, np.newaxis] if found.ndim == 2 else found
        return found[:, :, :-1].transpose(0, 2, 1), found[0, :, -1]

    def raw(rows: Rows) -> Rows:
        if isinstance(model, Booster):
            said = model.predict(matrix_of(model, rows), output_margin=True)
        else:
            said = model.predict(rows, output_margin=True, validate_features=False)
        return np.asarray(said, np.float64).reshape(len(rows), -1)

    try:
        values(np.zeros((1, booster.num_features())))
    except XGBoostError:  # as XGBoost 3.2 does of trees with several numbers in a leaf
        return Unexplained("XGBoost has no contributions of such a booster; with multi_strategy='one_output_per_tree' it has")
    return Explainer("xgboost.Booster.predict", _space_of(booster), _outputs_of(model), values, raw, is_single=True)


def _space_of(booster: Booster) -> str:
    """What contributions add up to, by how the objective makes predictions of it."""
    objective = _config_of(booster)["objective"]["name"]
    if objective in _LOG_ODDS:
        return "log-odds"
    if objective in _LOGARITHMS:
        return "log of the prediction"
    return "decision" if objective.startswith(_DECISIONS) else "prediction"


def _outputs_of(model: Any) -> list[str]:
    """Classes, of two the second alone; targets; or nothing to name."""
    config = _config_of(booster_of(model))
    classes, targets = (int(config["learner_model_param"][name]) for name in ("num_class", "num_target"))
    if classes > 1:
        return [str(place) for place in range(classes)]
    if targets > 1:
        return [f"target {place}" for place in range(targets)]
    return ["1"] if config["objective"]["name"].startswith("binary:") else [""]


def _config_of(booster: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(booster.save_config())["learner"]
    return found
