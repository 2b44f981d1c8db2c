"""Finds the run or the experiment that somebody means by a few letters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from runlake.entities import Experiment, Scope, ViewType
from runlake.errors import InvalidValue, UnknownExperiment, UnknownRun
from runlake.read.direction import GOAL_TAG, Goal, direction
from runlake.read.run import Run
from runlake.read.search.parse import parse_name
from runlake.read.search.query import Query
from runlake.read.search.tree import AGGREGATES, Name

if TYPE_CHECKING:
    from runlake.read.stores import Store

__all__ = ["Ranking", "find_experiment", "find_run", "metric_of", "quoted", "ranking", "shown_name", "stored_name"]

MOST_LETTERS = 4096
SHOWN = 5  # of several that may be meant
MOST_COMPARED = 5000  # names, for the nearest

_ALL = Query()
_BEST = re.compile(r"@best\((.*)\)", re.DOTALL)
_PLAIN = re.compile(r"[^\s'\"`=!<>~@(),]+")  # one word of a filter
_BEGINNING = re.compile(r"[0-9A-Za-z-]{4,}")  # of an id


@dataclass(frozen=True)
class Ranking:
    """The order of runs by a metric: its key, which way it is better, how a filter names the value, and whether that is each run's best."""

    key: str
    goal: Goal
    name: str
    is_best: bool

    def query(self, n: int | None, among: Query = _ALL) -> Query:
        """The `n` best of the runs that a query finds."""
        wanted = f"({among.filter}) and has({self.name})" if among.filter else f"has({self.name})"
        return replace(among, filter=wanted, order_by=[f"{self.name} {'ASC' if self.goal == 'min' else 'DESC'}"], max_results=n)


def find_run(store: Store, text: str) -> Run:
    """The run of this id, or of an id that begins so, or of this name; `@last`, or `@best(metric)`.

    A run that is there comes before a deleted one. Raises UnknownRun, or InvalidValue where several may be meant.
    """
    if text.startswith("@"):
        return _marked(store, text)
    if len(text) > MOST_LETTERS:
        raise UnknownRun(f"A text of {len(text):,} letters names no run.")
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY):
        for looked_for in (f"run_id = {quoted(text)}", f"name = {quoted(text)}", *_begins_with(text)):
            found = store.search(Query(looked_for, view_type=view, max_results=SHOWN))
            if found.total > 1:
                raise InvalidValue(_several(text, store.found(found), found.total))
            if found.total:
                return store.found(found)[0]
    raise UnknownRun(f"No run of {store.path} is named {text!r}, nor has an id that begins so{_nearest(store, text)}")


def find_experiment(experiments: Sequence[Experiment], text: str) -> Experiment:
    """The experiment of this id or name. Raises UnknownExperiment."""
    for experiment in experiments:
        if text == experiment.experiment_id:
            return experiment
    for experiment in experiments:
        if text == experiment.name:
            return experiment
    names = [experiment.name for experiment in experiments]
    near = difflib.get_close_matches(text, names[:MOST_COMPARED], 1) or [name for name in names if name.lower() == text.lower()][:1]
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names[-SHOWN:])}."
    raise UnknownExperiment(f"There is no experiment {text!r}; {hint}")


def ranking(store: Store, typed: str) -> Ranking:
    """How runs are ranked by a metric as it is typed: the best first, as its runs or its name tell which that is. Raises InvalidFilter."""
    store.search(Query(order_by=[typed], max_results=0, is_strict=True))  # which knows what is wrong with it
    name, everything = parse_name(typed), store.search(Query())
    metric = metric_of(name, everything.keys)
    if metric is None:
        raise InvalidValue(f"{typed!r} is no metric, and only a metric has a best run.")
    key, stat = metric
    tag = GOAL_TAG + key
    told = [text for text in everything.table([stored_name(Scope.TAG, tag)]).column(0).to_pylist() if text is not None]
    goal = direction(key, {tag: told[0]} if told else None)
    is_best = stat is None and name.at is None
    return Ranking(key, goal, stored_name(Scope.METRIC, key, goal) if is_best else typed, is_best)


def metric_of(name: Name, keys: Callable[[Scope], Sequence[str]]) -> tuple[str, str | None] | None:
    """The key of the metric that a name in a filter means, and what is said to be wanted of it; None where it means no metric."""
    if name.entity not in (None, Scope.METRIC):
        return None
    known = keys(Scope.METRIC)
    before, _, last = name.key.rpartition(".")
    if name.key in known or name.is_quoted or last not in AGGREGATES:
        return (name.key, name.aggregate) if name.entity or name.key in known else None
    return (before, last) if name.entity or before in known else None


def stored_name(scope: Scope, key: str, stat: str = "") -> str:
    """How a filter names a param, a metric or a tag, whatever letters its key has."""
    quoted_key = key.replace("`", "``")
    return f"{scope}s.`{quoted_key}`{stat and '.'}{stat}"


def shown_name(scope: Scope, key: str, stat: str = "") -> str:
    """The same as people write it: without quotes where the key needs none."""
    is_plain = _PLAIN.fullmatch(key) and not (scope == Scope.METRIC and key.rpartition(".")[2] in AGGREGATES)
    return f"{scope}s.{key}{stat and '.'}{stat}" if is_plain else stored_name(scope, key, stat)


def quoted(text: str) -> str:
    """How a filter has a text."""
    return "'" + text.replace("'", "''") + "'"


def _marked(store: Store, text: str) -> Run:
    best = _BEST.fullmatch(text)
    if text == "@last":
        query = Query("parent_run_id is null", ["start_time DESC", "run_id DESC"], max_results=1)
    elif best:
        query = ranking(store, best[1]).query(1)
    else:
        raise InvalidValue(f"{text!r} names no run: there are @last, the newest one, and @best(a metric).")
    found = store.found(store.search(query))
    if not found:
        raise UnknownRun(f"{text} is no run of {store.path}: none {'has a value there' if best else 'is there yet'}.")
    return found[0]


def _begins_with(text: str) -> list[str]:
    return [f"run_id like '{text}%'"] if _BEGINNING.fullmatch(text) else []


def _several(text: str, found: Sequence[Run], n_found: int) -> str:
    infos = [run.info for run in found]
    times = [f"{datetime.fromtimestamp(info.start_time / 1000):%Y-%m-%d %H:%M:%S}" for info in infos]
    lines = [f"  {info.run_id}  {time}  {info.run_name!r}" for info, time in zip(infos, times, strict=True)]
    more = ["  ..."] if n_found > len(found) else []
    return "\n".join([f"{text!r} may mean each of {n_found:,} runs: say which by its id.", *lines, *more])


def _nearest(store: Store, text: str) -> str:
    """What may have been meant, the newest names alone being compared."""
    found = store.search(Query(max_results=MOST_COMPARED))
    names = found.table(["run_name"]).column(0).to_pylist()
    near = list(dict.fromkeys(difflib.get_close_matches(text, [name for name in names if name], 3)))
    near = near or [name for name in dict.fromkeys(names) if text and name and text.lower() in name.lower()][:3]
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else "." if names else ": it has no runs yet."
