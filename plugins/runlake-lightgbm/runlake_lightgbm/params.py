"""What a training was told, and what LightGBM made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["name_of", "plain", "resolved", "settings_of", "stopping_of", "tags_of", "told"]

# One of these among the parameters outranks the argument.
_ROUNDS = set(
    "num_iterations num_iteration n_iter num_tree num_trees num_round num_rounds nrounds num_boost_round n_estimators max_iter".split()
)


def told(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of `train` or `cv`, as they were given."""
    params = arguments["params"] if isinstance(arguments["params"], Mapping) else {}
    others = {key: arguments.get(key) for key in ("feval", "nfold", "stratified", "shuffle", "metrics")}
    if arguments.get("folds") is not None:
        others["nfold"] = None  # there may be any number
    if not _ROUNDS & params.keys():
        others["num_boost_round"] = arguments["num_boost_round"]
    return _plain_ones({**others, **params})


def settings_of(estimator: Any, eval_metric: Any) -> dict[str, Any]:
    """The settings of a model for scikit-learn, but those that are None."""
    return _plain_ones({"eval_metric": eval_metric, **estimator.get_params()})


def tags_of(estimator: Any) -> dict[str, str]:
    """Its class, and which kind of estimator it says it is."""
    tags = {"estimator_name": type(estimator).__name__, "estimator_class": name_of(type(estimator))}
    kind = getattr(estimator.__sklearn_tags__(), "estimator_type", None)
    return tags if kind is None else {**tags, "estimator_type": kind}


def stopping_of(callbacks: Any) -> dict[str, Any]:
    """What `early_stopping(...)` was told, if it is among the callbacks."""
    rounds = [vars(one)["stopping_rounds"] for one in callbacks or () if "stopping_rounds" in getattr(one, "__dict__", {})]
    return {"early_stopping_rounds": rounds[0]} if rounds else {}


def resolved(booster: Any) -> dict[str, Any]:
    """Every parameter as LightGBM had it in the end."""
    text = booster.model_to_string(num_iteration=1)
    block = text.rpartition("\nparameters:\n")[2].partition("\nend of parameters")[0]
    return {key: _number(value) for key, value in re.findall(r"^\[(\w+): (.*)\]$", block, re.MULTILINE)}


def plain(value: Any) -> Any:
    """A plain value as it is, a function or class by its name; None for anything else."""
    if callable(value) and hasattr(value, "__qualname__"):
        return name_of(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    is_scalar = hasattr(value, "item") and getattr(value, "ndim", None) == 0
    found = value.item() if is_scalar else value
    return found if isinstance(found, (bool, int, float, str)) else None


def name_of(named: Any) -> str:
    """Where it is defined, and its name."""
    return f"{named.__module__}.{named.__qualname__}"


def _plain_ones(values: Mapping[Any, Any]) -> dict[str, Any]:
    found = {str(key): plain(value) for key, value in values.items()}
    return {key: value for key, value in found.items() if value is not None}


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
