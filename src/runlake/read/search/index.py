"""All runs of a store, ready to be searched: the cached chunks, and over them the runs of which something came since.

Without a cache, or with one that is too old, the columns come from the tables themselves, those alone that are asked for.
"""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa

from runlake import background, config
from runlake.read.search.cache import OF_RUNS, STALE_RUNS, Base, CachedChunk, load, version
from runlake.read.search.columns import Ids
from runlake.read.search.frames import Part
from runlake.read.search.live import HELD_ROWS, HeldRows, LiveFrame, PublishedRows, Rows, Said
from runlake.store.columns import texts
from runlake.store.selection import rows_of_runs, runs_of
from runlake.store.tables import TABLES
from runlake.store.view import View

__all__ = ["Index"]

SLOW_RUNS = 1000  # that had ended and were changed again, from which on it is of no use
ASK_SECONDS = 60


class Index:
    """The parts of a view, as of its last refresh; what did not change is not looked at again."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._base: Base | None = None
        self._parts: list[Part] = []
        self._as_of = (-1, -1)
        self._held: dict[str, tuple[int, Rows]] = {}
        self._changed_again: tuple[tuple[int, ...], set[str], dict[str, pa.Table]] | None = None
        self._asked = float("-inf")

    def parts(self) -> list[Part]:
        """All of them. Raises FileNotFoundError where a file went that the view knows: refresh it, and ask again."""
        now = self._view.changes, version(self._view.layout)
        if self._as_of != now or not self._parts:
            self._base = load(self._view.layout, self._view.tables, self._base)
            self._parts = self._over(self._base) if self._base else []
            if not self._parts:
                self._parts = [self._without_cache()]
            self._as_of = now
        return self._parts

    def _without_cache(self) -> Part:
        view = self._view
        if view.tables["meta"].n_rows > HELD_ROWS:
            self._ask_for_cache()
        meta, metrics = (self._published(name) for name in OF_RUNS)
        waiting = HeldRows("meta", view.waiting_events())
        return Part(LiveFrame([meta, waiting], [metrics], Said(view.waiting_summaries(), view.late_summaries())))

    def _published(self, name: str) -> Rows:
        table = self._view.tables[name]
        if table.n_rows > HELD_ROWS:
            return PublishedRows(table)
        if self._held.get(name, (None,))[0] != table.log.version:
            self._held[name] = table.log.version, HeldRows(name, table.rows({}))
        return self._held[name][1]

    def _over(self, base: Base) -> list[Part]:
        """The chunks, and what came since over them; nothing where that would be slower than to do without."""
        view = self._view
        said = Said(view.waiting_summaries(), view.late_summaries())
        rows = {"meta": [base.since["meta"], view.waiting_events()], "metrics": [base.since["metrics"]]}
        changed = runs_of(*rows["meta"], *rows["metrics"]) | said.run_ids()
        parts, ended = [], set()
        for chunk in base.chunks:
            there, counts = _those_in(chunk, changed)
            parts.append(Part(chunk.frame, counts))
            if changed:
                of_open = {name: rows_of_runs(chunk.open_rows[name], changed) for name in OF_RUNS}
                ended |= there - runs_of(of_open["meta"])
                for name in OF_RUNS:
                    rows[name].append(of_open[name])
        if len(changed) > STALE_RUNS or ended:
            self._ask_for_cache()
        if len(ended) > SLOW_RUNS:
            return []
        if ended:
            for name, old in self._rows_of_ended(ended).items():
                rows[name] = [rows_of_runs(base.since[name], ended, inside=False), *rows[name][1:], old]
        held = {name: HeldRows(name, pa.concat_tables([TABLES[name].no_rows, *rows[name]])) for name in OF_RUNS}
        return [*parts, Part(LiveFrame([held["meta"]], [held["metrics"]], said))] if changed else parts

    def _rows_of_ended(self, ended: set[str]) -> dict[str, pa.Table]:
        """All that is published of runs that the cache has as ended: to read it takes a look at every key, so it is kept."""
        tables = {name: self._view.tables[name] for name in OF_RUNS}
        versions = tuple(table.log.version for table in tables.values())
        if self._changed_again is None or self._changed_again[:2] != (versions, ended):
            extent = {"run_id": (min(ended), max(ended))}
            rows = {name: rows_of_runs(table.rows(extent), ended) for name, table in tables.items()}
            self._changed_again = versions, ended, rows
        return self._changed_again[2]

    def _ask_for_cache(self) -> None:
        """Have it made, by another process; nobody waits for that."""
        root = self._view.layout.root
        if time.monotonic() - self._asked > ASK_SECONDS and config.load(root).jobs == "detached":
            self._asked = time.monotonic()
            background.start(root, "--index")


def _those_in(chunk: CachedChunk, run_ids: set[str]) -> tuple[set[str], np.ndarray | None]:
    """Which of these runs the chunk has, and which of its runs are none of them."""
    if not run_ids:
        return set(), None
    listed = sorted(run_ids)
    places = Ids(texts(listed)).places_of(chunk.frame.ids.ids)
    there = places >= 0
    if not there.any():
        return set(), None
    return {listed[place] for place in places[there].tolist()}, ~there
