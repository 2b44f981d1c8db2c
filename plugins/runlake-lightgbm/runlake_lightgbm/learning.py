"""How much features matter to a model, and how what it says comes apart by them: by LightGBM's own numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from runlake import Explainer, InvalidValue, Learner, Unexplained
from runlake_lightgbm.models import booster_of, said_by

__all__ = ["explainer_of", "importance_of", "learner_of", "types_in"]

TYPES = ("split", "gain")

_PREDICTIONS = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}
_LOGARITHMS = {"poisson", "gamma", "tweedie"}


def types_in(given: Any) -> Sequence[str]:
    """The kinds of importance that are wanted. Raises InvalidValue for what is none."""
    if given is None:
        return TYPES
    if not isinstance(given, (list, tuple)) or not given or not set(given) <= set(TYPES):
        raise InvalidValue(f"The option importance_types of runlake.lightgbm.autolog() is a list of 'split' and 'gain', not {given!r}.")
    return given


def importance_of(model: Any, types: Any) -> Mapping[str, Mapping[str, Sequence[float]]] | None:
    """Up to the best iteration, as `feature_importance` has it."""
    booster = booster_of(model)
    return None if booster is None else {kind: {"": booster.feature_importance(importance_type=kind).tolist()} for kind in types_in(types)}


def learner_of(model: Any, rows: Any) -> Learner | None:
    """Categories become the numbers that LightGBM has for them, by what the model keeps."""
    booster = booster_of(model)
    if booster is None:
        return None
    rows = rows.to_pandas() if hasattr(rows, "to_pandas") else rows
    if hasattr(rows, "iloc"):
        known = iter(booster.pandas_categorical or ())
        columns = [rows.iloc[:, place] for place in range(rows.shape[1])]
        rows = np.column_stack([_codes(column, next(known)) if hasattr(column, "cat") else column.to_numpy(float) for column in columns])
    return Learner(model, np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, np.float64), booster.feature_name())


def _codes(column: Any, categories: Sequence[Any]) -> NDArray[np.float64]:
    codes = column.cat.set_categories(categories).cat.codes.to_numpy(float)
    return np.where(codes < 0, np.nan, codes)


def explainer_of(model: Any) -> Explainer | Unexplained | None:
    """Both halves ask up to the best iteration, which is what the model says without being told."""
    booster = booster_of(model)
    if booster is None:
        return None
    text = booster.model_to_string(num_iteration=-1)
    if "\nis_linear=1" in text:
        return Unexplained("LightGBM has no contributions of features for linear trees; with linear_tree=False it is explained")
    head = text.partition("\nTree=")[0]
    n_outputs = booster.num_model_per_iteration()
    # What a random forest sums up is divided by the number of its trees before anything is made of it.
    n_means = (booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()) if "\naverage_output" in head else 1

    def values(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        found = said_by(booster, rows, pred_contrib=True).reshape(len(rows), n_outputs, -1) / n_means
        return found[:, :, :-1].swapaxes(1, 2), found[0, :, -1]

    def raw(rows: NDArray[Any]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = said_by(booster, rows, raw_score=True).reshape(len(rows), n_outputs) / n_means
        return found

    objective = (re.findall(r"^objective=(.*)$", head, re.MULTILINE) or ["custom"])[0].split()
    return Explainer("lightgbm pred_contrib", _space(objective), _outputs(model, objective[0], n_outputs), values, raw)


def _space(objective: Sequence[str]) -> str:
    """What the trees add up to; of most objectives for ranks, many classes or functions of the program's own it has no other name."""
    name, *settings = objective
    if name == "cross_entropy" or (name == "binary" and "sigmoid:1" in settings):
        return "log-odds"
    if name in _LOGARITHMS:
        return "log of the prediction"
    if name in _PREDICTIONS:
        return "square root of the prediction" if "sqrt" in settings else "prediction"
    return "decision"


def _outputs(model: Any, objective: str, n_outputs: int) -> Sequence[str]:
    """Of two classes the second alone; a booster knows them as numbers."""
    classes = getattr(model, "classes_", None) if isinstance(model, lightgbm.LGBMModel) else None
    if n_outputs == 1:
        return ("",) if classes is None and objective != "binary" else ("1",) if classes is None else (str(classes[-1]),)
    return [str(name) for name in (range(n_outputs) if classes is None or len(classes) != n_outputs else classes)]
