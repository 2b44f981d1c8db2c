"""`train` and `cv`: what they were told, what the library made of it, and what they continue."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from pathlib import PurePath
from typing import Any

from xgboost import collective

from runlake import Call
from runlake_xgboost.rounds import is_first, is_in_search
from runlake_xgboost.settings import given_params, plain_ones

__all__ = ["IN_ESTIMATOR", "capture_cv", "capture_train", "note_what_is_continued"]

IN_ESTIMATOR = "xgboost.estimator"  # noted where an estimator has said already what is asked for
CONTINUES_TAG = "runlake.continues"
CONFIG_FILE = "xgboost_config.json"

_CONFIGURED = "xgboost.configured"
_NO_SETTINGS = {"params", "dtrain", "evals", "evals_result", "xgb_model", "callbacks", "folds", "verbose_eval", "as_pandas", "show_stdv"}


def capture_train(call: Call) -> Generator[None, Any, None]:
    """Note what is asked for, and hand the booster over."""
    if _is_for_others(call):
        return
    arguments, is_inner = call.arguments, IN_ESTIMATOR in call.noted
    if call.owner is None:
        call.name = "Booster"
    if is_inner:
        call.run.log_param("num_boost_round", arguments["num_boost_round"])
    else:
        _log_params(call, arguments)
        note_what_is_continued(call, arguments["xgb_model"])
    data = arguments["dtrain"]
    # Data that the training judges itself by is known already where it is what it trains on, under that name.
    # What can be gone through once alone is left for the library.
    evals = arguments["evals"] if isinstance(arguments["evals"], (list, tuple)) else ()
    others = {name: (matrix, None) for matrix, name in evals if (matrix, name) != (data, "train")}
    call.given(None, data, held_out=others)
    booster = yield
    if is_first(call, _CONFIGURED):
        call.run.log_dict(json.loads(booster.save_config()), CONFIG_FILE)
    call.fitted(booster, inputs=data if call.owner is None else None)


def capture_cv(call: Call) -> Generator[None, Any, None]:
    """Note what is asked for; the boosters of the folds are XGBoost's own affair."""
    if _is_for_others(call):
        return
    if call.owner is None:
        call.name = "cv"
    _log_params(call, call.arguments)
    call.given(None, call.arguments["dtrain"])
    yield


def note_what_is_continued(call: Call, previous: Any) -> None:
    """The run in which the model was trained that this one goes on with, else its file's name."""
    boosters = [previous.get_booster()] if hasattr(previous, "get_booster") else []
    run = next((run for run in map(call.run_of, [previous, *boosters]) if run is not None), None)
    if run is not None:
        call.run.set_tag(CONTINUES_TAG, run.run_id)
    elif isinstance(previous, (str, os.PathLike)):
        call.run.set_tag(CONTINUES_TAG, PurePath(previous).name)


def _is_for_others(call: Call) -> bool:
    """Whether it is one of many: a candidate of a search, or a worker's share of a training."""
    if collective.is_distributed():
        call.skip("it is a worker's share of a training")
        return True
    return is_in_search(call)


def _log_params(call: Call, arguments: Mapping[str, Any]) -> None:
    told = {key: value for key, value in arguments.items() if key not in _NO_SETTINGS and not isinstance(value, tuple)}
    call.run.log_params(plain_ones({**told, **given_params(arguments["params"])}))
