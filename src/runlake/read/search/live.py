"""A frame of events and summaries as they lie in the store: a column is folded when it is first asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.entities import Scope
from runlake.read.search.columns import Ids, Numbers, Texts, coded_texts
from runlake.read.search.folding import fold_integers, fold_series, fold_texts
from runlake.read.search.frames import Frame
from runlake.store.columns import as_array, as_numbers, distinct_texts, texts
from runlake.store.published import PublishedTable
from runlake.store.selection import Wanted
from runlake.store.summary_rows import SummaryRow
from runlake.store.tables import TABLES, in_order
from runlake.store.view import LateSummary

__all__ = ["HeldRows", "LiveFrame", "PublishedRows", "Rows", "Said"]

HELD_ROWS = 200_000  # a table of fewer is read once and kept
NARROW = 32  # one in so many of all runs, or fewer


class HeldRows:
    """Rows in memory, found by scope and key, or by key."""

    def __init__(self, table: str, rows: pa.Table) -> None:
        self._names = TABLES[table].order[: 2 if table == "meta" else 1]
        self._rows = in_order(rows, TABLES[table].order)

    def rows(self, *name: str) -> pa.Table:
        """Those of this scope and key, of this scope, or of this key."""
        if len(name) < len(self._names):
            found = [place for each, place in self._places.items() if each[: len(name)] == name]
            start, stop = (found[0][0], found[-1][1]) if found else (0, 0)
        else:
            start, stop = self._places.get(name, (0, 0))
        return self._rows.slice(start, stop - start)

    def keys(self, scope: str | None = None) -> set[str]:
        """The distinct keys, of one scope where there are scopes."""
        return {name[-1] for name in self._places if scope is None or name[0] == scope}

    def between(self, first: str, last: str) -> HeldRows:
        """Those of the runs from one id to another, and maybe of others."""
        return self

    @cached_property
    def _places(self) -> dict[tuple[str, ...], tuple[int, int]]:
        columns = [self._rows[name].unify_dictionaries().combine_chunks() for name in self._names]
        codes = np.zeros(self._rows.num_rows, np.int64)
        for column in columns:
            codes = codes * (len(column.dictionary) + 1) + as_numbers(column.indices)
        starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(codes) else codes
        firsts = as_array(starts, pa.int64())
        names = zip(*(column.take(firsts).to_pylist() for column in columns), strict=True)
        return dict(zip(names, zip(starts.tolist(), [*starts[1:].tolist(), len(codes)], strict=True), strict=False))


class PublishedRows:
    """The rows of an open table as of its last refresh, read by scope and key, or by key."""

    def __init__(self, table: PublishedTable) -> None:
        self._table = table
        self._order = table.table.order

    def between(self, first: str, last: str) -> HeldRows:
        """Those of the runs from one id to another."""
        return HeldRows(self._table.table.name, self._table.rows({"run_id": (first, last)}))

    def rows(self, *name: str) -> pa.Table:
        """Those of this scope and key, of this scope, or of this key."""
        wanted: Wanted = dict(zip(self._order, name, strict=False))
        return self._table.rows(wanted)

    def keys(self, scope: str | None = None) -> set[str]:
        """The distinct keys, of one scope where there are scopes."""
        return self._table.keys(scope)


Rows = HeldRows | PublishedRows


class Said:
    """Summaries that are not published yet, and of points that came after these, by key."""

    def __init__(self, said: Iterable[SummaryRow] = (), late: Iterable[LateSummary] = ()) -> None:
        self.said: dict[str, list[SummaryRow]] = defaultdict(list)
        self.late: dict[str, list[LateSummary]] = defaultdict(list)
        for row in said:
            self.said[row[2]].append(row)
        for each in late:
            self.late[each[2]].append(each)

    def keys(self) -> set[str]:
        """The distinct keys."""
        return self.said.keys() | self.late.keys()

    def run_ids(self) -> set[str]:
        """The runs that they are of."""
        of_rows = (row[0] for rows in self.said.values() for row in rows)
        return {*of_rows, *(each[0] for late in self.late.values() for each in late)}


class LiveFrame:
    """The runs whose beginning is among these events."""

    def __init__(self, events: Sequence[Rows], summaries: Sequence[Rows], said: Said) -> None:
        self._events = events
        self._summaries = summaries
        self._said = said
        self._texts: dict[tuple[str, str], Texts] = {}
        self._integers: dict[str, Numbers] = {}
        self._series: dict[str, Mapping[str, Numbers]] = {}

    @cached_property
    def ids(self) -> Ids:
        """Their ids."""
        begun, said = (distinct_texts(self._rows(Scope.RUN, key)["run_id"]) for key in ("start_ns", "status"))
        found = begun.take(as_array(np.flatnonzero(Ids(said).places_of(begun) >= 0), pa.int64()))
        return Ids(found.take(pc.array_sort_indices(found)))

    def texts(self, scope: str, key: str) -> Texts:
        """A param, a tag, or what their owners said; of scope `input` the data sets, as JSON."""
        if (scope, key) not in self._texts:
            if scope == Scope.INPUT:
                self._texts[scope, key] = self._inputs()
            else:
                self._texts[scope, key] = fold_texts(scope, self._rows(scope, key), self.ids)
        return self._texts[scope, key]

    def integers(self, key: str) -> Numbers:
        """A time that their owners said."""
        if key not in self._integers:
            self._integers[key] = fold_integers(Scope.RUN, self._rows(Scope.RUN, key), self.ids)
        return self._integers[key]

    def series(self, key: str, stat: str) -> Numbers:
        """What is to be said of a metric."""
        if key not in self._series:
            rows = pa.concat_tables([TABLES["metrics"].no_rows, *(source.rows(key) for source in self._summaries)])
            self._series[key] = fold_series(rows, self._said.said.get(key, ()), self._said.late.get(key, ()), self.ids)
        return self._series[key][stat]

    def keys(self, scope: str) -> Set[str]:
        """The keys of params, tags or metrics that some of them have."""
        if scope not in self._keys:
            if scope == Scope.METRIC:
                self._keys[scope] = set().union(self._said.keys(), *(source.keys() for source in self._summaries))
            else:
                self._keys[scope] = set().union(*(source.keys(scope) for source in self._events))
        return self._keys[scope]

    def narrowed(self, rows: np.ndarray) -> tuple[Frame, np.ndarray]:
        """Runs that began one soon after the other lie together under each key: what is between them is read at once."""
        span = int(rows.max()) - int(rows.min()) + 1
        if not any(isinstance(source, PublishedRows) for source in self._events) or span * NARROW > len(self.ids):
            return self, rows
        first, last = (self.ids.ids[int(row)].as_py() for row in (rows.min(), rows.max()))
        events, summaries = ([source.between(first, last) for source in sources] for sources in (self._events, self._summaries))
        frame = LiveFrame(events, summaries, self._said)
        return frame, frame.ids.places_of(self.ids.ids.take(as_array(rows, pa.int64())))

    def keys_among(self, scope: str, rows: np.ndarray) -> Set[str]:
        """At least those that some of these rows have, and not many more."""
        return self.keys(scope)

    @cached_property
    def _keys(self) -> dict[str, set[str]]:
        return {}

    def _rows(self, scope: str, *key: str) -> pa.Table:
        return pa.concat_tables([TABLES["meta"].no_rows, *(source.rows(str(scope), *key) for source in self._events)])

    def _inputs(self) -> Texts:
        """Of each run the list of what it stored of its data sets."""
        rows = in_order(self._rows(Scope.INPUT), ("hlc", "writer", "seq"))
        found: dict[int, dict[str, str]] = defaultdict(dict)
        columns = (rows[name].to_pylist() for name in ("key", "op", "str"))
        for place, key, op, text in zip(self.ids.places(rows["run_id"]).tolist(), *columns, strict=True):
            if op == "delete":
                found[place].pop(key, None)
            else:
                found[place][key] = text
        places = [place for place in sorted(found) if place >= 0 and found[place]]
        stored = texts([f"[{','.join(found[place].values())}]" for place in places])
        return coded_texts(len(self.ids), np.array(places, np.int64), stored)
