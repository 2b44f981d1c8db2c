"""Runs as a table: some of those that a filter lets through, in order, with the columns that are asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runlake.read import Query
from runlake_ui.answers import body_of, frame
from runlake_ui.asks import NUMBER, TEXT, TRUTH, Asks, listed
from runlake_ui.bodies import names_in, number_in, text_in, truth_in
from runlake_ui.columns import shortened, table_of
from runlake_ui.frozen import Asked, Frozen, families, frozen
from runlake_ui.grouping import grouped
from runlake_ui.headline import HEADLINE, headlines
from runlake_ui.served import Served, served_by

__all__ = ["ASKS", "ROUTES"]

ALWAYS = ("run_id", "run_name", "status", "start_time", "duration", "experiment_id", "parent_run_id")
NOTE = "tags.`mlflow.note.content`"
NOTE_LETTERS = 200
MOST_ROWS, MOST_COLUMNS, MOST_NAMES = 500, 500, 16


async def query_runs(request: Request) -> Response:
    """Some of the runs that a filter lets through, in order; or groups of them."""
    body, served = await body_of(request), served_by(request)
    return await run_in_threadpool(lambda: _answer(request, served, body))


def _answer(request: Request, served: Served, body: Mapping[str, Any]) -> Response:
    began = time.perf_counter()
    asked = Asked(
        experiments=names_in(body, "experiments", 10_000),
        filter=text_in(body, "filter"),
        sort=names_in(body, "sort", MOST_NAMES) or (),
        fold=truth_in(body, "fold"),
        deleted=truth_in(body, "deleted"),
    )
    columns, group = names_in(body, "columns", MOST_COLUMNS) or (), names_in(body, "group", MOST_NAMES)
    offset = number_in(body, "offset", 0, 0, 2**53)
    limit = number_in(body, "limit", 100, 0, MOST_ROWS)
    snapshot = number_in(body, "snapshot", 0, 0, 2**53) or None
    if served.opened is None:
        empty = table_of({name: pa.nulls(0, pa.string()) for name in [*ALWAYS, "n_inside", "note", *columns]})
        meta = {"total": 0, "n_runs": 0, "snapshot": served.snapshot, "latest": served.snapshot, "n_new": 0, "unknown": [], "best": {}}
        return frame(request, empty, {**meta, "took_ms": 0})
    if group:
        unsorted = Asked(asked.experiments, asked.filter, (), asked.fold, asked.deleted)
        held = frozen(served, unsorted, snapshot)
        table, total = grouped(held.all(served), group, [name for name in columns if name != HEADLINE], asked.sort, offset, limit)
    else:
        held = frozen(served, asked, snapshot)
        table, total = _page(served, asked, held, columns, offset, limit), len(held)
    everything = Query("", (), asked.experiments, asked.view_type, 0)
    meta = {
        "total": total,
        "n_runs": served.kept(("n_runs", asked.experiments, asked.deleted), lambda: served.store.search(everything).total),
        "snapshot": held.snapshot,
        "latest": served.snapshot,
        "n_new": _n_new(served, asked, held),
        "unknown": held.unknown,
        "best": {name: found for name in columns if name != HEADLINE and (found := held.extremes(served, name)) is not None},
    }
    return frame(request, table, {**meta, "took_ms": round((time.perf_counter() - began) * 1000, 1)})


def _page(served: Served, asked: Asked, held: Frozen, columns: Sequence[str], offset: int, limit: int) -> pa.Table:
    found = held.page(served, offset, limit)
    names = [name for name in dict.fromkeys([*ALWAYS, NOTE, *columns]) if name != HEADLINE]
    read = found.table(names)
    named = {name: read.column(place) for place, name in enumerate(names)}
    note = named[NOTE] if NOTE in columns else named.pop(NOTE)
    inside = pa.array(families(served, asked.view_type).n_inside(found.run_ids()).astype(np.int32))
    own = {name: named.pop(name) for name in ALWAYS}
    heads = headlines(found) if HEADLINE in columns else {}
    return table_of({**own, "n_inside": inside, "note": shortened(note, NOTE_LETTERS), **named, **heads})


def _n_new(served: Served, asked: Asked, held: Frozen) -> int:
    """How many runs would be listed by now that are not."""
    if held.snapshot == served.snapshot:
        return 0
    now = frozen(served, Asked(asked.experiments, asked.filter, asked.sort, asked.fold, asked.deleted))
    return len(now) - int(pc.sum(pc.is_in(now.run_ids, value_set=held.run_ids)).as_py() or 0)


ASKS = {
    query_runs: Asks(
        body={
            "experiments": listed(10_000),
            "filter": TEXT,
            "sort": listed(MOST_NAMES),
            "columns": listed(MOST_COLUMNS),
            "group": listed(MOST_NAMES),
            "fold": TRUTH,
            "deleted": TRUTH,
            "offset": NUMBER,
            "limit": {**NUMBER, "maximum": MOST_ROWS},
            "snapshot": NUMBER,
        },
        is_frame=True,
    )
}
ROUTES = [Route("/runs/query", query_runs, methods=["POST"])]
