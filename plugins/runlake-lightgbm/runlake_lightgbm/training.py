"""A training from its call on: what was told, what it trains on, its rounds, and where it stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import lightgbm

from runlake import Call, DataFacts, InvalidValue
from runlake_lightgbm.data import facts_of
from runlake_lightgbm.learning import types_in
from runlake_lightgbm.listening import Listener
from runlake_lightgbm.models import booster_of, why_not_asked
from runlake_lightgbm.params import resolved, settings_of, stopping_of, tags_of, told

__all__ = ["capture_cv", "capture_fit", "capture_train", "log_best_of_search"]

CONFIG = "lightgbm_config.json"

_HEARD = "lightgbm"  # the booster of this training that is listened to has begun
_SKIPPED = "runlake.skipped."


def capture_train(call: Call) -> Generator[None, Any, None]:
    """Of several trainings inside one, the first is listened to: the rounds of a second would lie over its own."""
    if call.owner is not None and (_HEARD in call.noted or _is_search(call.owner.model)):
        return
    call.noted[_HEARD] = True
    arguments, facts = call.arguments, None
    if call.owner is None:
        _tell(call, "Booster", arguments)
        facts = _look(call, arguments)
    listener = _listen(call, arguments)
    _note_continuation(call, arguments["init_model"])
    booster = yield
    if isinstance(arguments["init_model"], (str, Path)):
        call.run.log_param("continued_from_rounds", listener.begun_at)
    call.run.log_dict(resolved(booster), CONFIG)
    _note_stop(call, listener, booster.best_iteration, booster.best_score)
    if call.owner is None:
        call.fitted(booster, facts)
    elif call.owner.plugin == call.plugin:  # so that the run is known of what a later training goes on from
        call.fitted(booster)


def capture_cv(call: Call) -> Generator[None, Any, None]:
    """The boosters of the folds are LightGBM's own affair, and there is no model in the end."""
    if call.owner is not None and _HEARD in call.noted:
        return
    call.noted[_HEARD] = True
    arguments = call.arguments
    if call.owner is None:
        _tell(call, "cv", arguments)
    listener = _listen(call, arguments)
    _note_continuation(call, arguments["init_model"])
    call.given(None, arguments["train_set"])
    results = yield
    folds, listener.model = listener.model, None
    if folds is not None:
        call.run.log_dict(resolved(folds.boosters[0]), CONFIG)
        means: dict[str, dict[str, float]] = {}
        for key, values in results.items():
            if key.endswith("-mean"):
                name, _, metric = key.removesuffix("-mean").partition(" ")
                means.setdefault(name, {})[metric] = values[-1]
        _note_stop(call, listener, folds.best_iteration, means)


def capture_fit(call: Call) -> Generator[None, Any, None]:
    """The `fit` of a class for scikit-learn, which calls `train`."""
    estimator, arguments = call.instance, call.arguments
    if any(base.__module__ == "lightgbm.dask" for base in type(estimator).__mro__):
        call.skip("it is trained by Dask, in other processes")
        return
    _check_options(call)
    call.run.set_tags(tags_of(estimator))
    call.run.log_params(settings_of(estimator, arguments.get("eval_metric")))
    _note_continuation(call, arguments.get("init_model"))
    data = arguments.get("X"), arguments.get("y"), arguments.get("sample_weight")
    call.given(estimator, *data, dict(_held_out(arguments)))
    began = time.perf_counter()
    yield
    call.run.log_metric("fit_seconds", time.perf_counter() - began)
    why_not = why_not_asked(estimator)
    if why_not:
        call.run.set_tags({f"{_SKIPPED}training_metrics": why_not, f"{_SKIPPED}explanation": why_not})
    call.fitted(estimator, *(() if why_not else data))


def log_best_of_search(fitted: Any) -> None:
    """The rounds of the model that a search ended with."""
    if not _is_search(fitted.model):
        return
    best: Any = getattr(fitted.model, "best_estimator_", None)
    while getattr(best, "steps", None):
        best = best.steps[-1][1]
    booster = booster_of(best) if isinstance(best, lightgbm.LGBMModel) else None
    if booster is None:
        return
    fitted.run.log_dict(resolved(booster), CONFIG)
    for name, metrics in best.evals_result_.items():
        for metric, values in metrics.items():
            fitted.run.log_batch(f"{name}-{metric}", values, list(range(len(values))))
    if booster.best_iteration > 0:
        fitted.run.log_metrics({"best_iteration": booster.best_iteration, **_best_scores(booster.best_score)})


def _tell(call: Call, name: str, arguments: Mapping[str, Any]) -> None:
    call.name = name
    _check_options(call)
    call.run.log_params(told(arguments))


def _look(call: Call, arguments: Mapping[str, Any]) -> DataFacts | None:
    """What was given, as it can be looked at after the training, which lets go of it."""
    data = arguments["train_set"]
    facts = facts_of(data)
    # There is no model yet, and the training is known by something that can be referred to weakly.
    call.given(data, data if facts is None else facts, held_out=dict(_valid_sets(arguments)))
    if facts is not None and facts.rows is not None:
        return facts
    if call.options["log_explanations"]:
        call.run.set_tag(f"{_SKIPPED}explanation", "the Dataset has no rows to look at: it read a file, or has freed them")
    return None


def _check_options(call: Call) -> None:
    """The importance is asked for in a job, long after the program could see what is wrong."""
    try:
        types_in(call.options["importance_types"])
    except InvalidValue as error:
        call.run.set_tag(f"{_SKIPPED}importance", str(error))


def _listen(call: Call, arguments: Mapping[str, Any]) -> Listener:
    given = arguments["callbacks"]
    listener = Listener(call.run.log_metrics)
    if given is None or hasattr(given, "__len__"):
        # Ours comes first in a new list: LightGBM numbers callbacks by their distance from the end, and writes that into them.
        call.rewrite(callbacks=[listener, *(given or ())])
        call.run.log_params(stopping_of(given))
    return listener


def _note_continuation(call: Call, previous: Any) -> None:
    if previous is None:
        return
    run, booster = call.run_of(previous), booster_of(previous)
    if booster is not None:
        call.run.log_param("continued_from_rounds", booster.current_iteration())
    if run is not None:
        call.run.set_tag("runlake.continues", run.active.run_id)
    elif isinstance(previous, (str, Path)):
        call.run.set_tag("runlake.continues", Path(previous).name)


def _note_stop(call: Call, listener: Listener, best_iteration: int, best_score: Mapping[str, Mapping[str, float]]) -> None:
    """Where it was best and where it stopped, both counted from 1, as LightGBM does."""
    listener.model = None
    if best_iteration > 0:
        call.run.log_metrics({"best_iteration": best_iteration, **_best_scores(best_score)})
        if listener.rounds < listener.planned:
            call.run.log_metric("stopped_iteration", listener.rounds)


def _best_scores(best_score: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """By the names of the series, or by one name where there is only one."""
    found = {f"best_score-{name}-{metric}": value for name, metrics in best_score.items() for metric, value in metrics.items()}
    return {"best_score": next(iter(found.values()))} if len(found) == 1 else found


def _valid_sets(arguments: Mapping[str, Any]) -> Any:
    """Each by the name that LightGBM gives it; what is trained on is none."""
    given, names = arguments.get("valid_sets"), arguments.get("valid_names")
    sets = [given] if isinstance(given, lightgbm.Dataset) else given or []
    names = [names] if isinstance(names, str) else names or []
    for place, data in enumerate(sets):
        if data is not arguments["train_set"]:
            yield (names[place] if place < len(names) else f"valid_{place}"), (data, None)


def _held_out(arguments: Mapping[str, Any]) -> Any:
    given, names = arguments.get("eval_set"), arguments.get("eval_names") or ()
    names = [names] if isinstance(names, str) else names
    inputs, targets = arguments.get("eval_X"), arguments.get("eval_y")
    if given is None and isinstance(inputs, tuple) and isinstance(targets, tuple):
        given = list(zip(inputs, targets, strict=False))
    elif given is None and inputs is not None:
        given = [(inputs, targets)]
    for place, pair in enumerate([given] if isinstance(given, tuple) else given or []):
        if pair[0] is not arguments.get("X"):
            yield (names[place] if place < len(names) else f"valid_{place}"), (pair[0], pair[1])


def _is_search(model: Any) -> bool:
    search = getattr(sys.modules.get("sklearn.model_selection._search"), "BaseSearchCV", None)
    return search is not None and isinstance(model, search)
