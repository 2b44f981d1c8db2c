"""One search: what is asked for, and which runs that finds, page by page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runlake.entities import Scope, ViewType
from runlake.errors import InvalidFilter, InvalidValue
from runlake.read.search.compile import compiled
from runlake.read.search.frames import Columns, Part
from runlake.read.search.order import Order, Place, after, first, place_of
from runlake.read.search.parse import parse_filter, parse_name, parse_order
from runlake.read.search.selected import Selected
from runlake.read.search.values import Catalog, DatasetText, Value, Words

__all__ = ["Kind", "Outcome", "Query", "answered", "chosen"]


@dataclass(frozen=True)
class Query:
    """What is asked for. `is_strict` makes an error of a key that no run has, which else finds nothing, with a warning."""

    filter: str = ""
    order_by: Sequence[str] = ()
    experiment_ids: Sequence[str] | None = None
    view_type: ViewType = ViewType.ACTIVE_ONLY
    max_results: int | None = None
    page_token: str | None = None
    is_strict: bool = False


@dataclass(frozen=True)
class Kind:
    """What is searched: the words for it, and how what is equal otherwise is sorted."""

    words: Words
    last: tuple[Order, ...]


@dataclass(frozen=True)
class Outcome:
    """The first of what was found, in order; how many there are, what asks for the next, and what the name of a column means.

    `unknown` says of each key in the filter that nothing has: a slip, most of the time.
    """

    chosen: Selected
    total: int
    token: str | None
    value_of: Callable[[str], Value]
    unknown: list[str]


def answered(query: Query, kind: Kind, parts: Sequence[Part], scan: Columns, shown: Callable[[Part], np.ndarray]) -> Outcome:
    """What the query finds among those that are `shown`. Raises InvalidFilter."""
    if query.max_results is not None and query.max_results < 0:
        raise InvalidValue(f"max_results is the number of rows wanted, 0 or more, not {query.max_results}.")
    meant = _Meant(parts, kind.words)
    is_asked = compiled(parse_filter(query.filter), meant.catalog(query.filter))
    orders = [*(meant.order(typed) for typed in query.order_by), *kind.last]
    unknown = meant.unknown()
    if unknown and query.is_strict:
        raise unknown[0]

    def select(rows: np.ndarray) -> Selected:
        return Selected(scan, parts, rows)

    rows = np.flatnonzero(np.concatenate([is_asked(scan, part.frame).yes & shown(part) for part in parts]))
    total = len(rows)
    if query.page_token is not None:
        rows = after(rows, orders, select, _places(query, len(orders)))
    n = len(rows) if query.max_results is None else min(query.max_results, len(rows))
    chosen = first(rows, orders, select, n)
    token = _token(query, [place_of(order, select(chosen[-1:])) for order in orders]) if 0 < n < len(rows) else None
    return Outcome(select(chosen), total, token, meant.column, [str(error) for error in unknown])


def chosen(parts: Sequence[Part], scan: Columns, rows: np.ndarray, kind: Kind) -> Outcome:
    """These rows, as if a search had found them."""
    return Outcome(Selected(scan, parts, rows), len(rows), None, _Meant(parts, kind.words).column, [])


class _Meant:
    """What the names in a query mean among the keys of these parts."""

    def __init__(self, parts: Sequence[Part], words: Words) -> None:
        self._parts = parts
        self._words = words
        self._keys: dict[Scope, set[str]] = {}
        self._catalogs: list[Catalog] = []
        self._is_empty = not any(len(part.frame.ids) for part in parts)

    def catalog(self, typed: str) -> Catalog:
        """For one text."""
        self._catalogs.append(Catalog(typed, self._keys_of, self._is_empty, self._words))
        return self._catalogs[-1]

    def order(self, typed: str) -> Order:
        """What to sort by."""
        asked = parse_order(typed)
        value = self.catalog(typed).value(asked.name)
        if isinstance(value, DatasetText):
            what = "Runs are not sorted by data sets, of which one run may have several."
            raise InvalidFilter.at(what, typed, asked.name.start, asked.name.stop)
        return Order(value, asked.is_descending)

    def column(self, typed: str) -> Value:
        """What to show."""
        return Catalog(typed, self._keys_of, self._is_empty, self._words).value(parse_name(typed), may_be_unknown=True)

    def unknown(self) -> list[InvalidFilter]:
        """The keys that nothing has; where there is nothing at all, no key is unknown."""
        return [] if self._is_empty else [error for catalog in self._catalogs for error in catalog.unknown]

    def _keys_of(self, scope: Scope) -> set[str]:
        if scope not in self._keys:
            self._keys[scope] = set().union(*(part.frame.keys(scope) for part in self._parts))
        return self._keys[scope]


def _places(query: Query, n: int) -> list[Place]:
    """Where the last run of the page before stood in each order. Raises InvalidValue for a token of another query."""
    try:
        said = json.loads(base64.urlsafe_b64decode(str(query.page_token).encode("ascii")))
        of, places = said["of"], [(int(rank), value) for rank, value in said["at"] if isinstance(value, (int, float, str))]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidValue(f"{query.page_token!r} is no page token: it is what the page before gave.") from error
    if of != _digest(query) or len(places) != n:
        raise InvalidValue("The page token is of another search: filter, order, experiments and view_type must stay the same.")
    return places


def _token(query: Query, places: Sequence[Place]) -> str:
    """What asks for the runs behind a place: not how many come before it, so runs that arrive meanwhile do no harm."""
    return base64.urlsafe_b64encode(json.dumps({"of": _digest(query), "at": places}).encode()).decode()


def _digest(query: Query) -> str:
    asked: list[Any] = [query.filter, list(query.order_by), list(query.experiment_ids or ["*"]), int(query.view_type)]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
