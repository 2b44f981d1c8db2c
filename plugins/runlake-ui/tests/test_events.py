"""What changes is told as it happens, to whoever listens, and nobody looks where nobody listens."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import run_program, start_program
from paging import API, Asker, listening, some_runs
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs


class Stream:
    """The lines of one listener."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer = answer

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next event, and what it says; the number behind `id` is its snapshot."""
        lines: list[str] = []
        while (line := self.answer.readline().decode().rstrip("\n")) or not lines:
            assert not self.answer.isclosed(), "the stream has ended"
            lines += [line] if line else []
        said = dict(line.split(": ", 1) for line in lines)
        data: dict[str, Any] = json.loads(said["data"])
        assert data["snapshot"] == int(said["id"])
        return said["event"], data

    def until(self, run: str) -> dict[str, Any]:
        """What is told of a run, the first time that it is."""
        for _ in range(20):
            event, said = self.next()
            assert event == "changed"
            if run in said["runs"]:
                return said
        pytest.fail(f"nothing was told of {run}")


@contextmanager
def heard(lake: Path) -> Iterator[Stream]:
    """A listener at a server of its own."""
    with listening(lake) as address:
        asked = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
        asked.request("GET", f"{API}/events")
        answer = asked.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer)
        asked.close()
        answer.close()


def test_new_points_and_new_states_are_told_by_run(tmp_path: Path) -> None:
    """With the keys that have more to draw, of those runs alone that changed."""
    lake = some_runs(tmp_path / "lake", 5)
    writer = Writer(Layout(lake))
    with heard(lake) as stream:
        event, hello = stream.next()
        write_runs(writer, [WrittenRun("new", metrics={"loss": [2.0, 1.0], "acc": 0.5}, status="RUNNING", seconds=None)], hlc=3)
        began = stream.until("new")
        write_runs(writer, [WrittenRun("new", metrics={"loss": [(2, 0.5)]})], hlc=4)
        ended = stream.until("new")
    writer.close()

    assert (event, hello["n_runs"], hello["n_running"]) == ("hello", 5, 0)
    assert (began["runs"], began["n_runs"], began["n_running"]) == ({"new": {"keys": ["acc", "loss"], "state": True}}, 6, 1)
    assert (ended["runs"], ended["n_running"]) == ({"new": {"keys": ["loss"], "state": True}}, 0)
    assert hello["snapshot"] < began["snapshot"] < ended["snapshot"]


def test_what_only_moves_is_nothing_new(tmp_path: Path) -> None:
    """Rows that are published were told of when they came."""
    lake = some_runs(tmp_path / "lake", 5)
    with heard(lake) as stream:
        stream.next()
        publish(Layout(lake))
        writer = Writer(Layout(lake))
        write_runs(writer, [WrittenRun("late", metrics={"loss": 1.0})], hlc=3)
        writer.close()
        _, told = stream.next()

    assert list(told["runs"]) == ["late"]


def test_a_run_that_crashed_is_told(tmp_path: Path) -> None:
    """Nobody writes that down: its process is gone."""
    lake = tmp_path / "lake"
    program = """
        import os, runlake
        runlake.start_run()
        runlake.log_metric("loss", 1)
        runlake.flush()
        print("up", flush=True)
        input()
        os._exit(9)
    """
    create(lake)
    with start_program(program, lake) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "up\n"
        with heard(lake) as stream:
            _, hello = stream.next()
            child.stdin.write("\n")
            child.stdin.flush()
            child.wait(20)
            _, told = stream.next()

    assert (hello["n_running"], told["n_running"], told["runs"]) == (1, 0, {"many": True})


def test_what_is_done_to_experiments_elsewhere_is_told(tmp_path: Path) -> None:
    """It is of no run."""
    lake = some_runs(tmp_path / "lake", 1)
    with heard(lake) as stream:
        _, hello = stream.next()
        runlake.RunlakeClient(lake).create_experiment("another")
        _, told = stream.next()

    assert (told["runs"], told["snapshot"] > hello["snapshot"]) == ({}, True)


def test_the_store_itself_may_come_while_one_listens(tmp_path: Path) -> None:
    """The page flips with the first run."""
    lake = tmp_path / "lake"
    with heard(lake) as stream:
        _, hello = stream.next()
        run_program("import runlake\nwith runlake.start_run(): runlake.log_metric('loss', 1)", lake, RUNLAKE_JOBS="off")
        told = [stream.next()[1]]
        while not told[-1]["n_runs"]:
            told.append(stream.next()[1])

    assert (hello["n_runs"], told[-1]["n_runs"], told[0]["runs"]) == (0, 1, {"many": True})


def test_the_watch_ends_with_the_last_listener(tmp_path: Path) -> None:
    """A server that nobody looks at does nothing."""
    served = Asker(some_runs(tmp_path / "lake", 1)).served
    heard_of: list[Any] = []
    watching = [each.name for each in threading.enumerate()].count("runlake-ui-watch")

    served.listen(heard_of.append)
    (thread,) = [each for each in threading.enumerate() if each is served._watching]
    served.forget(heard_of.append)
    thread.join(10)

    assert thread.name == "runlake-ui-watch"
    assert not thread.is_alive()
    assert [each.name for each in threading.enumerate()].count("runlake-ui-watch") == watching
