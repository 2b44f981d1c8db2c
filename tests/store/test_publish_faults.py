"""Whoever is killed, stopped or raced at whatever moment while rows are published: each row is there once, before and after."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import lake as shared
from children import let_go_together, run_program, start_program
from faults import hear, program
from lake import lake, sealed_of
from rows import Point, add_events, add_points, parts_of
from runlake.entities import Event, Scope
from runlake.read import open_store
from runlake.store import batches
from runlake.store import publish as publishing
from runlake.store.frames import Frame, Kind, scan
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.sealed import seal
from runlake.store.view import View
from runlake.store.writer import Writer

TESTS = str(Path(shared.__file__).parent)
OUR_MODULES = os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(autouse=True)
def only_this_test_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process that does a run's jobs comes between."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


# Every call that changes something, one after the other

DIES_EVERYWHERE = """
    import json, os, pickle, shutil, sys, traceback
    from pathlib import Path
    from deltalake import DeltaTable
    from lake import Lake, lake
    from runlake.store.layout import Layout
    from runlake.store.publish import publish
    from runlake.store.tail import Tail

    template, scratch, every, first = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    store = scratch / "lake"

    def forked(work, *arguments):
        # A process that has used deltalake cannot be forked for another one that does: only children do anything.
        pid = os.fork()
        if pid == 0:
            try:
                work(*arguments)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def plant(number, after):
        calls = []
        def replace(owner, name, kind=lambda function: function):
            real = getattr(owner, name)
            def call(*arguments, **named):
                mine = len(calls)
                calls.append(name)
                if mine == number and not after:
                    os._exit(9)
                try:
                    return real(*arguments, **named)
                finally:
                    if mine == number:
                        os._exit(9)
            setattr(owner, name, kind(call))
        for name in ("write", "fsync", "fdatasync", "link", "rename", "replace", "unlink", "mkdir", "rmdir"):
            replace(os, name)
        replace(DeltaTable, "create_write_transaction")
        replace(DeltaTable, "create", staticmethod)
        return calls

    def save():
        (scratch / "expected").write_bytes(pickle.dumps(lake(template)))

    def count():
        calls = plant(-1, False)
        publish(Layout(store))
        (scratch / "calls").write_text(json.dumps(calls))

    def die(number, after):
        plant(number, after)
        publish(Layout(store))

    def compare(may_tell):
        expected, found = pickle.loads((scratch / "expected").read_bytes()), lake(store)
        if may_tell:
            assert found.points == expected.points, "points"
            for run_id, said in found.runs.items():
                assert said | {"errors": []} == expected.runs[run_id] | {"errors": []}, said
        else:
            assert found.points == expected.points, "points"
            assert found.events == expected.events, "events"
            assert found.runs == expected.runs, "runs"

    def finish(must_tell):
        publish(Layout(store))
        if must_tell:  # what was told is published by the next one
            publish(Layout(store))
        compare(must_tell)
        # A log that does not say whose it is stays for a day; one that holds nothing is no loss.
        logs = [path for path in store.glob("wal/*/*.wal") if Tail(path).read()]
        assert not [*logs, *store.glob("l0/*/*/*.parquet")], logs
        assert not must_tell or all(said["errors"] for said in lake(store).runs.values()), "nothing is told"

    def anew():
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(template, store)

    tells = sys.argv[5] == "damaged"
    assert forked(save) == 0
    anew()
    assert forked(count) == 0
    calls = json.loads((scratch / "calls").read_text())
    points = [(number, after) for number in range(len(calls)) for after in (False, True)][first::every]
    for number, after in points:
        anew()
        said = f"{'after' if after else 'before'} call {number} of {len(calls)}, {calls[number]}"
        if (code := forked(die, number, after)) != 9:
            print(f"{said}: not killed, {code}")
        if forked(compare, tells):
            print(f"{said}: reads otherwise")
        if forked(finish, tells):
            print(f"{said}: publishing did not mend it")
    print(len(points), "points")
"""

LEAVES_A_TORN_END = """
    import runlake
    run = runlake.start_run(run_name="killed")
    for step in range(20):
        runlake.log_metric("loss", step / 8, step=step)
        if step % 5 == 4:
            runlake.flush()
    print("flushed", flush=True)
    input()
"""


LOGS_A_RUN = """
    import runlake
    with runlake.start_run():
        runlake.log_param("depth", 3)
        for step in range(20):
            runlake.log_metrics({"loss": step / 8, "acc": -step}, step=step)
"""


def log_a_run(store: Path) -> None:
    """A run of a program that ended well."""
    finished = run_program(LOGS_A_RUN, store, RUNLAKE_JOBS="off")
    assert (finished.returncode, finished.stderr) == (0, "")


def write_a_run(layout: Layout, name: str) -> Path:
    """A log that ended, of one run, and its file."""
    writer = Writer(layout)
    said = {"status": "FINISHED", "start_ns": "1", "name": name}
    add_events(writer, [Event.set(name, Scope.RUN, key, text, hlc) for hlc, (key, text) in enumerate(said.items())])
    for first in range(0, 20, 5):
        add_points(writer, [Point(name, key, step, step, step / 8) for step in range(first, first + 5) for key in ("loss", "acc")])
    writer.close()
    return parts_of(layout.root)[-1]


def kill_a_run(store: Path) -> Path:
    """The log of a program that was killed."""
    before = set(parts_of(store))
    with program(LEAVES_A_TORN_END, store, RUNLAKE_JOBS="off") as child:
        assert hear(child) == "flushed"
    (part,) = set(parts_of(store)) - before
    return part


def lay_out(store: Path, kind: str) -> None:
    """A store that waits for a publisher: a log that ended, a sealed one, one torn off; and, of another kind, tables or damage."""
    if kind == "known":
        log_a_run(store)
        publish(Layout(store))
    if kind == "damaged":
        create(store)
        part = kill_a_run(store)
        frame = next(frame for frame in scan(part.read_bytes()) if isinstance(frame, Frame) and frame.kind == Kind.POINTS)
        data = bytearray(part.read_bytes())
        data[frame.end - 3] ^= 0xFF
        part.write_bytes(data)
        return
    log_a_run(store)
    seal(Layout(store), parts_of(store)[0])
    log_a_run(store)
    part = kill_a_run(store)
    part.write_bytes(part.read_bytes() + b"RLK1 torn")


def die_everywhere(store: Path, kind: str, *, every: int, first: int = 0, timeout: int = 100) -> None:
    """Kill a publisher at every n-th place, and look at what it leaves."""
    lay_out(store, kind)
    scratch = store.parent / "scratch"
    scratch.mkdir()
    arguments = (str(store), str(scratch), str(every), str(first), kind)
    finished = run_program(DIES_EVERYWHERE, store, *arguments, timeout=timeout, PYTHONPATH=OUR_MODULES, RUNLAKE_JOBS="off")
    *wrong, count = finished.stdout.splitlines() or ["nothing"]
    assert (wrong, finished.stderr) == ([], ""), "\n".join([*wrong, finished.stderr[-3000:]])
    assert int(count.split()[0]) >= 4


@pytest.mark.parametrize("kind", ["new", "known", "damaged"])
def test_a_publisher_may_die_at_any_call(store: Path, kind: str) -> None:
    """What it leaves reads as before, and the next one finishes its work; at some of the calls."""
    die_everywhere(store, kind, every=29, first=3)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["new", "known", "damaged"])
def test_a_publisher_may_die_at_every_call(store: Path, kind: str) -> None:
    """The same at each of them, before it and after it; and rows that are lost are told of."""
    die_everywhere(store, kind, every=1, timeout=1800)


# Killed at random

WRITES_UNTIL_KILLED = """
    import itertools, time
    import runlake
    from runlake.recording import summaries
    from runlake.store import writer

    writer.PART_BYTES = 8_000
    summaries.EVERY_SECONDS = 0.05
    run = runlake.start_run()
    print("run", run.info.run_id, flush=True)
    for step in itertools.count():
        runlake.log_metric("loss", step / 8, step=step)
        if step % 25 == 24:
            runlake.log_param(f"p{step}", step)
            runlake.flush()
            print("flushed", step + 1, flush=True)
            time.sleep(0.05)
"""

PUBLISHES_UNTIL_KILLED = """
    import contextlib, os, sys
    from pathlib import Path
    from runlake.errors import StoreError
    from runlake.store.layout import Layout
    from runlake.store.names import WalName
    from runlake.store.publish import publish
    from runlake.store.sealed import seal

    def finished(root):
        newest = {}
        paths = sorted(root.glob("wal/*/*.wal"))
        for path in paths:
            newest[path.name.partition(".")[0]] = path
        return [path for path in paths if newest[path.name.partition(".")[0]] != path]

    root, published = Path(os.environ["RUNLAKE_STORE"]), 0
    print("ready", flush=True)
    while True:
        for part in finished(root)[::2]:
            with contextlib.suppress(FileNotFoundError):
                seal(Layout(root), part)
        published += sum(publish(Layout(root), rows_at_once=1000).rows.values())
        print(published, flush=True)
"""


class Promise:
    """What programs that were killed had been promised: by run, how many points were flushed."""

    def __init__(self) -> None:
        self.flushed: dict[str, int] = {}

    def take(self, said: Iterable[str]) -> None:
        """What one of them printed."""
        run_id = ""
        for line in said:
            word, _, rest = line.partition(" ")
            if word == "run":
                run_id = rest
                self.flushed[run_id] = 0
            elif word == "flushed" and rest:
                self.flushed[run_id] = int(rest)

    def check(self, store: Path) -> None:
        """All of it is there, each point once and with its own value."""
        opened = open_store(store)
        found = defaultdict[str, list[tuple[int, float, int]]](list)
        points = opened.points()
        for run_id, step, value, seq in zip(*(points[name].to_pylist() for name in ("run_id", "step", "value", "seq")), strict=True):
            found[run_id].append((step, value, seq))
        for run_id, count in self.flushed.items():
            steps = len(found[run_id])
            assert steps >= count
            assert found[run_id] == [(step, step / 8, step) for step in range(steps)]
            run = opened.run(run_id)
            series = run.metrics["loss"]
            assert (len(series), series.last, series.max) == (steps, (steps - 1) / 8, (steps - 1) / 8)
            assert [run.params[f"p{step}"] for step in range(24, count, 25)] == list(range(24, count, 25))
            assert run.info.status == "CRASHED"
            assert run.errors == []


def kill_in_rounds(store: Path, rounds: int, dice: random.Random) -> None:
    """Two writers and two publishers, killed together, again and again; looked at as it is, after publishing, and after that again."""
    create(store)
    promise = Promise()
    for _ in range(rounds):
        quick = {"RUNLAKE_JOBS": "off", "RUNLAKE_FLUSH_SECONDS": "0.02"}
        writers = [start_program(WRITES_UNTIL_KILLED, store, **quick) for _ in range(2)]
        publishers = [start_program(PUBLISHES_UNTIL_KILLED, store) for _ in range(2)]
        for child in publishers:
            hear(child)
            hear(child)
        time.sleep(dice.uniform(0, 0.7))
        for child in dice.sample([*writers, *publishers], 4):
            child.send_signal(signal.SIGKILL)
            time.sleep(dice.uniform(0, 0.05))
        for child in writers:
            promise.take(child.communicate()[0].splitlines()[:-1])
        complaints = [child.communicate()[1] for child in publishers]
        assert complaints == ["", ""], complaints
        promise.check(store)
        for _ in range(2):
            publish(Layout(store))
            promise.check(store)
    assert sum(promise.flushed.values()) > 0
    assert (parts_of(store), sealed_of(store)) == ([], [])


def test_writers_and_publishers_are_killed_and_nothing_is_lost_or_doubled(store: Path) -> None:
    """Three times, at random moments."""
    kill_in_rounds(store, 3, random.Random(1))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_writers_and_publishers_are_killed_thirty_times(store: Path) -> None:
    """Thirty times."""
    kill_in_rounds(store, 30, random.Random())


# A reader amid it all


def seen(view: View) -> dict[str, list[int]]:
    """The numbers of the points by writer, as they are found."""
    points = view.points()
    found = defaultdict[str, list[int]](list)
    for writer, seq in zip(points["writer"].to_pylist(), points["seq"].to_pylist(), strict=True):
        found[writer].append(seq)
    return found


def faults_between(before: dict[str, list[int]], after: dict[str, list[int]]) -> list[str]:
    """Rows that are missing between others or that are there twice, and writers of whom there were more before."""
    broken = [f"{writer}: not each row once" for writer, numbers in after.items() if sorted(numbers) != list(range(len(numbers)))]
    return broken + [f"{writer}: fewer than before" for writer, numbers in before.items() if len(numbers) > len(after.get(writer, []))]


def test_a_reader_never_misses_a_row_that_moves(store: Path) -> None:
    """A view that stays open and one that is made anew each time, while two write and two publish."""
    create(store)
    view, counts = View(Layout(store)), list[int]()
    quick = {"RUNLAKE_JOBS": "off", "RUNLAKE_FLUSH_SECONDS": "0.02"}
    with contextlib.ExitStack() as stack:
        for code in (WRITES_UNTIL_KILLED, PUBLISHES_UNTIL_KILLED):
            for _ in range(2):
                child = stack.enter_context(program(code, store, **quick))
                assert hear(child)
        before: list[dict[str, list[int]]] = [{}, {}]
        began = time.monotonic()
        while time.monotonic() < began + 4 or (view.tables["points"].log.version < 4 and time.monotonic() < began + 40):
            fresh = View(Layout(store))
            for place, each in enumerate((view, fresh)):
                each.refresh()
                after = seen(each)
                assert faults_between(before[place], after) == []
                before[place] = after
            counts.append(len(view.points()))

    assert len(set(counts)) > 3
    assert view.tables["points"].log.version >= 4


class TablesFirst(View):
    """Reads in the wrong order: the tables, then what is sealed, then the logs; `between` happens in the middle."""

    def refresh(self) -> None:
        """Take in what is new, and miss what moves meanwhile."""
        for name in ("points", "metrics", "meta"):
            self.tables[name].refresh()
        self._forget_published()
        self.between()
        self._look_at_sealed()
        self._read_logs(self.layout.wal.glob("*/*.wal"))

    def between(self) -> None:
        """What another process does amid the reading."""
        publish(self.layout)


class LogsFirst(View):
    """Reads in the right order, and a publisher comes between just so."""

    def _look_at_sealed(self) -> None:
        publish(self.layout)
        super()._look_at_sealed()


@pytest.mark.parametrize(("order", "finds"), [(TablesFirst, 0), (LogsFirst, 30)])
def test_rows_that_move_amid_the_reading_are_missed_in_the_wrong_order_only(store: Path, order: type[View], finds: int) -> None:
    """What moves from a place not yet read to one already read is nowhere; so logs are read first."""
    layout = create(store)
    writer = Writer(layout)
    add_points(writer, [Point("r", "loss", step, step, step / 8) for step in range(30)])
    writer.close()

    view = order(layout)
    view.refresh()

    assert len(view.points()) == finds


@pytest.mark.parametrize("is_known", [True, False])
def test_a_run_that_ends_amid_the_reading_is_whole_or_not_there(store: Path, is_known: bool) -> None:
    """Its events are published by then, and its points are where we have looked before, in a log that was or was not there."""
    layout = create(store)
    writers = [Writer(layout)]
    if is_known:
        add_points(writers[0], [Point("earlier", "loss", 0, 0, 1.0)])
        writers[0].write()

    class EndsMeanwhile(View):
        def _look_at_sealed(self) -> None:
            while writers:
                writer = writers.pop()
                add_points(writer, [Point("r", "loss", 0, 0, 1.0)])
                add_events(writer, [Event.set("r", Scope.RUN, "status", "FINISHED", 1)])
                writer.write()
                publish(layout)
            super()._look_at_sealed()

    view = EndsMeanwhile(layout)
    view.refresh()

    assert len(view.events("r")) == len(view.points("r")) == 1


# Stopped, given up, and back again

STOPS_AND_GOES_ON = """
    import os, time
    import runlake
    run = runlake.start_run()
    print(run.info.run_id, flush=True)
    for first in range(0, 40, 20):
        for step in range(first, first + 20):
            runlake.log_metric("loss", step / 8, step=step)
        runlake.flush()
        print("flushed", flush=True)
        input()
    run.end()
"""

PUBLISHES_TOMORROW_ELSEWHERE = """
    import os, socket, time
    from pathlib import Path
    from runlake.store.layout import Layout
    from runlake.store.publish import publish
    real = time.time
    time.time = lambda: real() + 25 * 3600
    socket.gethostname = lambda: "another-machine"
    print(publish(Layout(Path(os.environ["RUNLAKE_STORE"]))))
"""


def test_a_writer_that_was_given_up_goes_on(store: Path) -> None:
    """Another machine took it for gone after a day of silence, and removed its log; it writes on in a new one."""
    with program(STOPS_AND_GOES_ON, store, RUNLAKE_JOBS="off") as child:
        run_id = hear(child)
        assert hear(child) == "flushed"
        (part,) = parts_of(store)
        child.send_signal(signal.SIGSTOP)
        before = lake(store)

        gave_up = run_program(PUBLISHES_TOMORROW_ELSEWHERE, store)
        assert gave_up.stderr == ""
        assert parts_of(store) == []
        assert lake(store).points == before.points
        child.send_signal(signal.SIGCONT)
        say(child)
        assert hear(child) == "flushed"

        (after,) = parts_of(store)
        assert after.name == part.name.replace(".000000.", ".000001.")
        run = open_store(store).run(run_id)
        assert run.info.status == "RUNNING"
        assert run.metrics["loss"].to_numpy().tolist() == [step / 8 for step in range(40)]
        assert len(run.metrics["loss"]) == 40
        publish(Layout(store))
        say(child)
        assert child.wait(20) == 0
    publish(Layout(store))

    run = open_store(store).run(run_id)
    assert (run.info.status, len(run.metrics["loss"]), run.metrics["loss"].last) == ("FINISHED", 40, 39 / 8)
    assert run.metrics["loss"].to_numpy().tolist() == [step / 8 for step in range(40)]
    assert (parts_of(store), run.errors) == ([], [])


def say(child: subprocess.Popen[str]) -> None:
    """Let a program go on that waits in `input()`."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


# Two at once


def test_what_was_sealed_and_goes_meanwhile_is_left_to_who_published_it(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the reading another publisher does it all."""
    layout, look = create(store), batches.look
    seal(layout, write_a_run(layout, "a"))
    before = lake(store)

    def look_slowly(layout: Layout) -> Any:
        found = look(layout)
        monkeypatch.setattr(publishing, "look", look)
        assert publish(layout).rows["points"] == 40
        return found

    monkeypatch.setattr(publishing, "look", look_slowly)

    assert publish(layout).rows["points"] == 0
    assert lake(store) == before
    assert (parts_of(store), sealed_of(store)) == ([], [])


def test_publishing_ends_while_a_writer_goes_on(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes while it is done is left to the next time."""
    layout, look, looks = create(store), batches.look, []
    writer = Writer(layout)

    def look_and_write(layout: Layout) -> Any:
        looks.append(1)
        add_events(writer, [Event.set("r", Scope.TAG, "n", str(len(looks)), len(looks))])
        writer.write()
        return look(layout)

    monkeypatch.setattr(publishing, "look", look_and_write)

    assert publish(layout).rows["meta"] == 1
    assert len(looks) == 1
    writer.close()


PUBLISHES_ONCE = """
    import os
    from pathlib import Path
    from runlake.store.layout import Layout
    from runlake.store.publish import publish
    print("ready", flush=True)
    input()
    print(publish(Layout(Path(os.environ["RUNLAKE_STORE"])), rows_at_once=40).rows)
"""


def test_two_publishers_that_start_together_publish_each_row_once(store: Path) -> None:
    """Five times: logs and sealed files, from the first table on."""
    layout = create(store)
    for number in range(5):
        written = [write_a_run(layout, f"{name}{number}") for name in "abc"]
        for part in written[:2]:
            seal(layout, part)
        before = lake(store)

        publishers = [start_program(PUBLISHES_ONCE, store) for _ in range(2)]
        let_go_together(publishers)
        for child in publishers:
            _, complaints = child.communicate(timeout=60)
            assert (child.returncode, complaints) == (0, "")
        assert lake(store) == before
        publish(Layout(store))
        assert lake(store) == before
        assert (parts_of(store), sealed_of(store)) == ([], [])
