"""Runs: opened, nested, ended, and what a verb does without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment


def statuses() -> dict[str, str]:
    """Each run's name and status as a reader finds them."""
    return {run.info.run_name: run.info.status for run in runlake.read.open_store().runs()}


def test_a_run_is_running_until_it_ends(store: Path) -> None:
    """A reader sees both."""
    run = runlake.start_run(run_name="first")
    runlake.flush()
    before = statuses()
    runlake.end_run()

    assert (before, statuses(), run.is_ended) == ({"first": "RUNNING"}, {"first": "FINISHED"}, True)


@pytest.mark.parametrize(("error", "status"), [(ValueError(), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(2), "FAILED")])
def test_an_error_that_leaves_the_block_is_how_the_run_ended(store: Path, error: BaseException, status: str) -> None:
    """The error itself goes on untouched."""
    with pytest.raises(type(error)) as caught, runlake.start_run(run_name="first"):
        raise error

    assert (caught.value, statuses()) == (error, {"first": status})


def test_a_second_run_needs_to_be_asked_for(store: Path) -> None:
    """The error names both ways out; a nested run gives the outer one back."""
    with runlake.start_run(run_name="outer") as outer:
        with pytest.raises(runlake.RunlakeError, match=r"'outer' .* end_run\(\), or pass nested=True"):
            runlake.start_run()
        with runlake.start_run(run_name="inner", nested=True) as inner:
            assert runlake.active_run() is inner
        assert runlake.active_run() is outer

    assert runlake.active_run() is None
    assert statuses() == {"outer": "FINISHED", "inner": "FINISHED"}


def test_a_verb_without_a_run_opens_one(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One for all that follow, and a line that says so; ending nothing is fine."""
    monkeypatch.setenv("RUNLAKE_SILENT", "0")
    runlake.end_run()
    runlake.log_metric("loss", 1.0)
    runlake.log_param("lr", 0.1)
    run = runlake.active_run()
    assert run is not None
    runlake.end_run()

    assert statuses() == {run.name: "FINISHED"}
    assert f"no run was open, so {run.name!r} was started" in capsys.readouterr().err


def test_an_unknown_status_is_refused(store: Path) -> None:
    """The run stays open."""
    with runlake.start_run() as run:
        with pytest.raises(runlake.InvalidValue, match="FINISHED, FAILED, KILLED or PRUNED, not 'DONE'"):
            runlake.end_run("DONE")
        assert not run.is_ended


def test_what_is_logged_after_the_end_is_kept(store: Path) -> None:
    """A thread that comes late loses nothing."""
    with runlake.start_run() as run:
        runlake.log_metric("loss", 1.0)
    run.log_metric("loss", 2.0)
    runlake.flush()

    assert runlake.read.open_store().points(run.run_id)["value"].to_pylist() == [1.0, 2.0]


def test_artifacts_come_back_as_they_were(store: Path, tmp_path: Path) -> None:
    """A file, a folder, a text, under the names that were asked for."""
    folder = tmp_path / "plots" / "deep"
    folder.mkdir(parents=True)
    (folder / "loss.bin").write_bytes(b"\0\1")
    (tmp_path / "notes.md").write_text("before")
    with runlake.start_run() as run:
        runlake.log_artifact(tmp_path / "notes.md")
        runlake.log_artifact(str(tmp_path / "plots"), "figures")
        runlake.log_text("ü", "texts/a.txt")
        (tmp_path / "notes.md").write_text("after")

    opened = runlake.read.open_store()
    names = sorted(opened.runs()[0].artifacts)
    assert {name: opened.run(run.run_id).read_artifact(name) for name in names} == {
        "figures/deep/loss.bin": b"\0\1",
        "notes.md": b"before",
        "texts/a.txt": "ü".encode(),
    }


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/.", "a\\..\\b", "a\0b"])
def test_no_artifact_name_reaches_outside_the_run(store: Path, name: str) -> None:
    """Refused before anything is kept."""
    with runlake.start_run(), pytest.raises(runlake.InvalidValue, match="relative path"):
        runlake.log_text("x", name)

    assert not list(store.rglob("blobs/*/*"))


def test_an_absent_file_is_an_error_of_the_callers(store: Path, tmp_path: Path) -> None:
    """It names the path."""
    with runlake.start_run(), pytest.raises(runlake.InvalidValue, match=r"gone\.png"):
        runlake.log_artifact(tmp_path / "gone.png")


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_nobody_to_tell_where_runs_go_changes_nothing(tmp_path: Path, stderr: str) -> None:
    """Neither the program's output nor its end."""
    code = "import runlake; runlake.log_metric('loss', 1.0); print('mine')"
    finished = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {stderr}', sys.executable, code],
        env=environment(tmp_path / "lake", RUNLAKE_SILENT="0"),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )

    assert (finished.returncode, finished.stdout) == (0, "mine\n")
    assert len(runlake.read.open_store(tmp_path / "lake").points()) == 1
