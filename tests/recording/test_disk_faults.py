"""A disk that is full, slow, read-only, gone or broken costs no program anything, and every point that it cost is counted."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import Ended, calls, failing, fill, finish, go_on, hear, program, series, small_disk
from runlake.read import open_store
from runlake.store.layout import Layout
from runlake.store.writer import Writer

NO_SPACE = r"takes no points: \[Errno 28\] No space left on device"

# Ends with 7 if the last flush was safe: code of its own, which no fault may change.
SIX_FLUSHES = """
    import pwd, tomllib, runlake.recording.verbs
    from runlake.store.columns import encode_points, point_columns
    encode_points([("run", "key")], *point_columns([0], [0], [0], [0.0]))  # imports the last that it will ever import
    print("ready")
    input()
    with runlake.start_run(run_name="faulty"):
        for step in range(6):
            runlake.log_metric("loss", step / 2, step=step)
            safe = runlake.flush()
    raise SystemExit(7 if safe else 8)
"""

# Three thousand points, with a pause for the test behind each thousand.
THREE_PARTS = """
    import runlake
    with runlake.start_run(run_name="faulty"):
        for part in range(3):
            steps = range(1000 * part, 1000 * part + 1000)
            runlake.log_batch("loss", [step / 2 for step in steps], steps)
            print(runlake.flush())
            input()
    raise SystemExit(7)
"""

SMALL_CAPS = """
    from runlake.recording import buffer, flusher
    buffer.CAP_POINTS = flusher.CAP_POINTS = 2000
    buffer.CHUNK_POINTS = 100
    flusher.EARLY_POINTS = 500
"""


def points(*steps: int) -> list[tuple[int, float]]:
    """What the programs log at the steps of this range."""
    return [(step, step / 2) for step in range(*steps)]


def findings(store: Path) -> list[str]:
    """What a reader complains of but torn ends, which errors leave behind."""
    return [found.what for found in open_store(store).findings() if "bytes at the end are no whole frame" not in found.what]


def parts(store: Path) -> list[Path]:
    """The parts of the log."""
    return sorted(store.glob("wal/*/*.wal"))


# Errors at one system call


def check_one_fault(folder: Path, fault: str, *, planted: str = "") -> bool:
    """The program sees nothing of it, all points are there once, and the file is never touched again; whether the fault came."""
    folder.mkdir(exist_ok=True)
    store, log = folder / "lake", folder / "calls"
    with program(SIX_FLUSHES, store, planted=planted) as child:
        assert hear(child) == "ready"
        with failing(child, fault, log):
            ended = finish(child)

    assert ended == Ended(7, [], [])
    failed: set[str] = set()
    for call in calls(log):
        assert call.path not in failed, f"{call.name} of a file that an error was reported for"
        if call.error and call.path.endswith(".wal"):
            failed.add(call.path)
    assert series(store) == points(6)
    assert findings(store) == []
    assert [run.info.status for run in open_store(store).runs()] == ["FINISHED"]
    return any(call.was_injected for call in calls(log))


@pytest.mark.parametrize(
    "fault",
    [
        "fdatasync:error=EIO:when=2",  # the first is STORE.json's
        "fdatasync:error=ENOSPC:when=4",
        "write:error=ENOSPC:when=5",
        "write:error=EDQUOT:when=8",
        "write:error=ESTALE:when=9",
        "write:error=EROFS:when=10",
        "fsync:error=EIO:when=6",
        "openat:error=EROFS:when=5",
        "link,linkat:error=EIO:when=3",
    ],
)
def test_an_error_moves_the_writer_to_a_new_part(tmp_path: Path, fault: str) -> None:
    """With all frames that were not synced: no write and no sync follows in the old file."""
    assert check_one_fault(tmp_path, fault)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "ESTALE"])
@pytest.mark.parametrize("call", ["write", "fdatasync", "fsync", "openat", "link,linkat", "unlink,unlinkat", "mkdir,mkdirat"])
def test_no_moment_is_a_bad_one_for_an_error(tmp_path: Path, call: str, error: str) -> None:
    """The n-th call fails, for every n up to the last."""
    n = 1
    while check_one_fault(tmp_path / str(n), f"{call}:error={error}:when={n}"):
        n += 1
    assert n > 1


RETRIES_THE_SYNC = """
    from runlake.store.writer import Writer
    def sync(self):
        self.write()
        try:
            self._sync_part()
        except OSError:
            self._sync_part()
    Writer.sync = sync
"""
STAYS_IN_THE_FILE = """
    from runlake.store.writer import Writer
    def give_up_part(self):
        self._queued = self._unsynced + self._queued
        self._unsynced = []
    Writer._give_up_part = give_up_part
"""
FORGETS_THE_UNSYNCED = """
    from runlake.store.writer import Writer
    give_up = Writer._give_up_part
    def give_up_part(self):
        self._unsynced.clear()
        give_up(self)
    Writer._give_up_part = give_up_part
"""


@pytest.mark.parametrize(
    ("planted", "fault", "found"),
    [
        (RETRIES_THE_SYNC, "fdatasync:error=EIO:when=3", "fdatasync of a file that an error was reported for"),
        (STAYS_IN_THE_FILE, "write:error=ENOSPC:when=8", "write of a file that an error was reported for"),
        (FORGETS_THE_UNSYNCED, "fdatasync:error=EIO:when=2", None),
    ],
    ids=["retries the sync", "stays in the file", "forgets the unsynced"],
)
def test_the_check_sees_a_planted_bug(tmp_path: Path, planted: str, fault: str, found: str | None) -> None:
    """A writer that trusts a file after an error, or forgets what was in it, fails the same check."""
    with pytest.raises(AssertionError, match=found):
        check_one_fault(tmp_path, fault, planted=planted)


def test_a_disk_that_never_syncs_is_not_filled_with_copies(tmp_path: Path) -> None:
    """Every point stays readable, the program is told that none is safe, and however often it is tried two parts are the most."""
    store = tmp_path / "lake"
    with program(SIX_FLUSHES.replace("range(6)", "range(20)"), store) as child:
        assert hear(child) == "ready"
        with failing(child, "fdatasync:error=EIO:when=2+", tmp_path / "calls"):
            ended = finish(child)

    assert ended.code == 8
    assert [line.partition("lake ")[2][:34] for line in ended.complaints] == ["takes no points: [Errno 5] Input/o"]
    assert len(parts(store)) <= 2
    assert series(store) == points(20)


def test_what_a_disk_never_syncs_is_bounded_in_memory(tmp_path: Path) -> None:
    """The writer keeps so much for the next part and no more; what waits behind it is dropped and counted."""
    small = SMALL_CAPS + "    from runlake.store import writer\n    writer.UNSYNCED_BYTES = 40_000\n"
    store = tmp_path / "lake"
    with program(SIX_FLUSHES.replace("range(6)", "range(10_000)").replace("runlake.flush()", "False"), store, planted=small) as child:
        assert hear(child) == "ready"
        with failing(child, "fdatasync:error=EIO:when=2+", tmp_path / "calls"):
            ended = finish(child)

    lost = re.search(r"did not take (\d+) points, which are lost", ended.complaints[-1])
    assert lost is not None
    assert len(series(store)) + int(lost[1]) == 10_000
    assert sum(part.stat().st_size for part in parts(store)) < 3 * 40_000


def test_a_taken_name_does_not_stop_the_writer(tmp_path: Path) -> None:
    """Over NFS a file may be made by a call that reported an error: the next number is tried."""
    layout = Layout(tmp_path / "lake")
    writer = Writer(layout)
    taken = layout.wal_part(writer.id, 0, time.time_ns())
    taken.parent.mkdir(parents=True)
    taken.touch()

    writer.add_beat()
    writer.close()

    assert [part.name[-10:] for part in parts(layout.root)] == ["000000.wal", "000001.wal"]


def test_a_torn_write_is_written_again_in_a_new_part(tmp_path: Path) -> None:
    """The system takes a part of a frame: files may not grow beyond a limit here."""
    limit = "    import resource\n    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
    with program(THREE_PARTS, tmp_path / "lake", planted=limit) as child:
        ended = finish(child)

    assert ended == Ended(7, ["True"] * 3, [])
    assert series(tmp_path / "lake") == points(3000)
    assert len(parts(tmp_path / "lake")) == 3
    assert len(open_store(tmp_path / "lake").findings()) == 2


# A full disk


@pytest.mark.usefixtures("as_root")
def test_a_full_disk_costs_nothing_once_there_is_room(tmp_path: Path) -> None:
    """One warning, the program's own exit code, and every point."""
    with small_disk(tmp_path / "disk", "400k") as disk:
        with program(THREE_PARTS, disk.inside / "lake", prefix=disk.enter) as child:
            assert hear(child) == "True"
            ballast = fill(disk.outside)
            go_on(child)
            assert hear(child) == "False"
            assert series(disk.outside / "lake") == points(1000)
            ballast.unlink()
            ended = finish(child)

        assert (ended.code, ended.said) == (7, ["True"])
        assert len(ended.complaints) == 1
        assert re.search(NO_SPACE, ended.complaints[0])
        assert series(disk.outside / "lake") == points(3000)
        assert findings(disk.outside / "lake") == []


@pytest.mark.usefixtures("as_root")
def test_a_disk_that_stays_full_costs_what_the_last_line_says(tmp_path: Path) -> None:
    """What was written before can be read, and the line counts the rest."""
    with small_disk(tmp_path / "disk", "400k") as disk:
        with program(THREE_PARTS, disk.inside / "lake", prefix=disk.enter) as child:
            assert hear(child) == "True"
            fill(disk.outside)
            ended = finish(child)

        assert (ended.code, ended.said) == (7, ["False", "False"])
        warning, last = ended.complaints
        assert re.search(NO_SPACE, warning)
        assert last.endswith("did not take 2000 points, which are lost: [Errno 28] No space left on device")
        assert series(disk.outside / "lake") == points(1000)
        assert len(parts(disk.outside / "lake")) == 1


ONE_BY_ONE = """
    import runlake
    with runlake.start_run(run_name="faulty"):
        for part in ((0, 1000), (1000, 9000), (9000, 9001)):
            for step in range(*part):
                runlake.log_metric("loss", step / 2, step=step)
            print(runlake.flush())
            input()
    raise SystemExit(7)
"""


@pytest.mark.usefixtures("as_root")
def test_a_full_disk_keeps_memory_bounded_and_the_run_says_what_was_lost(tmp_path: Path) -> None:
    """The oldest of what waits goes first; the count is exact, and in the run once there is room."""
    with small_disk(tmp_path / "disk", "600k") as disk:
        with program(ONE_BY_ONE, disk.inside / "lake", planted=SMALL_CAPS, prefix=disk.enter) as child:
            assert hear(child) == "True"
            ballast = fill(disk.outside)
            go_on(child)
            assert hear(child) == "False"
            ballast.unlink()
            ended = finish(child)

        assert (ended.code, ended.said, len(ended.complaints)) == (7, ["True"], 1)
        missing = sorted({*range(9001)} - {step for step, _ in series(disk.outside / "lake")})
        (run,) = open_store(disk.outside / "lake").runs()
        counts = [int(count) for count in re.findall(r"points_lost: (\d+) points were lost while", " ".join(run.errors))]
        assert sum(counts) == len(missing)
        assert missing == list(range(missing[0], missing[-1] + 1))
        assert missing[0] < 1200, "not the oldest"
        assert 8000 - 2000 <= len(missing) <= 8000 - 1000


@pytest.mark.usefixtures("as_root")
def test_an_artifact_too_large_for_the_disk_is_named_in_the_run(tmp_path: Path) -> None:
    """A warning, an error in the run, nothing left of the copy, and the program goes on."""
    model = tmp_path / "model.bin"
    model.write_bytes(bytes(2_000_000))
    code = f"""
        import runlake
        with runlake.start_run(run_name="faulty"):
            runlake.log_artifact({str(model)!r})
            runlake.log_text("small", "note.txt")
        raise SystemExit(7)
    """
    with small_disk(tmp_path / "disk", "400k") as disk:
        with program(code, disk.inside / "lake", prefix=disk.enter) as child:
            ended = finish(child)

        reason = "was not kept: [Errno 28] No space left on device"
        assert ended == Ended(7, [], [f"The artifact model.bin {reason}"])
        (run,) = open_store(disk.outside / "lake").runs()
        assert run.errors == [f"model.bin: the artifact {reason}"]
        assert list(run.artifacts) == ["note.txt"]
        assert list((disk.outside / "lake" / "tmp").iterdir()) == []


# A store that may not be written to


@pytest.mark.usefixtures("as_root")
def test_a_read_only_disk_is_read_and_written_to_once_it_may_be(tmp_path: Path) -> None:
    """What was there stays readable, and nothing is lost if it may be written to before the end."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        with program(SIX_FLUSHES, disk.inside / "lake", prefix=disk.enter) as child:
            assert finish(child).code == 7
        disk.remount("ro")
        with program(THREE_PARTS, disk.inside / "lake", prefix=disk.enter) as child:
            assert hear(child) == "False"
            assert series(disk.outside / "lake") == points(6)
            disk.remount("rw")
            ended = finish(child)

        assert (ended.code, ended.said, len(ended.complaints)) == (7, ["True", "True"], 1)
        assert "takes no points: [Errno 30] Read-only file system" in ended.complaints[0]
        assert series(disk.outside / "lake") == points(6) + points(3000)


# Once everything is imported: the interpreter may lie where others may not look.
BECOME_NOBODY = """
    import os
    import runlake.recording.verbs
    import runlake.store.columns
    os.chdir("/")
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""


@pytest.fixture
def anybodys_folder() -> Iterator[Path]:
    """A folder whose parents everybody may pass."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.usefixtures("as_root")
def test_a_folder_that_denies_permission_costs_nothing_once_it_allows_it(anybodys_folder: Path) -> None:
    """For a user whom mode bits bind."""
    with program(THREE_PARTS, anybodys_folder / "lake", planted=BECOME_NOBODY) as child:
        assert hear(child) == "False"
        assert list(anybodys_folder.iterdir()) == []
        anybodys_folder.chmod(0o777)
        ended = finish(child)

    assert (ended.code, ended.said, len(ended.complaints)) == (7, ["True", "True"], 1)
    assert "takes no points: [Errno 13] Permission denied" in ended.complaints[0]
    assert series(anybodys_folder / "lake") == points(3000)


# A store that somebody removes


def check_removal(store: Path, *, planted: str = "") -> None:
    """A writer whose part is removed goes on in a new one."""
    with program(THREE_PARTS, store, planted=planted) as child:
        assert hear(child) == "True"
        for part in parts(store):
            part.unlink()
        ended = finish(child)

    assert ended == Ended(7, ["True", "True"], [])
    assert series(store) == points(1000, 3000)


def test_a_removed_part_is_followed_by_a_new_one(tmp_path: Path) -> None:
    """Writing on would succeed, into nothing."""
    check_removal(tmp_path / "lake")


def test_the_check_sees_a_writer_that_does_not_look(tmp_path: Path) -> None:
    """One that never asks whether its file has a name."""
    with pytest.raises(AssertionError):
        check_removal(
            tmp_path / "lake", planted="from runlake.store.writer import Writer\nWriter.is_removed = property(lambda self: False)\n"
        )


def test_a_store_removed_during_a_run_is_made_again(tmp_path: Path) -> None:
    """All that is logged afterwards is there."""
    store = tmp_path / "lake"
    with program(THREE_PARTS, store) as child:
        assert hear(child) == "True"
        shutil.rmtree(store)
        ended = finish(child)

    assert ended == Ended(7, ["True", "True"], [])
    assert series(store) == points(1000, 3000)


def test_points_that_were_not_synced_outlive_their_part(tmp_path: Path) -> None:
    """They are in memory until then, and a sync of a file without a name is none."""
    code = """
        import runlake
        with runlake.start_run(run_name="faulty"):
            runlake.log_batch("loss", [step / 2 for step in range(100)])
            input()
            print(runlake.flush())
    """
    store = tmp_path / "lake"
    with program(code, store, RUNLAKE_DURABILITY="process", RUNLAKE_FLUSH_SECONDS="0.01") as child:
        wait_for_points(store, 100)
        for part in parts(store):
            part.unlink()
        ended = finish(child)

    assert ended == Ended(0, ["True"], [])
    assert series(store) == points(100)


def wait_for_points(store: Path, n: int) -> None:
    """Until a reader sees so many."""
    for _ in range(1000):
        if parts(store) and len(series(store)) == n:
            return
        time.sleep(0.01)
    pytest.fail("the points do not come")


def test_a_store_removed_after_the_last_run_stays_removed(tmp_path: Path) -> None:
    """A program in a temporary folder leaves nothing behind when it ends."""
    code = """
        import runlake
        with runlake.start_run():
            runlake.log_metric("loss", 1.0)
        print(runlake.flush())
        input()
    """
    with program(code, tmp_path / "lake") as child:
        assert hear(child) == "True"
        shutil.rmtree(tmp_path / "lake")
        ended = finish(child)

    assert ended == Ended(0, [], [])
    assert os.listdir(tmp_path) == []


# A slow disk


TIMED = """
    import time
    import runlake.recording.verbs
    import runlake.store.columns
    print("ready")
    input()
    longest, began = 0.0, time.perf_counter()
    with runlake.start_run(run_name="faulty"):
        step = 0
        while step < POINTS:
            before = time.perf_counter()
            runlake.log_metric("loss", step / 2, step=step)
            longest = max(longest, time.perf_counter() - before)
            step += 1
            PAUSE
        took = time.perf_counter() - began
    print(longest, took)
"""


def test_a_slow_disk_does_not_hold_up_the_caller(tmp_path: Path) -> None:
    """Syncs take half a second here."""
    code = TIMED.replace("POINTS", "500").replace("PAUSE", "time.sleep(0.002)")
    with program(code, tmp_path / "lake") as child:
        assert hear(child) == "ready"
        with failing(child, "fdatasync:delay_enter=500000", tmp_path / "calls"):
            ended = finish(child)

    longest, took = map(float, ended.said[0].split())
    assert took > 1.0
    assert longest < 0.25
    assert series(tmp_path / "lake") == points(500)


def test_callers_wait_for_a_slow_disk_rather_than_lose_a_point(tmp_path: Path) -> None:
    """More than the cap is logged while a sync lasts."""
    code = TIMED.replace("POINTS", "20_000").replace("PAUSE", "")
    with program(code, tmp_path / "lake", planted=SMALL_CAPS) as child:
        assert hear(child) == "ready"
        with failing(child, "fdatasync:delay_enter=300000", tmp_path / "calls"):
            ended = finish(child)

    longest, _ = map(float, ended.said[0].split())
    assert (ended.code, ended.complaints) == (0, [])
    assert longest > 0.1
    assert series(tmp_path / "lake") == points(20_000)
    assert [run.errors for run in open_store(tmp_path / "lake").runs()] == [[]]


def test_a_disk_that_never_answers_does_not_keep_the_program(tmp_path: Path) -> None:
    """The end waits for so long and no longer, says so, and what is logged even later does not wait for the stuck thread."""
    code = """
        import atexit
        atexit.register(lambda: print("the last thing it does"))
        atexit.register(lambda: run.log_metric("loss", 2.0))
        import runlake.recording.verbs
        import runlake.store.columns
        from runlake.recording import flusher
        flusher.EXIT_SECONDS = 1.0
        print("ready")
        input()
        run = runlake.start_run(run_name="faulty")
        inner = runlake.start_run(nested=True)
        runlake.log_metric("loss", 1.0)
        raise SystemExit(7)
    """
    with program(code, tmp_path / "lake") as child:
        assert hear(child) == "ready"
        with failing(child, "fdatasync:delay_enter=30000000", tmp_path / "calls"):
            began = time.monotonic()
            go_on(child)
            assert hear(child) == "the last thing it does"
            took = time.monotonic() - began
        ended = finish(child)

    assert 1.0 <= took < 4.0
    assert (ended.code, len(ended.complaints)) == (7, 1)
    assert ended.complaints[0].endswith("did not take the last points within 1 seconds; leaving without them.")
