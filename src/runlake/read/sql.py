"""A store in SQL: views of its tables that give the current state, for programs that read them without us.

They are in DuckDB's words, and hold what is published. Each stands on those before it, and folds as `store.fold` and
`store.summary_rows` do: of a param the first value counts, of everything else the last.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from runlake.store.delta_log import DeltaLog
from runlake.store.tables import TABLES, Table

__all__ = ["views"]

_BASES = {"points": "points", "events": "meta", "summaries": "metrics", "runs": "runs"}  # views, and the tables that they show as they are
_TYPES = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.float64(): "DOUBLE"}

_FOLDED = {
    "params": """
SELECT run_id, "key", "type", "str" AS "value"
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY op = 'offer', hlc, writer, seq) AS place
    FROM events WHERE scope = 'param'
) AS ranked WHERE place = 1""",
    "param_conflicts": """
SELECT run_id, "key", "str" AS "value", hlc, writer, seq
FROM (
    SELECT *, first_value("str") OVER (PARTITION BY run_id, "key" ORDER BY hlc, writer, seq) AS given
    FROM events WHERE scope = 'param' AND op <> 'offer'
) AS ranked WHERE "str" <> given""",
    "tags": """
SELECT run_id, "key", "str" AS "value"
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY op = 'offer', hlc DESC, writer DESC, seq DESC) AS place
    FROM (
        SELECT *, sum(CASE WHEN op = 'delete' THEN 1 ELSE 0 END)
            OVER (PARTITION BY run_id, "key" ORDER BY hlc DESC, writer DESC, seq DESC ROWS UNBOUNDED PRECEDING) AS deletions
        FROM events WHERE scope = 'tag'
    ) AS dated WHERE deletions = 0
) AS ranked WHERE place = 1""",
    "artifacts": """
SELECT run_id, "key" AS name, "str" AS sha256, coalesce("int", 0) AS size
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY hlc DESC, writer DESC, seq DESC) AS place
    FROM events WHERE scope = 'artifact'
) AS ranked WHERE place = 1 AND op <> 'delete'""",
    "inputs": """
SELECT run_id, "key", "str" AS dataset
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY hlc DESC, writer DESC, seq DESC) AS place
    FROM events WHERE scope = 'input'
) AS ranked WHERE place = 1 AND op <> 'delete'""",
    "jobs": """
SELECT run_id, "key" AS name, "str" AS job
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY hlc DESC, writer DESC, seq DESC) AS place
    FROM events WHERE scope = 'job'
) AS ranked WHERE place = 1""",
    "errors": """
SELECT run_id, "key", "str" AS error, hlc, writer, seq
FROM events WHERE scope = 'error'""",
    # Of the rows of one writer and series that overlap, those count that reach furthest, from the last one back.
    "metrics": """
WITH RECURSIVE newest AS (
    SELECT *
    FROM (
        SELECT *, row_number() OVER (PARTITION BY run_id, writer, "key", since ORDER BY covered DESC) AS place FROM summaries
    ) AS ranked WHERE place = 1
), counted AS (
    SELECT run_id, writer, "key", since, covered
    FROM (
        SELECT *, row_number() OVER (PARTITION BY run_id, writer, "key" ORDER BY covered DESC, since) AS nth FROM newest
    ) AS ranked WHERE nth = 1
    UNION ALL
    SELECT run_id, writer, "key", since, covered
    FROM (
        SELECT each.*, row_number() OVER (PARTITION BY each.run_id, each.writer, each."key" ORDER BY each.covered DESC, each.since) AS nth
        FROM counted AS later JOIN newest AS each
        ON each.run_id = later.run_id AND each.writer = later.writer AND each."key" = later."key"
        WHERE each.covered <= later.since AND each.covered < later.covered
    ) AS ranked WHERE nth = 1
)
SELECT
    run_id, "key",
    CAST(sum(n) AS BIGINT) AS n,
    CAST(sum(n_nan) AS BIGINT) AS n_nan,
    list_reduce(list("sum" ORDER BY writer, since), lambda a, b: a + b) AS "sum",
    first("min" ORDER BY "min", min_step, writer, since) FILTER (WHERE "min" IS NOT NULL) AS "min",
    first(min_step ORDER BY "min", min_step, writer, since) FILTER (WHERE "min" IS NOT NULL) AS min_step,
    first("max" ORDER BY "max" DESC, max_step, writer, since) FILTER (WHERE "max" IS NOT NULL) AS "max",
    first(max_step ORDER BY "max" DESC, max_step, writer, since) FILTER (WHERE "max" IS NOT NULL) AS max_step,
    first(first_step ORDER BY first_step, first_ns, writer, since) AS first_step,
    first(first_ns ORDER BY first_step, first_ns, writer, since) AS first_ns,
    first("first" ORDER BY first_step, first_ns, writer, since) AS "first",
    first(last_step ORDER BY last_step DESC, last_ns DESC, writer DESC, since DESC) AS last_step,
    first(last_ns ORDER BY last_step DESC, last_ns DESC, writer DESC, since DESC) AS last_ns,
    first("last" ORDER BY last_step DESC, last_ns DESC, writer DESC, since DESC) AS "last"
FROM newest JOIN counted USING (run_id, writer, "key", since, covered)
GROUP BY "key", run_id""",
}


def views(root: Path, *, by_files: bool = False) -> dict[str, str]:
    """The query of each view, by its name: over the Delta tables as they will be, or over the files that hold their rows now."""
    bases = {name: f"SELECT * FROM {_source(root, TABLES[table], by_files)}" for name, table in _BASES.items()}
    return bases | {name: query.strip() for name, query in _FOLDED.items()}


def _source(root: Path, table: Table, by_files: bool) -> str:
    log = DeltaLog(root / table.name)
    log.refresh()
    if by_files and log.files:
        files = ", ".join(_text(_literally(str(file.path))) for file in log.files.values())
        return f"read_parquet([{files}], hive_partitioning = false)"  # or a folder named `a=b` would be a column
    if not by_files and log.version >= 0:
        return f"delta_scan({_text(str(log.folder))})"
    columns = ", ".join(f'CAST(NULL AS {_TYPES[each.type]}) AS "{each.name}"' for each in table.schema)
    return f"(SELECT {columns}) AS nothing_yet WHERE false"


def _literally(path: str) -> str:
    """A path in which no sign stands for others."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
