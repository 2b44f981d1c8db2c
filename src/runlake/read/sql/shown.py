"""What people ask for: views of runs and of what they have, and macros for the shapes of curves.

They stand on `point_rows` and `run_rows`, on what was folded, and on two lists of facts that no table has, experiments and goals.
"""

from __future__ import annotations

from runlake.entities.tags import MODEL_TAG, MODELS_TAG
from runlake.read.direction import GOAL_TAG
from runlake.read.sql.names import Named

__all__ = ["EXPERIMENTS", "MACROS", "RUNS_AND_MORE"]


def _moment(nanoseconds: str) -> str:
    return f"make_timestamptz({nanoseconds} // 1000)"


def _begins_with(column: str, text: str) -> str:
    """As a range, by which files and row groups are passed over."""
    return f"{column} > '{text}' AND {column} < '{text[:-1]}{chr(ord(text[-1]) + 1)}'"


EXPERIMENTS = Named(
    "experiments",
    "",  # made of those that there are
    "experiment_id name lifecycle_stage creation_time tags",
    "What runs are kept in, deleted ones too; tags are a MAP.",
    "SELECT e.name, count(r.run_id) AS runs FROM experiments e LEFT JOIN runs r USING (experiment_id) GROUP BY e.name",
)

RUNS_AND_MORE = (
    Named(
        "runs",
        f"""
SELECT
    r.run_id, coalesce(nullif(r.name, ''), r.run_id) AS name, r.experiment_id, e.name AS experiment, r.status,
    {_moment("r.start_ns")} AS start_time,
    CASE WHEN r.status <> 'RUNNING' THEN {_moment("r.end_ns")} END AS end_time,
    (CASE WHEN r.status = 'RUNNING' THEN epoch_ms(now()) ELSE r.end_ns // 1000000 END - r.start_ns // 1000000) / 1000 AS duration,
    nullif(r."user", '') AS "user", r.parent_run_id, r.lifecycle AS lifecycle_stage
FROM run_rows AS r LEFT JOIN experiments AS e USING (experiment_id)""",
        "run_id name experiment_id experiment status start_time end_time duration user parent_run_id lifecycle_stage",
        "Every run, deleted ones too. The duration is in seconds, of a running run so far.",
        "SELECT name, status, duration FROM runs WHERE lifecycle_stage = 'active' ORDER BY start_time DESC LIMIT 10",
    ),
    Named(
        "metrics",
        f"""
WITH told AS NOT MATERIALIZED (
    SELECT run_id, substr("key", {len(GOAL_TAG) + 1}) AS "key", "value" AS goal
    FROM tags WHERE {_begins_with('"key"', GOAL_TAG)} AND "value" IN ('min', 'max')
), aimed AS NOT MATERIALIZED (
    SELECT s.*, coalesce(told.goal, goals.goal) AS goal
    FROM merged_summaries AS s LEFT JOIN told USING (run_id, "key") LEFT JOIN goals USING ("key")
)
SELECT
    run_id, "key", "last", "min", "max",
    CASE goal WHEN 'min' THEN "min" WHEN 'max' THEN "max" END AS best,
    CASE goal WHEN 'min' THEN min_step WHEN 'max' THEN max_step END AS best_step,
    goal, n, n_nan, "sum", CASE WHEN n > n_nan THEN "sum" / (n - n_nan) END AS mean, min_step, max_step,
    "first", first_step, {_moment("first_ns")} AS first_time, last_step, {_moment("last_ns")} AS last_time
FROM aimed""",
        "run_id key last min max best best_step goal n n_nan sum mean min_step max_step first first_step first_time last_step last_time",
        "A row for each series: what there is to say of its points. What is best is as the run was told, else as the name tells.",
        "SELECT r.name, m.best, m.best_step FROM metrics m JOIN runs r USING (run_id) WHERE m.key = 'val_loss' ORDER BY m.best LIMIT 10",
    ),
    Named(
        "points",
        f"""
SELECT run_id, "key", step, {_moment("wall_ns")} AS "time", "value"
FROM point_rows""",
        "run_id key step time value",
        "Every point of every series.",
        "SELECT step, avg(value) FROM points WHERE key = 'loss' GROUP BY step ORDER BY step",
    ),
    Named(
        "datasets",
        """
SELECT
    run_id, json_extract_string(dataset, '$.dataset.name') AS name, json_extract_string(dataset, '$.dataset.digest') AS digest,
    json_extract_string(dataset, '$.tags."mlflow.data.context"') AS context,
    json_extract_string(dataset, '$.dataset.source_type') AS source_type, json_extract_string(dataset, '$.dataset.source') AS source,
    json_extract_string(dataset, '$.dataset.schema') AS "schema", json_extract_string(dataset, '$.dataset.profile') AS profile
FROM inputs""",
        "run_id name digest context source_type source schema profile",
        "Data that runs used, and what for; schema and profile are JSON.",
        "SELECT name, digest, count(*) AS runs FROM datasets WHERE context = 'train' GROUP BY name, digest",
    ),
    Named(
        "models",
        f"""
WITH safe AS (
    SELECT
        run_id, "value" AS format,
        CASE WHEN "key" = '{MODEL_TAG}format' THEN 'model' ELSE substr("key", {len(MODELS_TAG) + 1}) END AS path
    FROM tags WHERE "key" = '{MODEL_TAG}format' OR ({_begins_with('"key"', MODELS_TAG)})
), described AS (
    SELECT run_id, 'mlflow' AS format, left(path, length(path) - length('/MLmodel')) AS path
    FROM artifacts WHERE ends_with(path, '/MLmodel')
), folders AS (
    SELECT * FROM safe
    UNION ALL SELECT * FROM described ANTI JOIN safe USING (run_id, path)
)
SELECT f.run_id, f.path, f.format, count(*) AS files, CAST(sum(a.size) AS BIGINT) AS size
FROM folders AS f JOIN artifacts AS a ON a.run_id = f.run_id AND starts_with(a.path, f.path || '/')
GROUP BY f.run_id, f.path, f.format""",
        "run_id path format files size",
        "Folders of models that runs keep; `runs:/<run_id>/<path>` is where one is.",
        "SELECT r.name, m.format, m.size FROM models m JOIN runs r USING (run_id) ORDER BY m.size DESC",
    ),
)

MACROS = (
    Named(
        "first_below",
        f"""
SELECT run_id, step, {_moment("wall_ns")} AS "time", "value"
FROM (
    SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY step, wall_ns, writer, seq) AS place
    FROM point_rows WHERE "key" = series AND "value" < threshold
) AS below WHERE place = 1""",
        "run_id step time value",
        "Of each run whose series was ever below the threshold the first point that was.",
        "SELECT r.name, f.step, f.time - r.start_time AS took FROM first_below('val_loss', 0.3) f JOIN runs r USING (run_id) ORDER BY took",
        "series, threshold",
    ),
    Named(
        "best_step",
        """
SELECT run_id, best_step AS step, best AS "value", goal
FROM metrics WHERE "key" = series AND best_step IS NOT NULL""",
        "run_id step value goal",
        "Of each run the first step at which the series had its best value; NaN is none.",
        "SELECT p.run_id, p.value AS acc FROM best_step('val_loss') b JOIN points p USING (run_id, step) WHERE p.key = 'acc'",
        "series",
    ),
    Named(
        "area_under",
        """
WITH each_step AS (
    SELECT run_id, step, "value"
    FROM (
        SELECT *, row_number() OVER (PARTITION BY run_id, step ORDER BY wall_ns DESC, writer DESC, seq DESC) AS place
        FROM point_rows WHERE "key" = series AND NOT isnan("value")
    ) AS ranked WHERE place = 1
), pairs AS (
    SELECT *, lag(step) OVER by_step AS step_before, lag("value") OVER by_step AS value_before
    FROM each_step WINDOW by_step AS (PARTITION BY run_id ORDER BY step)
)
SELECT
    run_id, coalesce(sum((CAST(step AS DOUBLE) - step_before) * ("value" / 2 + value_before / 2)), 0) AS area,
    min(step) AS first_step, max(step) AS last_step, count(*) AS n
FROM pairs GROUP BY run_id""",
        "run_id area first_step last_step n",
        "The area under the series over its steps, by straight lines: of a step the last point counts, NaN is left out, one step has none.",
        "SELECT run_id, area / (last_step - first_step) AS mean_height FROM area_under('loss') WHERE n > 1 ORDER BY mean_height",
        "series",
    ),
    Named(
        "diverged",
        """
WITH broken AS (
    SELECT run_id, step, "value"
    FROM (
        SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY step, wall_ns, writer, seq) AS place
        FROM point_rows WHERE "key" = series AND NOT isfinite("value")
    ) AS ranked WHERE place = 1
)
SELECT
    m.run_id, coalesce(b.step, m.last_step) AS step, coalesce(b."value", m."last") AS "value", m.best,
    CASE WHEN b.run_id IS NULL THEN 'far from its best' WHEN isnan(b."value") THEN 'NaN' ELSE 'infinite' END AS why
FROM metrics AS m LEFT JOIN broken AS b USING (run_id)
WHERE m."key" = series
    AND (b.run_id IS NOT NULL OR abs(m."last" - m.best) > far * greatest(abs(m."first" - m.best), abs(m.best)))""",
        "run_id step value best why",
        "Runs whose series became NaN or infinite, with the first point that is, and runs whose series ended far from its best, with the "
        "last point: farther than `far` times what it had gained since its first, and than `far` times the best itself.",
        "SELECT r.name, d.step, d.why FROM diverged('loss') d JOIN runs r USING (run_id)",
        "series, far := 2",
    ),
)
