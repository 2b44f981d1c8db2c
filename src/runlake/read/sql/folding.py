"""The folding of `store.fold` and `store.summary_rows` in SQL: of a param the first value counts, of everything else the last.

What is folded are the rows of `events` and `summaries`, wherever these come from.
"""

from __future__ import annotations

from runlake.read.sql.names import Named

__all__ = ["FOLDED"]

_LAST = """SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY hlc DESC, writer DESC, seq DESC) AS place"""
_SAID = 'n, n_nan, "sum", "min", min_step, "max", max_step, first_step, first_ns, "first", last_step, last_ns, "last"'

FOLDED = (
    Named(
        "params",
        """
SELECT run_id, "key", "str" AS "value", TRY_CAST("str" AS DOUBLE) AS "number", "type"
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY op = 'offer', hlc, writer, seq) AS place
    FROM events WHERE scope = 'param'
) AS ranked WHERE place = 1""",
        "run_id key value number type",
        "Values fixed for a run: the text exactly as it was given, and the number that it reads as, if it does.",
        "SELECT r.name, p.number AS lr FROM runs r JOIN params p USING (run_id) WHERE p.key = 'lr'",
    ),
    Named(
        "tags",
        """
SELECT run_id, "key", "str" AS "value"
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id, "key" ORDER BY op = 'offer', hlc DESC, writer DESC, seq DESC) AS place
    FROM (
        SELECT *, sum(CASE WHEN op = 'delete' THEN 1 ELSE 0 END)
            OVER (PARTITION BY run_id, "key" ORDER BY hlc DESC, writer DESC, seq DESC ROWS UNBOUNDED PRECEDING) AS deletions
        FROM events WHERE scope = 'tag'
    ) AS dated WHERE deletions = 0
) AS ranked WHERE place = 1""",
        "run_id key value",
        "Notes on runs.",
        "SELECT value AS team, count(*) FROM tags WHERE key = 'team' GROUP BY value",
    ),
    Named(
        "artifacts",
        f"""
SELECT run_id, "key" AS path, coalesce("int", 0) AS size, "str" AS sha256
FROM (
    {_LAST}
    FROM events WHERE scope = 'artifact'
) AS ranked WHERE place = 1 AND op <> 'delete'""",
        "run_id path size sha256",
        "Files that runs keep, by their content.",
        "SELECT path, count(DISTINCT sha256) AS versions, sum(size) AS bytes FROM artifacts GROUP BY path ORDER BY bytes DESC",
    ),
    Named(
        "param_conflicts",
        """
SELECT run_id, "key", "str" AS "value", hlc, writer, seq
FROM (
    SELECT *, first_value("str") OVER (PARTITION BY run_id, "key" ORDER BY hlc, writer, seq) AS given
    FROM events WHERE scope = 'param' AND op <> 'offer'
) AS ranked WHERE "str" <> given""",
    ),
    Named(
        "inputs",
        f"""
SELECT run_id, "key", "str" AS dataset
FROM (
    {_LAST}
    FROM events WHERE scope = 'input'
) AS ranked WHERE place = 1 AND op <> 'delete'""",
    ),
    Named(
        "jobs",
        f"""
SELECT run_id, "key" AS name, "str" AS job
FROM (
    {_LAST}
    FROM events WHERE scope = 'job'
) AS ranked WHERE place = 1""",
    ),
    Named(
        "errors",
        """
SELECT run_id, "key", "str" AS error, hlc, writer, seq
FROM events WHERE scope = 'error'""",
    ),
    # Nearly every series has one row. Where there are several, those of one writer that overlap do not all count: from the one that
    # reaches furthest it goes back to the next that does not reach into it. No recursion: DuckDB would not look at one key alone then.
    # And no row_number: out of the rows that it numbers 1 DuckDB makes structs, in which -0.0 loses its sign.
    Named(
        "merged_summaries",
        f"""
WITH counted AS NOT MATERIALIZED (
    SELECT *, count(*) OVER (PARTITION BY run_id, "key") AS n_rows FROM summaries
), newest AS NOT MATERIALIZED (
    SELECT *
    FROM (
        SELECT *, max(covered) OVER (PARTITION BY run_id, "key", writer, since) AS furthest FROM counted WHERE n_rows > 1
    ) AS reaching WHERE covered = furthest
), listed AS NOT MATERIALIZED (
    SELECT run_id, "key", writer, list({{'since': since, 'covered': covered}} ORDER BY covered DESC, since) AS all_rows
    FROM newest GROUP BY run_id, "key", writer
), chosen AS NOT MATERIALIZED (
    SELECT run_id, "key", writer, unnest(list_reduce(list_transform(all_rows, lambda one: [one]), lambda kept, one:
        CASE WHEN one[1].covered <= kept[-1].since AND one[1].covered < kept[-1].covered THEN kept || one ELSE kept END), max_depth := 2)
    FROM listed
)
SELECT run_id, "key", {_SAID} FROM counted WHERE n_rows = 1
UNION ALL
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
FROM newest JOIN chosen USING (run_id, "key", writer, since)
GROUP BY run_id, "key"
""",
    ),
)
