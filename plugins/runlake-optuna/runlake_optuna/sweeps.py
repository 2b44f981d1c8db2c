"""What this process records of a study: its trials that have begun and are not over, and what is best of all that are known."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from runlake_optuna.best import Best
from runlake_optuna.studies import Identity, as_ns, is_minimized, label_of, values_named
from runlake_optuna.trials import NUMBER_TAG, REPORTED, plain, record

__all__ = ["Begun", "Sweep", "add_later", "added_to", "begun_of", "find_sweep", "joining"]

MOST_ADOPTED = 1000  # of the trials that were run before the study was recorded
SPACE_TAG = "optuna.search_space"


@dataclass(eq=False)
class Begun:
    """A trial that goes on."""

    trial: Any  # with its run
    by: object  # the part of this process that began it
    is_of_many: bool
    steps: set[int] = field(default_factory=set)  # of which there is a point
    error: BaseException | str | None = None

    def keep(self) -> None:
        """Should this process be killed, the store has what Optuna's storage has: what it has in memory is gone then."""
        if self.is_of_many:
            self.trial.run.flush()


class Sweep:
    """A study. An `owner` is the call, or the training that no call encloses, with the study's run."""

    def __init__(self, identity: Identity, study: optuna.Study) -> None:
        self.identity = identity
        self.begun: dict[int, Begun] = {}
        self.over: set[int] = set()
        self.n_parts = 0
        self._names = values_named(study)
        self._minimized = is_minimized(study)
        self._label = label_of(study) or "trial"
        self._best = Best(self._minimized)
        self._best_tags: dict[str, Any] = {}
        self._space: dict[str, Any] = {}
        self._told = threading.RLock()

    def goals(self) -> list[tuple[str, str]]:
        """Which way each metric of a trial is better."""
        return [(name, "min" if less else "max") for name, less in zip(self._names, self._minimized, strict=False)]

    def begin(self, owner: Any, trial: optuna.Trial, by: object) -> Begun:
        """A trial that has just begun here."""
        begun = self.begun[trial.number] = _heard[trial] = Begun(self._opened(owner, trial), by, self.identity.is_of_many)
        begun.trial.run.log_params({name: plain(value) for name, value in trial.params.items()})
        return begun

    def settle(self, owner: Any, study: optuna.Study, frozen: FrozenTrial) -> None:
        """A trial that has begun here is over."""
        begun = self.begun.pop(frozen.number, None)
        if begun is None:
            return
        self.over.add(frozen.number)
        record(begun.trial, frozen, self._names, begun.steps, begun.error if frozen.state == TrialState.FAIL else None)
        begun.keep()
        self.count(owner, study, [frozen])

    def add(self, owner: Any, frozen: FrozenTrial, *, is_new: bool = True) -> None:
        """A trial that is over, and did not begin here; it is not new where another process may have begun it."""
        trial = self._opened(owner, frozen, is_new=is_new)
        last = -1 if is_new else trial.run.last_step(REPORTED)
        record(trial, frozen, self._names, {step for step in frozen.intermediate_values if step <= last}, None)
        self.over.add(frozen.number)

    def count(self, owner: Any, study: optuna.Study, known: Iterable[FrozenTrial] = ()) -> None:
        """Note what is best, now that these are over, and whatever others have done meanwhile."""
        with self._told:
            before = self._best.n_counted
            if self.identity.is_of_many:
                known = study.get_trials(deepcopy=False)
            changed = [self._best.count(trial) for trial in known]
            if self._best.n_counted > before:
                self._tell_best(owner, is_changed=any(changed))
            for trial in self._best.front[:1] if not self._space else known:
                self._tell_space(owner, trial)

    def tell_last(self, owner: Any, study: optuna.Study) -> None:
        """What is best in the end, which who left last knows best, and what the user noted of the study."""
        self.count(owner, study)
        with self._told:
            owner.run.set_tags({**study.user_attrs, **self._best_tags})

    def run_id_of(self, owner: Any, trial: FrozenTrial) -> str:
        """Of the run of a trial, whoever runs it."""
        assert trial.datetime_start is not None
        found: str = owner.trial_run_id(str(trial.number), as_ns(trial.datetime_start))
        return found

    def _opened(self, owner: Any, trial: optuna.Trial | FrozenTrial, **how: bool) -> Any:
        assert trial.datetime_start is not None
        opened = owner.trial(f"{self._label} {trial.number}", str(trial.number), as_ns(trial.datetime_start), **how)
        opened.run.set_tag(NUMBER_TAG, trial.number)
        for name, goal in self.goals():
            opened.run.set_metric_goal(name, goal)
        return opened

    def _tell_best(self, owner: Any, *, is_changed: bool) -> None:
        run, front, step = owner.run, self._best.front, self._best.n_counted
        tags: dict[str, Any] = {}
        key, value = "pareto_size", float(len(front))
        if len(self._minimized) > 1:
            tags["pareto_trials"] = ", ".join(str(trial.number) for trial in front)
        elif front:
            key, value = "best_value", front[0].values[0]
            tags |= {f"best_{name}": plain(choice) for name, choice in front[0].params.items()}
            tags |= {"best_trial": front[0].number, "best_run": self.run_id_of(owner, front[0])}
        if tags and step > run.last_step(key):  # else it is known from an earlier part
            run.log_metric(key, value, step)
        if tags and is_changed:
            gone = dict.fromkeys(self._best_tags.keys() - tags.keys(), "")  # a param that the best one does not have
            self._best_tags = gone | tags
            run.set_tags(self._best_tags)

    def _tell_space(self, owner: Any, trial: FrozenTrial) -> None:
        if trial.distributions.keys() - self._space.keys():
            self._space |= {name: json.loads(distribution_to_json(each)) for name, each in trial.distributions.items()}
            owner.run.set_tag(SPACE_TAG, json.dumps(self._space))


_sweeps: dict[Identity, Sweep] = {}
_heard: WeakKeyDictionary[optuna.Trial, Begun] = WeakKeyDictionary()
_added: WeakKeyDictionary[optuna.Study, list[FrozenTrial]] = WeakKeyDictionary()
joining = threading.RLock()


def begun_of(trial: optuna.Trial) -> Begun | None:
    """The trial, if it is recorded here."""
    return _heard.get(trial)


def find_sweep(identity: Identity, study: optuna.Study) -> Sweep:
    """The study that is known so, while any part of it goes on here."""
    for known, sweep in list(_sweeps.items()):
        if not sweep.n_parts:
            _sweeps.pop(known, None)
    return _sweeps.setdefault(identity, Sweep(identity, study))


def add_later(study: optuna.Study, frozen: FrozenTrial) -> None:
    """Remember a trial that was added to a study of which nothing is recorded yet."""
    _added.setdefault(study, []).append(frozen)


def added_to(study: optuna.Study) -> list[FrozenTrial]:
    """What was remembered, once."""
    return _added.pop(study, [])


def _in_forked_child() -> None:
    global joining
    joining = threading.RLock()
    _sweeps.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
