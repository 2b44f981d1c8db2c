"""Which runs a search found, in their order, held still while somebody looks through them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from runlake.read import Family, Found, Query, ViewType, family
from runlake_ui.served import Served

__all__ = ["Asked", "Frozen", "families", "frozen"]

MOST = 32
SECONDS = 10.0  # after which a search is made again: what a filter says of the time may be so no more


@dataclass(frozen=True)
class Asked:
    """Which runs, and in which order; `fold` leaves out those inside others that are asked for, too."""

    experiments: tuple[str, ...] | None = None
    filter: str = ""
    sort: tuple[str, ...] = ()
    fold: bool = False
    deleted: bool = False

    @property
    def view_type(self) -> ViewType:
        """The stage."""
        return ViewType.DELETED_ONLY if self.deleted else ViewType.ACTIVE_ONLY

    def query(self, max_results: int | None = None) -> Query:
        """For the store."""
        return Query(self.filter, self.sort, self.experiments, self.view_type, max_results)


@dataclass
class Frozen:
    """The ids, as of a snapshot; what is read of them is as it is now."""

    snapshot: int
    run_ids: pa.Array
    unknown: list[str]
    made: float = field(default_factory=time.monotonic)
    _found: tuple[int, Found] | None = None
    _extremes: dict[str, dict[str, float] | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self.run_ids)

    def page(self, served: Served, offset: int, limit: int) -> Found:
        """Some of them."""
        return served.store.these(self.run_ids.slice(min(offset, len(self.run_ids)), limit))

    def all(self, served: Served) -> Found:
        """All of them."""
        with self._lock:
            now = served.snapshot
            if self._found is None or self._found[0] != now:
                self._found = now, served.store.these(self.run_ids)
                self._extremes = {}
            return self._found[1]

    def forget(self) -> None:
        """Let go of what was read of them: it is old, and large."""
        with self._lock:
            self._found = None
            self._extremes = {}

    def extremes(self, served: Served, name: str) -> dict[str, float] | None:
        """The least and the greatest number of a column; None where it has none."""
        found, extremes = self.all(served), self._extremes
        if name not in extremes:
            column = found.numbers(name)
            values = np.empty(0) if column is None else column[0][column[1]]
            values = values[np.isfinite(values)]
            extremes[name] = {"min": float(values.min()), "max": float(values.max())} if len(values) else None
        return extremes[name]


class Lists:
    """The last ones that somebody looked at."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[Asked, int], Frozen] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: Asked, snapshot: int) -> Frozen | None:
        """What was found then, where that is still known."""
        with self._lock:
            if (asked, snapshot) in self._held:
                self._held.move_to_end((asked, snapshot))
            return self._held.get((asked, snapshot))

    def put(self, asked: Asked, held: Frozen) -> None:
        """Keep it for a while."""
        with self._lock:
            for each in self._held.values():
                if each.snapshot != held.snapshot:
                    each.forget()
            self._held[asked, held.snapshot] = held
            while len(self._held) > MOST:
                self._held.popitem(last=False)


def frozen(served: Served, asked: Asked, snapshot: int | None = None) -> Frozen:
    """What a search found at that snapshot, or where that is not known any more, finds now."""
    lists = served.once("lists", Lists)
    if snapshot is not None and (held := lists.get(asked, snapshot)) is not None:
        return held
    now = served.snapshot
    held = lists.get(asked, now)
    if held is None or time.monotonic() - held.made > SECONDS:
        held = _searched(served, asked, now)
        lists.put(asked, held)
    return held


def families(served: Served, view_type: ViewType) -> Family:
    """Which runs stand inside which."""
    return served.kept(("family", view_type), lambda: family(served.store, view_type))


def _searched(served: Served, asked: Asked, snapshot: int) -> Frozen:
    found = served.store.search(asked.query())
    run_ids = found.run_ids()
    if asked.fold and len(run_ids):
        run_ids = run_ids.filter(pa.array(families(served, asked.view_type).outermost(run_ids)))
    read = (snapshot, found) if len(run_ids) == len(found) else None
    return Frozen(snapshot, run_ids, [text.partition("\n")[0] for text in found.unknown], _found=read)
