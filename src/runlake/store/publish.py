"""Moves rows from logs and sealed files into the open tables, each exactly once, whoever else does so at the same time.

A commit adds rows and moves the marks of their writers in one step, and is made only where the marks are as they were read. So a
publisher that dies leaves nothing but files that no version names, and of two that race one finds that there is nothing left to do.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass, field

import pyarrow as pa

from runlake.entities import Event, Scope
from runlake.store.batches import Batch, Found, Hole, look, next_rows, next_summaries
from runlake.store.columns import encode_events
from runlake.store.commits import Mark, check_publishable, commit, discard, new_files, sync_log
from runlake.store.frames import Kind
from runlake.store.layout import Layout
from runlake.store.lod import bring_lod_up_to_date
from runlake.store.packs import deal_out
from runlake.store.put_new import make_folder
from runlake.store.runs_table import bring_runs_up_to_date
from runlake.store.sealed import STREAM_TABLES
from runlake.store.tables import TABLES
from runlake.store.view import Part, View
from runlake.store.writer import Writer

__all__ = ["Moved", "publish"]

ROWS_AT_ONCE = 4_000_000
TRIES = 10


@dataclass
class Moved:
    """What was published: rows by table, files of logs that were removed, and rows that are lost, in words."""

    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAM_TABLES.values(), 0))
    removed: int = 0
    lost: list[str] = field(default_factory=list)


def publish(layout: Layout, rows_at_once: int = ROWS_AT_ONCE) -> Moved:
    """Publish all that can be, and remove the logs that nothing is missing from any more."""
    check_publishable(layout)
    make_folder(layout.temporary, within=layout.root)  # a copy of a store may lack what is empty
    moved = Moved()
    is_more, tries = True, TRIES
    while is_more:  # than is taken at once; what comes meanwhile is left, or live writers would hold us for ever
        found = look(layout)
        try:
            # Summaries come first: those of every published point must be there.
            _commit_batch(found.view, "metrics", next_summaries(found), moved)
            is_more = False
            for kind in (Kind.POINTS, Kind.EVENTS):
                batch = next_rows(found, kind, rows_at_once)
                _commit_batch(found.view, STREAM_TABLES[kind], batch, moved)
                is_more = is_more or batch.n_rows >= rows_at_once
        except FileNotFoundError:  # another publisher was first, and removed what was sealed
            is_more, tries = True, tries - 1
            if not tries:
                raise
    deal_out(layout)
    bring_runs_up_to_date(layout)
    bring_lod_up_to_date(layout)
    _remove_published(found, moved)
    return moved


def _commit_batch(view: View, name: str, batch: Batch, moved: Moved) -> None:
    if not batch.marks:
        return
    lost: dict[str, int] = defaultdict(int)
    for hole in batch.holes:  # before the log may go: told twice, should the commit not be made, is better than never
        moved.lost.append(_tell_of_lost(view.layout, name, hole))
        lost[f"lost:{hole.around[0].writer}"] += hole.stop - hole.first
    table, published = TABLES[name], view.tables[name]
    marks = [*batch.marks, *(Mark(each, published.mark(each), published.mark(each) + count) for each, count in lost.items())]
    files = new_files(view.layout, table, pa.concat_tables(batch.tables))
    if commit(view.layout, table, files, marks=marks):
        moved.rows[name] += batch.n_rows
        view.refresh()
    else:
        discard(view.layout, table, files)


def _tell_of_lost(layout: Layout, name: str, hole: Hole) -> str:
    """As an error of every run that the log was of, in words."""
    which = f"{hole.first} to {hole.stop - 1} of a writer"
    text = f"{hole.stop - hole.first} {name} that were logged are lost: the file of their log was damaged ({which})"
    runs = dict.fromkeys(run_id for piece in hole.around for run_id in piece.rows()["run_id"].to_pylist())
    hlc = time.time_ns() // 1_000_000 << 16
    events = [Event.set(run_id, Scope.ERROR, "rows_lost", text, hlc, integer=hole.stop - hole.first) for run_id in runs]
    writer = Writer(layout)
    writer.add_events(encode_events(events), len(events))
    writer.close()
    return text


def _remove_published(found: Found, moved: Moved) -> None:
    view = found.view
    view.refresh()
    for name in STREAM_TABLES.values():  # in this order: versions that came after the marks were read need not last
        sync_log(view.layout, TABLES[name])
    done = [path for path, part in found.finished_parts() if _is_published(view, part)]
    done += [path for path, sealed in view.sealed.items() if sealed.stop <= view.tables[sealed.table].mark(sealed.writer)]
    for path in done:
        path.unlink(missing_ok=True)
    for folder in view.layout.days():
        with contextlib.suppress(OSError):  # it holds something; or a writer is about to, which makes it again
            folder.rmdir()
    moved.removed += len(done)


def _is_published(view: View, part: Part) -> bool:
    return all(
        not coverage.stops or coverage.stops[-1] <= view.tables[STREAM_TABLES[kind]].mark(part.name.writer)
        for kind, coverage in part.covers.items()
    )
