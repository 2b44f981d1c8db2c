"""What a name in a filter means: a text or a number that a run may have."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from runlake.entities import Scope
from runlake.errors import InvalidFilter
from runlake.read.search.tree import AGGREGATES, Name

__all__ = ["OF_RUNS", "Attribute", "Catalog", "DatasetText", "Metric", "MetricAt", "Moment", "Text", "Value", "Words"]


@dataclass(frozen=True)
class Words:
    """What the attributes of a thing are called: of texts and of moments the names, and what each means; and the thing, in words."""

    thing: str
    texts: Mapping[str, str]
    moments: Mapping[str, str]
    aliases: Mapping[str, str] = field(default_factory=dict)  # other spellings, which nobody is told of


OF_RUNS = Words(
    "run",
    {
        "run_id": "run_id",
        "run_uuid": "run_id",
        "run_name": "name",
        "name": "name",
        "status": "status",
        "user_id": "user",
        "user": "user",
        "artifact_uri": "artifact_uri",
        "experiment_id": "experiment_id",
        "parent_run_id": "parent_run_id",
        "lifecycle_stage": "lifecycle",
    },
    {"start_time": "start_time", "created": "start_time", "end_time": "end_time", "duration": "duration"},
    {"Created": "created", **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name")},  # MLflow's
)
_OF_DATASETS = ("name", "digest", "context")
_WORDS = {Scope.METRIC: "metric", Scope.PARAM: "param", Scope.TAG: "tag"}
_PREFIXES = {Scope.METRIC: "metrics", Scope.PARAM: "params", Scope.TAG: "tags"}
MOST_COMPARED, LONGEST_COMPARED = 5000, 100  # keys, and letters of one, for the nearest
MOST_TOLD = 8  # unknown keys of one filter


@dataclass(frozen=True)
class Text:
    """A param or a tag: a text, and where it reads as one a number."""

    scope: Scope
    key: str


@dataclass(frozen=True)
class Attribute:
    """A text that the run's owner said."""

    name: str


@dataclass(frozen=True)
class DatasetText:
    """The name, the digest or the context of one of the run's data sets."""

    name: str


@dataclass(frozen=True)
class Moment:
    """When the run began or ended, in milliseconds, or how many seconds it took."""

    name: str


@dataclass(frozen=True)
class Metric:
    """What is to be said of a series."""

    key: str
    stat: str = "last"


@dataclass(frozen=True)
class MetricAt:
    """The value of a series at a step, or at that where another one was best."""

    key: str
    at: int | str


Value = Text | Attribute | DatasetText | Moment | Metric | MetricAt


@dataclass
class Catalog:
    """Finds what names mean among the keys that the runs of a store have; `unknown` tells of those that none has."""

    typed: str
    keys: Callable[[Scope], Set[str]]
    is_empty: bool
    words: Words
    unknown: list[InvalidFilter] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)

    def value(self, name: Name, *, may_be_unknown: bool = False) -> Value:
        """The value that is meant. Raises InvalidFilter for one that cannot be."""
        if name.entity == "attribute":
            return self._attribute(name)
        if name.entity == "dataset":
            return self._dataset(name)
        if name.entity is None:
            return self._bare(name, may_be_unknown=may_be_unknown)
        scope = Scope(name.entity)
        if scope == Scope.METRIC:
            return self._metric(name, may_be_unknown=may_be_unknown)
        self._must_be_plain(name)
        if not may_be_unknown:
            self._tell_unknown(name, scope, name.key)
        return Text(scope, name.key)

    def _bare(self, name: Name, *, may_be_unknown: bool) -> Value:
        """A name without its kind: an attribute, or what it is the key of, if that is one thing only."""
        is_plain, key = name.at is None and name.aggregate is None, self._unaliased(name.key)
        if is_plain and (key in self.words.texts or key in self.words.moments):
            return self._attribute(name)
        scopes = [scope for scope in _PREFIXES if name.key in self.keys(scope)]
        if not is_plain:
            scopes = [scope for scope in scopes if scope == Scope.METRIC]
        if len(scopes) > 1:
            both = " and ".join(f"{_PREFIXES[scope]}.{name.key}" for scope in scopes)
            raise self._wrong(f"{name.key!r} may mean {both}: say which", name)
        if scopes and scopes[0] != Scope.METRIC:
            return Text(scopes[0], name.key)
        if scopes or self._split(name)[0] in self.keys(Scope.METRIC):
            return self._metric(name, may_be_unknown=may_be_unknown)
        known = [*self.words.texts, *self.words.moments, *(key for scope in _PREFIXES for key in self.keys(scope))]
        error = self._no_such(name, f"No {self.words.thing} has anything named {name.key!r}", known)
        if not self.is_empty:
            raise error
        return Text(Scope.PARAM, name.key)

    def _metric(self, name: Name, *, may_be_unknown: bool = False) -> Metric | MetricAt:
        key, stat = self._split(name)
        if not may_be_unknown:
            self._tell_unknown(name, Scope.METRIC, key)
        if name.at is None:
            return Metric(key, stat or "last")
        if isinstance(name.at, int):
            return MetricAt(key, name.at)
        return MetricAt(key, self._best(name.at, may_be_unknown=may_be_unknown))

    def _best(self, name: Name, *, may_be_unknown: bool) -> str:
        """The key of the metric whose best step is meant: there its kind goes without saying."""
        if name.entity is None and (self.is_empty or name.key in self.keys(Scope.METRIC)):
            return name.key
        best = self.value(name, may_be_unknown=may_be_unknown)
        if not isinstance(best, Metric) or best.stat != "last":
            raise self._wrong("Only a metric has a best step", name)
        return best.key

    def _split(self, name: Name) -> tuple[str, str | None]:
        """A metric's key and what is wanted of it: `loss.min` is the least loss, unless there is a metric of that name."""
        key, dot, last = name.key.rpartition(".")
        if name.is_quoted or name.at is not None or not dot or last not in AGGREGATES or name.key in self.keys(Scope.METRIC):
            return name.key, name.aggregate
        return key, last

    def _attribute(self, name: Name) -> Attribute | Moment:
        self._must_be_plain(name)
        key = self._unaliased(name.key)
        if key in self.words.texts:
            return Attribute(self.words.texts[key])
        if key in self.words.moments:
            return Moment(self.words.moments[key])
        known = [*self.words.texts, *self.words.moments]
        raise self._no_such(name, f"No {self.words.thing} has an attribute {name.key!r}", known, empty=False)

    def _dataset(self, name: Name) -> DatasetText:
        self._must_be_plain(name)
        if name.key not in _OF_DATASETS:
            raise self._no_such(name, f"A data set has no {name.key!r}", _OF_DATASETS, empty=False)
        return DatasetText(name.key)

    def _unaliased(self, key: str) -> str:
        return self.words.aliases.get(key, key)

    def _tell_unknown(self, name: Name, scope: Scope, key: str) -> None:
        """Once, and not of too many: the nearest key takes a look at all of them."""
        what = f"No {self.words.thing} has a {_WORDS[scope]} {key!r}"
        if key not in self.keys(scope) and what not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(what)
            self.unknown.append(self._no_such(name, what, self.keys(scope)))

    def _must_be_plain(self, name: Name) -> None:
        if name.at is not None or name.aggregate is not None:
            raise self._wrong("Only a metric has steps", name)

    def _no_such(self, name: Name, what: str, known: Set[str] | list[str] | tuple[str, ...], *, empty: bool = True) -> InvalidFilter:
        if empty and self.is_empty:
            return self._wrong(f"{what}: the store has no {self.words.thing}s yet", name)
        listed, (key, _) = sorted(set(known)), self._split(name)
        near = difflib.get_close_matches(key, listed[:MOST_COMPARED], 1) if len(key) <= LONGEST_COMPARED else []
        near = near or [each for each in listed if each.lower() == key.lower()][:1]
        some = ", ".join(each[:LONGEST_COMPARED] for each in listed[:8])
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {some}." if some else "."
        return self._wrong(what, name, hint)

    def _wrong(self, what: str, name: Name, hint: str = ".") -> InvalidFilter:
        return InvalidFilter.at(f"{what}{hint}", self.typed, name.start, name.stop)
