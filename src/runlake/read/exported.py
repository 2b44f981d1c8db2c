"""All that matches, batch by batch, for files that others read: runs, their points, or the tables that they keep under a name."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from runlake.entities import Scope, ViewType
from runlake.errors import InvalidValue, UnknownArtifact
from runlake.read.naming import stored_name
from runlake.read.search.query import Query
from runlake.store.columns import repeated, texts
from runlake.store.tables import table_of

if TYPE_CHECKING:
    from runlake.read.search.found import Found
    from runlake.read.stores import Store

__all__ = ["Told", "point_batches", "run_batches", "table_batches"]

Told = Callable[[int], None]  # hears how many runs have been dealt with since the last time

ROWS = 50_000  # of runs at once
POINTS = 500_000  # about as many at once
FIRST_RUNS = 20  # whose points are read, and then known to be many or few
GAP = 8  # runs that nobody asks for are read with those around them, so that these are read at once

_PLAIN = ("run_id", "run_name", "experiment_id", "status", "start_time", "end_time", "duration", "user", "parent_run_id")


def run_batches(found: Found, told: Told) -> Iterator[pa.Table]:
    """A row for each run: what it is, and columns such as `metrics.loss`, `params.lr` and `tags.team`."""
    scopes = (Scope.METRIC, Scope.PARAM, Scope.TAG)
    keys = {f"{scope}s.{key}": stored_name(scope, key) for scope in scopes for key in found.keys(scope)}
    table = found.table([*_PLAIN, *keys.values()]).rename_columns([*_PLAIN, *keys])
    for start in range(0, max(1, table.num_rows), ROWS):
        rows = table.slice(start, ROWS)
        yield rows
        told(rows.num_rows)


def point_batches(store: Store, run_ids: Sequence[str], keys: Sequence[str], told: Told) -> Iterator[pa.Table]:
    """Every point of the runs, or those of these keys, by run, key and step: `run_id, key, step, time, value`."""
    yield _points(store.points(""), (), keys)  # the columns, where there are no rows
    n_runs = n_points = 0
    every = sorted(store.search(Query(view_type=ViewType.ALL)).ids())
    places = {run_id: place for place, run_id in enumerate(every)}
    wanted = sorted(set(run_ids))
    while wanted:
        at_once = max(1, POINTS * n_runs // max(1, n_points)) if n_runs else FIRST_RUNS
        chunk = _together(wanted[:at_once], places)
        rows = _points(store.points((chunk[0], chunk[-1])), chunk, keys)
        yield rows
        told(len(chunk))
        n_runs, n_points = n_runs + len(chunk), n_points + rows.num_rows
        wanted = wanted[len(chunk) :]


def table_batches(store: Store, run_ids: Sequence[str], name: str, told: Told) -> Iterator[pa.Table]:
    """The tables that the runs keep under this name, with a first column `run_id`. Raises UnknownArtifact where none has one."""
    keeping = store.keeping(name)
    found = [run_id for run_id in run_ids if run_id in keeping]
    if not found:
        raise UnknownArtifact(f"None of the {len(run_ids):,} runs keeps a table named {name!r}.")
    told(len(run_ids) - len(found))
    try:
        schemas = [_table(store, run_id, name).schema for run_id in found]
        schema = pa.unify_schemas(list(dict.fromkeys(schemas)), promote_options="permissive")
        for run_id in found:
            yield pa.concat_tables([schema.empty_table(), _table(store, run_id, name)], promote_options="permissive").cast(schema)
            told(1)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidValue(f"The tables {name!r} do not fit together: {error}") from error


def _together(wanted: Sequence[str], places: dict[str, int]) -> Sequence[str]:
    """The first of them, as far as hardly any others lie between."""
    for n, (one, other) in enumerate(itertools.pairwise(wanted), 1):
        if places[other] - places[one] > GAP:
            return wanted[:n]
    return wanted


def _points(points: pa.Table, run_ids: Sequence[str], keys: Sequence[str]) -> pa.Table:
    if points.num_rows:
        points = points.filter(pc.is_in(points["run_id"], value_set=texts(run_ids)))
    if keys:
        points = points.filter(pc.is_in(points["key"], value_set=texts(keys)))
    times = points["wall_ns"].cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("us", "UTC"), safe=False)  # which every engine reads
    named = {"run_id": points["run_id"], "key": points["key"], "step": points["step"], "time": times, "value": points["value"]}
    return pa.Table.from_arrays(list(named.values()), names=list(named))


def _table(store: Store, run_id: str, name: str) -> pa.Table:
    """One of them: a Parquet file, or what `log_table` writes."""
    content = store.run(run_id).read_artifact(name)
    if content.startswith(b"PAR1"):
        table = table_of(content)
        columns: dict[str, Any] = dict(zip(table.column_names, table.columns, strict=True))
    else:
        columns = _logged(run_id, name, content)
    if "run_id" in columns:
        columns["table.run_id"] = columns.pop("run_id")
    n_rows = len(next(iter(columns.values()), ()))
    return pa.Table.from_arrays([repeated(run_id, n_rows), *columns.values()], names=["run_id", *columns])


def _logged(run_id: str, name: str, content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
        rows, names = said["data"], said["columns"]
        return {str(each): pa.array([row[place] for row in rows]) for place, each in enumerate(names)}
    except (ValueError, KeyError, TypeError, IndexError, pa.ArrowException) as error:
        raise InvalidValue(f"{name!r} of the run {run_id} is no table: {type(error).__name__}: {error}") from error
