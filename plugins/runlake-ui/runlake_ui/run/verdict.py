"""What there is to say of how a run went: where it stands among its like, how far validation is from training, and what went wrong.

Everything is found by rules that a reader can check on the curves; where there is little to go by, nothing is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from runlake.read import GOAL_TAG, Query, Run, Store, ViewType, direction, is_aside, is_of_training, is_of_validation, words_of
from runlake_ui.primary import Primary, primary_of

__all__ = ["Curve", "alarms_of", "verdict"]

PIXELS = 1000
FEWEST = 10  # points of a curve that something is said of
FEWEST_FLAT = 20
MOST_CURVES = 12
MOST_ALARMS = 8
EARLY = 0.6  # of the way: where the best comes before this, and the rest is worse, it was learned too long
LITTLE = 0.01  # of what was gained at all: so little in the rest of the way is a plateau

_SETS = set("val valid validation eval evaluation test testing dev cv holdout train training".split())

_LOSSES = set("loss logloss error err rmse mse mae mape rmsle deviance perplexity".split())
_WITHIN = set("data_given describe_data predict_sample save_model training_metrics".split())  # captures that others' times hold already

_Metric = Mapping[str, Any]  # as the overview tells it


def verdict(store: Store, run: Run, metrics: Sequence[_Metric], tags: Mapping[str, str]) -> dict[str, Any] | None:
    """All of it; None where the run has no metric of which one value is better than another."""
    known = {each["key"]: each for each in metrics}
    here = store.search(Query(experiment_ids=[run.info.experiment_id], view_type=ViewType.ALL))
    primary = primary_of(here, list(known))
    if primary is None:
        return None
    value, curves = known[primary.key]["best"], _Curves(store, run.info.run_id, known, tags)
    costs = [capture.cost_ns for capture in run.captures if capture.target not in _WITHIN]
    return {
        "key": primary.key,
        "value": value,
        "goal": primary.goal,
        **_standing(store, run, primary, value),
        "gap": _gap(primary, curves),
        "overhead_ms": sum(costs) / 1e6 if costs else None,
        "alarms": list(_alarms(primary, curves))[:MOST_ALARMS],
    }


def _standing(store: Store, run: Run, primary: Primary, value: float | None) -> dict[str, Any]:
    """Its rank among the finished runs of its experiment, and which of them is best; nothing where it is the only one."""
    nothing: dict[str, Any] = {"rank": None, "of": None, "best": None}
    among = f"status = 'FINISHED' and has({primary.name})"
    order = [f"{primary.name} {'ASC' if primary.goal == 'min' else 'DESC'}", "start_time", "run_id"]
    shelves = [run.info.experiment_id]
    first = store.search(Query(among, order, shelves, max_results=1))
    is_in = value is not None and str(run.info.status) == "FINISHED" and run.info.lifecycle_stage == "active"
    if first.total < (2 if is_in else 1):
        return nothing
    row = first.table(["run_id", "run_name", primary.name])
    best = {"run_id": row["run_id"][0].as_py(), "name": row["run_name"][0].as_py(), "value": row[primary.name][0].as_py()}
    if not is_in:
        return {"rank": None, "of": first.total, "best": best}
    sign = "<" if primary.goal == "min" else ">"
    better = (
        store.search(Query(f"{among} and {primary.name} {sign} {value!r}", experiment_ids=shelves, max_results=0)).total
        if value is not None and math.isfinite(value)
        else 0
    )
    return {"rank": better + 1, "of": first.total, "best": best}


class Curve:
    """A series as steps and the last value at each, NaN left out; of a long one the last of every bucket."""

    def __init__(self, key: str, goal: str, steps: np.ndarray, values: np.ndarray) -> None:
        known = np.isfinite(values)
        self.key = key
        self.goal = goal
        self.steps = steps[known]
        self.values = values[known]
        self.losses = self.values if goal == "min" else -self.values  # less is better

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def best(self) -> int:
        """Where it is best first."""
        return int(np.argmin(self.losses))

    @property
    def start(self) -> float:
        """How it begins, as a loss: the middle of the first twentieth."""
        return float(np.median(self.losses[: max(3, len(self) // 20)]))

    @property
    def end(self) -> float:
        """How it ends, as a loss."""
        return float(np.median(self.losses[-max(3, len(self) // 20) :]))

    @property
    def gain(self) -> float:
        """How much better it became."""
        return self.start - float(self.losses[self.best])

    def at(self, step: float) -> int | None:
        """The place of the last point up to a step."""
        place = int(np.searchsorted(self.steps, step, "right")) - 1
        return place if place >= 0 else None

    def is_early(self, place: int) -> bool:
        """Whether much of the way is behind this place."""
        first, last = float(self.steps[0]), float(self.steps[-1])
        return last > first and (float(self.steps[place]) - first) / (last - first) <= EARLY


class _Curves:
    """The curves of a run, each read when it is first wanted."""

    def __init__(self, store: Store, run_id: str, known: Mapping[str, _Metric], tags: Mapping[str, str]) -> None:
        self._tags = tags
        self._store = store
        self._run_id = run_id
        self.known = known
        self._read: dict[str, Curve] = {}

    def __getitem__(self, key: str) -> Curve:
        if key not in self._read:
            found = self._store.curve(self._run_id, key, pixels=PIXELS)
            values = np.array([math.nan if each is None else each for each in found["last"].to_pylist()], float)
            self._read[key] = Curve(key, self.known[key]["goal"] or "min", np.array(found["x1"].to_pylist(), float), values)
        return self._read[key]

    def long(self, fewest: int) -> list[Curve]:
        """Those that tell of an outcome, with so many points at least."""
        keys = [key for key, each in self.known.items() if each["goal"] and each["n"] >= fewest and self._is_outcome(key)]
        keys.sort(key=lambda key: (not (is_of_validation(key) or is_of_training(key)), key))
        return [curve for key in keys[:MOST_CURVES] if len(curve := self[key]) >= fewest]

    def _is_outcome(self, key: str) -> bool:
        """Whether it is known, and not only supposed, which way it is better."""
        if is_aside(key) or key.startswith("system/"):
            return False
        is_told = GOAL_TAG + key in self._tags or direction(key) == "max" or not _LOSSES.isdisjoint(words_of(key))
        return is_told or self.partner(key) is not None

    def partner(self, key: str) -> str | None:
        """The same measured on the data that was learned from; None where that is not clear."""
        kind = _kind(key)
        likely = [other for other in self.known if other != key and _kind(other) == kind and not is_of_validation(other)]
        named = [other for other in likely if is_of_training(other)]
        alike = [other for other in named if _without_sets(other) == _without_sets(key)]
        found = alike or named or likely
        return found[0] if len(found) == 1 and is_of_validation(key) else None


def _without_sets(key: str) -> str:
    """How the rest of a key is spelt."""
    return re.sub(r"[A-Za-z]+", lambda word: "" if word[0].lower() in _SETS else word[0], key)


def _kind(key: str) -> tuple[str, ...]:
    """What is measured, whatever it is measured on."""
    return tuple(word for word in words_of(key) if word not in _SETS)


def _gap(primary: Primary, curves: _Curves) -> dict[str, float] | None:
    """How much worse it is on validation than on training, where validation was best; more than nothing is worse."""
    partner = curves.partner(primary.key)
    if partner is None:
        return None
    validation, training = curves[primary.key], curves[partner]
    if not len(validation) or not len(training):
        return None
    is_one = len(validation) == 1 or len(training) == 1
    place = len(training) - 1 if is_one else training.at(float(validation.steps[validation.best]))
    if place is None:
        return None
    on_validation, on_training = float(validation.values[validation.best]), float(training.values[place])
    return {
        "train": on_training,
        "validation": on_validation,
        "value": (on_validation - on_training) * (1 if primary.goal == "min" else -1),
    }


def _alarms(primary: Primary, curves: _Curves) -> Iterator[dict[str, str]]:
    for key, each in curves.known.items():
        if key.startswith("system/"):
            continue
        if each["n_nan"]:
            yield {"kind": "nan", "text": f"{key} is NaN in {each['n_nan']:,} of its {each['n']:,} points."}
        if any(isinstance(end, float) and math.isinf(end) for end in (each["min"], each["max"])):
            yield {"kind": "infinite", "text": f"{key} is infinite somewhere."}
    long = curves.long(FEWEST)
    partners = {curve.key: curves[partner] for curve in long if (partner := curves.partner(curve.key)) is not None}
    yield from alarms_of(long, partners, primary.key)


def alarms_of(curves: Sequence[Curve], partners: Mapping[str, Curve], primary: str) -> Iterator[dict[str, str]]:
    """What the curves show; `partners` are those of training by the keys of validation."""
    for curve in curves:
        if _has_diverged(curve):
            yield {
                "kind": "diverged",
                "text": f"{curve.key} ended at {_said(curve, curve.end)}, worse than it began, after {_best(curve)}.",
            }
        elif curve.key in partners and (said := _overfitting(curve, partners[curve.key])):
            yield {"kind": "overfitting", "text": said}
        elif curve.key == primary and (since := _plateau(curve)) is not None:
            yield {"kind": "plateau", "text": f"{curve.key} has hardly become better since step {since:,.0f} of {curve.steps[-1]:,.0f}."}


def _has_diverged(curve: Curve) -> bool:
    """Whether it became better, and then worse than it was at first by half as much."""
    return curve.gain > 0 and curve.end > curve.start + curve.gain / 2


def _overfitting(validation: Curve, training: Curve) -> str | None:
    best = validation.best
    after = len(validation) - 1 - best
    turned = training.at(float(validation.steps[best]))
    if len(training) < FEWEST or after < FEWEST // 2 or turned is None or not validation.is_early(best) or validation.gain <= 0:
        return None
    is_worse = validation.end - float(validation.losses[best]) > 0.1 * validation.gain
    goes_on = float(training.losses[turned]) - training.end > 0.05 * abs(training.gain) > 0
    if not (is_worse and goes_on):
        return None
    return (
        f"{validation.key} was best at step {validation.steps[best]:,.0f} of {validation.steps[-1]:,.0f} "
        f"({_number(validation.values[best])}) and ended at {_said(validation, validation.end)}, while {training.key} went on "
        f"from {_number(training.values[turned])} to {_said(training, training.end)}."
    )


def _plateau(curve: Curve) -> float | None:
    """The step since which next to nothing was gained, where that is a long time ago."""
    if len(curve) < FEWEST_FLAT or curve.gain <= 0:
        return None
    place = max(map(_settled, [curve.losses, *([np.log(curve.losses)] if (curve.losses > 0).all() else [])]))
    return float(curve.steps[place]) if curve.is_early(place) else None


def _settled(losses: np.ndarray) -> int:
    """Where next to all was gained that ever was."""
    so_far = np.minimum.accumulate(losses)
    return int(np.argmax(so_far <= so_far[-1] + LITTLE * (so_far[0] - so_far[-1])))


def _best(curve: Curve) -> str:
    return f"{_number(curve.values[curve.best])} at step {curve.steps[curve.best]:,.0f}"


def _said(curve: Curve, loss: float) -> str:
    return _number(loss if curve.goal == "min" else -loss)


def _number(value: float) -> str:
    return f"{value:.4g}"
