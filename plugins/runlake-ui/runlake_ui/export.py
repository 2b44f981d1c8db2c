"""Everything that matches, as files: never just what the page shows."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from runlake.read import Query, Store, point_batches, run_batches
from runlake_ui.answers import Problem, in_json
from runlake_ui.asked import among, view_of
from runlake_ui.asks import MANY, SIDES, Asks
from runlake_ui.columns import in_few_forms
from runlake_ui.served import served_by

__all__ = ["ASKS", "ROUTES"]

KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet"}
ROWS = 5000  # of JSON at once


def runs(request: Request) -> Response:
    """Every run that the filter lets through, with its params, metrics and tags."""
    store, form = served_by(request).store, _form(request, "runs", tuple(KINDS))
    return _sent(run_batches(store.search(_query(request)), _told), f"runs.{form}", form)


def points(request: Request) -> Response:
    """Every point of the runs that the filter lets through, or those of the keys that are named."""
    store, form = served_by(request).store, _form(request, "points", ("csv", "parquet"))
    return _sent(point_batches(store, _run_ids(store, request), request.query_params.getlist("key"), _told), f"points.{form}", form)


def _query(request: Request) -> Query:
    return Query(request.query_params.get("filter", ""), (), among(request), view_of(request))


def _run_ids(store: Store, request: Request) -> list[str]:
    return store.search(_query(request)).ids()


def _form(request: Request, what: str, forms: tuple[str, ...]) -> str:
    form: str = request.path_params["form"]
    if form not in forms:
        raise Problem(404, f"There is {' and '.join(f'{what}.{each}' for each in forms)}, not {what}.{form[:20]}.")
    return form


def _sent(batches: Iterator[pa.Table], name: str, form: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    first = next(batches)  # which finds out what may be wrong, before anything is sent
    together = chain([first], batches)
    if form == "parquet":
        path = _written(first.schema, together)
        return FileResponse(path, headers=headers, media_type=KINDS[form], background=BackgroundTask(path.unlink, missing_ok=True))
    written: Callable[[Iterable[pa.Table]], Iterator[bytes]] = _as_csv if form == "csv" else _as_json
    return StreamingResponse(written(together), headers=headers, media_type=KINDS[form])


def _written(schema: pa.Schema, batches: Iterable[pa.Table]) -> Path:
    """A Parquet file of them: its end says where all is, so it is written before it is sent."""
    with ExitStack() as undo, tempfile.NamedTemporaryFile(prefix="runlake-", suffix=".parquet", delete=False) as file:
        path = Path(file.name)
        undo.callback(path.unlink, missing_ok=True)
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for rows in batches:
                writer.write_table(rows)
        undo.pop_all()
    return path


def _as_csv(batches: Iterable[pa.Table]) -> Iterator[bytes]:
    for place, rows in enumerate(batches):
        sink = io.BytesIO()
        csv.write_csv(rows, sink, csv.WriteOptions(include_header=not place, quoting_style="needed"))
        yield sink.getvalue()


def _as_json(batches: Iterable[pa.Table]) -> Iterator[bytes]:
    """A list of objects, one a line; times are milliseconds since 1970."""
    before = "[\n"
    for rows in batches:
        names = rows.column_names
        for start in range(0, rows.num_rows, ROWS):
            columns = [in_few_forms(column).to_pylist() for column in rows.slice(start, ROWS).columns]
            lines = (_line(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True))
            yield (before + ",\n".join(lines)).encode("utf-8", "replace")
            before = ",\n"
    yield b"\n]\n" if before != "[\n" else b"[]\n"


def _line(row: dict[str, object]) -> str:
    return json.dumps(in_json({name: value for name, value in row.items() if value is not None}), ensure_ascii=False)


def _told(n_runs: int) -> None:
    """Nobody waits to hear how far it is."""


ASKS = {
    runs: Asks(query=SIDES, kind="application/octet-stream"),
    points: Asks(query={**SIDES, "key": MANY}, kind="application/octet-stream"),
}
ROUTES = [Route("/export/runs.{form}", runs), Route("/export/points.{form}", points)]
