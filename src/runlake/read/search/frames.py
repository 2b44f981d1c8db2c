"""What searches look at: columns of many runs, taken from wherever they lie when they are asked for."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

import numpy as np

from runlake.read.search.columns import Ids, Numbers, Texts

__all__ = ["Frame"]


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
