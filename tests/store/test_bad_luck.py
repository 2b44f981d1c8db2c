"""What befalls stores in the end: clocks set back, names nearly the same, odd folders, too few files, full disks, copies while in use."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import runlake
from children import environment, run_program
from conftest import lacking
from faults import fill, finish, hear, program, small_disk
from lake import lake
from rows import read
from runlake.errors import StoreError
from runlake.read import Query, open_store
from runlake.read.sql import views
from runlake.recording import recorders
from runlake.store.compaction import compact
from runlake.store.delta_log import DeltaLog
from runlake.store.layout import MOST_BYTES, Layout, create
from runlake.store.publish import publish
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs
from written_runs import found as search

HOUR_NS = 3600 * 10**9

# The clock of this program can be set, as an administrator or a time server would.
SETTABLE_CLOCK = """
    import time
    class clock: shift_ns = 0
    real_ns, real = time.time_ns, time.time
    time.time_ns = lambda: real_ns() + clock.shift_ns
    time.time = lambda: real() + clock.shift_ns / 1e9
"""


@pytest.fixture(autouse=True)
def _only_this_test_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


def forms(store: Path) -> Iterator[str]:
    """The store in logs, then published, then compacted."""
    yield "in logs"
    publish(Layout(store))
    yield "published"
    compact(Layout(store))
    yield "compacted"


# Clocks


SET_BACK = """
    import runlake
    with runlake.start_run(run_name="early") as run:
        runlake.set_tag("team", "before")
        runlake.log_param("lr", "before")
        for step in range(5):
            runlake.log_metric("loss", step, step=step)
        runlake.log_metric("same", 1.0, step=7)
        runlake.flush()
        clock.shift_ns = -3600 * 10**9
        runlake.set_tag("team", "after")
        runlake.log_metric("same", 2.0, step=7)
        for step in range(5, 10):
            runlake.log_metric("loss", step, step=step)
        runlake.flush()
        runlake.delete_tag("team")
        runlake.set_tag("team", "last")
    with runlake.start_run(run_id=run.info.run_id):
        runlake.log_metric("loss", 10.0, step=10)
    print(run.info.run_id)
"""


def test_a_clock_that_is_set_back_reorders_nothing_that_counts(tmp_path: Path) -> None:
    """The hybrid time goes on from where it was: the last tag wins, a param stays; series go by step, equal steps by the clock's time."""
    store = tmp_path / "lake"
    with program(SET_BACK, store, planted=SETTABLE_CLOCK, RUNLAKE_JOBS="off") as child:
        ended = finish(child)
    assert (ended.code, ended.complaints) == (0, [])
    (run_id,) = ended.said

    for _ in forms(store):
        events = open_store(store)._view.events(run_id)
        by_number = sorted(zip(events["seq"].to_pylist(), events["hlc"].to_pylist(), strict=True))
        assert [hlc for _, hlc in by_number] == sorted({hlc for _, hlc in by_number})
        run = open_store(store).run(run_id)
        assert (run.info.status, run.tags["team"], run.params["lr"]) == ("FINISHED", "last", "before")
        assert run.metrics["loss"].to_numpy().tolist() == list(range(11))
        assert run.metrics["same"].to_numpy().tolist() == [2.0, 1.0]  # of equal steps the one with the later time is the last
        assert (run.metrics["same"].last, run.metrics["loss"].last, len(run.metrics["loss"])) == (1.0, 10.0, 11)
    listed = subprocess.run(
        [sys.executable, "-m", "runlake", "ls"], env=environment(store), capture_output=True, text=True, timeout=60, check=False
    )
    assert (listed.returncode, "early" in listed.stdout) == (0, True)


ON_ANOTHER_MACHINE = """
    import sys, runlake
    clock.shift_ns = int(sys.stdin.readline()) * 10**9
    client, run_id = runlake.MlflowClient(), sys.stdin.readline().strip()
    while line := sys.stdin.readline().split():
        word, step = line
        client.set_tag(run_id, "team", word)
        client.set_tag(run_id, "only " + word, word)
        client.log_metric(run_id, "loss", float(step), step=int(step))
        runlake.flush()
        print("done", flush=True)
"""


def test_clocks_an_hour_apart_lose_nothing(store: Path) -> None:
    """Of what two machines said at the same time the one whose clock is ahead is the later one; each knows what it has read."""
    with runlake.start_run() as run:
        pass
    recorders.stop_all()
    ahead = program(ON_ANOTHER_MACHINE, store, planted=SETTABLE_CLOCK, RUNLAKE_JOBS="off")
    behind = program(ON_ANOTHER_MACHINE, store, planted=SETTABLE_CLOCK, RUNLAKE_JOBS="off")
    with ahead as first, behind as second:
        for child, shift in ((first, 1800), (second, -1800)):
            assert child.stdin is not None
            child.stdin.write(f"{shift}\n{run.info.run_id}\n")
        for number in range(3):
            for child, name in ((first, "ahead"), (second, "behind")):
                assert child.stdin is not None
                child.stdin.write(f"{name}{number} {number * 2 + (name == 'behind')}\n")
                child.stdin.flush()
                assert hear(child) == "done"
        assert [finish(child).code for child in (first, second)] == [0, 0]

    for _ in forms(store):
        found = open_store(store).run(run.info.run_id)
        assert found.metrics["loss"].to_numpy().tolist() == [0, 1, 2, 3, 4, 5]
        said = [f"{name}{number}" for number in range(3) for name in ("ahead", "behind")]
        assert {found.tags[f"only {word}"] for word in said} == set(said)
        assert found.tags["team"] in ("ahead2", "behind2")  # each has read the other's when it began, and its own since


# Names that are nearly the same


LETTERS = "loss Loss LOSS größe Größe fine ss".split()
NEARLY = [*LETTERS, unicodedata.normalize("NFD", "größe"), "\ufb01ne", "\u0131", "i", "\u0130", "K", "\u212a", "ß"]


def test_names_that_are_nearly_the_same_are_apart(store: Path) -> None:
    """By the case of a letter, or by how it is composed: nothing folds them."""
    ids = {}
    for number, name in enumerate(NEARLY):
        runlake.set_experiment(f"of {name}")
        with runlake.start_run(run_name=name) as run:
            for place, other in enumerate(NEARLY):
                runlake.log_metric(other, number * 100 + place)
            runlake.log_params({other: place for place, other in enumerate(NEARLY)})
            runlake.set_tags({other: place for place, other in enumerate(NEARLY)})
        ids[name] = run.info.run_id
    recorders.stop_all()
    assert len({runlake.get_experiment_by_name(f"of {name}").experiment_id for name in NEARLY}) == len(NEARLY)  # type: ignore[union-attr]  # each is there

    for _ in forms(store):
        opened = open_store(store)
        for number, name in enumerate(NEARLY):
            kept = opened.run(ids[name])
            assert {key: series.last for key, series in kept.metrics.items()} == {o: number * 100 + p for p, o in enumerate(NEARLY)}
            assert {key: kept.params[key] for key in NEARLY} == {other: place for place, other in enumerate(NEARLY)}
            assert {key: kept.tags[key] for key in NEARLY} == {other: str(place) for place, other in enumerate(NEARLY)}
            assert list(opened.search(Query(f"metrics.`{name}` >= {number * 100} AND run_name = '{name}'")).ids()) == [ids[name]]


def test_artifacts_that_differ_by_case_are_apart(store: Path) -> None:
    """In the store, which keeps them by their content. A letter is the same one however it is composed."""
    names = ["Model.txt", "model.txt", "MODEL.TXT", "dir/a", "Dir/a", "größe.txt"]
    with runlake.start_run() as run:
        for name in names:
            runlake.log_text(f"this is {name}", name)
        runlake.log_text("decomposed", unicodedata.normalize("NFD", "größe.txt"))
    recorders.stop_all()

    for _ in forms(store):
        found = open_store(store).run(run.info.run_id)
        assert sorted(found.artifacts) == sorted(names)
        expected = {name: f"this is {name}" for name in names} | {"größe.txt": "decomposed"}
        assert {name: found.read_artifact(name).decode() for name in names} == expected


@contextlib.contextmanager
def careless_disk(folder: Path) -> Iterator[tuple[str, ...]]:
    """A file system that takes `a` and `A` for one name: what enters the namespace that has it."""
    folder.mkdir()
    script = 'mount -t tmpfs -o casefold none "$1" && mkdir "$1/x" && chattr +F "$1/x" && echo mounted && exec cat'
    pipe = subprocess.PIPE
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(folder)], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            lacking("casefold")
        yield "nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"
    finally:
        holder.kill()
        holder.communicate()


def test_a_store_on_a_disk_that_knows_no_case_keeps_names_apart(tmp_path: Path) -> None:
    """No name that a user gives is ever the name of a file."""
    code = """
        import runlake
        from runlake.store.layout import Layout
        with runlake.start_run() as run:
            for name in ("A", "a"):
                runlake.log_metric(name, ord(name)); runlake.log_text(name, name + ".txt")
        from runlake.recording import recorders
        recorders.stop_all()
        from runlake.store.publish import publish
        publish(Layout(runlake.read.open_store().path))
        found = runlake.get_run(run.info.run_id)
        print(found.data.metrics, [found.read_artifact(name) for name in found.artifacts])
    """
    with (
        careless_disk(tmp_path / "disk") as enter,
        program(code, tmp_path / "disk" / "x" / "lake", prefix=enter, RUNLAKE_JOBS="off") as child,
    ):
        ended = finish(child)

    assert (ended.code, ended.said) == (0, ["{'A': 65.0, 'a': 97.0} [b'A', b'a']"])


# Odd folders


ODD = [
    "my lake",
    "it's",
    'say "x"',
    "größe",
    unicodedata.normalize("NFD", "größe"),
    "🎉",
    "100%",
    "a#b",
    "q?x",
    "st*r",
    "[a]",
    "{a}",
    "a=b",
    "s3:",
    "~",
    "-x",
    " x",
]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Publishing, compacting, searching and SQL: deltalake takes URIs, DuckDB patterns, and neither may notice."""
    layout = create(tmp_path / name / "lake")
    for number in range(2):
        writer = Writer(layout)
        write_runs(writer, [WrittenRun(f"r{number}", {"lr": 0.1}, {"loss": [3.0, 2.0, 1.0]}, {"team": "vision"})])
        writer.close()
        before = lake(layout.root)
        publish(layout)
        assert lake(layout.root) == before
    assert layout.waiting() == {}
    assert compact(layout).before > 0
    assert lake(layout.root) == before

    assert search(open_store(layout.root), "metrics.loss = 1 AND tags.team = 'vision'", "name") == "r0 r1"
    database = duckdb.connect()
    for view, query in views(layout.root, by_files=True).items():
        database.execute(f"CREATE VIEW {view} AS {query}")
    assert database.execute('SELECT "last", count(*) FROM metrics GROUP BY ALL').fetchall() == [(1.0, 2)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


TRAINS = """
    import runlake
    with runlake.start_run():
        runlake.set_tag("team", "vision")
        for step in range(50):
            runlake.log_metric("loss", step, step=step)
        print(runlake.flush())
"""


@pytest.mark.parametrize("name", ["p%41", "%2e%2e", "back\\slash", "new\nline", "tab\tx"])
def test_a_folder_that_deltalake_takes_for_another_is_refused(tmp_path: Path, name: str) -> None:
    """By publishing and compacting, with nothing written; what was logged stays in logs, and reads as it did."""
    layout = create(tmp_path / name / "lake")
    writer = Writer(layout)
    write_runs(writer, [WrittenRun("r", {"lr": 0.1}, {"loss": [3.0, 2.0, 1.0]})])
    writer.close()
    before, lies = lake(layout.root), sorted(tmp_path.rglob("*"))

    for door in (publish, compact):
        with pytest.raises(StoreError, match="Rename"):
            door(layout)

    assert (lake(layout.root), sorted(tmp_path.rglob("*"))) == (before, lies)


def deep_folder(folder: Path, n_bytes: int) -> Path:
    """A path of so many bytes below this folder; all but its last folder is there."""
    path = str(folder)
    while n_bytes - len(path) > 250:
        path += "/" + "d" * 200
    path += "/" + "e" * (n_bytes - len(path) - 1)
    at = os.open(folder, os.O_RDONLY)
    for name in path.removeprefix(str(folder)).strip("/").split("/")[:-1]:
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    return Path(path)


def test_the_deepest_folder_that_is_taken_works(tmp_path: Path) -> None:
    """With every file that a store ever has."""
    store = deep_folder(tmp_path, MOST_BYTES)
    assert run_program(TRAINS, store, RUNLAKE_JOBS="off").stdout == "True\n"
    before = lake(store)

    for _ in forms(store):
        assert lake(store) == before
    assert run_program(TRAINS, store, RUNLAKE_JOBS="off").stdout == "True\n"
    publish(Layout(store))
    assert compact(Layout(store)).before > 0
    assert len(lake(store).points) == 100


@pytest.mark.parametrize("n_bytes", [MOST_BYTES + 1, 4095, 4300])
def test_a_folder_that_is_too_deep_is_refused(tmp_path: Path, n_bytes: int) -> None:
    """Before anything is made there; it would have room for some of a store's files and not for others."""
    store = deep_folder(tmp_path, n_bytes)
    there = sorted(str(folder) for folder, _, _ in os.walk(tmp_path))

    refused = run_program(TRAINS, store, RUNLAKE_JOBS="off")

    assert refused.returncode == 1
    last = refused.stderr.splitlines()[-1]
    assert re.fullmatch(
        rf"runlake\.errors\.StoreError: The path of the store, .{{123}}, has {n_bytes:,} bytes, .* Name a shorter one\.", last
    )
    assert sorted(str(folder) for folder, _, _ in os.walk(tmp_path)) == there


# Too few files


FEW_FILES = """
    import os, resource, runlake
    with runlake.start_run():
        runlake.log_metric("loss", 0.0, step=0)
        print(runlake.flush())
        held = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        for step in range(1, 1000):
            runlake.log_metric("loss", step, step=step)
        runlake.log_param("lr", 0.1)
        runlake.log_text("hello", "note.txt")
        written = runlake.flush(2)
        for fd in held:
            os.close(fd)
        print(runlake.flush(), written)
        runlake.log_text("hello again", "again.txt")
"""


def test_a_training_that_has_no_file_left_goes_on(tmp_path: Path) -> None:
    """Its log is open already: what is flushed is there. What cannot be kept is told, and does not stop it."""
    store = tmp_path / "lake"

    trained = run_program(FEW_FILES, store, RUNLAKE_JOBS="off", RUNLAKE_SILENT="0")

    assert (trained.returncode, trained.stdout.splitlines()[0], trained.stdout.splitlines()[1][:4]) == (0, "True", "True")
    for _ in forms(store):
        (run,) = open_store(store).runs()
        assert run.metrics["loss"].to_numpy().tolist() == list(range(1000))
        assert (run.info.status, run.params["lr"], "again.txt" in run.artifacts) == ("FINISHED", 0.1, True)
        assert "note.txt" in run.artifacts or "Too many open files" in trained.stderr


PUBLISHES_WITH = """
    import resource, sys
    from runlake.cli import main
    import runlake.cli.compact, runlake.store.publish, runlake.store.compaction
    n_files = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_files, n_files))
    sys.argv = ["runlake", "compact"]
    main()
"""


@pytest.mark.parametrize("n_files", [5, *(pytest.param(n, marks=pytest.mark.long) for n in (3, 4, 6, 7, 8, 10, 12, 14, 16, 20, 24))])
def test_publishing_with_too_few_files_loses_nothing(tmp_path: Path, n_files: int) -> None:
    """It ends with what was missing, whoever met that first, and is done again with more."""
    layout = create(tmp_path / "lake")
    for number in range(3):
        writer = Writer(layout)
        write_runs(writer, [WrittenRun(f"r{number}", {"lr": 0.1}, {"loss": [3.0, 2.0, 1.0]})])
        writer.close()
    before = lake(layout.root)

    failed = run_program(PUBLISHES_WITH, layout.root, str(n_files))

    assert failed.returncode in (0, 1)
    assert failed.returncode == 0 or "Too many open files" in failed.stderr.splitlines()[-1]
    assert lake(layout.root) == before
    publish(layout)
    compact(layout)
    assert (lake(layout.root), layout.waiting()) == (before, {})


# Full disks


@pytest.mark.usefixtures("as_root")
def test_a_disk_that_is_full_when_files_are_merged_costs_nothing(tmp_path: Path) -> None:
    """The files that were there go on being named; nothing half-written stays; with room again it is done."""
    merge = [sys.executable, "-m", "runlake", "compact"]
    with small_disk(tmp_path / "disk", "4m") as disk:
        inside, outside = disk.inside / "lake", disk.outside / "lake"
        for _ in range(3):
            trains = [*disk.enter, sys.executable, "-c", MANY_POINTS]
            subprocess.run(trains, env=environment(inside, RUNLAKE_JOBS="off"), check=True, timeout=60)
            publishes = [*disk.enter, sys.executable, "-m", "runlake.jobs", str(inside), "--publish", "--at-once"]
            subprocess.run(publishes, env=environment(inside), check=True, timeout=60)
        before, named = lake(outside), files_of(outside)
        ballast = fill(outside.parent)
        for room in (0, 60_000):
            os.truncate(ballast, ballast.stat().st_size - room)
            full = subprocess.run([*disk.enter, *merge], env=environment(inside), capture_output=True, text=True, timeout=60, check=False)
            assert full.returncode == 1
            assert "No space left on device" in full.stderr
            assert full.stderr.count("\n") == 1
            assert lake(outside) == before
            assert [path.name for path in (outside / "tmp").iterdir() if path.suffix == ".tmp"] == []
            fill_again = fill(outside.parent)
            assert fill_again == ballast
        ballast.unlink()
        done = subprocess.run([*disk.enter, *merge], env=environment(inside), capture_output=True, text=True, timeout=60, check=False)
        after, kept = lake(outside), files_of(outside)

    assert (done.returncode, after == before) == (0, True)
    assert (len(named["points"]), len(kept["points"])) == (3, 1)


MANY_POINTS = """
import numpy as np, runlake
with runlake.start_run():
    runlake.log_batch("loss", np.random.default_rng().normal(size=5_000), np.arange(5_000))
"""


def files_of(store: Path) -> dict[str, list[str]]:
    """The files that each table names."""
    named = {}
    for name in ("points", "meta", "metrics"):
        log = DeltaLog(store / name)
        log.refresh()
        named[name] = sorted(log.files)
    return named


# Copies of a store that is in use


WRITES = """
    import itertools, sys, time, runlake
    for number in itertools.count():
        with runlake.start_run(run_name=f"run {number}"):
            for step in range(200):
                runlake.log_metric("loss", step, step=step)
            runlake.log_param("number", number)
        runlake.flush()
        print(number, flush=True)
        time.sleep(0.02)
"""

PUBLISHES = """
    import os, sys, time
    from pathlib import Path
    from runlake.store.compaction import compact
    from runlake.store.layout import Layout
    from runlake.store.publish import publish
    layout = Layout(Path(os.environ["RUNLAKE_STORE"]))
    while True:
        publish(layout)
        compact(layout)
        print("published", flush=True)
"""


def copied_slowly(source: Path, target: Path, pause: float) -> None:
    """As rsync does: list a folder, copy its files in the order of their names, go into its folders; what is gone by then is left out."""
    target.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(source)):
            path = source / name
            if path.is_dir():
                copied_slowly(path, target / name, pause)
                continue
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(path, target / name)
                time.sleep(pause)


@pytest.mark.parametrize("pause", [pytest.param(0.0, marks=pytest.mark.long), 0.005, pytest.param(0.05, marks=pytest.mark.long)])
def test_a_copy_of_a_store_in_use_holds_no_wrong_row(tmp_path: Path, pause: float) -> None:
    """It opens; no row is twice in it or other than it was logged; what is missing is newer than the copy, or it is told."""
    store, copy = tmp_path / "lake", tmp_path / "copy"
    with program(WRITES, store, RUNLAKE_JOBS="off") as writer:
        while int(hear(writer)) < 3:
            pass
        with program(PUBLISHES, store) as publisher:
            for _ in range(2):
                assert hear(publisher) == "published"
            before = open_store(store)
            known = {run.info.run_id: len(run.metrics["loss"]) for run in before.runs() if run.info.status == "FINISHED"}
            copied_slowly(store, copy, pause)

    check_copy(copy, known)
    publish(Layout(copy))
    compact(Layout(copy))
    check_copy(copy, known)


def check_copy(copy: Path, known: dict[str, int]) -> None:
    """The rows of the copy are rows of the store, each once, and all of the runs that had ended before."""
    reading = read(copy)
    numbers = [row[-2:] for row in reading.points]
    assert len(set(numbers)) == len(numbers)
    found: dict[str, list[int]] = {}
    for run_id, key, step, _, value, _, _ in reading.points:
        assert (key, value) == ("loss", float(step))
        found.setdefault(run_id, []).append(step)
    assert all(len(steps) == len(set(steps)) for steps in found.values())
    missing = {run_id: (len(found.get(run_id, [])), n) for run_id, n in known.items() if len(found.get(run_id, [])) != n}
    assert not missing or reading.findings, missing
    for run in open_store(copy).runs():
        steps = run.metrics["loss"].steps.tolist() if "loss" in run.metrics else []
        assert steps == list(range(len(steps)))
        assert len(run.metrics["loss"]) == len(steps) if steps else True
