"""`runlake push`, as a user runs it: what is in the other store then is what is in this one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from children import environment, run_program, start_program
from lake import lake
from random_lake import RandomLake, forms_of
from runlake.errors import StoreError
from runlake.importers.arriving import Arriving
from runlake.importers.pushing import push as push_runs
from runlake.importers.pushing import with_those_inside
from runlake.read import Query, open_store
from runlake.store.experiments import Experiments
from runlake.store.layout import Layout

LOGS = """
    import runlake
    runlake.create_experiment("before")
    shelf = runlake.set_experiment("churn")
    runlake.set_experiment_tag("team", "red")
    for name in ("first", "second"):
        with runlake.start_run(run_name=name) as run:
            runlake.log_params({"lr": 0.5, "n": 3, "name": name})
            runlake.set_tags({"note": "of " + name, "gone": 1})
            runlake.delete_tag("gone")
            for step in range(100):
                runlake.log_metric("loss", float("nan") if step == 7 else step / 3)
            runlake.log_metric("loss", 9.0, step=3)
            runlake.log_text("shared", "shared.txt")
            runlake.log_text("x" * 3_000_000, "large.txt")
            runlake.log_text("old", "own.txt")
            runlake.log_text(name, "own.txt")
            with runlake.start_run(run_name=name + " inside", nested=True):
                runlake.log_metric("acc", 1.0)
    runlake.set_experiment("other")
    with runlake.start_run(run_name="third"):
        runlake.log_metric("loss", 1.0)
"""


def runlake_command(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    command = [sys.executable, "-m", "runlake", *arguments]
    return subprocess.run(command, env=environment(store), capture_output=True, text=True, timeout=60, check=False)


def push(store: Path, *arguments: str) -> str:
    """Push, and what it said."""
    finished = runlake_command(store, "push", *arguments)
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


def told(root: Path) -> dict[str, Any]:
    """All that a store says of its runs, by their names, but which number their experiment has."""
    runs = {}
    for run_id, run in lake(root).runs.items():
        store = open_store(root)
        contents = {name: store.run(run_id).read_artifact(name) for name in run["artifacts"]}
        points = store.points(run_id).select(["key", "step", "wall_ns", "value"]).to_pylist()
        info = vars(run.pop("info")) | {"experiment_id": ""}
        runs[info["run_name"]] = repr((info, sorted(run.items()), contents, points))
    return runs


@pytest.fixture
def filled(store: Path) -> Path:
    """Two runs of one experiment, a run inside each, and one of another."""
    assert run_program(LOGS, store).stderr == ""
    return store


def test_runs_are_in_the_other_store_as_they_are_in_this_one(filled: Path, tmp_path: Path) -> None:
    """Points, params, tags, contents, times, parents; of an experiment its name and tags. Those of other experiments are not."""
    target = tmp_path / "other"

    said = push(filled, "churn", "--to", str(target))

    everything = told(filled)
    assert told(target) == {name: run for name, run in everything.items() if name != "third"}
    assert said.startswith("Pushed 4 new runs, brought 0 up to date, and left out 0 ")
    shelf = Experiments(Layout(target)).named("churn")
    assert shelf is not None
    assert (shelf.experiment_id, shelf.tags["team"]) == ("1", "red")
    assert runlake_command(target, "fsck", "--summaries").returncode == 0


def test_a_second_push_adds_nothing(filled: Path, tmp_path: Path) -> None:
    """Not a row, not a file."""
    target = tmp_path / "other"
    push(filled, "first", "second", "--to", str(target))
    before = repr(lake(target))

    said = push(filled, "first", "second", "--to", str(target))

    assert repr(lake(target)) == before
    assert said.startswith("Pushed 0 new runs, brought 0 up to date, and left out 4 ")


def test_a_run_that_went_on_is_brought_up_to_date(filled: Path, tmp_path: Path) -> None:
    """With what is new, and nothing twice; what was changed in the other store later stays."""
    target = tmp_path / "other"
    push(filled, "first", "--to", str(target))
    code = """
        import runlake
        run = runlake.search_runs(filter_string="name = 'first'", search_all_experiments=True, output_format="list")[0]
        with runlake.start_run(run_id=run.info.run_id):
            runlake.log_metric("loss", 50.0)
            runlake.set_tag("note", "{note}")
            runlake.log_text("newer", "own.txt")
    """
    assert run_program(code.format(note="changed here"), filled).stderr == ""

    said = push(filled, "first", "--to", str(target))

    assert said.startswith("Pushed 0 new runs, brought 1 up to date, and left out 1 ")
    assert told(target) == {name: run for name, run in told(filled).items() if name.startswith("first")}


def test_a_push_that_was_killed_is_made_whole_by_the_next(tmp_path: Path) -> None:
    """Wherever it was."""
    store = tmp_path / "lake"
    code = """
        import runlake
        for number in range(60):
            with runlake.start_run(run_name=str(number)):
                runlake.log_param("n", number)
                runlake.log_text(str(number), "number.txt")
                for step in range(50):
                    runlake.log_metrics({"a": step, "b": -step})
    """
    assert run_program(code, store).stderr == ""
    target, random = tmp_path / "other", Random(5)
    for _ in range(3):
        pushing = start_program("from runlake.cli import main; main()", store, "push", "Default", "--to", str(target))
        until = time.monotonic() + 20
        while not list(target.glob("wal/*/*")) and pushing.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(random.random() * 0.3)
        pushing.send_signal(signal.SIGKILL)
        pushing.communicate()

    push(store, "Default", "--to", str(target))

    assert told(target) == told(store)
    assert runlake_command(target, "fsck", "--summaries").returncode == 0


@pytest.mark.parametrize("seed", [1])
def test_every_form_of_a_store_is_pushed_whole(tmp_path: Path, seed: int) -> None:
    """In logs, sealed, published, changed since: conflicts, offers and deletions count as they did."""
    made = RandomLake(tmp_path / "lake", Random(seed), n_runs=6)
    try:
        for name, _, path in forms_of(made, tmp_path / "forms"):
            target = tmp_path / "pushed" / name
            source = open_store(path)
            shelves: dict[str, Any] = {number: (f"shelf {number}" if number != "0" else "Default", {}) for number in ("0", "1")}
            with Arriving(target) as arriving:
                runs = with_those_inside(source, [run.info.run_id for run in source.runs()])
                assert all(each.is_new for each in push_runs(source, runs, arriving, shelves))
            for run in source.runs():
                pushed = open_store(target).run(run.info.run_id)
                assert source.state(run.info.run_id).__dict__ | {"said": {}, "last_hlc": 0} == open_store(target).state(
                    run.info.run_id
                ).__dict__ | {"said": {}, "last_hlc": 0}
                assert {key: repr(each._summary) for key, each in run.metrics.items()} == {
                    key: repr(each._summary) for key, each in pushed.metrics.items()
                }
    finally:
        made.close()


def test_a_run_whose_experiment_is_gone_comes_to_one_of_that_number(filled: Path, tmp_path: Path) -> None:
    """Its name is not known any more."""
    source, target = open_store(filled), tmp_path / "other"
    (run_id,) = source.search(Query("name = 'third'")).ids()
    number = source.run(run_id).info.experiment_id

    with Arriving(target) as arriving:
        assert [each.is_new for each in push_runs(source, with_those_inside(source, [run_id]), arriving, {})] == [True]

    assert Experiments(Layout(target)).get(open_store(target).run(run_id).info.experiment_id).name == number


def test_two_at_once_in_a_store_are_refused(tmp_path: Path) -> None:
    """The second one waits for nothing."""
    with Arriving(tmp_path / "other"), pytest.raises(StoreError, match="already"):
        Arriving(tmp_path / "other")


def test_what_is_damaged_here_does_not_get_there(filled: Path, tmp_path: Path) -> None:
    """One line says which content it is."""
    blob = max(filled.glob("blobs/*/*"), key=lambda path: path.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")

    finished = runlake_command(filled, "push", "first", "--to", str(tmp_path / "other"))

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == (
        f"runlake: The content {blob.name} is damaged where it comes from: what lies there has the hash "
        f"{finished.stderr.split()[-1].rstrip('.')}.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--to", "other"], "Name a run or an experiment."),
        (["first"], "Missing option '--to'."),
        (["nobody", "--to", "other"], "nobody"),
        (["first", "--to", "lake"], "is the store that the runs are in"),
        (["first", "--to", "a file"], "is a file. A store is a folder"),
        (["-e", "nowhere", "--to", "other"], "There is no experiment 'nowhere'"),
    ],
)
def test_what_cannot_be_pushed_is_said_in_a_line(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str
) -> None:
    """And nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    if filled != tmp_path / "lake":
        shutil.copytree(filled, tmp_path / "lake")

    finished = runlake_command(tmp_path / "lake", "push", *arguments)

    assert finished.returncode in (1, 2)
    assert error in finished.stderr.splitlines()[-1]
    assert not (tmp_path / "other").exists()


def test_an_experiment_that_is_deleted_there_is_named(filled: Path, tmp_path: Path) -> None:
    """With the command that takes it back."""
    target = tmp_path / "other"
    push(filled, "first", "--to", str(target))
    assert runlake_command(target, "experiments", "delete", "churn").returncode == 0

    finished = runlake_command(filled, "push", "second", "--to", str(target))

    assert finished.returncode == 1
    assert f"The experiment 'churn' of {target} is deleted. Take it back with `runlake experiments restore" in finished.stderr
