"""What a study is known by in every process, and what is told of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.study import StudyDirection

__all__ = ["Identity", "as_ns", "facts_of", "identity_of", "is_minimized", "label_of", "values_named"]

_UNNAMED = "no-name-"  # how a study is called that was given no name


@dataclass(frozen=True)
class Identity:
    """Who says the same means the same study."""

    text: str
    start_ns: int
    is_of_many: bool  # several processes may be at it


def identity_of(study: optuna.Study) -> Identity | None:
    """By its name, and when its first trial began: nothing is written on it. None before that.

    The first one that runs is the first: those that wait are begun in order.
    """
    begun = (trial.datetime_start for trial in study.get_trials(deepcopy=False))
    start = next((start for start in begun if start is not None), None)
    if start is None:
        return None
    is_of_many = not isinstance(study._storage, optuna.storages.InMemoryStorage)  # which is nowhere said in public
    # A forked child that goes on with what is in memory has a study of its own from there on.
    place = "" if is_of_many else f" {os.getpid()} {id(study._storage)}"
    begins_ns = as_ns(start) - 1000  # before that trial, of which the run is listed after this one
    return Identity(f"optuna {study._study_id} {study.study_name}{place}", begins_ns, is_of_many)


def as_ns(moment: datetime) -> int:
    """Nanoseconds since 1970 of a time as Optuna has it: local, to the microsecond."""
    return round(moment.timestamp() * 1e6) * 1000


def label_of(study: optuna.Study) -> str:
    """Its name, if it was given one."""
    return "" if study.study_name.startswith(_UNNAMED) else study.study_name


def is_minimized(study: optuna.Study) -> list[bool]:
    """For each objective, whether less is better."""
    return [direction == StudyDirection.MINIMIZE for direction in study.directions]


def values_named(study: optuna.Study) -> list[str]:
    """The metric of each objective."""
    given = study.metric_names
    if given:
        return list(given)
    return ["value"] if len(study.directions) == 1 else [f"value_{place}" for place in range(len(study.directions))]


def facts_of(study: optuna.Study, told: Mapping[str, Any]) -> dict[str, Any]:
    """The params of its run: what it was made with, and what `optimize` was told."""
    named: Iterable[tuple[str, Any]] = {"study_name": label_of(study) or None, **told}.items()
    directions = [direction.name.lower() for direction in study.directions]
    return {
        "direction" if len(directions) == 1 else "directions": directions[0] if len(directions) == 1 else ", ".join(directions),
        "sampler": type(study.sampler).__name__,
        "pruner": type(study.pruner).__name__,
        **{name: value for name, value in named if value is not None},
    }
