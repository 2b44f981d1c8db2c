"""The calls by which trials begin and end, and what is heard of them in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any
from weakref import WeakKeyDictionary

import optuna
from optuna.trial import FrozenTrial

import runlake
from runlake import Call
from runlake_optuna import sweeps
from runlake_optuna.parts import Callbacks, Part
from runlake_optuna.studies import label_of
from runlake_optuna.sweeps import add_later, begun_of
from runlake_optuna.trials import REPORTED, plain

__all__ = ["capture_add", "capture_ask", "capture_optimize", "capture_report", "capture_suggestion", "capture_tell"]


class _Asking(Part):
    """What is asked and told; it holds on to the study as long as a trial is to be told."""

    def hold(self, study: optuna.Study) -> None:
        """Hold it, or let go."""
        is_open = self.sweep is not None and any(begun.by is self for begun in self.sweep.begun.values())
        self.study = study if is_open else None


class _Key:
    """What a training of ours belongs to: there as long as the study is."""


_optimizing: Counter[int] = Counter()  # by the ids of studies
_asking: WeakKeyDictionary[optuna.Study, tuple[_Key, _Asking]] = WeakKeyDictionary()


def capture_optimize(call: Call) -> Generator[None, Any, None]:
    """Each call of the objective is a trial, in whichever thread."""
    study, arguments = call.instance, call.arguments
    part = Part(call, study, {name: arguments[name] for name in ("n_trials", "timeout", "n_jobs")})
    call.name = label_of(study) or "study"
    call.holds_trainings()
    call.rewrite(
        func=call.tries(part.begin, arguments["func"], part.end),
        callbacks=Callbacks(arguments["callbacks"], part.hear),
    )
    _optimizing[id(study)] += 1
    try:
        yield
    finally:
        _optimizing[id(study)] -= 1
        part.leave()


def capture_ask(call: Call) -> Generator[None, Any, None]:
    """A trial that the program runs itself."""
    study = call.instance
    if _optimizing[id(study)]:  # which asks for those that it tries
        return
    trial = yield
    part = _part_of(study)
    if part is not None:
        part.begin(trial)
        part.hold(study)


def capture_tell(call: Call) -> Generator[None, Any, None]:
    """Of a trial that may have been begun in another process."""
    study = call.instance
    was_over = bool(call.kwargs.get("skip_if_finished")) and _is_over(study, call.arguments["trial"])
    frozen: FrozenTrial = yield
    part = None if was_over else _part_of(study)
    sweep = None if part is None else part.join(study, frozen.number)
    if part is None or sweep is None or frozen.number in sweep.over:
        return
    if frozen.number in sweep.begun:
        sweep.settle(part.owner, study, frozen)
    else:
        sweep.add(part.owner, frozen, is_new=False)
        sweep.count(part.owner, study, [frozen])
    part.hold(study)


def capture_add(call: Call) -> Generator[None, Any, None]:
    """It is a run once the study has one."""
    study, given = call.instance, call.args[0] if call.args else call.kwargs["trial"]
    yield
    if given.state.is_finished():
        added = next(trial for trial in reversed(study.get_trials(deepcopy=False)) if _is_same(trial, given))
        add_later(study, added)


def capture_report(call: Call) -> Generator[None, Any, None]:
    """A point at once; a step that was reported before counts for nothing."""
    begun = begun_of(call.instance)
    if begun is None:
        return
    value, step = _two_of(call, "value", "step")
    yield
    if int(step) not in begun.steps:
        begun.steps.add(int(step))
        begun.trial.run.log_metric(REPORTED, float(value), int(step))
        begun.keep()


def capture_suggestion(call: Call) -> Generator[None, Any, None]:
    """A param at once."""
    begun = begun_of(call.instance)
    if begun is None:
        return
    name = call.args[0] if call.args else call.kwargs["name"]
    value = yield
    begun.trial.run.log_param(name, plain(value))
    begun.keep()


def _part_of(study: optuna.Study) -> _Asking | None:
    """All that is asked and told of a study in this process; None where that is how another library's training works."""
    with sweeps.joining:
        key, part = _asking.get(study, (None, None))
        if part is not None and part.owner.goes_on():
            return part
        key = _Key()
        training = runlake.training(key, name=label_of(study) or "study")
        if training is None or training.is_of_a_call:
            return None
        part = _Asking(training, study, {})
        training.before_end(part.leave)
        _asking[study] = key, part
        return part


def _two_of(call: Call, *names: str) -> list[Any]:
    return [call.args[place] if place < len(call.args) else call.kwargs[name] for place, name in enumerate(names)]


def _is_over(study: optuna.Study, trial: Any) -> bool:
    number = trial if isinstance(trial, int) else trial.number
    return any(each.number == number and each.state.is_finished() for each in study.get_trials(deepcopy=False))


def _is_same(one: FrozenTrial, other: FrozenTrial) -> bool:
    return (one.state, one.values, one.params, one.datetime_start) == (other.state, other.values, other.params, other.datetime_start)
