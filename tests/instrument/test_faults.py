"""What goes wrong in a plugin is in the run's record, costs the training nothing, and stops after three times."""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runlake
from runlake.instrument import watchdog, work
from toys import recorded, rows, seen

Install = Callable[..., None]

FLAKY = """
CALLS = []

def capture(call):
    call.run.log_param("a", 1)
    yield
    raise ValueError("flaky")

@isolated
def listener(number, loss):
    CALLS.append(number)
    raise OSError("disk")

def listening(call):
    call.rewrite(callbacks=[listener])
    yield

@hookimpl
def patches():
    return [
        Patch("toylib.core:train", capture, why="to fail"),
        Patch("toylib.core:train", listening, why="to fail in a callback", role="inside"),
    ]
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A plugin that is away for a tenth of a second hangs."""
    monkeypatch.setattr(watchdog, "HANG_SECONDS", 0.1)
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.02)
    hung = set(work._hung)
    yield
    work._hung.clear()
    work._hung.update(hung)


def test_failures_are_rows_of_the_run_and_its_status_is_the_librarys(
    toylib: ModuleType, install: Install, lenient: None, store: Path
) -> None:
    """Each failure in words, and per capture how often it was called, what failed, whether it was switched off."""
    install("flaky", FLAKY)
    runlake.autolog("flaky")

    toylib.train("data", 5)

    (run,) = rows(store)
    assert recorded(store) == [("train", "FINISHED", None, {"a": 1})]
    assert run.errors == [
        *["flaky runlake_flaky:listener: answering it raised OSError: disk"] * 3,
        "flaky toylib.core:train: recording after it raised ValueError: flaky",
    ]
    assert [(row.plugin, row.target, row.calls, row.failures, row.is_off, row.cost_ns > 0) for row in run.captures] == [
        ("flaky", "runlake_flaky:listener", 3, 3, True, True),
        ("flaky", "toylib.core:train", 2, 1, False, True),
    ]


def test_three_strikes_count_for_one_run(toylib: ModuleType, install: Install, lenient: None) -> None:
    """The next training tries again."""
    install("flaky", FLAKY)
    runlake.autolog("flaky")

    toylib.train("data", 5)
    toylib.train("data", 5)

    assert sys.modules["runlake_flaky"].CALLS == [0, 1, 2] * 2


def test_failures_are_said_once(toylib: ModuleType, install: Install, lenient: None, caplog: pytest.LogCaptureFixture) -> None:
    """One warning for each cause, however often it comes."""
    install("loud", FLAKY.replace("flaky", "loud"))
    runlake.autolog("loud")

    with caplog.at_level(logging.WARNING, "runlake"):
        for _ in range(3):
            toylib.train("data", 5)

    assert len(caplog.records) == 2


def test_a_capture_that_hangs_is_reported_with_its_stack_and_off(
    toylib: ModuleType, install: Install, lenient: None, impatient: None, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The library's result comes back; the next training is not held up again."""
    code = """
        import time
        CALLS = []
        def capture(call):
            call.run.log_param("a", 1)
            CALLS.append(1)
            time.sleep(0.5)
            yield
        @hookimpl
        def patches():
            return [Patch("toylib.core:train", capture, why="to hang")]
        """
    install("hanging", code)
    runlake.autolog("hanging")

    with caplog.at_level(logging.WARNING, "runlake"):
        assert [toylib.train("data", 5).best_round for _ in range(2)] == [4, 4]

    assert len(sys.modules["runlake_hanging"].CALLS) == 1
    assert "time.sleep(0.5)" in caplog.text
    assert [(run.captures[0].failures, run.captures[0].is_off) for run in rows(store)] == [(1, True)]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not say how long a thread waited for a processor")
def test_a_capture_on_a_busy_machine_does_not_hang(
    toylib: ModuleType, install: Install, impatient: None, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time in which others ran is not its own: what works hard for a moment, among five, is not off."""
    monkeypatch.setattr(watchdog, "HANG_SECONDS", 0.3)
    code = """
        import time
        AWAY = []
        def capture(call):
            begun, worked = time.monotonic(), time.thread_time()
            while time.thread_time() - worked < 0.15:
                pass
            AWAY.append(time.monotonic() - begun)
            call.run.log_param("a", 1)
            yield
        @hookimpl
        def patches():
            return [Patch("toylib.core:train", capture, why="to work")]
        """
    install("working", code)
    runlake.autolog("working")
    free = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(free)})
    spin = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    others = [subprocess.Popen(spin, stdout=subprocess.PIPE) for _ in range(5)]

    try:
        assert [other.stdout.readline() for other in others if other.stdout] == [b"\n"] * 5
        toylib.train("data", 5)
    finally:
        os.sched_setaffinity(0, free)
        for other in others:
            other.kill()
            other.communicate()

    assert max(sys.modules["runlake_working"].AWAY) > 0.35
    assert [(run.captures[0].failures, run.captures[0].is_off) for run in rows(store)] == [(0, False)]


def test_a_capture_that_imports_from_a_slow_disk_does_not_hang(
    toylib: ModuleType, install: Install, impatient: None, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the next training go without it."""
    (tmp_path / "slow_to_come.py").write_text("import time\ntime.sleep(0.5)\n")
    monkeypatch.syspath_prepend(tmp_path)
    code = """
        def capture(call):
            import slow_to_come
            call.run.log_param("a", 1)
            yield
        @hookimpl
        def patches():
            return [Patch("toylib.core:train", capture, why="to import")]
        """
    install("importing", code)
    runlake.autolog("importing")

    assert [toylib.train("data", 5).best_round for _ in range(2)] == [4, 4]

    assert [(run.params, run.captures[0].failures) for run in rows(store)] == [({"a": 1}, 0)] * 2


@pytest.mark.parametrize(("name", "junk"), [("number", "7"), ("iterator", "iter([1, 2])"), ("same", "call")])
def test_a_capture_that_gives_something_else_is_named(
    name: str, junk: str, toylib: ModuleType, install: Install, lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The training goes on, and the warning says what a capture is."""
    code = f"""
        def capture(call):
            return {junk}
        @hookimpl
        def patches():
            return [Patch("toylib.core:train", capture, why="to be wrong")]
        """
    install(name, code)  # each cause is said once in a process
    runlake.autolog(name)

    assert toylib.train("data").best_round == 2
    assert "a capture yields once or gives nothing" in str(caplog.records[-1].exc_info)


def test_a_capture_without_a_yield_only_looks(toylib: ModuleType, install: Install, store: Path) -> None:
    """It is a plain function; a training of which it records nothing leaves no run, one of which it does is a run as any."""
    code = """
        def capture(call):
            if call.arguments["rounds"] > 1:
                call.run.log_param("seen", call.arguments["rounds"])
        @hookimpl
        def patches():
            return [Patch("toylib.core:train", capture, why="to see")]
        """
    install("looks", code)
    runlake.autolog("looks")

    for rounds in (1, 2):
        toylib.train("data", rounds)

    assert recorded(store) == [("train", "FINISHED", None, {"seen": 2})]


def test_a_capture_with_two_yields_is_closed_at_the_second(toylib: ModuleType, install: Install, lenient: None, store: Path) -> None:
    """What it recorded before is kept, and the run says what is wrong with it."""
    code = """
        def capture(call):
            call.run.log_param("a", 1)
            yield
            yield
            call.run.log_param("b", 2)
        @hookimpl
        def patches():
            return [Patch("toylib.core:train", capture, why="to go on")]
        """
    install("twice", code)
    runlake.autolog("twice")

    toylib.train("data")

    assert recorded(store) == [("train", "FINISHED", None, {"a": 1})]
    assert rows(store)[0].errors == ["twice toylib.core:train: it yields more than once"]


def test_what_a_capture_sets_in_its_context_stays_there(toylib: ModuleType, install: Install) -> None:
    """Both halves share one context; the user's has nothing of it."""
    code = """
        from contextvars import ContextVar
        SEEN, MINE = [], ContextVar("mine")
        def capture(call):
            MINE.set("first half")
            yield
            SEEN.append(MINE.get())
        @hookimpl
        def patches():
            return [Patch("toylib.core:train", capture, why="to set")]
        """
    install("setting", code)
    runlake.autolog("setting")
    before = dict(copy_context().items())

    toylib.train("data")

    assert seen("setting") == ["first half"]
    assert dict(copy_context().items()) == before


def test_the_process_is_as_it_was(toylib: ModuleType) -> None:
    """Random numbers, warnings, logging, signal handlers, hooks, finders of others."""

    def state() -> list[Any]:
        handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        loggers = [logging.root.level, list(logging.root.handlers), logging.getLogger("runlake").handlers]
        return [random.getstate(), list(warnings.filters), warnings.showwarning, handlers, loggers, sys.excepthook, threading.excepthook]

    before, finders = state(), list(sys.meta_path)

    runlake.autolog("toylib")
    toylib.train("data")
    toylib.Child(2, toylib.Estimator()).fit("data")
    inside = state()
    runlake.disable_autolog()

    assert inside == state() == before
    assert sys.meta_path == finders


def test_nothing_of_the_users_is_kept(toylib: ModuleType) -> None:
    """Data and model are gone when the user lets go of them, after a good call and after a failed one."""

    class Data(list[int]):
        pass

    runlake.autolog("toylib")
    gc.disable()
    try:
        data = Data([1])
        estimator = toylib.Estimator().fit(data)
        held = [weakref.ref(data), weakref.ref(estimator)]
        del data, estimator
        assert [each() for each in held] == [None, None]
    finally:
        gc.enable()


def test_a_store_that_cannot_be_written_leaves_the_training_alone(
    toylib: ModuleType, lenient: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the store should be."""
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("RUNLAKE_STORE", str(tmp_path / "file"))
    runlake.autolog("toylib")

    assert toylib.train("data").best_round == 2
    assert toylib.Child().fit("data").model_.best_round == 2
