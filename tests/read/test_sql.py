"""`runlake.sql`: what it answers is what the store holds, wherever that lies, and it does nothing else."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import runlake
from children import run_program, start_program
from random_lake import RandomLake, forms_of
from rows import Point, add_points
from runlake.errors import InvalidValue, RunlakeError
from runlake.read import Store, open_store
from runlake.read.direction import direction
from runlake.read.sql import MACROS, VIEWS
from runlake.store.columns import encode_summaries
from runlake.store.compaction import compact
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.summaries import summarize
from runlake.store.writer import Writer
from sql_views import OF_METRICS, exact, folded
from written_runs import WrittenRun, write_runs

README = (Path(runlake.__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
NAN, INF = math.nan, math.inf


def answer(query: str, store: Path | Store) -> list[tuple[Any, ...]]:
    """The rows in some order, floats by their bits."""
    found = runlake.sql(query, store)
    return sorted((exact(row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True)), key=repr)


def rows(query: str, store: Path | Store) -> list[tuple[Any, ...]]:
    """The rows in the order of the query."""
    return list(zip(*(column.to_pylist() for column in runlake.sql(query, store).columns), strict=True))


def of_runs(store: Store) -> list[tuple[Any, ...]]:
    """What the view must say of every run."""
    for run in store.runs():
        info = run.info
        assert info.status != "RUNNING" or info.end_time is None
    return sorted(
        (
            exact(
                (
                    *(info.run_id, info.run_name, info.experiment_id, info.status, info.start_time, info.end_time),
                    *(info.duration, info.user_id or None, info.parent_run_id, str(info.lifecycle_stage)),
                )
            )
            for info in (run.info for run in store.runs())
        ),
        key=repr,
    )


def of_data_sets(inputs: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What the view must say of the data sets that runs stored."""
    stored = [(run_id, json.loads(text)) for run_id, _, text in inputs]
    found = [
        (run_id, each["dataset"]["name"], each["dataset"]["digest"], each["tags"].get("mlflow.data.context")) for run_id, each in stored
    ]
    return sorted(found, key=repr)


RUNS = """
    SELECT run_id, name, experiment_id, status, epoch_ms(start_time), epoch_ms(end_time), CASE WHEN status <> 'RUNNING' THEN duration END,
        "user", parent_run_id, lifecycle_stage FROM runs
"""


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_every_view_holds_what_the_store_holds(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every form that a store has: in logs, sealed, published, cached, compacted, and changed since each of these."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lake = RandomLake(tmp_path / "lake", Random(seed), n_runs=8)

    forms = forms_of(lake, tmp_path)

    for name, _, root in forms:
        store, expected = open_store(root), folded(root)
        for view, columns in (("params", "*"), ("tags", "*"), ("metrics", ", ".join(f'"{each}"' for each in OF_METRICS))):
            assert answer(f"SELECT {columns} FROM {view}", store) == expected[view], (name, view)
            assert expected[view]
        points = store.points()
        said = zip(*(points[column].to_pylist() for column in ("run_id", "key", "step", "value")), strict=True)
        assert answer("SELECT run_id, key, step, value FROM points", store) == sorted(map(exact, said), key=repr), name
        assert answer(RUNS, store) == of_runs(store), name
        assert answer("SELECT run_id, name, digest, context FROM datasets", store) == of_data_sets(expected["inputs"]), name
    lake.close()


def test_a_point_is_there_once_before_it_is_published_and_after(store: Path) -> None:
    """And at all: of a run that goes on what was flushed is seen by whoever asks then."""
    with runlake.start_run(run_name="going") as run:
        runlake.log_metric("loss", 0.5, step=7)
        runlake.log_param("lr", "1e-3")
        runlake.flush()
        opened = open_store(store)
        query = (
            "SELECT r.name, r.status, r.end_time, r.duration >= 0, p.number, m.last, m.n, x.step FROM runs r JOIN params p USING (run_id) "
        )
        query += "JOIN metrics m USING (run_id) JOIN points x USING (run_id)"

        before = rows(query, store)
        publish(Layout(store))
        with runlake.start_run(run_name="inside", nested=True):
            runlake.flush()
        after = rows(query, store)

    assert before == after == [("going", "RUNNING", None, True, 0.001, 0.5, 1, 7)]
    assert rows("SELECT name FROM runs", opened) == [("going",)]  # as it was when it was opened
    assert rows(f"SELECT status, duration >= 0 FROM runs WHERE run_id = '{run.run_id}'", store) == [("FINISHED", True)]


def test_a_run_whose_process_is_gone_has_crashed(store: Path) -> None:
    """As everywhere else."""
    run_program("import runlake, os; runlake.start_run(run_name='gone'); runlake.flush(); os._exit(1)", store)

    assert rows("SELECT name, status, end_time, duration FROM runs", store) == [("gone", "CRASHED", None, None)]


def test_times_are_moments_in_utc(store: Path) -> None:
    """Whatever the clock of the machine shows, to the microsecond."""
    layout = create(store)
    writer = Writer(layout)
    write_runs(writer, [WrittenRun("r", metrics={"loss": 1.0}, start_ms=1_769_857_200_123, seconds=1.5)])
    add_points(writer, [Point("r", "loss", 1, 1_769_857_200_123_456_789, 2.0)])
    writer.close()

    said = rows("SELECT start_time::VARCHAR, end_time::VARCHAR, duration FROM runs", store)
    at = rows("SELECT max(time)::VARCHAR, max(time) > TIMESTAMPTZ '2026-01-31 12:00:00+01' FROM points", store)

    assert said == [("2026-01-31 11:00:00.123+00", "2026-01-31 11:00:01.623+00", 1.5)]
    assert at == [("2026-01-31 11:00:00.123456+00", True)]
    assert str(runlake.sql("SELECT start_time FROM runs", store).schema.field(0).type) == "timestamp[us, tz=UTC]"


def test_a_metric_is_best_as_its_run_was_told(store: Path) -> None:
    """Else as its name tells; of nothing but NaN there is no best."""
    layout = create(store)
    writer = Writer(layout)
    told = {"runlake.goal.loss": "max", "runlake.goal.acc": "sideways"}
    metrics: dict[str, Any] = {"loss": [3.0, 1.0, 2.0, 3.0], "acc": [0.5, 0.9], "x": [NAN, NAN]}
    write_runs(writer, [WrittenRun("plain", metrics=metrics), WrittenRun("told", metrics=metrics, tags=told)])
    writer.close()

    found = rows("SELECT run_id, key, goal, best, best_step, mean, n, n_nan FROM metrics ORDER BY ALL", store)

    assert found == [
        ("plain", "acc", "max", 0.9, 1, 0.7, 2, 0),
        ("plain", "loss", "min", 1.0, 1, 2.25, 4, 0),
        ("plain", "x", "min", None, None, None, 2, 2),
        ("told", "acc", "max", 0.9, 1, 0.7, 2, 0),
        ("told", "loss", "max", 3.0, 0, 2.25, 4, 0),
        ("told", "x", "min", None, None, None, 2, 2),
    ]


def test_points_count_once_that_came_after_what_their_writer_said_of_them(store: Path) -> None:
    """Before it says more, and then; whichever of these is published."""
    layout = create(store)
    writer = Writer(layout)
    write_runs(writer, [WrittenRun("r", metrics={"loss": [3.0, 2.0]})])
    found = []
    for values in ([3.0, 2.0], [3.0, 2.0, 1.0]):
        if len(values) > 2:
            add_points(writer, [Point("r", "loss", 2, 2, 1.0)])
            writer.write()
            found += rows("SELECT n, sum, last FROM metrics", store)
        summary = summarize(np.zeros(len(values), np.int64), *(np.arange(len(values)),) * 2, np.array(values))[0]
        writer.add_summaries(encode_summaries([("r", "loss", 0, summary)]), 1)
        writer.write()
        publish(layout)
        found += rows("SELECT n, sum, last FROM metrics", store)
    writer.close()

    assert found == [(2, 5.0, 2.0), (3, 6.0, 1.0), (3, 6.0, 1.0)]


def test_experiments_come_with_their_tags(store: Path) -> None:
    """And a run with the name of its experiment."""
    runlake.set_experiment("it's")
    runlake.set_experiment_tags({"team": "vision", "it's": "so"})
    with runlake.start_run():
        pass
    runlake.flush()

    assert rows("SELECT name, tags['team'], tags['it''s'], cardinality(tags) FROM experiments ORDER BY name", store) == [
        ("Default", None, None, 0),
        ("it's", "vision", "so", 2),
    ]
    assert rows("SELECT experiment, experiment_id FROM runs", store) == [("it's", "1")]


def test_models_are_known_by_their_tags_and_files(store: Path) -> None:
    """The model of a training, those that the program kept itself, and folders that MLflow would take for models."""
    with runlake.start_run() as run:
        runlake.set_tags({"runlake.model.format": "sklearn/1", "runlake.models.best/net": "torch/2", "runlake.models.gone": "torch/2"})
        runlake.set_tag("runlake.model.class", "sklearn.linear_model.Ridge")
        for name in ("model/a.json", "model/b.json", "model.txt", "best/net/weights.bin", "best/net/MLmodel", "old/model/MLmodel"):
            runlake.log_text("12345", name)
    runlake.flush()

    assert rows("SELECT * FROM models ORDER BY path", store) == [
        (run.run_id, "best/net", "torch/2", 2, 10),
        (run.run_id, "model", "sklearn/1", 2, 10),
        (run.run_id, "old/model", "mlflow", 1, 5),
    ]


# Questions of shape


def write_points(store: Path, runs: dict[str, list[tuple[int, float]]], key: str = "loss") -> None:
    """Runs with these points, each a nanosecond later than the one before."""
    writer = Writer(create(store))
    write_runs(writer, [WrittenRun(name, metrics={key: points} if points else {"other": 0.0}) for name, points in runs.items()])
    writer.close()


def test_first_below_is_the_first_point_below(store: Path) -> None:
    """By step and then time; at the threshold is not below, NaN is nowhere, and a run that was never there has no row."""
    write_points(store, {"a": [(2, 0.1), (1, 0.25), (1, 0.2)], "b": [(0, 0.3), (1, NAN)], "c": [], "d": [(5, -INF), (6, 0.0)]})

    assert rows("SELECT run_id, step, value FROM first_below('loss', 0.3) ORDER BY run_id", store) == [("a", 1, 0.25), ("d", 5, -INF)]
    assert rows("FROM first_below('nothing', 0.3)", store) == []


def test_best_step_is_the_first_best(store: Path) -> None:
    """As `Run.metrics` says it."""
    write_points(store, {"a": [(3, 1.0), (1, 2.0), (2, 1.0)], "b": [(0, NAN)], "c": [], "d": [(4, NAN), (5, 9.0)]})

    assert rows("FROM best_step('loss') ORDER BY run_id", store) == [("a", 2, 1.0, "min"), ("d", 5, 9.0, "min")]
    assert open_store(store).run("a").metrics["loss"].best_step == 2


def test_area_under_joins_the_last_points_of_the_steps(store: Path) -> None:
    """By straight lines, whatever lies between the steps; over NaN the line goes from one neighbour to the other."""
    write_points(store, {"a": [(0, 9.0), (0, 1.0), (2, 3.0), (3, NAN), (4, 1.0)], "b": [(7, 5.0)], "c": [], "d": [(0, NAN)]})

    assert rows("FROM area_under('loss') ORDER BY run_id", store) == [("a", 8.0, 0, 4, 3), ("b", 0.0, 7, 7, 1)]


def test_diverged_tells_how(store: Path) -> None:
    """NaN or infinity at the first point that is; else the last point, where it is farther off than all that was gained, and twice."""
    series = {
        "nan": [(0, 2.0), (1, 1.0), (2, NAN), (3, INF)],
        "infinite": [(0, 2.0), (1, INF), (2, 1.0)],
        "far": [(0, 2.0), (1, 1.0), (2, 3.5)],
        "at the limit": [(0, 2.0), (1, 1.0), (2, 3.0)],
        "noisy": [(0, 0.5), (1, 0.51)],
        "better": [(0, 2.0), (1, 0.001), (2, 0.002)],
        "none": [],
        "only nan": [(0, NAN)],
    }
    write_points(store, series)
    write_up = "SELECT run_id, step, value, best, why FROM diverged('loss') ORDER BY run_id"

    found = {run_id: tuple(map(repr, row)) for run_id, *row in rows(write_up, store)}

    assert found == {
        "far": ("2", "3.5", "1.0", "'far from its best'"),
        "infinite": ("1", "inf", "1.0", "'infinite'"),
        "nan": ("2", "nan", "1.0", "'NaN'"),
        "only nan": ("0", "nan", "None", "'NaN'"),
    }
    assert len(rows("FROM diverged('loss', far := 1)", store)) == 5  # with the one that was at the limit


def naive(points: list[tuple[str, int, int, float]]) -> Iterator[tuple[str, list[tuple[int, float]]]]:
    """By run the points in their order."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for run_id, step, _, value in points:
        found[run_id].append((step, value))
    yield from found.items()


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(4, 30))])
def test_macros_agree_with_a_look_at_every_point(tmp_path: Path, seed: int) -> None:
    """Of random runs, half of them published."""
    lake = RandomLake(tmp_path / "lake", Random(seed))
    lake.begin()
    publish(lake.layout)
    lake.go_on()
    store = open_store(lake.root)
    for key in ("loss", "acc"):
        points = store.points(key=key)
        said = list(zip(*(points[name].to_pylist() for name in ("run_id", "step", "wall_ns", "value")), strict=True))
        below, areas, broken = [], [], []
        for run_id, series in naive(said):
            below += [(run_id, *next(point for point in series if point[1] < 0.25))] if any(value < 0.25 for _, value in series) else []
            heights = {step: value for step, value in series if value == value}
            steps = sorted(heights)
            area = sum(((b - a) * (heights[a] / 2 + heights[b] / 2) for a, b in pairwise(steps)), 0.0)
            areas += [(run_id, area, steps[0], steps[-1], len(steps))] if steps else []
            bad = [point for point in series if not math.isfinite(point[1])]
            broken += [(run_id, *bad[0])] if bad else []
        expected = [sorted(map(exact, each), key=repr) for each in (below, areas, broken)]
        found = [
            answer(f"SELECT run_id, step, value FROM first_below('{key}', 0.25)", store),
            answer(f"FROM area_under('{key}')", store),
            answer(f"SELECT run_id, step, value FROM diverged('{key}') WHERE why <> 'far from its best'", store),
        ]
        assert [[_signless(row) for row in each] for each in found] == [[_signless(row) for row in each] for each in expected]
        assert all(expected)
        assert {goal for (goal,) in rows(f"SELECT goal FROM best_step('{key}')", store)} >= {direction(key)}
    lake.close()


def _signless(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """0.0 for -0.0, which a sum may be either of."""
    return tuple(exact((0.0,))[0] if each == exact((-0.0,))[0] else each for each in row)


LOGS = """
    import runlake, time
    for number in range(30):
        with runlake.start_run(run_name=f"run {number}"):
            runlake.log_param("lr", number)
            for step in range(300):
                runlake.log_metric("loss", 1.0, step=step)
                if step % 100 == 99:
                    runlake.flush()
                    time.sleep(0.05)
"""


@pytest.mark.long
def test_every_point_is_there_once_while_others_log_publish_and_compact(tmp_path: Path) -> None:
    """In whatever moment one asks: as many as there are numbers, never fewer than before, and what is said of series agrees."""
    layout = create(tmp_path / "lake")
    programs = [start_program(LOGS, layout.root, RUNLAKE_JOBS="off") for _ in range(3)]
    is_over = threading.Event()

    def publish_on() -> None:
        while not is_over.wait(0.05):
            publish(layout)
            compact(layout)

    publisher = threading.Thread(target=publish_on)
    publisher.start()
    seen = 0
    try:
        while (running := any(program.poll() is None for program in programs)) or seen < 3 * 30 * 300:
            asked = "SELECT count(*), count(DISTINCT (writer, seq)), (SELECT coalesce(sum(n), 0) FROM metrics) FROM point_rows"
            ((n, distinct, summed),) = rows(asked, layout.root)
            assert n == distinct == summed
            assert n >= seen
            seen = n
            assert running or seen == 3 * 30 * 300
    finally:
        is_over.set()
        publisher.join()
        ended = [(*program.communicate(), program.returncode) for program in programs]
    assert ended == [("", "", 0)] * 3
    assert rows("SELECT count(*), count(DISTINCT run_id) FROM params JOIN runs USING (run_id)", layout.root) == [(90, 90)]


# What is written beside


@pytest.mark.parametrize("named", [*VIEWS, *MACROS], ids=lambda named: named.name)
def test_what_is_said_of_a_view_is_so(tmp_path: Path, named: Any) -> None:
    """Its columns are these, in this order, also of a store that has nothing; and its example is a query."""
    create(tmp_path / "lake")
    call = named.name if named.arguments is None else {"first_below": "first_below('loss', 1)"}.get(named.name, f"{named.name}('loss')")

    assert runlake.sql(f"FROM {call}", tmp_path / "lake").column_names == named.columns.split()
    assert runlake.sql(named.example, tmp_path / "lake").num_rows >= 0
    assert named.shows.endswith(".")


@pytest.mark.parametrize("named", [*VIEWS, *MACROS], ids=lambda named: named.name)
def test_the_readme_has_a_row_for_each(named: Any) -> None:
    """With every column, and what it shows."""
    assert f"| `{named.signature}` | {', '.join(named.columns.split())} | {named.shows} |\n" in README


def test_the_queries_of_the_readme_run(tmp_path: Path) -> None:
    """As they stand there, where there is something to find."""
    writer = Writer(create(tmp_path / "lake"))
    now_ms = time.time_ns() // 1_000_000
    for number, losses in enumerate(([0.5, 0.25, 0.2], [0.6, 0.5, 0.4])):
        metrics: dict[str, Any] = {"val_loss": losses, "loss": [1.0, 2.0, NAN]}
        write_runs(writer, [WrittenRun(f"r{number}", {"lr": 0.1 * (number + 1), "model": "tree"}, metrics, start_ms=now_ms)])
    writer.close()
    queries = re.findall(r"```sql\n(.*?)```", README.partition("## SQL\n")[2].partition("\n## ")[0], re.DOTALL)

    assert [rows(query, tmp_path / "lake") for query in queries] == [
        [("tree", 0.1, 0.2, 2)],
        [("r0", 0.25), ("r1", 0.5)],
        [("Default", "FINISHED", 2, 2)],
    ]


# What it does not do

REFUSED = {
    "COPY runs TO 'out.csv'": "COPY is not allowed. Ask one SELECT",
    "COPY (SELECT 1) TO 'out.parquet'": "COPY is not allowed",
    "EXPORT DATABASE 'out'": "EXPORT is not allowed",
    "ATTACH 'other.db'": "ATTACH is not allowed",
    "INSTALL httpfs": "LOAD is not allowed",
    "LOAD httpfs": "LOAD is not allowed",
    "SET threads = 4": "SET is not allowed",
    "SET enable_external_access = true": "SET is not allowed",
    "RESET lock_configuration": "SET is not allowed",
    "PRAGMA enable_verification": "PRAGMA is not allowed",
    "CALL pragma_version()": "CALL is not allowed",
    "CREATE TABLE x (a INT)": "CREATE is not allowed",
    "CREATE OR REPLACE VIEW runs AS SELECT 1": "CREATE is not allowed",
    "INSERT INTO runs VALUES (1)": "INSERT is not allowed",
    "DELETE FROM runs": "DELETE is not allowed",
    "UPDATE runs SET name = 'x'": "UPDATE is not allowed",
    "DROP VIEW runs": "DROP is not allowed",
    "SELECT 1; SELECT 2": "These are 2 statements.",
    "SELECT 1; DROP VIEW runs": "These are 2 statements.",
    "EXPLAIN CREATE TABLE x (a INT)": "CREATE is not explained.",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'out.csv'": "COPY is not explained.",
    "/* a */ EXPLAIN ANALYZE INSERT INTO runs VALUES (1)": "INSERT is not explained.",
    "PIVOT params ON key USING first(value)": "PIVOT needs the names of its columns here",
    "": "The query is empty.",
    " ;; -- nothing": "The query is empty.",
    "SELEC 1": 'syntax error at or near "SELEC"',
    "SELECT '\ud800'": r"The query holds '\ud800' at character 9",
    "SELECT 1\0": r"The query holds '\x00' at character 9",
    "SELECT " + "1," * 600_000 + "1": "A query has at most 1,000,000 characters; this one has 1,200,008.",
    "FROM rums": "There is no view 'rums': did you mean 'runs'?",
    "FROM nothing_like_it": "There is no view 'nothing_like_it': `runlake sql` lists what there is.",
    "FROM first_bellow('loss', 1)": "There is no macro 'first_bellow': did you mean 'first_below'?",
    "SELECT lst FROM metrics": 'Referenced column "lst" not found',
    "SELECT * FROM '/etc/passwd'": "There is no view '/etc/passwd'",
    "SELECT * FROM 'https://example.com/x.parquet'": "Cannot access file",
    "FROM read_csv('/etc/passwd')": "Cannot access file",
    "FROM read_text('/etc/passwd')": "Cannot access file",
    "FROM read_blob('/etc/passwd')": "Cannot access file",
    "FROM read_parquet('/etc/*')": "Cannot access file",
    "FROM read_json('/etc/passwd')": "Cannot access file",
    "FROM glob('/etc/*')": "Cannot access file",
    "FROM sqlite_scan('x.db', 'y')": "sqlite_scan",
    "SELECT getenv('HOME')": "getenv",
    "FROM mine": "There is no view 'mine'",  # a variable of this module
    "SELECT (SELECT 1 UNION ALL SELECT 2)": "More than one row returned",
}
mine = pa.table({"x": [1]})  # which a query must not find


def tree(*folders: Path) -> dict[str, int]:
    """Every file below, and when it was changed."""
    return {str(path): path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*")}


def test_only_one_select_is_answered(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is one line of error, and leaves no trace: in the store, where the program stands, or in its home."""
    for folder in ("here", "home"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_points(store, {"r": [(0, 1.0)]})
    publish(Layout(store))
    before, opened = tree(store, tmp_path / "here", tmp_path / "home"), open_store(store)

    for query, message in REFUSED.items():
        with pytest.raises(InvalidValue) as refused:
            runlake.sql(query, opened)
        assert message in str(refused.value), query
        assert "\n" not in str(refused.value)

    assert tree(store, tmp_path / "here", tmp_path / "home") == before
    assert rows("SELECT count(*) FROM runs", opened) == [(1,)]


@pytest.mark.parametrize(
    "query",
    [
        "FROM runs",
        "WITH a AS (SELECT 1 AS x) FROM a",
        "VALUES (1)",
        "DESCRIBE metrics",
        "SUMMARIZE SELECT 1 AS x",
        "SHOW TABLES",
        "PIVOT params ON key IN ('lr') USING first(value) GROUP BY run_id",
        "EXPLAIN SELECT 1",
        "explain analyze FROM runs;",
        "EXPLAIN (FORMAT json) SELECT 1",
        "-- why\nEXPLAIN (SELECT 1)",
        "FROM query('FROM ru' || 'ns')",
    ],
)
def test_whatever_only_reads_is_answered(tmp_path: Path, query: str) -> None:
    """In all the words that DuckDB has for it."""
    create(tmp_path / "lake")

    assert runlake.sql(query, tmp_path / "lake").num_columns


ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 1"


def test_a_query_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """After so many seconds, whatever it is at."""
    create(tmp_path / "lake")

    with pytest.raises(RunlakeError, match=r"^The query took longer than 0.3 s. Narrow it with WHERE, or give it more time with timeout.$"):
        runlake.sql(ENDLESS, tmp_path / "lake", timeout=0.3)


def test_whoever_waits_may_give_up(tmp_path: Path) -> None:
    """By Ctrl-C, as anywhere in Python."""
    create(tmp_path / "lake")
    signalling = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    signalling.start()

    with pytest.raises(KeyboardInterrupt):
        runlake.sql(ENDLESS, tmp_path / "lake", timeout=20)


def test_a_query_that_wants_all_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it has it."""
    create(tmp_path / "lake")
    monkeypatch.setattr("runlake.read.sql.asking.MEMORY_SHARE", 0.004)

    with pytest.raises(RunlakeError, match=r"^The query needs more than 0\.\d GiB of memory, half of this machine's"):
        runlake.sql("SELECT list(range) FROM range(1000000000)", tmp_path / "lake")


def test_columns_of_the_same_name_are_numbered(tmp_path: Path) -> None:
    """Or a table could not be asked for them."""
    create(tmp_path / "lake")

    assert runlake.sql("SELECT 1 AS a, 2 AS a, 3 AS a_1", tmp_path / "lake").to_pydict() == {"a": [1], "a_2": [2], "a_1": [3]}


def test_files_that_are_replaced_meanwhile_are_found_again(tmp_path: Path) -> None:
    """A store that was opened a day ago names files that compaction has merged and removed since."""
    layout = create(tmp_path / "it's [a] *" / "key=value")
    for number in range(3):
        writer = Writer(layout)
        write_runs(writer, [WrittenRun(f"r{number}", {"lr": 0.1}, {"loss": [1.0, 2.0]})])
        writer.close()
        publish(layout)
    opened = open_store(layout.root)
    compact(layout)
    current = open_store(layout.root).looking(lambda view: {f.path for table in view.tables.values() for f in table.log.files.values()})
    for path in {*(layout.root / "points").glob("*.parquet"), *(layout.root / "metrics").glob("*.parquet")} - current:
        path.unlink()

    assert rows("SELECT run_id, count(*) FROM points GROUP BY ALL ORDER BY ALL", opened) == [(f"r{number}", 2) for number in range(3)]
    assert rows("SELECT run_id, n FROM metrics ORDER BY ALL", opened) == [(f"r{number}", 2) for number in range(3)]


def test_a_file_of_points_that_is_lost_is_an_error(tmp_path: Path) -> None:
    """Nothing is left out in silence."""
    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    write_runs(writer, [WrittenRun("r", {}, {"loss": [1.0]})])
    writer.close()
    publish(layout)
    for path in (layout.root / "points").glob("*.parquet"):
        path.unlink()

    with pytest.raises(runlake.StoreError, match=r"part-\S+\.parquet is not there. `runlake fsck` says what else is missing."):
        runlake.sql("FROM points", layout.root)
    assert rows("SELECT n FROM metrics", layout.root) == [(1,)]


def test_nothing_of_duckdb_is_imported_before_a_query(tmp_path: Path) -> None:
    """Neither by a training, nor by those who read otherwise; and a query loads no extension from anywhere, and no pandas."""
    code = """
        import sys, runlake
        with runlake.start_run():
            runlake.log_metric("loss", 1.0)
        runlake.flush()
        runlake.read.open_store().runs()
        ask = runlake.sql
        print("duckdb" in sys.modules)
        print(ask("SELECT count(*) AS n, max(time) AS t FROM points").column("n").to_pylist())
        print("pandas" in sys.modules, "deltalake" in sys.modules)
    """
    home = tmp_path / "home"
    home.mkdir()

    finished = run_program(code, tmp_path / "lake", HOME=str(home), RUNLAKE_JOBS="off")

    assert (finished.stdout, finished.stderr) == ("False\n[1]\nFalse False\n", "")
    assert not (home / ".duckdb").exists()


def test_without_duckdb_it_says_what_to_install(tmp_path: Path) -> None:
    """In one line."""
    create(tmp_path / "lake")
    code = """
        import sys
        sys.modules["duckdb"] = None
        import runlake
        try:
            runlake.sql("FROM runs")
        except runlake.RunlakeError as error:
            print(error)
    """

    finished = run_program(code, tmp_path / "lake")

    assert finished.stdout == 'SQL is answered by DuckDB, which is not installed: pip install "runlake[sql]"\n', finished.stderr


def test_an_error_in_the_store_names_where_it_is(tmp_path: Path) -> None:
    """There is none to ask."""
    with pytest.raises(runlake.StoreError, match="There is no store at"):
        runlake.sql("FROM runs", tmp_path / "lake")
