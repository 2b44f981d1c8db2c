"""What writers and publishers said of series, put together: each row speaks of the points from `since` up to `covered` of one writer.

Of rows that overlap the one that reaches furthest counts: a writer says more of a series again and again. The others merge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from runlake.store.columns import as_numbers, decode
from runlake.store.frames import Frame
from runlake.store.summaries import Summary, merge, summarize

__all__ = ["SummaryRow", "SummaryRows", "merged", "summaries_by"]

SummaryRow = tuple[str, str, str, int, int, Summary]  # run_id, writer, key, since, covered and what there is to say

_FIELDS = Summary._fields


class SummaryRows:
    """The rows of some writers by run; of one series and beginning, that which covers most."""

    def __init__(self) -> None:
        self.covered = 0  # what the rows say of a single writer
        self._rows: dict[str, dict[tuple[str, str, int], tuple[int, Summary]]] = defaultdict(dict)
        self._forgotten = 0

    def take_frame(self, writer: str, frame: Frame) -> None:
        """What one writer wrote."""
        self.covered = max(self.covered, frame.first_seq)
        for run_id, key, since, *values in zip(*(column.to_pylist() for column in decode(frame.payload).columns), strict=True):
            self._put(run_id, (writer, key, since), frame.first_seq, Summary(*values))

    def take(self, rows: pa.Table) -> None:
        """Rows of a sealed file or of the table."""
        names = ("run_id", "writer", "key", "since", "covered", *_FIELDS)
        for run_id, writer, key, since, covered, *values in zip(*(rows[name].to_pylist() for name in names), strict=True):
            self.add((run_id, writer, key, since, covered, Summary(*values)))

    def add(self, row: SummaryRow) -> None:
        """One row."""
        run_id, writer, key, since, covered, summary = row
        self.covered = max(self.covered, covered)
        self._put(run_id, (writer, key, since), covered, summary)

    def take_all(self, others: SummaryRows, run_id: str) -> None:
        """Those that others have of this run."""
        for name, (covered, summary) in others._rows.get(run_id, {}).items():
            self._put(run_id, name, covered, summary)

    def forget(self, mark: int) -> None:
        """Let go of rows that cover fewer points than this: they are published."""
        if mark <= self._forgotten:
            return
        self._forgotten = mark
        for run_id, rows in list(self._rows.items()):
            kept = {name: row for name, row in rows.items() if row[0] >= mark}
            if kept:
                self._rows[run_id] = kept
            else:
                del self._rows[run_id]

    def __iter__(self) -> Iterator[SummaryRow]:
        return (
            (run_id, writer, key, since, covered, summary)
            for run_id, rows in self._rows.items()
            for (writer, key, since), (covered, summary) in rows.items()
        )

    def _put(self, run_id: str, name: tuple[str, str, int], covered: int, summary: Summary) -> None:
        rows = self._rows[run_id]
        if name not in rows or rows[name][0] <= covered:
            rows[name] = covered, summary


def merged(rows: SummaryRows, late: Iterable[tuple[str, str, Summary]]) -> dict[str, Summary]:
    """By key, what the rows of one run say, and what came `late`, as (writer, key, summary), after what they cover."""
    found: dict[str, list[tuple[str, int, Summary]]] = defaultdict(list)
    begun: dict[tuple[str, str], int] = {}  # of the rows that count, which are gone through from the last to the first
    reach: dict[tuple[str, str], int] = {}
    for _, writer, key, since, covered, summary in sorted(rows, key=lambda row: (row[1], row[2], -row[4], row[3])):
        if covered <= begun.get((writer, key), covered):
            begun[writer, key] = since
            reach.setdefault((writer, key), covered)
            found[key].append((writer, since, summary))
    for writer, key, summary in late:
        found[key].append((writer, reach.get((writer, key), 0), summary))
    merged: dict[str, Summary] = {}
    for key, each in found.items():
        first, *others = (summary for _, _, summary in sorted(each, key=lambda row: row[:2]))
        for other in others:
            first = merge(first, other)
        merged[key] = first
    return merged


def summaries_by(points: pa.Table, names: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Summary]]:
    """What there is to say of those of the points that have the same texts in the columns of these names, with the texts."""
    if not points.num_rows:
        return
    codes, texts = np.zeros(points.num_rows, np.int64), []
    for name in names:  # a text for each of a million rows would take seconds
        column = points[name] if pa.types.is_dictionary(points[name].type) else points[name].dictionary_encode()
        coded = column.unify_dictionaries().combine_chunks()
        texts.append(coded.dictionary.to_pylist())
        codes = codes * len(texts[-1]) + as_numbers(coded.indices)
    for code, summary in summarize(codes, *(as_numbers(points[name]) for name in ("step", "wall_ns", "value"))).items():
        found = []
        for known in reversed(texts):
            code, place = divmod(code, len(known))
            found.append(known[place])
        yield tuple(reversed(found)), summary
