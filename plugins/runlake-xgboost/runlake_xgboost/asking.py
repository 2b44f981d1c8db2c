"""What a booster or an estimator says of rows, and how well an estimator does on what it was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from xgboost import Booster, DMatrix, XGBModel

__all__ = ["booster_of", "matrix_of", "rounds_asked", "said_of", "training_metrics"]


def booster_of(model: Any) -> Any:
    """What learned; None where nothing of XGBoost's did."""
    if isinstance(model, Booster):
        return model
    return model.get_booster() if isinstance(model, XGBModel) and model.__sklearn_is_fitted__() else None


def rounds_asked(model: Any) -> tuple[int, int]:
    """Of which rounds a model's own predictions are: an estimator that stopped early leaves out what came after the best."""
    if isinstance(model, Booster) or model.get_booster().attr("best_iteration") is None or model.booster == "gblinear":
        return 0, 0
    return 0, model.best_iteration + 1


def matrix_of(model: Any, rows: Any) -> DMatrix:
    """Rows of numbers as the model takes them: categories are codes."""
    booster = booster_of(model)
    return DMatrix(
        np.asarray(rows),
        missing=getattr(model, "missing", np.nan),
        feature_names=booster.feature_names,
        feature_types=booster.feature_types,
        enable_categorical=True,
    )


def said_of(model: Any, rows: Any) -> Any:
    """What it predicts for a few rows."""
    if isinstance(model, Booster):
        return model.predict(matrix_of(model, rows))
    return model.predict(rows) if isinstance(model, XGBModel) else None


def training_metrics(model: Any, inputs: Any, targets: Any, sample_weight: Any) -> dict[str, float] | None:
    """What an estimator is judged by: its own score, and its booster's metric. Of rankings one would have to know the queries."""
    if not isinstance(model, XGBModel) or targets is None or not hasattr(model, "score") or not hasattr(inputs, "__len__"):
        return None
    if model.__sklearn_tags__().estimator_type not in ("classifier", "regressor"):
        return None
    weighed = {} if sample_weight is None else {"sample_weight": sample_weight}
    found = {"training_score": float(model.score(inputs, targets, **weighed))}
    data = DMatrix(
        inputs,
        targets,
        weight=sample_weight,
        missing=model.missing,
        nthread=model.n_jobs,
        feature_types=model.feature_types,
        enable_categorical=model.enable_categorical,
    )
    _, last = rounds_asked(model)
    booster = model.get_booster()[:last] if last else model.get_booster()
    _, *said = booster.eval(data, name="training").split("\t")
    for each in said:
        key, _, value = each.rpartition(":")
        found[key.replace("training-", "training_", 1)] = float(value)
    return found
