"""`runlake ls`: what people see of their runs, and what programs read."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from rich.cells import cell_len

import runlake
from children import environment, run_program
from conftest import lacking
from faults import small_disk
from runlake.cli import cli
from runlake.display.sparkline import sparkline
from runlake.display.words import duration, moment, number, numbers, shortened, size
from runlake.read.choosing import by_weight, telling_params
from terminal import on_terminal, without_colours


def ls(*arguments: str) -> str:
    """What the command prints of the store in use, where no terminal is; in place of when a run started and what it took stands WHEN."""
    runlake.flush()
    ended = CliRunner().invoke(cli, ["ls", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    *lines, last = ended.stdout.splitlines(keepends=True)
    if lines:
        start, stop = lines[0].index("started"), lines[0].index("took") + len("took")
    return "".join([*(f"{line[:start]}WHEN{line[stop:]}" for line in lines), last])


def command(store: Path, *arguments: str, prefix: tuple[str, ...] = (), **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m runlake` as a user would."""
    line = [*prefix, sys.executable, "-m", "runlake", *arguments]
    return subprocess.run(line, env=environment(store, **settings), capture_output=True, text=True, timeout=60, check=False)


def train(name: str, losses: list[float], **params: Any) -> str:
    """A run with a curve and params; its id."""
    with runlake.start_run(run_name=name) as run:
        runlake.log_params(params)
        runlake.log_batch("val_loss", losses)
    return str(run.run_id)


def search(name: str, *losses: float) -> None:
    """A run with a trial inside it for each of these."""
    with runlake.start_run(run_name=name):
        runlake.log_param("budget", len(losses))
        for n, loss in enumerate(losses):
            with runlake.start_run(run_name=f"{name}-{n}", nested=True):
                runlake.log_metric("val_loss", loss)


# What people see


def test_a_run_is_a_line_with_its_curve_and_what_tells_it_apart(store: Path) -> None:
    """A sign for how it stands, and a word where it did not simply finish."""
    program = "import runlake, os; runlake.start_run(run_name='gone'); runlake.log_metric('val_loss', 0.8); runlake.flush(); os._exit(1)"
    run_program(program, store)
    train("done", [4.0, 2.0, 1.0, 0.5], lr=0.1, depth=3)
    train("other", [4.0, 3.0, 2.0, 1.0], lr=0.01, depth=3)
    for name, status in (("failed", "FAILED"), ("killed", "KILLED")):
        runlake.start_run(run_name=name)
        runlake.end_run(status)
    runlake.start_run(run_name="going")

    assert (
        ls("--sort", "run_name")
        == """\
           run     WHEN  val_loss.min ▼    lr  depth
✓          done    WHEN  0.5000  █▄▂▁     0.1      3
✕ failed   failed  WHEN       ·             ·      ·
● running  going   WHEN       ·             ·      ·
† crashed  gone    WHEN  0.8000             ·      ·
■ killed   killed  WHEN       ·             ·      ·
✓          other   WHEN  1.0000  █▆▃▁    0.01      3
6 runs · one: runlake show NAME
"""
    )


@pytest.mark.usefixtures("store")
def test_runs_inside_others_are_counted_there() -> None:
    """With the best of them; `--all` lists them below."""
    search("grid", 0.3, 0.2)
    search("random", 0.1)

    assert (
        ls("--sort", "run_name")
        == """\
   run     WHEN  val_loss ▼  inside   budget
✓  grid    WHEN  ·           2 ▼ 0.2       2
✓  random  WHEN  ·           1 ▼ 0.1       1
2 runs · 3 more inside: --all · one: runlake show NAME
"""
    )
    assert (
        ls("--sort", "run_name", "--all")
        == """\
   run         WHEN  val_loss ▼  inside   budget
✓  grid        WHEN       ·      2 ▼ 0.2       2
✓  ╰ grid-0    WHEN  0.3000                    ·
✓  ╰ grid-1    WHEN  0.2000                    ·
✓  random      WHEN       ·      1 ▼ 0.1       1
✓  ╰ random-0  WHEN  0.1000                    ·
2 runs · with 3 inside · one: runlake show NAME
"""
    )


@pytest.mark.usefixtures("store")
def test_a_run_inside_one_that_is_not_found_says_in_which() -> None:
    """It is a line of its own then."""
    search("grid", 0.3, 0.2)

    assert (
        ls("val_loss", "<", "0.25")
        == """\
   run     in    WHEN  val_loss ▼
✓  grid-1  grid  WHEN  0.2000
1 matching run · one: runlake show NAME
"""
    )


@pytest.mark.usefixtures("store")
def test_runs_inside_a_deleted_one_are_listed() -> None:
    """Nothing that is there is out of sight."""
    with runlake.start_run(run_name="outer") as outer, runlake.start_run(run_name="inner", nested=True):
        pass
    runlake.delete_run(outer.run_id)

    assert [line.split()[1:3] for line in ls().splitlines()[1:-1]] == [["inner", "outer"]]


@pytest.mark.usefixtures("store")
def test_what_runs_are_sorted_by_is_shown() -> None:
    """The metric by the value that counts, and anything else in a column of its own."""
    train("low", [1.0, 5.0], lr=0.1)
    train("high", [2.0, 3.0], lr=0.1)

    assert (
        ls("--sort", "val_loss DESC", "--sort", "params.lr")
        == """\
   run   WHEN  val_loss.last ▼  params.lr
✓  low   WHEN  5  ▁█                  0.1
✓  high  WHEN  3  ▁█                  0.1
2 runs · one: runlake show NAME
"""
    )


@pytest.mark.usefixtures("store")
def test_columns_that_are_named_take_the_place_of_others() -> None:
    """In that order, whatever they are; commas stand between them, unless in quotes or parentheses."""
    train("one", [1.0, 0.5, 2.0], **{"a,b": "x", "lr": 0.1})

    assert (
        ls("--columns", "params.`a,b`, val_loss@best(val_loss),lr,val_loss.max")
        == """\
   run  WHEN  params.`a,b`  val_loss@best(val_loss)   lr  val_loss.max
✓  one  WHEN  x                                 0.5  0.1             2
1 run · one: runlake show NAME
"""
    )


@pytest.mark.usefixtures("store")
def test_the_newest_25_are_shown_and_the_last_line_says_how_to_see_more() -> None:
    """As many as are asked for."""
    for n in range(30):
        train(f"run-{n}", [1.0])

    shown = {arguments: ls(*arguments).splitlines() for arguments in ((), ("-n", "3"), ("-n", "0"))}
    assert {arguments: (len(lines) - 2, lines[-1].split(" · ")[:2]) for arguments, lines in shown.items()} == {
        (): (25, ["25 of 30 runs", "all: -n 0"]),
        ("-n", "3"): (3, ["3 of 30 runs", "more: -n 12"]),
        ("-n", "0"): (30, ["30 runs", "one: runlake show NAME"]),
    }


@pytest.mark.usefixtures("store")
def test_experiments_are_named_where_several_are_shown() -> None:
    """They are chosen by name or id; those that were deleted are left out, unless they are named."""
    for name in ("churn", "taxi", "old"):
        runlake.set_experiment(name)
        train(f"of-{name}", [1.0])
    runlake.delete_experiment("3")

    def names(*arguments: str) -> list[list[str]]:
        return [line.split()[1 : 2 + ("experiment" in ls(*arguments))] for line in ls("--sort", "name", *arguments).splitlines()[1:-1]]

    assert names() == [["of-churn", "churn"], ["of-taxi", "taxi"]]
    assert names("-e", "churn") == names("-e", "1") == [["of-churn"]]
    assert names("-e", "2", "-e", "old") == [["of-old", "old"], ["of-taxi", "taxi"]]


@pytest.mark.usefixtures("store")
def test_deleted_runs_are_listed_apart() -> None:
    """And counted as such."""
    train("there", [1.0])
    runlake.delete_run(train("gone", [1.0]))

    assert [line.split()[1] for line in ls().splitlines()[1:-1]] == ["there"]
    assert [line.split()[1] for line in ls("--deleted").splitlines()[1:-1]] == ["gone"]
    assert ls("--deleted").splitlines()[-1] == "1 deleted run · one: runlake show NAME"


@pytest.mark.usefixtures("store")
def test_a_filter_needs_no_quotes_around_it() -> None:
    """Its words are the rest of the line, one that begins as an option does too."""
    train("one", [1.0], lr=-2.0)
    train("two", [2.0], lr=1.0)

    for words in (["val_loss", "<", "1.5"], ["val_loss < 1.5"], ["lr", "=", "-2"], ["start_time", ">", "-7d", "and", "lr", "<", "-.5"]):
        assert [line.split()[1] for line in ls(*words).splitlines()[1:-1]] == ["one"], words
    assert ls("lr", "<", "-7").splitlines() == [f"No matching run in {runlake.get_tracking_uri()}, of 2."]


@pytest.mark.usefixtures("store")
def test_nothing_in_a_name_reaches_the_terminal_as_a_command() -> None:
    """Nor is it taken for markup, and it stays on its line."""
    train("evil \x1b[31m\nred [bold]x[/] \u202e", [1.0], **{"k\t\x07": "v\r\x1b[2J"})
    train("ok", [1.0], **{"k\t\x07": "w"})

    lines = ls().splitlines()
    assert [line[3:].split("  ")[0] for line in lines[:-1]] == ["run", "ok", "evil [31m red [bold]x[/]"]
    assert all(line.isprintable() for line in lines)


@pytest.mark.usefixtures("store")
def test_a_curve_of_what_is_no_number_is_drawn_as_far_as_it_goes() -> None:
    """NaN and infinities are shown as they are."""
    train("diverged", [4.0, 2.0, math.nan, math.nan])
    train("nothing", [math.nan])
    train("endless", [math.inf])

    assert [line.split("WHEN")[1].split() for line in ls("--sort", "name").splitlines()[1:-1]] == [["2", "█▁xx"], ["∞"], ["NaN"]]


def test_a_store_without_runs_says_how_to_begin(store: Path) -> None:
    """On stderr: a program that reads finds nothing."""
    runlake.create_experiment("empty")
    ended = [command(store, "ls", *arguments) for arguments in ((), ("--json", "lr < 3"), ("--csv",))]

    assert [(each.returncode, each.stdout) for each in ended] == [
        (0, ""),
        (0, "[]\n"),
        (0, "run_id,run_name,experiment_id,status,start_time,end_time,duration,parent_run_id\n"),
    ]
    assert f"No run is recorded in {store} yet." in ended[0].stderr
    assert "import runlake; runlake.autolog()" in ended[0].stderr


# As wide as the terminal


@pytest.mark.parametrize(("width", "least_params"), [(40, 0), (60, 0), (80, 1), (120, 3), (200, 8)])
def test_no_line_is_wider_than_the_terminal(store: Path, width: int, least_params: int) -> None:
    """As many columns as fit; names of any width, too."""
    for n in range(3):
        params = {f"param_{k}": n * k for k in range(30)}
        train("日本語-" * 9 + str(n) if n else "a" * 200, [3.0, 2.0, n], dataset="x" * 90 + str(n), **params)
    runlake.flush()

    lines = [without_colours(line) for line in on_terminal(store, width, "ls")]
    assert len(lines) == 5
    assert all(cell_len(line) <= width for line in lines[:-1]), lines
    assert ("val_loss" in lines[0], "▁" in lines[1]) == (True, width >= 80)
    assert lines[0].count("param_") >= least_params


def test_a_terminal_has_colours_and_a_pipe_has_none(store: Path) -> None:
    """And what is asked for by name is never left out there."""
    train("one", [3.0, 2.0], **{f"param_{n}": n for n in range(40)})
    runlake.flush()
    columns = ",".join(f"param_{n}" for n in range(40))

    assert "\x1b[" in "".join(on_terminal(store, 80, "ls"))
    piped = command(store, "ls", "--columns", columns).stdout
    assert "\x1b" not in piped
    assert all(f"param_{n}" in piped for n in range(40))


def test_an_old_terminal_gets_letters_that_it_has(store: Path) -> None:
    """No question marks in place of curves."""
    train("öne", [3.0, 2.0])
    runlake.flush()

    lines = command(store, "ls", PYTHONIOENCODING="ascii").stdout.splitlines()
    assert lines[0].endswith("val_loss.min v")
    assert (lines[1].split()[:2], lines[1].split()[-2:]) == (["+", "?ne"], ["2", "#_"])


# What programs read


@pytest.mark.usefixtures("store")
def test_json_has_every_value_with_its_type() -> None:
    """What is not finite is a text, and what JSON has no word for is the nearest thing."""
    params = {"lr": 0.1, "n": 3, "deep": [1, (2.5, {"a": {2, 1}})], "nan": math.nan, "flag": True, "none": None, "text": 'é\n"x"'}
    with runlake.start_run(run_name="one", tags={"team": "ml"}) as run:
        runlake.log_params(params)
        runlake.log_metrics({"loss": 0.5, "up": math.inf, "down": -math.inf, "nan": math.nan})
        with runlake.start_run(run_name="inner", nested=True):
            pass
    runlake.flush()

    inner, outer = json.loads(CliRunner().invoke(cli, ["ls", "--json", "--sort", "name"]).stdout, parse_constant=pytest.fail)
    info = runlake.get_run(run.run_id).info
    assert {key: value for key, value in outer.pop("tags").items() if not key.startswith("mlflow.")} == {"team": "ml"}
    assert outer == {
        "run_id": run.run_id,
        "run_name": "one",
        "experiment_id": "0",
        "status": "FINISHED",
        "start_time": info.start_time,
        "end_time": info.end_time,
        "duration": info.duration,
        "parent_run_id": None,
        "params": params | {"nan": "NaN", "deep": [1, [2.5, {"a": [1, 2]}]]},
        "metrics": {"loss": 0.5, "up": "Infinity", "down": "-Infinity", "nan": "NaN"},
    }
    assert (inner["run_name"], inner["parent_run_id"]) == ("inner", run.run_id)


@pytest.mark.usefixtures("store")
def test_csv_is_one_flat_table() -> None:
    """As RFC 4180 has it: lines end in CR LF, and what holds a quote, a comma or a line stands in quotes."""
    train("one", [1.0, 0.5], text='a "b", c\nd')
    with runlake.start_run(run_name="two"):
        runlake.log_metric("nan", math.nan)
    runlake.flush()

    printed = CliRunner().invoke(cli, ["ls", "--csv", "--sort", "name"]).stdout_bytes.decode()
    assert printed.count("\r\n") == 3
    one, two = csv.DictReader(io.StringIO(printed, newline=""))
    assert [one[name] for name in ("run_name", "metrics.val_loss", "metrics.nan", "params.text")] == ["one", "0.5", "", 'a "b", c\nd']
    assert [two[name] for name in ("run_name", "metrics.val_loss", "metrics.nan", "params.text")] == ["two", "", "NaN", ""]
    chosen = CliRunner().invoke(cli, ["ls", "--csv", "--sort", "name", "-n", "1", "--columns", "val_loss.max,run_id"]).stdout
    assert chosen == f"run_id,run_name,val_loss.max\n{one['run_id']},one,1.0\n"


@pytest.mark.usefixtures("store")
def test_programs_get_all_that_match() -> None:
    """Unless they say how many."""
    for n in range(30):
        train(f"run-{n}", [float(n)])
    runlake.flush()

    counts = [
        len(json.loads(CliRunner().invoke(cli, ["ls", "--json", *arguments]).stdout))
        for arguments in ((), ("-n", "0"), ("-n", "7"), ("val_loss < 3",))
    ]
    assert counts == [30, 30, 7, 3]


def test_a_reader_that_has_seen_enough_is_no_error(store: Path) -> None:
    """`runlake ls --json | head` prints what it prints, and no traceback."""
    train("one", [1.0], text="x" * 1_000_000)
    runlake.flush()
    line = [sys.executable, "-m", "runlake", "ls", "--json"]
    with subprocess.Popen(line, env=environment(store), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None
        assert listing.stdout.read(1) == b"["
        listing.stdout.close()
        assert listing.stderr is not None
        assert listing.stderr.read() == b""


# What is wrong is told in one sentence


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["val_los < 1"], 1, "runlake: No run has anything named 'val_los'; did you mean 'val_loss'?\n  val_los < 1\n  ^^^^^^^\n"),
        (["params.x", "<", "1"], 1, "runlake: No run has a param 'x'; there are lr.\n  params.x < 1\n  ^^^^^^^^\n"),
        (["val_loss = 'x'"], 1, "runlake: A metric is a number, and 'x' is none.\n  val_loss = 'x'\n             ^^^\n"),
        (["name = 'x"], 1, "runlake: The quote ' is not closed.\n  name = 'x\n         ^\n"),
        (["(" * 4000 + "lr<1" + ")" * 4000], 1, "runlake: More than 64 conditions stand inside each other.\n"),
        (["(" * 10_000 + "lr<1" + ")" * 10_000], 1, "runlake: A filter has at most 8,192 characters; this one has 20,004.\n"),
        (["x" * 100_000], 1, "runlake: A filter has at most 8,192 characters; this one has 100,000.\n"),
        (["--sort", "val_los"], 1, "runlake: No run has anything named 'val_los'; did you mean 'val_loss'?\n  val_los\n  ^^^^^^^\n"),
        (["--columns", "lr,metrics.val_los"], 1, "runlake: No run has a metric 'val_los'; did you mean 'val_loss'?\n"),
        (["--columns", ""], 1, "runlake: Here the name of a param, metric, tag or attribute is expected"),
        (["-e", "churn"], 1, "runlake: There is no experiment 'churn'; there are Default.\n"),
        (["--frob"], 2, "Usage: runlake ls [OPTIONS] [FILTER]\n"),
        (["-n", "-4"], 2, "Usage: runlake ls [OPTIONS] [FILTER]\n"),
        (["--json", "--columns", "lr"], 2, "Usage: runlake ls [OPTIONS] [FILTER]\n"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_asked_is_told(store: Path, arguments: list[str], code: int, says: str) -> None:
    """A filter with the place underlined."""
    train("one", [1.0], lr=0.1)
    runlake.flush()
    ended = command(store, "ls", *arguments)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith(says)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("line", [("ls",), ("show", "@last"), ("experiments",)], ids=lambda line: line[0])
def test_what_is_no_store_is_told(tmp_path: Path, line: tuple[str, ...]) -> None:
    """And nothing is made of it."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("x")
    for name, described in (("newer", '{"format": 99}'), ("damaged", '{"format')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "STORE.json").write_text(described)

    before = everything_in(tmp_path)
    names = ("absent", "file", "folder", "newer", "damaged")
    ended = {name: command(tmp_path / "elsewhere", *line, "--store", str(tmp_path / name)) for name in names}

    assert {(each.returncode, each.stdout, each.stderr.count("\n")) for each in ended.values()} == {(1, "", 1)}
    assert everything_in(tmp_path) == before
    said = {name: each.stderr.removeprefix(f"runlake: {tmp_path / name}") for name, each in ended.items()}
    assert said["absent"].startswith(f"runlake: There is no store at {tmp_path / 'absent'} yet.")
    assert said["file"].startswith(" is a file.")
    assert said["folder"].startswith(" holds 'notes.txt' and is no store.")
    assert said["newer"].startswith(" has format 99")
    assert said["damaged"].startswith("/STORE.json is damaged")


def test_an_absent_store_is_told_with_those_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in a path is mended at once."""
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "STORE.json").write_text('{"format": 1}')
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert f" There is one at {tmp_path / 'lake'}" in command(tmp_path / "absent", "ls").stderr


# Reading is only reading


READING: list[list[str]] = [
    *(["ls"], ["ls", "--json"], ["ls", "--csv"], ["show", "one"], ["show", "@best(val_loss)", "--json"], ["experiments"], []),
]


def everything_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Sizes and times of all files and folders."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]}


def test_nothing_is_written_by_what_reads(store: Path) -> None:
    """Not a byte of the store changes, nor a time, nor is anything added beside it."""
    train("one", [1.0, 0.5], lr=0.1)
    runlake.recording.recorders.stop_all()
    before = everything_in(store.parent)

    assert [command(store, *arguments).returncode for arguments in READING] == [0] * len(READING)
    assert everything_in(store.parent) == before


@pytest.mark.usefixtures("as_root")
def test_a_store_on_a_disk_that_is_read_only_reads_as_any(tmp_path: Path) -> None:
    """All that reads does."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        store = disk.inside / "lake"
        program = "import runlake\nwith runlake.start_run(run_name='one'): runlake.log_batch('val_loss', [1.0, 0.5])"
        subprocess.run([*disk.enter, sys.executable, "-c", program], env=environment(store), check=True)
        disk.remount("ro")
        ended = [command(store, *arguments, prefix=disk.enter) for arguments in READING]

    assert [(each.returncode, each.stderr) for each in ended] == [(0, "")] * len(READING)


def test_a_store_that_may_not_be_written_to_reads_as_any(store: Path) -> None:
    """For a user who is not root."""
    if os.geteuid() == 0:
        lacking("another user than root")
    train("one", [1.0, 0.5], lr=0.1)
    runlake.recording.recorders.stop_all()
    folders = [store, *(path for path in store.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    ended = [command(store, *arguments) for arguments in READING]
    for folder in folders:
        folder.chmod(0o700)

    assert [(each.returncode, each.stderr) for each in ended] == [(0, "")] * len(READING)


@pytest.mark.parametrize("line", READING[:-1], ids=" ".join)
def test_what_reads_never_imports_pandas(store: Path, line: list[str]) -> None:
    """Which takes longer than all the rest."""
    train("one", [1.0, 0.5], lr=0.1)
    train("two", [1.0, 0.5], lr=0.2)
    runlake.flush()
    program = f"import sys; from runlake.cli import cli; cli({line!r}, standalone_mode=False); print('pandas' in sys.modules)"

    assert run_program(program, store).stdout.splitlines()[-1] == "False"


# What is worth a column


def test_runs_are_compared_by_a_goal_by_validation_by_what_most_have() -> None:
    """In that order; what tells of the work and not of its outcome comes last."""
    counts = {"loss": 25, "train_acc": 25, "val_loss": 20, "val_acc": 20, "test_time": 25, "lr": 25}

    assert by_weight(counts, ["loss"])[0] == "loss"
    assert by_weight(counts, []) == ["val_acc", "val_loss", "train_acc", "loss", "test_time", "lr"]
    assert by_weight(counts | {"val_acc": 2, "val_loss": 2, "other": 1}, ["other"])[0] == "train_acc"
    assert by_weight({"value": 3, "loss": 2, "rank_test_score": 3, "mean_test_score": 3}, [])[0] == "mean_test_score"


def test_params_that_tell_most_in_little_room_come_first() -> None:
    """One that is the same everywhere tells nothing, and what is different in every run names it alone."""
    columns: dict[str, list[str | None]] = {
        "same": ["1"] * 6,
        "lr": ["0.1", "0.2", "0.3", "0.1", "0.2", "0.3"],
        "long_name_of_a_param": ["a", "b", "c", "a", "b", "c"],
        "seldom": ["1", None, None, None, None, None],
        "path": [f"/data/{n}" for n in range(6)],
        "seed": [str(n) for n in range(6)],
    }

    assert telling_params(columns) == (["lr", "long_name_of_a_param", "seldom"], ["seed", "path"])


def test_a_curve_has_a_letter_for_each_stretch() -> None:
    """Between its least and its greatest, however great these are."""
    assert sparkline(np.array([0.0, 1.0, 2.0, 3.0]), 8) == "▁▃▆█"
    assert sparkline(np.repeat([3.0, 0.0, 3.0], 1000), 3) == "█▁█"
    assert sparkline(np.array([5.0, 5.0]), 8) == "▄▄"
    assert sparkline(np.array([1.7e308, -1.7e308, math.nan, math.inf]), 4) == "█▁xx"
    assert (sparkline(np.empty(0), 8), sparkline(np.array([math.nan]), 8)) == ("", "x")


# Few letters


def test_numbers_have_four_digits_that_count() -> None:
    """Below each other they have the same decimals, where they are about as great."""
    given = [0.123456, 12.0, 1234.5678, 9999.7, 123456.7, 1.5e-7, 1e300, math.nan, -math.inf, 0.0]

    assert [number(each) for each in given] == ["0.1235", "12", "1235", "10,000", "123,457", "1.5e-7", "1e+300", "NaN", "-∞", "0"]
    assert numbers([0.5, 0.25, None, math.nan]) == ["0.5000", "0.2500", "", "NaN"]
    assert numbers([0.5, 1e-9]) == ["0.5", "1e-9"]
    assert numbers([1.0, 20.0]) == ["1", "20"]


def test_durations_and_sizes_have_the_unit_that_fits() -> None:
    """Rounded, never 60 of something."""
    seconds = [0, 4e-5, 0.012, 0.99999, 3.44, 59.96, 718, 3599.6, 7500, 90_000, None, -1]

    assert [duration(each) for each in seconds] == [
        *("0ms", "40us", "12ms", "1.0s", "3.4s", "1m 00s", "11m 58s", "1h 00m", "2h 05m", "1d 01h", "", ""),
    ]
    assert [size(each) for each in (0, 999, 1000, 999_499, 999_500, 12_345_678, 10**12)] == [
        *("0 B", "999 B", "1 kB", "999 kB", "1 MB", "12.3 MB", "1 TB"),
    ]


def test_a_moment_is_told_by_how_long_ago_it_was() -> None:
    """For a week; what is to come is a date, too, but for a clock that is a little behind."""
    now = 1_800_000_000_000
    ago = [0, 999, 5_000, 180_000, 3_600_000, 86_400_000, 6 * 86_400_000, -5_000]

    assert [moment(now - ms, now) for ms in ago] == [
        *("just now", "just now", "5 s ago", "3 min ago", "1 h ago", "1 day ago", "6 days ago", "just now"),
    ]
    assert [re.fullmatch(r"\d{4}-\d\d-\d\d", moment(now + ms, now)) is not None for ms in (-8 * 86_400_000, 86_400_000)] == [True, True]
    assert moment(10**18, now) == "1000000000"


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    """Cells are counted, not letters."""
    assert [shortened("brave-otter-41", room) for room in (14, 10, 4, 1)] == ["brave-otter-41", "brave-…-41", "br…1", "…"]
    assert cell_len(shortened("日本語" * 9, 10)) <= 10
