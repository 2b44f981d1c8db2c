"""What comes into a store: of which runs something is said, and which of their metrics have new points.

Rows are told by the numbers that their writers gave them: what only moves, from a log to a table, is nothing new. Only what came is
looked at, so that it takes no longer the more runs there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from runlake.store.columns import as_array, as_numbers
from runlake.store.frames import Kind
from runlake.store.view import View

__all__ = ["Changes", "Watch"]

_STREAMS = ((Kind.POINTS, "metrics", "covered"), (Kind.EVENTS, "meta", "seq"))  # summaries are fewer than the points that they are of

Look = Callable[[View], "Changes | None"]


@dataclass(frozen=True)
class Changes:
    """`points` has by run the keys that have new points, `said` the runs of which anything else was said.

    Of what was written and published between two looks `points` has all series of its writer: its summaries do not tell them apart.
    `is_all` says that more may have changed than can be told, whatever the others hold.
    """

    points: Mapping[str, Set[str]] = field(default_factory=dict)
    said: Set[str] = frozenset()
    is_all: bool = False


class Watch:
    """Says what came into a store since it was last asked, or made."""

    def __init__(self, looking: Callable[[Look], Changes | None]) -> None:
        self._looking = looking
        self._looking(self._remember)

    def changes(self) -> Changes | None:
        """Have the store take in what is new, and say what that was; None for nothing."""
        return self._looking(self._look)

    def _look(self, view: View) -> Changes | None:
        view.refresh()
        has_crashed = view.gone() != self._gone  # which nobody writes: its runs are told by nothing that came
        if not has_crashed and view.changes == self._as_of:
            return None
        points: dict[str, set[str]] = defaultdict(set)
        said: set[str] = set()
        is_all = has_crashed
        for kind, table, number in _STREAMS:
            rows = [*self._waiting(view, kind), self._published(view, kind, table, number)]
            for each in rows:
                if each is None:
                    is_all = True
                elif kind == Kind.POINTS:
                    for run_id, key in _distinct(each, ("run_id", "key")):
                        points[run_id].add(key)
                else:
                    said |= {run_id for (run_id,) in _distinct(each, ("run_id",))}
        self._remember(view)
        return Changes(dict(points), said, is_all) if points or said or is_all else None

    def _remember(self, view: View) -> None:
        self._marks, self._as_of, self._gone = view.marks(), view.changes, view.gone()
        self._versions = {name: table.log.version for name, table in view.tables.items()}

    def _waiting(self, view: View, kind: Kind) -> Iterator[pa.Table]:
        """New rows that are not published."""
        for piece in view.pieces(kind):
            if (mark := self._marks.get((kind, piece.writer), 0)) < piece.stop:
                yield piece.after(mark).rows()

    def _published(self, view: View, kind: Kind, name: str, number: str) -> pa.Table | None:
        """Rows that were published and not seen before; None where that is not known."""
        table = view.tables[name]
        if table.log.version == self._versions[name]:
            return table.table.no_rows
        rows = table.added_since(self._versions[name] + 1, {})
        if rows is None:
            return None
        coded = rows["writer"].unify_dictionaries().combine_chunks()
        marks = np.array([self._marks.get((kind, writer), 0) for writer in coded.dictionary.to_pylist()], np.int64)
        is_new = as_numbers(rows[number]) >= np.append(marks, 0)[as_numbers(coded.indices)] + (kind == Kind.POINTS)
        return rows.take(as_array(np.flatnonzero(is_new), pa.int64()))


def _distinct(rows: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The texts that stand together in these columns."""
    codes, texts = np.zeros(rows.num_rows, np.int64), []
    for name in names:
        coded = rows[name].unify_dictionaries().combine_chunks()
        texts.append(coded.dictionary.to_pylist())
        codes = codes * len(texts[-1]) + as_numbers(coded.indices)
    for code in np.unique(codes).tolist():
        found = []
        for known in reversed(texts):
            code, place = divmod(code, len(known))
            found.append(known[place])
        yield tuple(reversed(found))
