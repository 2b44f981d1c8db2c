"""`runlake sql`, as a user runs it: its views hold in DuckDB what we read ourselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import polars
import pyarrow as pa
import pytest

from children import environment, run_program
from random_lake import RandomLake
from rows import add_events
from runlake.entities import Event, Scope
from runlake.read.sql import views
from runlake.store.commits import commit, new_files
from runlake.store.compaction import compact
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.summaries import Summary
from runlake.store.summary_rows import SummaryRows, merged
from runlake.store.tables import TABLES, coded
from runlake.store.writer import Writer
from sql_views import asked, check_views, exact, in_view

N_LAKES = 6


def sql(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "runlake", "sql", *arguments]
    return subprocess.run(command, env=environment(store), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("seed", range(N_LAKES))
def test_the_views_fold_as_we_do(tmp_path: Path, seed: int) -> None:
    """Row for row, of random runs that several processes wrote to: as published, when more came, and compacted."""
    lake = RandomLake(tmp_path / "lake", Random(seed), n_runs=6)
    lake.begin()
    publish(lake.layout)
    lake.go_on()
    lake.close()
    publish(lake.layout)

    before = check_views(lake.root)
    compact(lake.layout)

    assert check_views(lake.root) == before
    assert all(before[name] for name in ("params", "param_conflicts", "tags", "inputs", "metrics"))


def event(scope: Scope, key: str, op: str, text: str, hlc: int) -> Event:
    """Of the run `r`."""
    return Event("r", scope, key, op, "str", None, None, text, hlc)


def test_what_was_deleted_and_offered_counts_as_we_count_it(tmp_path: Path) -> None:
    """A deletion ends what came before it and nothing else; an offer counts where nothing was given; of a param the first does."""
    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    histories = {
        Scope.TAG: ["set offer", "offer set", "set delete", "offer delete", "set delete offer", "set offer delete", "offer delete set"],
        Scope.PARAM: ["set offer", "offer set", "offer offer", "set set offer", "offer set set", "set set"],
    }
    events = [
        event(scope, history, op, "" if op == "delete" else f"{op} {at}", at)
        for scope, each in histories.items()
        for history in each
        for at, op in enumerate(history.split())
    ]
    add_events(writer, [*events, event(Scope.ERROR, "e", "set", "one", 1), event(Scope.ERROR, "e", "set", "two", 2)])
    writer.close()
    publish(layout)

    expected = check_views(layout.root)

    tags = {key: text for _, key, text in expected["tags"]}
    assert tags == {"set offer": "set 0", "offer set": "set 1", "set delete offer": "offer 2", "offer delete set": "set 2"}
    assert [text for *_, text in expected["params"]] == ["offer 0", "set 1", "set 1", "set 0", "set 0", "set 0"]
    assert len(expected["errors"]) == 2


@pytest.mark.parametrize("seed", range(8))
def test_summaries_that_overlap_are_told_apart_as_we_do(tmp_path: Path, seed: int) -> None:
    """Rows that reach over each other in every way, with NaN, infinities and zeros of both signs."""
    random, layout = Random(seed), create(tmp_path / "lake")
    values = [0.0, -0.0, 0.0, -0.0, 0.0, 1.5, -2.25, float("nan"), float("inf"), float("-inf"), 1e308, 0.1, 0.2, 0.3]

    def summary() -> Summary:
        known = [value for value in (random.choice(values) for _ in range(2)) if value == value]
        low, high = (min(known), max(known)) if known else (None, None)
        steps = [random.randrange(4) for _ in range(6)]
        of_low, of_high = (None, None) if not known else (steps[0], steps[1])
        total, first, last = (random.choice(values) for _ in range(3))
        return Summary(random.randrange(1, 9), 1, total, low, of_low, high, of_high, steps[2], steps[3], first, steps[4], steps[5], last)

    rows, table = SummaryRows(), TABLES["metrics"]
    said: dict[tuple[Any, ...], Summary] = {}
    for number in range(300):
        since = random.randrange(12)
        place = f"run{number % 10}", random.choice("AB"), random.choice(["loss", "größe"])
        said.setdefault((*place, since, since + random.randrange(1, 9)), summary())
    columns = ("run_id", "writer", "key", "since", "covered", *Summary._fields)
    for row, each in said.items():
        rows.add((*row, each))
    of_all = pa.Table.from_pylist([dict(zip(columns, (*row, *each), strict=True)) for row, each in said.items()], schema=table.schema)
    assert commit(layout, table, new_files(layout, table, coded(table, of_all)))
    expected = []
    for number in range(10):
        of_run = SummaryRows()
        of_run.take_all(rows, f"run{number}")
        expected += [exact((f"run{number}", key, *each)) for key, each in merged(of_run, ()).items()]

    assert in_view(asked(layout.root), "metrics") == sorted(expected, key=repr)


TRAIN = """
import runlake
runlake.set_experiment("lines")
for number in range(3):
    with runlake.start_run(run_name=f"run {number}"):
        runlake.log_param("lr", number / 10)
        runlake.set_tag("team", "vision")
        runlake.log_text("hello", "note.txt")
        for step in range(5):
            runlake.log_metric("loss", number + 1 / (step + 1), step=step)
"""


def test_what_is_printed_runs_in_duckdb_as_it_is(tmp_path: Path) -> None:
    """Wherever the store lies: a folder's name is neither a pattern, nor a column, nor the end of a text."""
    store = tmp_path / "it's 100% [a] *?#1" / "key=value" / "größe 日本 🎉" / "lake"
    assert run_program(TRAIN, store, RUNLAKE_JOBS="off").stderr == ""
    publish(Layout(store))

    printed = sql(store, "--views", "--files")

    assert (printed.returncode, printed.stderr) == (0, "")
    database = duckdb.connect()
    database.execute(printed.stdout)
    query = """
        SELECT r.name, r.status, p.value, t.value, a.size, m.n, m."last", m.min_step, count(*)
        FROM runs r JOIN params p USING (run_id) JOIN tags t USING (run_id) JOIN artifacts a USING (run_id)
        JOIN metrics m USING (run_id) JOIN points x USING (run_id)
        WHERE p."key" = 'lr' AND t."key" = 'team' AND a.name = 'note.txt' AND m."key" = 'loss' GROUP BY ALL ORDER BY r.name
    """
    expected = [(f"run {n}", "FINISHED", str(n / 10), "vision", 5, 5, n + 0.2, 4, 5) for n in range(3)]
    assert database.execute(query).fetchall() == expected
    assert [row[0] for row in database.execute("DESCRIBE points").fetchall()] == TABLES["points"].schema.names


def test_the_views_are_of_delta_tables_unless_files_are_asked_for(tmp_path: Path) -> None:
    """By the absolute paths of the folders, so that they go on being true; `--json` gives the same queries by name."""
    store = tmp_path / "it's" / "lake"
    run_program(TRAIN, store, RUNLAKE_JOBS="off")
    publish(Layout(store))

    printed, as_json = sql(store, "--views").stdout, sql(tmp_path / "other", "--views", "--json", "--store", str(store)).stdout

    folder = str(store).replace("'", "''")
    assert all(f"delta_scan('{folder}/{name}')" in printed for name in ("points", "meta", "metrics", "runs"))
    assert "read_parquet" not in printed
    queries = json.loads(as_json)
    assert printed == "\n\n".join(f"CREATE OR REPLACE VIEW {name} AS\n{query};" for name, query in queries.items()) + "\n"
    assert list(queries)[:4] == ["points", "events", "summaries", "runs"]


def test_it_says_what_waits_to_be_published(tmp_path: Path) -> None:
    """The views of a store of which nothing is published yet hold nothing, and run all the same."""
    store = tmp_path / "lake"
    run_program(TRAIN, store, RUNLAKE_JOBS="off")

    printed = sql(store, "--views")

    waiting = len(Layout(store).waiting())
    assert (
        printed.stderr
        == f"{waiting} file{'s' * (waiting > 1)} of logs hold rows that are not published yet: `runlake compact` publishes them.\n"
    )
    database = duckdb.connect()
    database.execute(printed.stdout)
    assert [database.execute(f"SELECT count(*) FROM {name}").fetchall() for name in ("runs", "metrics", "tags")] == [[(0,)]] * 3


def test_without_views_it_says_what_there_is(tmp_path: Path) -> None:
    """Queries come later."""
    refused = sql(tmp_path / "lake")
    absent = sql(tmp_path / "lake", "--views")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "`runlake sql --views` prints views that DuckDB can query." in refused.stderr
    assert (absent.returncode, absent.stdout) == (1, "")
    assert absent.stderr.startswith(f"runlake: There is no store at {tmp_path / 'lake'} yet.")


def test_polars_asks_the_same_queries(tmp_path: Path) -> None:
    """All but `metrics`, over tables that it is given by their names: it has no recursion and no lambda in its SQL."""
    lake = RandomLake(tmp_path / "lake", Random(7), n_runs=6)
    lake.begin()
    lake.close()
    publish(lake.layout)
    database, context = asked(lake.root), polars.SQLContext(eager=True)
    for name, table in {"points": "points", "events": "meta", "runs": "runs"}.items():
        context.register(name, polars.scan_delta(str(lake.root / table)))
    queries = views(lake.root)

    for name in ("params", "param_conflicts", "tags", "inputs", "artifacts", "errors", "jobs"):
        found = context.execute(queries[name])
        assert sorted(map(exact, found.rows()), key=repr) == in_view(database, name, *found.columns), name
    assert in_view(database, "tags")
