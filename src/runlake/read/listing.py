"""Which runs are listed, and which of them stand inside others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from runlake.entities import Scope, ViewType
from runlake.read.naming import quoted
from runlake.read.search.found import Found
from runlake.read.search.query import Query

if TYPE_CHECKING:
    from runlake.read.stores import Store

__all__ = ["Listing", "Row", "list_runs", "values_of"]

NAMED_RUNS = 150  # the ids of more do not fit into a filter


@dataclass(frozen=True)
class Row:
    """A run that is listed: below how many others, inside which one that is not, and the runs that are inside it."""

    run_id: str
    depth: int = 0
    parent: str | None = None
    inside: Sequence[str] = ()


class Listing:
    """The rows and columns of their values. `n_tops` runs that were found stand inside no other one, and would be listed if all were.

    `n_below` of those that were found stand inside one that is listed.
    """

    def __init__(self, rows: Sequence[Row], n_tops: int, n_below: int, found: Found, inside: Found | None, parents: Found | None) -> None:
        self.rows = rows
        self.n_tops = n_tops
        self.n_below = n_below
        self.inside = inside
        self._found = found.narrowed()
        places = {run_id: place for place, run_id in enumerate(found.ids())}
        self._places = [places[row.run_id] for row in rows]
        self._names = _by_id(parents, "run_name")

    def column(self, name: str) -> list[Any]:
        """The value of each row, by a name as filters have it."""
        values = values_of(self._found, name)
        return [values[place] for place in self._places]

    def column_inside(self, name: str) -> list[list[Any]]:
        """Of each row the values that runs inside it have."""
        values = _by_id(self.inside, name)
        return [[values[run_id] for run_id in row.inside if values.get(run_id) is not None] for row in self.rows]

    def is_time(self, name: str) -> bool:
        """Whether the values of a column are times."""
        return bool(pa.types.is_timestamp(self._found.table([name]).schema.field(0).type))

    def keys(self, scope: Scope) -> list[str]:
        """The keys that some of the rows have."""
        return self._found.keys(scope)

    def name_of_parent(self, row: Row) -> str | None:
        """The name of the run that it is inside of, where that is not listed itself."""
        return self._names.get(row.parent, row.parent[:8]) if row.parent and not row.depth else None


def list_runs(store: Store, query: Query, n: int | None, *, with_children: bool = False, inside_of: str = "") -> Listing:
    """The first `n` runs that a query finds; one that is inside another that it finds too is listed below that, or only counted.

    Of a run that is inside of another it is said in which one, but not of those that are inside of this one.
    """
    found = store.search(query)
    ids = found.ids()
    family = _Family(store.search(Query("has(parent_run_id)", view_type=query.view_type)))
    place_of = {run_id: place for place, run_id in enumerate(ids)}
    tops = [run_id for run_id in ids if not any(ancestor in place_of for ancestor in family.above(run_id))]
    named = {child: parent for child, parent in family.parents.items() if parent != inside_of}
    rows = [Row(run_id, 0, named.get(run_id), list(family.below(run_id))) for run_id in tops[:n]]
    below = [run_id for row in rows for run_id in row.inside]
    if with_children:
        rows = [each for row in rows for each in _with_rows_below(row, family, place_of)]
    listed = found if len(rows) == len(ids) or len(rows) > NAMED_RUNS else _with_ids(store, [row.run_id for row in rows])
    parents = _with_ids(store, [row.parent for row in rows if row.parent and not row.depth])
    n_below = len({run_id for run_id in below if run_id in place_of})
    return Listing(rows, len(tops), n_below, listed or found, _with_ids(store, below), parents)


def values_of(found: Found, name: str) -> list[Any]:
    """The values of a column; times in milliseconds."""
    column = found.table([name]).column(0)
    # A list of times would import pandas, where it is installed.
    values: list[Any] = (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return values


class _Family:
    """Which runs stand inside which."""

    def __init__(self, children: Found) -> None:
        self.parents: dict[str, str] = dict(zip(children.ids(), values_of(children, "parent_run_id"), strict=True))
        self.children: dict[str, list[str]] = defaultdict(list)
        for child, parent in self.parents.items():
            self.children[parent].append(child)

    def above(self, run_id: str) -> list[str]:
        """What a run is inside of, the nearest first; nothing where it would be inside itself."""
        found: list[str] = []
        parent = self.parents.get(run_id)
        while parent is not None and parent not in found:
            found.append(parent)
            parent = self.parents.get(parent)
        return [] if run_id in found else found

    def below(self, run_id: str) -> Iterator[str]:
        """All that is inside a run."""
        waiting, seen = [run_id], {run_id}
        while waiting:
            children = [child for child in self.children.get(waiting.pop(), ()) if child not in seen]
            seen.update(children)
            waiting += children
            yield from children


def _with_rows_below(top: Row, family: _Family, place_of: Mapping[str, int]) -> Iterator[Row]:
    """The row, and below it the runs inside it that were found, in the order in which they were."""
    waiting, inside = [top], set(top.inside)
    while waiting:
        row = waiting.pop()
        if row.run_id in place_of:
            yield row
        children = sorted(inside & set(family.children.get(row.run_id, ())), key=lambda child: place_of.get(child, 0), reverse=True)
        inside -= set(children)
        depth = row.depth + (row.run_id in place_of)
        waiting += [Row(child, depth, row.run_id, list(family.below(child))) for child in children]


def _with_ids(store: Store, run_ids: Sequence[str]) -> Found | None:
    """These runs."""
    if not run_ids:
        return None
    if len(run_ids) > NAMED_RUNS:
        return store.search(Query(view_type=ViewType.ALL))
    return store.search(Query(f"run_id in ({', '.join(map(quoted, run_ids))})", view_type=ViewType.ALL))


def _by_id(found: Found | None, name: str) -> dict[str, Any]:
    return dict(zip(found.ids(), values_of(found, name), strict=True)) if found else {}
