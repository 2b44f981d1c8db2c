"""What is kept of a run when it is asked for: the end of what is printed, and how busy the machine was."""

from __future__ import annotations

import importlib.util
import io
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runlake
from children import run_program
from runlake.recording.surroundings import console

SERIES = ["cpu_utilization_percentage", "disk_available_megabytes", "disk_usage_megabytes", "disk_usage_percentage"]
SERIES += ["process_cpu_percentage", "process_memory_megabytes", "system_memory_usage_megabytes", "system_memory_usage_percentage"]


def only_run(store: Path) -> runlake.read.Run:
    """The one run of the store."""
    (run,) = runlake.read.open_store(store).runs()
    return run


def test_the_end_of_what_a_run_prints_is_kept(store: Path) -> None:
    """Of both outputs, in order, up to the error that ends it; what is printed stays as it is."""
    program = """
        import sys, runlake
        print("before")
        runlake.start_run()
        print("one", 2, sep="; ")
        print("warned", file=sys.stderr)
        sys.stdout.write("password: " + "hunter2" * 3 + "\\n")
        raise ValueError("bad")
    """
    ended = run_program(program, store, RUNLAKE_CONSOLE="1")

    kept = only_run(store).read_artifact("console.txt").decode()

    lines = kept.splitlines()
    assert lines[:4] == ["one; 2", "warned", "password: <redacted:named:21>", "Traceback (most recent call last):"]
    assert lines[-1] == "ValueError: bad"
    assert ended.stdout == "before\none; 2\npassword: hunter2hunter2hunter2\n"


def test_the_outputs_are_put_back(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And left to whoever listens on top of us."""
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", Stream(out))
    monkeypatch.setattr(sys, "stderr", Stream(err))
    monkeypatch.setenv("RUNLAKE_CONSOLE", "1")

    with runlake.start_run():
        print("in")
        during = "write" in vars(sys.stdout), "write" in vars(sys.stderr)
        sys.stderr.write = theirs = lambda text: err.write(text)  # type: ignore[method-assign]  # as a user does
    print("after")

    assert during == (True, True)
    assert ("write" in vars(sys.stdout), vars(sys.stderr)["write"] is theirs) == (False, True)
    assert (out.getvalue(), only_run(store).read_artifact("console.txt")) == ("in\nafter\n", b"in\n")


class Stream:
    """An output as a notebook's is: an object with attributes."""

    def __init__(self, inner: io.StringIO) -> None:
        self.inner = inner

    def write(self, text: str) -> int:
        """Print."""
        return self.inner.write(text)

    def flush(self) -> None:
        """Nothing waits."""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=40))
def test_no_more_is_held_than_the_end(pieces: list[str]) -> None:
    """To the character, with the number of those that went before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "MOST_CHARACTERS", 100)
        patch.setattr(sys, "stdout", Stream(io.StringIO()))
        patch.setattr(sys, "stderr", None)
        kept = console.Console()
        for piece in pieces:
            sys.stdout.write(piece)
        text = kept.stop()

    whole = "".join(pieces)
    before = f"[{len(whole) - 100:,} characters before this were not kept]\n" if len(whole) > 100 else ""
    assert text == before + whole[-100:]


@pytest.mark.parametrize("wanted", [True, None, False])
def test_how_busy_the_machine_is_becomes_series(store: Path, wanted: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the setting, or as the run was asked to; the sampling ends with the run."""
    monkeypatch.setenv("RUNLAKE_SYSTEM_METRICS", "1" if wanted is None else "0")
    monkeypatch.setenv("RUNLAKE_SYSTEM_METRICS_SECONDS", "0.1")

    with runlake.start_run(log_system_metrics=wanted):
        time.sleep(0.35 if wanted is not False else 0)
    alive = [thread.name for thread in threading.enumerate() if thread.name == "runlake-load" and not settled(thread)]

    found = {key.removeprefix("system/"): series for key, series in only_run(store).metrics.items() if key.startswith("system/")}
    assert alive == []
    assert (set(SERIES) <= found.keys(), found == {}) == (wanted is not False, wanted is False)
    assert all(len(found[key]) >= 3 for key in SERIES if found)


def settled(thread: threading.Thread) -> bool:
    """Whether the thread ends now."""
    thread.join(5)
    return not thread.is_alive()


def test_a_short_run_has_one_sample(store: Path) -> None:
    """Taken as it ends; and a value of the user's under the same name is left alone."""
    with runlake.start_run(log_system_metrics=True):
        runlake.log_metric("system/disk_usage_percentage", 7.0)

    metrics = only_run(store).metrics

    assert [len(metrics[f"system/{key}"]) for key in SERIES] == [1] * len(SERIES)
    assert metrics["system/disk_usage_percentage"].last == 7.0
    assert 0 < metrics["system/system_memory_usage_percentage"].last < 100


def test_without_the_library_for_it_the_run_goes_on(store: Path, tmp_path: Path) -> None:
    """A line says what to install."""
    assert importlib.util.find_spec("psutil") is not None
    program = """
        import sys
        sys.modules["psutil"] = None
        import runlake
        with runlake.start_run(log_system_metrics=True):
            runlake.log_metric("loss", 1.0)
    """
    ended = run_program(program, store, RUNLAKE_SILENT="0")

    assert "need psutil" in ended.stderr
    assert "pip install 'runlake[machine]'" in ended.stderr
    assert list(only_run(store).metrics) == ["loss"]


def test_a_forked_child_samples_nothing(store: Path) -> None:
    """The thread is not in it, and the run is its parent's to end."""
    program = """
        import os, runlake
        with runlake.start_run(log_system_metrics=True):
            child = os.fork()
            if not child:
                runlake.end_run()
                os._exit(0)
            os.waitpid(child, 0)
    """
    assert run_program(program, store).stderr == ""

    assert len(only_run(store).metrics["system/disk_usage_percentage"]) == 1
