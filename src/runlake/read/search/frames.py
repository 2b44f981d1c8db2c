"""What searches look at: columns of many things, runs for the most part, taken from wherever they lie when they are asked for."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from runlake.read.search.columns import Ids, Numbers, Texts
from runlake.read.search.values import Attribute, Metric, MetricAt, Moment, Text

__all__ = ["Columns", "Frame", "Part"]


class Frame(Protocol):
    """Some of the runs of a store."""

    @property
    def ids(self) -> Ids:
        """Their ids."""

    def texts(self, scope: str, key: str) -> Texts:
        """A param, a tag, or what their owners said; of scope `input` the data sets, as JSON."""

    def integers(self, key: str) -> Numbers:
        """A time that their owners said."""

    def series(self, key: str, stat: str) -> Numbers:
        """What is to be said of a metric."""

    def keys(self, scope: str) -> Set[str]:
        """The keys of params, tags or metrics that some of them have."""

    def narrowed(self, rows: np.ndarray) -> tuple[Frame, np.ndarray]:
        """A frame that gives more of these few rows with less effort, and their numbers there; itself where there is none."""

    def keys_among(self, scope: str, rows: np.ndarray) -> Set[str]:
        """At least those that some of these rows have, and not many more."""


@dataclass(frozen=True)
class Part:
    """A frame, and the runs of it that count: of the others another part knows more; None where all do."""

    frame: Frame
    counts: np.ndarray | None = None


class Columns(Protocol):
    """The columns that one search asks for, of each frame."""

    now_ms: int

    def texts(self, value: Text | Attribute, frame: Frame) -> Texts:
        """A column of texts."""

    def numbers(self, value: Moment | Metric | MetricAt, frame: Frame) -> Numbers:
        """A column of numbers."""

    def data_sets(self, frame: Frame) -> Texts:
        """Of each run its data sets, as JSON."""
