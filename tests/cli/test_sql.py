"""`runlake sql`, as a user runs it: its views hold in DuckDB what we read ourselves."""

from __future__ import annotations

import csv
import io
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
from click.testing import CliRunner, Result

from children import environment, run_program
from random_lake import RandomLake
from rows import add_events
from runlake.cli import cli
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


def seeds(n: int) -> list[Any]:
    """The first two, and the rest of so many in the long tests."""
    return [seed if seed < 2 else pytest.param(seed, marks=pytest.mark.long) for seed in range(n)]


def sql(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "runlake", "sql", *arguments]
    return subprocess.run(command, env=environment(store), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("seed", seeds(20))
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
    assert all(before[name] for name in ("params", "param_conflicts", "tags", "inputs", "metrics", "merged_summaries"))


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
    assert [text for _, _, text, *_ in expected["params"]] == ["offer 0", "set 1", "set 1", "set 0", "set 0", "set 0"]
    assert len(expected["errors"]) == 2


@pytest.mark.parametrize("seed", seeds(20))
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

    assert in_view(asked(layout.root), "merged_summaries") == sorted(expected, key=repr)


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
        WHERE p."key" = 'lr' AND t."key" = 'team' AND a.path = 'note.txt' AND m."key" = 'loss' GROUP BY ALL ORDER BY r.name
    """
    expected = [(f"run {n}", "FINISHED", str(n / 10), "vision", 5, 5, n + 0.2, 4, 5) for n in range(3)]
    assert database.execute(query).fetchall() == expected
    assert [row[0] for row in database.execute("DESCRIBE point_rows").fetchall()] == TABLES["points"].schema.names
    assert database.execute("SELECT count(*), min(step) FROM first_below('loss', 1)").fetchall() == [(1, 1)]


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
    of_views = "\n\n".join(f"CREATE OR REPLACE VIEW {name} AS\n{query};" for name, query in queries.items())
    assert printed.startswith(of_views + "\n\nCREATE OR REPLACE MACRO ")
    assert list(queries)[:4] == ["point_rows", "events", "summaries", "run_rows"]


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


def test_an_absent_store_is_an_error(tmp_path: Path) -> None:
    """In one line."""
    absent = sql(tmp_path / "lake", "FROM runs")

    assert (absent.returncode, absent.stdout, absent.stderr.count("\n")) == (1, "", 1)
    assert absent.stderr.startswith(f"runlake: There is no store at {tmp_path / 'lake'} yet.")


def test_polars_asks_the_same_queries(tmp_path: Path) -> None:
    """Those of what was folded, over tables that it is given by their names; others are in words that DuckDB alone has."""
    lake = RandomLake(tmp_path / "lake", Random(7), n_runs=6)
    lake.begin()
    lake.close()
    publish(lake.layout)
    database, context = asked(lake.root), polars.SQLContext(eager=True)
    for name, table in {"point_rows": "points", "events": "meta", "run_rows": "runs"}.items():
        context.register(name, polars.scan_delta(str(lake.root / table)))
    queries = views(lake.root)

    for name in ("params", "param_conflicts", "tags", "inputs", "artifacts", "errors", "jobs"):
        found = context.execute(queries[name])
        assert sorted(map(exact, found.rows()), key=repr) == in_view(database, name, *found.columns), name
    assert in_view(database, "tags")


# Queries


LINES = [("run 0", 0.2), ("run 1", 1.2), ("run 2", 2.2)]
ASKED = "SELECT r.name, m.last FROM runs r JOIN metrics m USING (run_id) ORDER BY r.name"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three runs, whose rows wait in logs."""
    store = tmp_path_factory.mktemp("trained") / "lake"
    assert run_program(TRAIN, store, RUNLAKE_JOBS="off").stderr == ""
    return store


def asking(store: Path, *arguments: str) -> Result:
    """Run the command here, where no terminal is."""
    return CliRunner().invoke(cli, ["sql", *arguments, "--store", str(store)])


def test_an_answer_is_a_table(trained: Path) -> None:
    """With a last line that says how much it is."""
    asked = sql(trained, ASKED)

    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout == "name   last\nrun 0   0.2\nrun 1   1.2\nrun 2   2.2\n3 rows, 2 columns\n"


def test_values_are_one_line_each(trained: Path) -> None:
    """Whatever they hold: nothing of it is obeyed by a terminal."""
    query = """SELECT 'a' || chr(10) || chr(27) || '[31mb' AS text, NULL::INTEGER AS none, 'nan'::DOUBLE AS x, 1/3 AS y, [1, NULL] AS list,
        TIMESTAMPTZ '2026-01-31 12:00:00.25+01' AS t, 12345678901234567890123::HUGEINT AS n"""

    assert asking(trained, query).stdout.splitlines() == [
        "text     none    x         y  list       t                                              n",
        "a [31mb     ·  NaN  0.333333  [1, None]  2026-01-31 11:00:00.250  12345678901234567890123",
        "1 row, 7 columns",
    ]


def test_a_long_answer_is_cut_and_says_so(trained: Path) -> None:
    """Rows by number, columns by room."""
    long, whole = asking(trained, "FROM range(200)").stdout.splitlines(), asking(trained, "FROM range(200)", "-n", "0").stdout.splitlines()
    wide = asking(trained, "SELECT " + ", ".join(f"'{'x' * 30}' AS c{n}" for n in range(10))).stdout.splitlines()

    assert (len(long), long[-1]) == (52, "50 of 200 rows, 1 column · all: -n 0")
    assert (len(whole), whole[-1]) == (202, "200 rows, 1 column")
    assert wide[0].split() == [f"c{n}" for n in range(6)]
    assert wide[-1] == "1 row, 10 columns · 6 columns fit, not c6, c7, c8, c9: name those you want, or --json"
    assert asking(trained, "FROM runs WHERE false").stdout == "0 rows, 11 columns\n"


VALUES = """
    SELECT 'größe, "x"' AS text, NULL AS none, true AS yes, 'nan'::DOUBLE AS x, '-inf'::DOUBLE AS y, 0.1 AS d, 9007199254740993 AS n,
        170141183460469231731687303715884105727 AS big, [1, 2] AS list, {'a': {'b': 1}} AS s, MAP {'k': 'v'} AS m,
        TIMESTAMPTZ '2026-01-31 12:00:00.25+01' AS t, TIMESTAMP '2026-01-31 12:00:00' AS wall, 'infinity'::TIMESTAMP AS never,
        DATE '2026-01-31' AS day, TIME '01:02:03' AS at, '\\x00\\xFF'::BLOB AS bytes, [TIMESTAMPTZ '2026-01-31 12:00:00+01'] AS times
"""


def test_json_has_every_value(trained: Path) -> None:
    """Integers whole however great, what is not finite as a text, times as ISO 8601 has them."""
    (row,) = json.loads(asking(trained, VALUES, "--json").stdout)

    assert row == {
        "text": 'größe, "x"',
        "none": None,
        "yes": True,
        "x": "NaN",
        "y": "-Infinity",
        "d": 0.1,
        "n": 9007199254740993,
        "big": 2**127 - 1,
        "list": [1, 2],
        "s": {"a": {"b": 1}},
        "m": {"k": "v"},
        "t": "2026-01-31T11:00:00.250000Z",
        "wall": "2026-01-31T12:00:00.000000",
        "never": "infinity",
        "day": "2026-01-31",
        "at": "01:02:03.000000",
        "bytes": "00ff",
        "times": ["2026-01-31T11:00:00+00:00"],
    }


def test_csv_has_every_value(trained: Path) -> None:
    """Nothing where there is none; lists and the like as JSON."""
    printed = subprocess.run(
        [sys.executable, "-m", "runlake", "sql", VALUES, "--csv"], env=environment(trained), capture_output=True, timeout=60, check=True
    )
    header, row = csv.reader(io.StringIO(printed.stdout.decode(), newline=""))

    assert dict(zip(header, row, strict=True)) == {
        "text": 'größe, "x"',
        "none": "",
        "yes": "True",
        "x": "NaN",
        "y": "-Infinity",
        "d": "0.1",
        "n": "9007199254740993",
        "big": str(2**127 - 1),
        "list": "[1, 2]",
        "s": '{"a": {"b": 1}}',
        "m": '{"k": "v"}',
        "t": "2026-01-31T11:00:00.250000Z",
        "wall": "2026-01-31T12:00:00.000000",
        "never": "infinity",
        "day": "2026-01-31",
        "at": "01:02:03.000000",
        "bytes": "00ff",
        "times": '["2026-01-31T11:00:00+00:00"]',
    }


def test_parquet_is_written_where_it_is_told(trained: Path, tmp_path: Path) -> None:
    """And nothing else is; what Parquet has no word for is an error."""
    file = tmp_path / "answer.parquet"
    before = sorted(trained.rglob("*"))

    written, refused = (
        sql(trained, ASKED, "--parquet", str(file)),
        sql(trained, "SELECT INTERVAL 1 DAY AS i", "--parquet", str(tmp_path / "no")),
    )

    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr.startswith(f"3 rows, 2 columns in {file}, ")
    assert polars.read_parquet(file).rows() == LINES
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith("runlake: Parquet cannot hold this: ")
    assert not (tmp_path / "no").exists()
    assert sorted(trained.rglob("*")) == before


def test_a_query_may_come_from_the_input(trained: Path) -> None:
    """As files of SQL do."""
    command = [sys.executable, "-m", "runlake", "sql", "-", "--csv"]

    asked = subprocess.run(
        command, input=f"-- why\n{ASKED};\n", env=environment(trained), capture_output=True, text=True, timeout=60, check=True
    )

    assert asked.stdout.splitlines() == ["name,last", *(f"{name},{last}" for name, last in LINES)]


def test_a_plan_is_printed_as_it_is(trained: Path) -> None:
    """As DuckDB draws it."""
    plan = asking(trained, "EXPLAIN FROM runs").stdout

    assert len(plan.splitlines()) > 3
    assert "explain_value" not in plan


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SELECT lst FROM metrics"], 'The query cannot be answered: Referenced column "lst" not found'),
        (["FROM rums"], "There is no view 'rums': did you mean 'runs'?"),
        (
            ["COPY runs TO 'x.csv'"],
            "COPY is not allowed. Ask one SELECT, or EXPLAIN one: nothing else is done here, and nothing is ever written.",
        ),
        ([""], "The query is empty."),
        (
            ["SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 1", "--timeout", "0.2"],
            "The query took longer",
        ),
    ],
)
def test_what_cannot_be_answered_is_one_line(trained: Path, arguments: list[str], said: str) -> None:
    """On stderr, and exit code 1."""
    refused = sql(trained, *arguments)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"runlake: {said}")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["FROM runs", "--views"],
            ["--views", "--parquet", "x", "--json"],
            ["FROM runs", "--files"],
            ["FROM runs", "--json", "--parquet", "x"],
        ),
        *(["--csv"], ["--parquet", "x"], ["FROM runs", "FROM tags"], ["FROM runs", "-n", "-1"]),
    ],
)
def test_what_does_not_go_together_is_a_slip_of_the_command_line(trained: Path, arguments: list[str]) -> None:
    """Exit code 2."""
    assert asking(trained, *arguments).exit_code == 2


def test_without_a_query_it_says_what_there_is(tmp_path: Path) -> None:
    """Every view and macro, with its columns and an example, no store needed; the same as JSON."""
    listed, as_json = sql(tmp_path / "lake"), json.loads(sql(tmp_path / "lake", "--json").stdout)

    assert (listed.returncode, listed.stderr) == (0, "")
    assert [each["call"] for each in as_json["views"]] == "runs params metrics points tags artifacts experiments datasets models".split()
    assert [each["call"] for each in as_json["macros"]] == [
        *("first_below(series, threshold)", "best_step(series)", "area_under(series)", "diverged(series, far := 2)"),
    ]
    words = " ".join(listed.stdout.split())
    for each in (*as_json["views"], *as_json["macros"]):
        assert all(said in words for said in (each["call"], each["shows"], ", ".join(each["columns"]), each["example"]))
