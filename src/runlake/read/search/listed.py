"""The same filters, orders and pages for things of which there are few, such as experiments: a list is searched as runs are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from runlake.entities import Scope
from runlake.read.search.columns import Ids, Numbers, Texts, coded_texts
from runlake.read.search.frames import Frame, Part
from runlake.read.search.query import Kind, Query, answered
from runlake.read.search.values import Attribute, Metric, MetricAt, Moment, Text
from runlake.store.columns import texts

__all__ = ["Thing", "search_listed"]

T = TypeVar("T")


@dataclass(frozen=True)
class Thing:
    """What can be asked of one of them: attributes that are texts, moments in milliseconds, tags."""

    texts: Mapping[str, str | None]
    moments: Mapping[str, int | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def search_listed(listed: Sequence[T], described: Callable[[T], Thing], kind: Kind, query: Query) -> tuple[list[T], str | None]:
    """Those that the query finds, in order, and the token of the next page. Raises InvalidFilter."""
    frame = _Listed([described(each) for each in listed])
    outcome = answered(query, kind, [Part(frame)], _OfListed(), lambda part: np.ones(len(listed), bool))
    return [listed[row] for row in outcome.chosen.rows.tolist()], outcome.token


class _Listed:
    """A frame of such things."""

    def __init__(self, things: Sequence[Thing]) -> None:
        self.ids = Ids(texts([str(place) for place in range(len(things))]))
        self._things = things

    def texts(self, scope: str, key: str) -> Texts:
        """A tag, or an attribute."""
        found = [(thing.tags if scope == Scope.TAG else thing.texts).get(key) for thing in self._things]
        places = [place for place, text in enumerate(found) if text is not None]
        return coded_texts(len(found), np.array(places, np.int64), texts([found[place] for place in places]))

    def integers(self, key: str) -> Numbers:
        """A moment."""
        found = [thing.moments.get(key) for thing in self._things]
        return Numbers(np.array([each or 0 for each in found], np.int64), np.array([each is not None for each in found], bool))

    def series(self, key: str, stat: str) -> Numbers:
        """None has any."""
        return Numbers.none(len(self._things))

    def keys(self, scope: str) -> Set[str]:
        """The keys of tags that some of them have."""
        return {key for thing in self._things for key in thing.tags} if scope == Scope.TAG else set()

    def narrowed(self, rows: np.ndarray) -> tuple[Frame, np.ndarray]:
        """Nothing is less effort than this one."""
        return self, rows

    def keys_among(self, scope: str, rows: np.ndarray) -> Set[str]:
        """Those that some of them have."""
        return self.keys(scope)


class _OfListed:
    """Its columns."""

    def __init__(self) -> None:
        self.now_ms = time.time_ns() // 1_000_000

    def texts(self, value: Text | Attribute, frame: Frame) -> Texts:
        """A column of texts."""
        return frame.texts(Scope.TAG, value.key) if isinstance(value, Text) else frame.texts(Scope.RUN, value.name)

    def numbers(self, value: Moment | Metric | MetricAt, frame: Frame) -> Numbers:
        """A column of moments."""
        return frame.integers(value.name) if isinstance(value, Moment) else frame.series("", "last")

    def data_sets(self, frame: Frame) -> Texts:
        """None has any."""
        return Texts.none(len(frame.ids))
