"""Exits: however a program leaves, its exit code is its own, what it logged is in the store, and the run says how it ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import runlake
from children import environment, run_program, start_program
from conftest import lacking

LAST_LINES = """
for n in range(1000):
    runlake.log_metric("loss", float(n), n)
"""


def leave(code: str, store: Path, *before: str, env: dict[str, str] | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program by this command line, of which the interpreter's own options and the code are the end."""
    return subprocess.run(
        [*before, "-c", textwrap.dedent(code)],
        env=env or environment(store, RUNLAKE_STRICT="1"),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def losses(store: Path) -> list[float]:
    """The values of the series `loss`, by their steps."""
    points = runlake.read.open_store(store).points(key="loss")
    return [float(value) for value in points["value"].to_pylist()]


def statuses(store: Path) -> list[str]:
    """The status of every run, in the order of their start."""
    return [run.info.status for run in runlake.read.open_store(store).runs()]


def strace(*calls: str) -> list[str]:
    """The command that starts a program whose system calls are delayed or fail."""
    found = shutil.which("strace")
    if found is None:
        lacking("strace")
    names = ",".join(call.partition(":")[0] for call in calls)
    return [str(found), "-f", "-qq", "-o", os.devnull, "-e", f"trace={names}", *(f"--inject={call}" for call in calls), sys.executable]


ENDS = [
    ("pass", 0, "FINISHED"),
    ("sys.exit(0)", 0, "FINISHED"),
    ("sys.exit()", 0, "FINISHED"),
    ("sys.exit(3)", 3, "FAILED"),
    ("sys.exit('no data')", 1, "FAILED"),
    ("raise ValueError('no data')", 1, "FAILED"),
    # Flushed first: an import that ends after Ctrl-C has CPython forget to leave by the signal, whoever imports.
    ("runlake.flush(); os.kill(os.getpid(), signal.SIGINT); time.sleep(10)", -signal.SIGINT, "KILLED"),
]


@pytest.mark.parametrize(("end", "code", "status"), ENDS)
def test_a_run_in_a_block_ends_as_its_block_does(tmp_path: Path, end: str, code: int, status: str) -> None:
    """The exit code is the program's own, and the points of its last line are there."""
    block = textwrap.indent(LAST_LINES + end, "    ")
    done = run_program(f"import os, signal, sys, time, runlake\nwith runlake.start_run():\n{block}", tmp_path / "lake", RUNLAKE_STRICT="1")

    assert (done.returncode, "runlake" in done.stderr.partition("Traceback")[0]) == (code, False)
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], [status])


@pytest.mark.parametrize(("end", "code", "status"), ENDS)
def test_a_run_left_open_ends_as_the_program_does(tmp_path: Path, end: str, code: int, status: str) -> None:
    """As far as Python tells: an uncaught error, but not the code that `sys.exit` was called with."""
    done = run_program(
        f"import os, signal, sys, time, runlake\nrunlake.start_run(){LAST_LINES}{end}", tmp_path / "lake", RUNLAKE_STRICT="1"
    )

    assert (done.returncode, "runlake" in done.stderr.partition("Traceback")[0]) == (code, False)
    told = "FINISHED" if "exit" in end else status
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], [told])


def test_a_program_that_never_returns_to_python_keeps_what_was_flushed(tmp_path: Path) -> None:
    """os._exit skips everything; a reader finds a clean prefix, and a run that nobody ended."""
    done = run_program(
        """
        import os, runlake
        runlake.start_run()
        for n in range(2000):
            runlake.log_metric("loss", float(n), n)
            if n == 999:
                runlake.flush()
        os._exit(4)
        """,
        tmp_path / "lake",
        RUNLAKE_FLUSH_SECONDS="30",
    )

    assert (done.returncode, done.stderr) == (4, "")
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], ["CRASHED"])
    assert runlake.read.open_store(tmp_path / "lake").findings() == []


def test_sigterm_ends_a_program_as_if_runlake_were_not_there(tmp_path: Path) -> None:
    """No handler is installed for any signal, and what was written before is readable."""
    program = start_program(
        """
        import signal, sys, time
        def handlers():
            return [signal.getsignal(number) for number in signal.valid_signals()]
        before = handlers()
        import runlake
        runlake.start_run()
        for n in range(1000):
            runlake.log_metric("loss", float(n), n)
        runlake.flush()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert handlers() == before
        print("flushed", flush=True)
        time.sleep(30)
        """,
        tmp_path / "lake",
    )
    assert program.stdout is not None
    line = program.stdout.readline()
    program.terminate()
    _, errors = program.communicate(timeout=30)

    assert (line, program.returncode, errors) == ("flushed\n", -signal.SIGTERM, "")
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], ["CRASHED"])


DAEMONS = """
import json, sys, threading, time, runlake
sys.setswitchinterval(1e-5)
run = runlake.start_run()
returned = [0] * 4
def log(i):
    while True:
        run.log_metric(f"daemon {i}", float(returned[i]), returned[i])
        returned[i] += 1
        if returned[i] % 10 == 0:
            time.sleep(0.0002)  # or it is a contest for the interpreter lock
for i in range(4):
    threading.Thread(target=log, args=[i], daemon=True).start()
time.sleep(float(sys.argv[1]))
print(json.dumps(returned))
"""


@pytest.mark.parametrize("seconds", ["0", "0.1", "0.2", "0.5"])
def test_daemon_threads_that_log_do_not_hold_up_the_exit(tmp_path: Path, seconds: str) -> None:
    """What they logged before the exit is there; after it some more, without a gap."""
    done = run_program(DAEMONS, tmp_path / "lake", seconds, RUNLAKE_STRICT="1", RUNLAKE_FLUSH_SECONDS="0.01")

    assert (done.returncode, done.stderr) == (0, "")
    for i, n in enumerate(json.loads(done.stdout)):
        points = runlake.read.open_store(tmp_path / "lake").points(key=f"daemon {i}")
        assert points["step"].to_pylist() == list(range(max(n, points.num_rows)))
    assert (statuses(tmp_path / "lake"), runlake.read.open_store(tmp_path / "lake").findings()) == (["FINISHED"], [])


@pytest.mark.long
def test_daemon_threads_never_hold_up_an_exit(tmp_path: Path) -> None:
    """The same a hundred times."""
    for i in range(100):
        test_daemon_threads_that_log_do_not_hold_up_the_exit(tmp_path / str(i), str(i / 200))


def test_threads_outlive_the_main_one(tmp_path: Path) -> None:
    """Python waits for them before it leaves, and so long nothing of ours is in a hurry."""
    done = run_program(
        """
        import threading, time, runlake
        from runlake.recording import flusher
        flusher.EXIT_SECONDS = 0.2
        def train():
            for _ in range(2):
                with runlake.start_run() as run:
                    for n in range(10):
                        run.log_metric("loss", float(n), n)
                        time.sleep(0.03)
                assert runlake.flush()
        threading.Thread(target=train).start()
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (sorted(losses(tmp_path / "lake")), statuses(tmp_path / "lake")) == (sorted([*range(10)] * 2), ["FINISHED"] * 2)


def test_exit_handlers_of_the_program_may_log(tmp_path: Path) -> None:
    """Those that were registered later find the run open; those from before us run when it has ended, and are written at once."""
    done = run_program(
        """
        import atexit
        @atexit.register
        def registered_before():
            run.log_metric("before", 1.0)
            runlake.flush()
            with runlake.start_run(run_name="at exit"):
                runlake.log_metric("own", 1.0)
        import runlake
        run = runlake.start_run()
        @atexit.register
        def registered_after():
            runlake.log_metric("after", 1.0)
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(runlake.read.open_store(tmp_path / "lake").points()["key"].to_pylist()) == ["after", "before", "own"]
    assert statuses(tmp_path / "lake") == ["FINISHED", "FINISHED"]


def test_the_first_run_of_a_program_may_be_one_of_its_exit_handlers(tmp_path: Path) -> None:
    """Ours has run by then, and found nothing to do."""
    done = run_program(
        """
        import atexit
        @atexit.register
        def registered_before():
            run = runlake.start_run()
            run.log_metric("loss", 0.0)
            run.end()
            run.log_metric("loss", 1.0)
        import runlake
        runlake.end_run()
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([0.0, 1.0], ["FINISHED"])


def test_a_child_forked_by_an_exit_handler_writes_what_it_logs(tmp_path: Path) -> None:
    """It inherits that we are leaving, and no handler of ours comes after."""
    done = run_program(
        """
        import atexit, os, signal
        @atexit.register
        def registered_before():
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                run.log_metric("loss", 0.0)
                return
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            run.log_metric("loss", 1.0 + code)
        import runlake
        run = runlake.start_run()
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (sorted(losses(tmp_path / "lake")), statuses(tmp_path / "lake")) == ([0.0, 1.0], ["FINISHED"])


def test_an_object_that_logs_as_the_interpreter_takes_itself_apart_stops_nothing(tmp_path: Path) -> None:
    """Its points are nobody's promise by then; threads that Python froze may hold any lock of ours."""
    done = run_program(
        """
        import os, sys, threading, time, types, runlake
        class Last:
            run, flush, write = runlake.start_run(), runlake.flush, os.write
            def __del__(self):
                self.run.log_metric("last", 1.0)
                self.run.log_metric("last", 1.0, 7)
                self.run.log_metrics({"last": 1.0})
                Last.flush()
                Last.write(1, b"gone")
        def log(run):
            while True:
                run.log_metric("daemon", 1.0)
                time.sleep(0.0001)
        sys.modules["theirs"] = types.ModuleType("theirs")
        sys.modules["theirs"].last = Last()  # modules that nothing else refers to go first, while ours are still whole
        for _ in range(4):
            threading.Thread(target=log, args=[Last.run], daemon=True).start()
        time.sleep(0.1)
        """,
        tmp_path / "lake",
        timeout=20,
    )

    assert (done.returncode, done.stdout, done.stderr, statuses(tmp_path / "lake")) == (0, "gone", "", ["FINISHED"])


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="this system has no sh")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_program_without_the_standard_files_leaves_as_any_other(tmp_path: Path, closed: str) -> None:
    """Nor does a log take the place of one of them: what is printed into nowhere would land in it."""
    done = leave(
        f"""
        import contextlib, os, runlake
        runlake.start_run(){textwrap.indent(LAST_LINES, " " * 8)}
        runlake.flush()
        for fd in range(3):
            with contextlib.suppress(OSError):
                os.write(fd, b"printed by some library")
        runlake.log_metric("loss", 1000.0, 1000)
        """,
        tmp_path / "lake",
        *("/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable),
    )

    assert done.returncode == 0
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1001)], ["FINISHED"])
    assert runlake.read.open_store(tmp_path / "lake").findings() == []


@pytest.mark.parametrize("wait", ["0", "0.02", "0.05", "0.1"])
def test_a_program_may_leave_while_arrow_is_imported(tmp_path: Path, wait: str) -> None:
    """The shortest program there is."""
    done = run_program(f"import runlake, time; runlake.start_run(); time.sleep({wait})", tmp_path / "lake", RUNLAKE_STRICT="1")

    assert (done.returncode, done.stderr, statuses(tmp_path / "lake")) == (0, "", ["FINISHED"])


STUCK = """
import atexit, time
@atexit.register
def after_all_others():
    run.log_metric("loss", 3.0)
    print(time.monotonic() - before)
import runlake
from runlake.recording import flusher
flusher.EXIT_SECONDS = 0.5
outer = runlake.start_run()
run = runlake.start_run(nested=True)
run.log_metric("loss", 1.0)
before = time.monotonic()
"""


@pytest.mark.parametrize("stuck", ["fdatasync:delay_enter=3000000", "fdatasync:delay_enter=3000000:when=2+"])
def test_a_stuck_disk_holds_up_the_exit_until_the_deadline(tmp_path: Path, stuck: str) -> None:
    """One line says so, however many runs are open and whoever logs after it."""
    done = leave(STUCK, tmp_path / "lake", *strace(stuck))

    assert (done.returncode, float(done.stdout) < 2) == (0, True)
    (line,) = [line for line in done.stderr.splitlines() if "strace: " not in line]
    assert "did not take the last points within" in line


def test_an_interrupt_while_a_run_ends_leaves_it_ended(tmp_path: Path) -> None:
    """Ctrl-C ends the waiting for a value that is still being computed; the status comes with it, at the exit."""
    done = run_program(
        """
        import os, signal, threading, time, runlake
        class OnADevice:
            shape = ()
            def detach(self):
                return self
            clone = detach
            def item(self):
                threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
                time.sleep(1)
                return 1.0
        with runlake.start_run():
            runlake.flush()
            runlake.log_metric("loss", OnADevice())
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, "__exit__" in done.stderr) == (-signal.SIGINT, True)
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([1.0], ["FINISHED"])


def test_a_program_that_can_start_no_thread_writes_in_its_own(tmp_path: Path) -> None:
    """As where the system's limit of threads is reached."""
    done = run_program(
        f"""
        import threading, runlake
        threading.stack_size(1 << 46)
        with runlake.start_run(): {textwrap.indent(LAST_LINES, " " * 12)}
        runlake.start_run().log_metric("left open", 1.0)
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], ["FINISHED"] * 2)


@pytest.mark.parametrize("unwritable", ["/dev/null/lake", "/proc/lake"])
def test_a_store_that_cannot_be_made_changes_no_exit_code(tmp_path: Path, unwritable: str) -> None:
    """It is told in a line or two."""
    code = f"import sys, runlake\nrunlake.start_run(){LAST_LINES}\nsys.exit(3)"
    done = run_program(code, Path(unwritable))

    assert done.returncode == 3
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] in ([unwritable], [unwritable] * 2)


@pytest.mark.parametrize(
    "options",
    [["-W", "error"], ["-X", "dev", "-W", "error"], ["-X", "importtime"], ["-I"], ["-I", "-S", "-O"], ["-OO"]],
    ids=" ".join,
)
def test_every_way_to_start_python_will_do(tmp_path: Path, options: list[str]) -> None:
    """Warnings as errors, isolated, without docstrings and asserts."""
    site = [path for path in sys.path if path.endswith("site-packages")] + [str(Path(runlake.__file__).parents[1])]
    paths = f"import sys; sys.path += {site!r}\n" if "-S" in options else ""
    done = leave(f"{paths}import runlake\nrunlake.start_run(){LAST_LINES}", tmp_path / "lake", sys.executable, *options)

    assert (done.returncode, "Traceback" in done.stderr or "Warning" in done.stderr) == (0, False)
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], ["FINISHED"])


def test_a_program_needs_nothing_of_its_environment(tmp_path: Path) -> None:
    """No HOME, no PATH, no locale; an optimizing Python."""
    env = {"RUNLAKE_STORE": str(tmp_path / "lake"), "PYTHONOPTIMIZE": "2", "RUNLAKE_SILENT": "1"} | {
        name: os.environ[name] for name in ("SYSTEMROOT", "PYTHONPATH") if name in os.environ
    }
    done = leave(f"import runlake\nrunlake.start_run(){LAST_LINES}", tmp_path / "lake", sys.executable, env=env)

    assert (done.returncode, done.stderr) == (0, "")
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], ["FINISHED"])


def test_a_system_without_forks_links_and_locks_will_do(tmp_path: Path) -> None:
    """As Windows is one: what a run needs is asked for before it is used."""
    done = run_program(
        f"""
        import os, sys
        for name in ("fcntl", "resource", "pwd", "grp"):
            sys.modules[name] = None
        for name in ("fork", "link", "register_at_fork", "fdatasync"):
            delattr(os, name)
        import runlake
        runlake.start_run(){textwrap.indent(LAST_LINES, " " * 8)}
        runlake.log_text("a text", "text.txt")
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (losses(tmp_path / "lake"), statuses(tmp_path / "lake")) == ([float(n) for n in range(1000)], ["FINISHED"])
    found = runlake.read.open_store(tmp_path / "lake")
    assert found.runs()[0].read_artifact("text.txt") == b"a text"


def test_a_program_that_only_imports_us_leaves_nothing_behind(tmp_path: Path) -> None:
    """No store, no thread, no line."""
    done = run_program("import runlake, threading; runlake.end_run(); runlake.flush(); print(threading.active_count())", tmp_path / "lake")

    assert (done.returncode, done.stdout, done.stderr, (tmp_path / "lake").exists()) == (0, "1\n", "", False)
