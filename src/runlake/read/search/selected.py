"""Some runs of all parts, in an order of their own: a run is known by its number among all, part after part."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from itertools import pairwise

import numpy as np
import pyarrow as pa

from runlake.read.search.columns import Numbers, Texts
from runlake.read.search.frames import Columns, Frame, Part
from runlake.read.search.scan import artifact_uris
from runlake.read.search.values import Attribute, Metric, MetricAt, Moment, Text
from runlake.store.columns import texts

__all__ = ["Selected"]

FEW = 4  # texts of one in so many runs are read by themselves


class Selected:
    """The columns of these runs."""

    def __init__(self, scan: Columns, parts: Sequence[Part], numbers: np.ndarray) -> None:
        self.scan = scan
        self.rows = numbers
        ends = np.cumsum([len(part.frame.ids) for part in parts])
        self._back: np.ndarray | None = None
        if not (numbers[1:] > numbers[:-1]).all():
            order = np.argsort(numbers, kind="stable")
            self._back = np.argsort(order, kind="stable")
            numbers = numbers[order]
        cuts = np.r_[0, np.searchsorted(numbers, ends)]
        pieces = zip(parts, np.r_[0, ends], pairwise(cuts), strict=False)
        self.pieces: list[tuple[Frame, np.ndarray]] = [
            (part.frame, numbers[first:last] - start) for part, start, (first, last) in pieces if first < last
        ]

    def narrowed(self) -> Selected:
        """The same runs, for one who wants to know everything of them."""
        same = copy(self)
        same.pieces = [frame.narrowed(rows) for frame, rows in self.pieces]
        return same

    def numbers(self, value: Moment | Metric | MetricAt) -> Numbers:
        """A column of numbers."""
        columns = [(self.scan.numbers(value, frame), rows) for frame, rows in self.pieces]
        if not columns:
            return Numbers.none(0)
        return Numbers(
            self._in_order(np.concatenate([column.values[rows] for column, rows in columns])),
            self._in_order(np.concatenate([column.known[rows] for column, rows in columns])),
        )

    def texts(self, value: Text | Attribute) -> Texts:
        """A column of texts."""
        if value == Attribute("artifact_uri"):
            ids = self.texts(Attribute("run_id"))
            return Texts(ids.codes, artifact_uris(ids.distinct))
        return self._joined([self.scan.texts(value, frame).taken(rows) for frame, rows in self.pieces])

    def numbers_in(self, value: Text) -> Numbers:
        """The numbers that a column of texts holds. What was read of a frame once stays read there, so many runs are not read anew."""
        columns = [(self.scan.texts(value, frame), rows) for frame, rows in self.pieces]
        found = [_numbers_at(column, rows) for column, rows in columns]
        if not found:
            return Numbers.none(0)
        return Numbers(*(self._in_order(np.concatenate(part)) for part in zip(*((each.values, each.known) for each in found), strict=True)))

    def data_sets(self) -> Texts:
        """The data sets, as JSON."""
        return self._joined([self.scan.data_sets(frame).taken(rows) for frame, rows in self.pieces])

    def _joined(self, columns: Sequence[Texts]) -> Texts:
        if not columns:
            return Texts.none(0)
        starts = np.cumsum([0, *(len(column.distinct) for column in columns)])
        codes = np.concatenate([np.where(column.known, column.codes + start, -1) for column, start in zip(columns, starts, strict=False)])
        kinds = None
        if any(column.kinds is not None for column in columns):
            kinds = pa.concat_arrays([texts([None] * len(each.distinct)) if each.kinds is None else each.kinds for each in columns])
        return Texts(self._in_order(codes), pa.concat_arrays([column.distinct for column in columns]), kinds)

    def _in_order(self, values: np.ndarray) -> np.ndarray:
        return values if self._back is None else values[self._back]


def _numbers_at(column: Texts, rows: np.ndarray) -> Numbers:
    if len(rows) * FEW < len(column.distinct):
        return column.taken(rows).numbers
    numbers = column.numbers
    return Numbers(numbers.values[rows], numbers.known[rows])
