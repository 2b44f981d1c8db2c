"""One part that this process has in a study: a call of `optimize`, or all that is asked and told outside of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from runlake import isolated
from runlake_optuna import sweeps
from runlake_optuna.studies import facts_of, identity_of
from runlake_optuna.sweeps import MOST_ADOPTED, Sweep, added_to, find_sweep
from runlake_optuna.trials import STATE_TAG, why_refused

__all__ = ["Callbacks", "Part"]

_KNOWN_BY = "sampler"  # a param that every study's run has


class Part:
    """Its `owner` is the call, or the training that no call encloses; `told` is what that was told."""

    def __init__(self, owner: Any, study: optuna.Study, told: Mapping[str, Any]) -> None:
        self.owner = owner
        self.study: optuna.Study | None = study
        self.sweep: Sweep | None = None
        self._told = told
        self._by_trial: dict[Any, sweeps.Begun] = {}

    def join(self, study: optuna.Study, number: int) -> Sweep | None:
        """The study's records, with its run open; None before its first trial has begun."""
        with sweeps.joining:
            identity = None if self.sweep is not None else identity_of(study)
            if identity is not None:
                self.owner.is_of(identity.text, identity.start_ns, is_of_many=identity.is_of_many)
                run = self.owner.run
                is_first = _KNOWN_BY not in run.params
                run.log_params(facts_of(study, self._told))
                self.sweep = find_sweep(identity, study)
                self.sweep.n_parts += 1
                self._look_back(study, number, is_first=is_first)
            return self.sweep

    def begin(self, trial: optuna.Trial) -> Any:
        """A trial that begins now."""
        sweep = self.join(trial.study, trial.number)
        if sweep is None:
            return None
        self._add_waiting(sweep, trial.study)
        begun = sweep.begin(self.owner, trial, by=self)
        self._by_trial[begun.trial] = begun
        return begun.trial

    def end(self, trial: Any, outcome: Any, error: BaseException | None) -> None:
        """The objective has ended; what Optuna makes of that is heard of later."""
        begun = self._by_trial.pop(trial)
        if error is None and self.study is not None:
            begun.error = why_refused(outcome, len(self.study.directions))  # counts where it is FAIL in the end
        elif not isinstance(error, optuna.TrialPruned):
            begun.error = error

    @isolated
    def hear(self, study: optuna.Study, frozen: FrozenTrial) -> None:
        """The callback."""
        if self.sweep is not None:
            self.sweep.settle(self.owner, study, frozen)

    def leave(self) -> None:
        """Nothing more comes: record what was not heard of."""
        sweep, study, self.sweep, self.study = self.sweep, self.study, None, None
        if sweep is None:
            return
        try:
            if study is not None:
                self._settle_rest(sweep, study)
                self._add_waiting(sweep, study)
                sweep.tell_last(self.owner, study)
        finally:
            sweep.n_parts -= 1

    def _look_back(self, study: optuna.Study, number: int, *, is_first: bool) -> None:
        """The trials that were run before anything was recorded, or were added to the study, are runs too, which are over."""
        assert self.sweep is not None
        known, added = study.get_trials(deepcopy=False), added_to(study)
        is_somebody_first = any(trial.state == TrialState.RUNNING and trial.number < number for trial in known)
        if is_first and not is_somebody_first:
            added = [trial for trial in known if trial.state.is_finished()]
        for trial in added[-MOST_ADOPTED:]:
            if trial.number not in self.sweep.over and trial.number != number:
                self.sweep.add(self.owner, trial)
        if len(added) > MOST_ADOPTED:
            self.owner.run.set_tag("runlake.skipped.trials", f"the {len(added) - MOST_ADOPTED} oldest of those that were run before")
        for name, goal in [("best_value", self.sweep.goals()[0][1])] if len(study.directions) == 1 else []:
            self.owner.run.set_metric_goal(name, goal)
        self.sweep.count(self.owner, study, [trial for trial in known if trial.state.is_finished()])

    def _add_waiting(self, sweep: Sweep, study: optuna.Study) -> None:
        for trial in added_to(study):
            sweep.add(self.owner, trial)
            sweep.count(self.owner, study, [trial])

    def _settle_rest(self, sweep: Sweep, study: optuna.Study) -> None:
        mine = {number: begun for number, begun in list(sweep.begun.items()) if begun.by is self}
        trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)} if mine else {}
        for number, begun in mine.items():
            frozen = trials.get(number)
            if frozen is not None and frozen.state.is_finished():
                sweep.settle(self.owner, study, frozen)
                continue
            sweep.begun.pop(number, None)
            if isinstance(begun.error, BaseException):
                begun.trial.end(error=begun.error)
            else:
                begun.trial.run.set_tag(STATE_TAG, "nobody told how it ended")
                begun.trial.end("FAILED")


class Callbacks:
    """The user's callbacks, whatever they are and become, and ours."""

    def __init__(self, given: Iterable[Any] | None, ours: Any) -> None:
        self._given = given
        self._ours = ours

    def __iter__(self) -> Iterator[Any]:
        yield from self._given if self._given is not None else ()
        yield self._ours
