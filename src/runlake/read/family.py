"""Which runs stand inside which, of any number of them at once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from runlake.entities import ViewType
from runlake.read.search.columns import Ids
from runlake.read.search.query import Query
from runlake.store.columns import texts

if TYPE_CHECKING:
    from runlake.read.stores import Store

__all__ = ["Family", "family"]

_NOBODY = -1


class Family:
    """Runs, and the one that each is inside of. Runs that would be inside themselves are inside nothing."""

    def __init__(self, run_ids: pa.Array, parents: np.ndarray) -> None:
        self._ids = Ids(run_ids)
        self._parents = _without_rings(parents)

    def n_inside(self, run_ids: pa.Array) -> np.ndarray:
        """How many runs are inside each of these, and inside those."""
        counts = np.append(self._counts, 0)  # of one that nothing is known of: none
        return np.asarray(counts[self._ids.places_of(run_ids)])

    def outermost(self, run_ids: pa.Array) -> np.ndarray:
        """Which of these are inside no other one of them, however far."""
        places = self._ids.places_of(run_ids)
        is_there = np.zeros(len(self._parents) + 1, bool)
        is_there[places[places >= 0]] = True
        is_inside = np.zeros(len(places), bool)
        above = self._above(places)
        while (above >= 0).any():
            is_inside |= (above >= 0) & is_there[above]
            above = self._above(above)
        return ~is_inside

    @cached_property
    def _counts(self) -> np.ndarray:
        """Of every run how many are inside it."""
        counts = np.zeros(len(self._parents), np.int64)
        above = self._parents
        while (inside := above[above >= 0]).size:
            counts += np.bincount(inside, minlength=len(counts))
            above = self._above(inside)
        return counts

    def _above(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(np.append(self._parents, _NOBODY)[places])


def family(store: Store, view_type: ViewType = ViewType.ACTIVE_ONLY) -> Family:
    """Of the runs at these stages."""
    inside = store.search(Query("has(parent_run_id)", view_type=view_type))
    codes, known = inside.texts("parent_run_id") or (np.empty(0, np.int64), texts([]))
    children = inside.run_ids()
    ids = pa.concat_arrays([children, known]).unique()
    places, of_known = Ids(ids).places_of(children), Ids(ids).places_of(known)
    parents = np.full(len(ids), _NOBODY, np.int64)
    parents[places] = of_known[codes]
    return Family(ids, parents)


def _without_rings(parents: np.ndarray) -> np.ndarray:
    """After as many steps up as there are runs, only what is in a ring, or below one, is not at the top."""
    reached = np.append(parents, _NOBODY)
    for _ in range(len(parents).bit_length()):
        reached = reached[reached]
    in_ring = np.unique(reached[reached >= 0])
    broken = parents.copy()
    broken[in_ring] = _NOBODY
    return broken
