"""Runs that a client opens, ends, renames and puts away: by their ids, whichever process they are of."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import run_program, start_program
from reading import series
from runlake import RunlakeClient
from runlake.entities import LifecycleStage
from runlake.recording import stored


def state(client: RunlakeClient, run_id: str) -> tuple[str, int | None]:
    """How the run stands, and when it ended."""
    info = client.get_run(run_id).info
    return info.status, info.end_time


def test_a_run_is_given_as_it_begins(client: RunlakeClient, store: Path) -> None:
    """It is in the store by then, and reads the same."""
    made = client.create_run("0", 5_000, {"team": "a", "year": 2026}, "first")
    there = b"".join(part.read_bytes() for part in store.glob("wal/*/*.wal"))
    read = client.get_run(made.info.run_id)

    assert made.info.run_id.encode() in there
    assert (made.info, made.data, made.inputs) == (read.info, read.data, read.inputs)
    assert (made.info.status, made.info.run_name, made.info.start_time, made.info.end_time) == ("RUNNING", "first", 5_000, None)
    assert made.data.tags | {"team": "a", "year": "2026", "mlflow.runName": "first"} == made.data.tags


def test_a_run_is_nobodys_active_one_until_it_is_terminated(client: RunlakeClient, run_id: str) -> None:
    """With the run that is active here nothing happens."""
    with runlake.start_run() as active:
        client.log_metric(run_id, "loss", 0.5)
        runlake.log_metric("loss", 2.0)
        before = state(client, run_id)
        client.set_terminated(run_id)
        seen = runlake.active_run()

    assert (seen, runlake.active_run()) == (active, None)
    assert (before, client.get_run(run_id).info.status) == (("RUNNING", None), "FINISHED")
    assert (series(run_id, "loss"), series(active.run_id, "loss")) == ([(0, 0.5)], [(0, 2.0)])


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_ends_as_and_when_it_is_told(client: RunlakeClient, run_id: str, status: str) -> None:
    """A later word counts."""
    client.set_terminated(run_id)
    client.set_terminated(run_id, status, 7_000)

    assert state(client, run_id) == (status, 7_000)


@pytest.mark.parametrize("status", ["RUNNING", "SCHEDULED", "CRASHED", "finished", "", 3])
def test_a_run_does_not_end_otherwise(client: RunlakeClient, run_id: str, status: Any) -> None:
    """The error names what it ends as; of an update that is wrong nothing is done."""
    with pytest.raises(runlake.InvalidValue, match=f"FINISHED, FAILED, KILLED or PRUNED, not {status!r}"):
        client.set_terminated(run_id, status)
    if status != "RUNNING":
        with pytest.raises(runlake.InvalidValue, match=f"RUNNING, or ended FINISHED, FAILED, KILLED or PRUNED, not {status!r}"):
            client.update_run(run_id, status, "renamed")

    assert (state(client, run_id), client.get_run(run_id).info.run_name) == (("RUNNING", None), "of the client")


@pytest.mark.parametrize("name", ["", 5])
def test_a_run_is_not_renamed_to_what_is_no_name(client: RunlakeClient, run_id: str, name: Any) -> None:
    """Nor does it end by that call."""
    with pytest.raises(runlake.InvalidValue, match=f"name is text, not {name!r}"):
        client.update_run(run_id, "FINISHED", name)

    assert state(client, run_id) == ("RUNNING", None)


@pytest.mark.parametrize("time", ["now", 1.5, 2**63])
def test_a_time_that_is_none_is_refused(client: RunlakeClient, run_id: str, time: Any) -> None:
    """Before there is a run, or an end."""
    with pytest.raises(runlake.InvalidValue, match="start time is in whole milliseconds since 1970"):
        client.create_run("0", start_time=time)
    with pytest.raises(runlake.InvalidValue, match="end time is in whole milliseconds since 1970"):
        client.set_terminated(run_id, end_time=time)

    assert [(run.info.run_id, run.info.status) for run in runlake.read.open_store().runs()] == [(run_id, "RUNNING")]


def test_an_end_that_is_corrected_stays_when_it_was(client: RunlakeClient, run_id: str) -> None:
    """One that was not there yet is now."""
    other = client.create_run("0", 5_000).info
    client.set_terminated(run_id, "FINISHED", 7_000)
    client.update_run(run_id, "FAILED", "renamed")
    client.update_run(other.run_id, status="KILLED")
    read, (status, end) = client.get_run(run_id), state(client, other.run_id)

    assert (state(client, run_id), read.info.run_name, read.tags["mlflow.runName"]) == (("FAILED", 7_000), "renamed", "renamed")
    assert (status, end is not None and end > other.start_time) == ("KILLED", True)


def test_a_run_that_ended_goes_on_when_it_is_told_to(client: RunlakeClient, run_id: str) -> None:
    """And ends again; steps count on."""
    client.log_metric(run_id, "loss", 1.0)
    client.set_terminated(run_id, "FAILED")
    client.update_run(run_id, "RUNNING")
    between = state(client, run_id)
    client.log_metric(run_id, "loss", 0.5)
    client.set_terminated(run_id)

    assert (between, client.get_run(run_id).info.status) == (("RUNNING", None), "FINISHED")
    assert series(run_id, "loss") == [(0, 1.0), (1, 0.5)]


def test_the_active_run_stays_active_when_it_is_terminated(client: RunlakeClient) -> None:
    """As loggers of libraries do with a run that the user opened; its own end comes later."""
    with runlake.start_run() as run:
        client.set_terminated(run.run_id, "FAILED")
        between = client.get_run(run.run_id).info.status
        runlake.log_metric("after", 1.0)

    assert (between, client.get_run(run.run_id).info.status) == ("FAILED", "FINISHED")
    assert series(run.run_id, "after") == [(0, 1.0)]


def test_start_run_goes_on_with_a_run_of_the_client(client: RunlakeClient, run_id: str) -> None:
    """And ends it with its block; all that logs to it counts on, also when the block was long ago."""
    client.log_metric(run_id, "loss", 1.0)
    with runlake.start_run(run_id):
        runlake.log_metric("loss", 0.5)
        client.log_metric(run_id, "loss", 0.25)
    for _ in range(70):
        with runlake.start_run():
            pass
    client.log_metric(run_id, "loss", 0.125)

    assert client.get_run(run_id).info.status == "FINISHED"
    assert series(run_id, "loss") == [(0, 1.0), (1, 0.5), (2, 0.25), (3, 0.125)]


def test_a_parent_is_named_by_a_tag(client: RunlakeClient, run_id: str) -> None:
    """One that is not there is refused, and no child stays."""
    child = client.create_run("0", tags={"mlflow.parentRunId": run_id}).info
    with pytest.raises(runlake.UnknownRun, match="'beef'"):
        client.create_run("0", tags={"mlflow.parentRunId": "beef"})
    found = client.get_parent_run(child.run_id)

    assert found is not None
    assert (found.info.run_id, child.parent_run_id, client.get_parent_run(run_id)) == (run_id, run_id, None)
    assert len(runlake.read.open_store().runs()) == 2


def test_the_parent_of_the_environment_is_one_of_its_own_store(
    client: RunlakeClient, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of another store have none."""
    monkeypatch.setenv("RUNLAKE_PARENT_RUN_ID", run_id)
    made = [each.create_run("0").info.parent_run_id for each in (client, RunlakeClient(tmp_path / "other"))]

    assert made == [run_id, None]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"experiment_id": "7"}, "no experiment '7'"),
        ({"experiment_id": None}, "no experiment 'None'"),
        ({"experiment_id": "0", "tags": {5: "five"}}, "key is text, not int: 5"),
        ({"experiment_id": "0", "tags": ["team"]}, "a dict, not list"),
        ({"experiment_id": "0", "run_name": ""}, "name is text, not ''"),
        ({"experiment_id": "0", "run_name": "a", "tags": {"mlflow.runName": "b"}}, "two names: 'a', and 'b'"),
    ],
)
def test_what_is_wrong_with_a_new_run_leaves_none(client: RunlakeClient, run_id: str, given: dict[str, Any], message: str) -> None:
    """The error says what it is."""
    with pytest.raises(runlake.RunlakeError, match=message):
        client.create_run(**given)
    runlake.flush()

    assert [run.info.run_id for run in runlake.read.open_store().runs()] == [run_id]


def test_a_run_that_is_started_with_a_wrong_tag_leaves_none(store: Path) -> None:
    """As one that a client creates."""
    with pytest.raises(runlake.InvalidValue, match="key is text, not int: 5"):
        runlake.start_run(tags={5: "five"})  # type: ignore[dict-item]  # that it is wrong is the point
    runlake.flush()

    assert (runlake.active_run(), list(store.glob("wal/*/*"))) == (None, [])


@pytest.mark.parametrize("is_started", [False, True])
def test_a_run_that_was_put_away_takes_nothing_until_it_is_taken_back(client: RunlakeClient, run_id: str, is_started: bool) -> None:
    """Whoever opened it."""
    if is_started:
        with runlake.start_run() as started:
            run_id = started.run_id
    client.delete_run(run_id)
    verbs: list[Callable[[], Any]] = [
        lambda: client.log_metric(run_id, "loss", 1.0),
        lambda: client.set_tag(run_id, "team", "a"),
        lambda: client.set_terminated(run_id),
        lambda: client.update_run(run_id, name="renamed"),
    ]
    for verb in verbs:
        with pytest.raises(runlake.RunlakeError, match=r"is deleted\. Restore it with restore_run"):
            verb()
    away = client.get_run(run_id).info.lifecycle_stage
    client.restore_run(run_id)
    client.log_metric(run_id, "loss", 0.5)

    assert (away, client.get_run(run_id).info.lifecycle_stage) == (LifecycleStage.DELETED, LifecycleStage.ACTIVE)
    assert series(run_id, "loss") == [(0, 0.5)]


def test_a_run_that_many_others_have_pushed_out_goes_on_where_it_was(client: RunlakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked up in the store again."""
    monkeypatch.setattr(stored, "KEPT_OPEN", 2)
    ids = [client.create_run("0").info.run_id for _ in range(4)]
    for value in (1.0, 0.5):
        for run_id in ids:
            client.log_metric(run_id, "loss", value)

    assert [series(run_id, "loss") for run_id in ids] == [[(0, 1.0), (1, 0.5)]] * 4


def test_a_run_of_a_living_process_is_terminated(client: RunlakeClient, store: Path) -> None:
    """That it is told to run changes nothing before, since it does: it stays its owner's."""
    program = start_program("import runlake\nrun = runlake.start_run()\nrunlake.flush()\nprint(run.run_id)\ninput()", store)
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    owner = client.get_run(run_id).info.writer
    client.update_run(run_id, "RUNNING")
    still = client.get_run(run_id).info.writer
    client.set_terminated(run_id, "KILLED", 7_000)
    told = state(client, run_id)
    os.kill(program.pid, signal.SIGKILL)
    program.communicate(timeout=30)

    assert (still, told, state(client, run_id)) == (owner, ("KILLED", 7_000), ("KILLED", 7_000))


@pytest.mark.parametrize("death", ["pass", "import os; runlake.flush(); os.kill(os.getpid(), 9)"])
def test_a_run_is_crashed_when_its_process_is_gone(client: RunlakeClient, store: Path, death: str) -> None:
    """However it went, until somebody terminates the run or goes on with it."""
    code = f"import runlake\nclient = runlake.MlflowClient()\nprint(client.create_run('0').info.run_id, flush=True)\n{death}"
    ended, resumed = (run_program(code, store).stdout.strip() for _ in range(2))
    found = state(client, ended), state(client, resumed)
    client.set_terminated(ended, "FAILED", 7_000)
    client.update_run(resumed, "RUNNING")

    assert found == (("CRASHED", None), ("CRASHED", None))
    assert (state(client, ended), state(client, resumed)) == (("FAILED", 7_000), ("RUNNING", None))


def test_a_run_that_is_terminated_by_the_process_that_created_it_is_not_crashed(client: RunlakeClient, store: Path) -> None:
    """Its points are there as well."""
    code = """
        import runlake
        client = runlake.MlflowClient()
        run_id = client.create_run("0").info.run_id
        client.log_metric(run_id, "loss", 0.5)
        client.set_terminated(run_id, "FAILED")
        print(run_id)
    """
    run_id = run_program(code, store).stdout.strip()

    assert (client.get_run(run_id).info.status, series(run_id, "loss")) == ("FAILED", [(0, 0.5)])


def test_a_forked_child_ends_a_run_of_its_parent(store: Path) -> None:
    """Through a log of its own."""
    finished = run_program(
        """
        import os, runlake
        client = runlake.MlflowClient()
        run_id = client.create_run("0").info.run_id
        client.log_metric(run_id, "loss", client.get_run(run_id).info.start_time)
        child = os.fork()
        if child == 0:
            client.log_metric(run_id, "of the child", 1.0)
            client.set_terminated(run_id, "KILLED", 7_000)
            os._exit(client.get_run(run_id).info.status != "KILLED")
        code = os.waitpid(child, 0)[1]
        read = client.get_run(run_id)
        print(code, read.info.status, read.info.end_time, sorted(read.metrics))
        """,
        store,
    )

    assert (finished.stdout, finished.stderr) == ("0 KILLED 7000 ['loss', 'of the child']\n", "")


def test_a_tag_that_another_process_set_is_taken_back(client: RunlakeClient, run_id: str, store: Path) -> None:
    """One that nobody set is an error, which names those there are."""
    run_program(f"import runlake\nrunlake.MlflowClient().set_tag({run_id!r}, 'team', 'a')", store)
    with pytest.raises(runlake.InvalidValue, match=r"has no tag 'other'; it has \[.*'team'\]"):
        client.delete_tag(run_id, "other")
    before = client.get_run(run_id).tags["team"]
    client.delete_tag(run_id, "team")

    assert (before, "team" in client.get_run(run_id).tags) == ("a", False)
