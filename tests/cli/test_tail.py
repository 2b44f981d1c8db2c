"""`runlake tail RUN`: a run as it goes on, until it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment, start_program
from terminal import command, on_terminal, without_colours

TRAIN = """
    import sys, runlake
    with runlake.start_run(run_name="otter"):
        for step, line in enumerate(sys.stdin):
            if line.strip() == "fail":
                raise ValueError("it failed")
            if line.strip() == "end":
                break
            runlake.log_metrics({"loss": 1 / (step + 1), "acc": float(line)}, step=step)
            runlake.flush()
            print("logged", flush=True)
"""


class Training:
    """A program that logs a step when it is told to."""

    def __init__(self, store: Path) -> None:
        self.program = start_program(TRAIN, store)

    def says(self, line: str) -> None:
        """Have it do that, and wait until it is in the store."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(f"{line}\n")
        self.program.stdin.flush()
        if line not in ("fail", "end"):
            assert self.program.stdout.readline() == "logged\n"

    def leave(self) -> None:
        """Wait for its end."""
        self.program.communicate(timeout=30)


def follow(store: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, which looks often."""
    line = [sys.executable, "-m", "runlake", "tail", "otter", "--every", "0.05", *arguments]
    return subprocess.Popen(line, env=environment(store), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_what_a_live_run_logs_is_printed_as_it_comes(store: Path) -> None:
    """A line for each look that found something, and at the end how it ended."""
    training = Training(store)
    training.says("0.5")
    tail = follow(store)
    assert tail.stdout is not None
    first = tail.stdout.readline()
    training.says("0.75")
    second = tail.stdout.readline()
    training.says("0.25")
    third = tail.stdout.readline()
    training.says("end")
    last, errors = tail.communicate(timeout=30)
    training.leave()

    assert re.fullmatch(r" +[\d.]+m?s  step 0 +acc 0.5  loss 1\n", first)
    assert re.fullmatch(r" +[\d.]+m?s  step 1 +acc 0.75 ▲  loss 0.5 ▼\n", second)
    assert re.fullmatch(r" +[\d.]+m?s  step 2 +acc 0.25  loss 0.3333 ▼\n", third)
    assert re.fullmatch(r"✓ finished  otter  took [\d.]+m?s · all of it: runlake show [0-9a-f]{16}\n", last)
    assert (errors, tail.returncode) == ("", 0)


def test_the_exit_code_says_that_a_run_failed(store: Path) -> None:
    """So that what depends on it is not begun."""
    training = Training(store)
    training.says("0.5")
    tail = follow(store, "--json")
    assert tail.stdout is not None
    first = json.loads(tail.stdout.readline())
    training.says("fail")
    rest, _ = tail.communicate(timeout=30)
    training.leave()
    last = json.loads(rest.splitlines()[-1])

    assert (first["run_name"], first["status"], first["step"], first["values"]) == ("otter", "RUNNING", 0, {"acc": 0.5, "loss": 1.0})
    assert (last["status"], last["values"], tail.returncode) == ("FAILED", {}, 1)


def test_a_run_whose_process_is_gone_has_crashed(store: Path) -> None:
    """Nobody waits for it."""
    training = Training(store)
    training.says("0.5")
    tail = follow(store)
    assert tail.stdout is not None
    tail.stdout.readline()
    training.program.kill()
    training.leave()
    last, _ = tail.communicate(timeout=30)

    assert re.fullmatch(r"† crashed  otter  all of it: runlake show [0-9a-f]{16}\n", last)
    assert tail.returncode == 1


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_control_c_leaves_the_run_alone_and_says_nothing(store: Path, arguments: tuple[str, ...]) -> None:
    """The run goes on."""
    training = Training(store)
    training.says("0.5")
    tail = follow(store, *arguments)
    assert tail.stdout is not None
    tail.stdout.readline()
    tail.send_signal(signal.SIGINT)
    said = tail.communicate(timeout=30)
    training.says("0.75")
    training.says("end")
    training.leave()

    assert (said, tail.returncode) == (("", ""), 130)
    assert [run.info.status for run in runlake.read.open_store(store).runs()] == ["FINISHED"]


def test_a_run_that_has_ended_is_told_of_once(store: Path) -> None:
    """With what its last values are."""
    with runlake.start_run(run_name="otter"):
        runlake.log_batch("loss", [3.0, 1.0, 2.0])
    runlake.flush()
    ended = command(store, "tail", "otter")

    assert len(ended.stdout.splitlines()) == 2
    assert re.search(r"step 2 +loss 2\n", ended.stdout)
    assert ended.returncode == 0


def test_on_a_terminal_the_page_is_drawn_again_and_again(store: Path) -> None:
    """With a curve of each metric; what was there before is wiped away."""
    training = Training(store)
    training.says("0.5")
    ours, its = pty.openpty()
    variables = environment(store, TERM="xterm-256color", COLUMNS="80")
    line = [sys.executable, "-m", "runlake", "tail", "otter", "--every", "0.05"]
    with subprocess.Popen(line, env=variables, stdout=its, stderr=its) as tail:
        os.close(its)
        said = read_until(ours, "step 0")
        for value in ("0.75", "0.25", "1.0"):
            training.says(value)
        said += read_until(ours, "step 3")
        training.says("end")
        said += read_until(ours, "runlake show")
        tail.wait(30)
    training.leave()
    os.close(ours)

    assert said.count("running") > 1
    assert "\x1b[1A\x1b[2K" in said
    page = without_colours(said).rpartition("● running")[2].splitlines()
    assert re.search(r"acc ▲ +1 +[▁-█]+ +best 1 at 3", said_at_last(page, "acc"))
    assert re.search(r"loss ▼ +0.25 +[▁-█]+ +best 0.25 at 3", said_at_last(page, "loss"))
    assert tail.returncode == 0


def read_until(ours: int, awaited: str) -> str:
    """What is printed until this is."""
    said = b""
    while awaited not in without_colours(said.decode(errors="ignore")):
        said += os.read(ours, 65536)
    return said.decode()


def said_at_last(page: list[str], key: str) -> str:
    """The line of a metric."""
    return [line for line in page if key in line][-1]


def test_a_page_is_no_wider_than_the_terminal(store: Path) -> None:
    """However many metrics with however long names there are."""
    with runlake.start_run(run_name="otter" * 20):
        for n in range(20):
            runlake.log_batch(f"a/metric/with/a/very/long/name/{n}/loss", [3.0, 1.0, 2.0])
    runlake.flush()
    lines = [without_colours(line) for line in on_terminal(store, 60, "tail", "@last")]

    assert max(map(len, lines)) <= 60
    assert any("and 8 more" in line for line in lines)


def test_a_run_that_is_not_there_is_told(store: Path) -> None:
    """At once."""
    with runlake.start_run(run_name="fox"):
        pass
    runlake.flush()
    ended = command(store, "tail", "otter")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"runlake: No run of {store} is named 'otter'")
