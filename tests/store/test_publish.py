"""Rows that are published read as they did before, each once, whoever wrote them and whatever became of that one."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import polars
import pytest
from deltalake import DeltaTable

import runlake
from children import run_program, start_program
from faults import hear, program
from lake import lake, published, sealed_of
from rows import Point, add_events, add_points, parts_of, read, reading_of, tuples
from runlake.entities import Event, Scope
from runlake.errors import StoreError
from runlake.read import open_store
from runlake.recording import recorders
from runlake.store.frames import Frame, Kind, scan
from runlake.store.layout import Layout, create
from runlake.store.publish import Moved, publish
from runlake.store.sealed import seal
from runlake.store.tables import TABLES
from runlake.store.view import View
from runlake.store.writer import Writer


@pytest.fixture(autouse=True)
def only_this_test_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process that does a run's jobs comes between."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


@pytest.fixture
def summaries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live writer's summaries come with every flush, not every ten seconds."""
    monkeypatch.setattr("runlake.recording.summaries.EVERY_SECONDS", 0.0)


def train(name: str = "first", steps: range = range(50)) -> str:
    """A run with something of every kind."""
    with runlake.start_run(run_name=name) as run:
        runlake.log_params({"lr": 0.1, "layers": [1, 2], "name": "größe"})
        runlake.set_tag("team", "vision")
        for step in steps:
            runlake.log_metrics({"loss": 1 / (step + 1), "acc": step / 8}, step=step)
        runlake.log_text("hello", "notes/readme.txt")
        runlake.log_metric("late", math.inf)
    return run.info.run_id


def leave() -> None:
    """End this process's logs, as at its end."""
    recorders.stop_all()


def marks(store: Path) -> dict[str, dict[str, int]]:
    """How far each writer is published, by table."""
    view = View(Layout(store))
    view.refresh()
    return {name: dict(table.log.transactions) for name, table in view.tables.items()}


def test_what_is_published_reads_as_it_did(store: Path) -> None:
    """Points, events, and all that is said of a run; the files that held them are gone."""
    runs = [train(name) for name in ("first", "second")]
    leave()
    before = lake(store)

    moved = publish(Layout(store))

    assert moved.rows["points"] == len(before.points) == 202
    assert moved.rows["meta"] == len(before.events)
    assert moved.lost == []
    assert parts_of(store) == []
    assert lake(store) == before
    assert list(before.runs) == runs
    assert read(store).findings == []


def test_publishing_again_moves_nothing(store: Path) -> None:
    """What is published stays as it is, to the version of the tables."""
    train()
    leave()
    publish(Layout(store))
    before, versions = lake(store), sorted(store.glob("*/_delta_log/*"))

    assert publish(Layout(store)) == Moved()
    assert lake(store) == before
    assert sorted(store.glob("*/_delta_log/*")) == versions


def test_a_store_that_holds_nothing_is_published(tmp_path: Path) -> None:
    """There is nothing to do, and no table to make."""
    layout = create(tmp_path / "lake")

    assert publish(layout) == Moved()
    assert read(layout.root) == ([], [], [])


def test_a_copy_without_the_empty_folders_is_published(store: Path) -> None:
    """As tools leave it that copy files alone."""
    train()
    leave()
    before = lake(store)
    (store / "tmp").rmdir()

    publish(Layout(store))

    assert parts_of(store) == []
    assert lake(store) == before


def test_days_that_are_empty_go_with_their_files(store: Path) -> None:
    """A writer that is about to open its log in one makes it again."""
    train()
    leave()
    (part,) = parts_of(store)
    old = store / "wal" / "20200102" / part.name
    old.parent.mkdir()
    part.rename(old)
    seal(Layout(store), old)
    before = lake(store)
    assert len(sealed_of(store)) == 3

    publish(Layout(store))

    assert [*store.glob("wal/*"), *store.glob("l0/*/*")] == []
    assert lake(store) == before


def test_a_live_writer_goes_on_while_it_is_published(store: Path, summaries_at_once: None) -> None:
    """Its log stays; nothing that it logs before, between and after is lost or doubled."""
    run = runlake.start_run()
    for first in range(0, 40, 10):
        for step in range(first, first + 10):
            runlake.log_metric("loss", step / 8, step=step)
        runlake.flush()
        before = lake(store)
        assert publish(Layout(store)).rows["points"] == 10
        assert lake(store) == before
        assert len(parts_of(store)) == 1
    runlake.log_metric("loss", 9.0, step=40)
    runlake.end_run()
    leave()

    publish(Layout(store))

    found = open_store(store).run(run.info.run_id)
    assert found.metrics["loss"].to_numpy().tolist() == [*(step / 8 for step in range(40)), 9.0]
    assert (len(found.metrics["loss"]), found.metrics["loss"].max, found.info.status) == (41, 9.0, "FINISHED")
    assert parts_of(store) == []


def test_points_of_a_live_writer_wait_for_their_summaries(store: Path) -> None:
    """Its events do not."""
    runlake.start_run()
    runlake.log_metric("loss", 1.0)
    runlake.flush()
    before = lake(store)

    moved = publish(Layout(store))

    assert (moved.rows["points"], moved.rows["metrics"]) == (0, 0)
    assert moved.rows["meta"] == len(before.events) > 0
    assert lake(store) == before


LOGS_TEN = """
    import sys, runlake
    with runlake.start_run(run_id=sys.argv[1]):
        for value in range(10):
            runlake.log_metric("loss", float(value))
        runlake.log_param("by", "the second")
"""


def test_a_published_run_is_resumed_by_another_process(store: Path) -> None:
    """Its steps go on from what is published, and its summaries put both together."""
    run_id = train(steps=range(5))
    leave()
    publish(Layout(store))

    finished = run_program(LOGS_TEN, store, run_id, RUNLAKE_JOBS="off")
    assert (finished.returncode, finished.stderr) == (0, "")
    before = lake(store)
    publish(Layout(store))

    assert lake(store) == before
    run = open_store(store).run(run_id)
    assert run.metrics["loss"].steps.tolist() == list(range(15))
    assert (len(run.metrics["loss"]), run.metrics["loss"].last, run.metrics["loss"].max) == (15, 9.0, 9.0)
    assert (run.params["by"], run.info.status) == ("the second", "FINISHED")


FORKS = """
    import os, runlake
    with runlake.start_run():
        for step in range(10):
            runlake.log_metric("loss", step, step=step)
        runlake.flush()
        child = os.fork()
        for step in range(10, 20):
            runlake.log_metric("mine" if child else "its", step, step=step)
        if child:
            assert os.waitpid(child, 0)[1] == 0
"""


def test_what_a_forked_child_logged_is_published(store: Path) -> None:
    """It has a log of its own."""
    finished = run_program(FORKS, store, RUNLAKE_JOBS="off")
    assert (finished.returncode, finished.stderr) == (0, "")
    before = lake(store)

    publish(Layout(store))

    assert len({row[5] for row in before.points}) == 2
    assert lake(store) == before
    assert len(lake(store).points) == 30
    assert parts_of(store) == []


LOGS_AND_WAITS = """
    import runlake
    run = runlake.start_run()
    for step in range(100):
        runlake.log_metric("loss", step / 8, step=step)
        if step % 10 == 9:
            runlake.flush()
    print(run.info.run_id, flush=True)
    input()
"""


def killed(store: Path) -> str:
    """The run of a program that was killed after it had flushed ten frames, and had not said anything of its series."""
    with start_program(LOGS_AND_WAITS, store, RUNLAKE_JOBS="off", RUNLAKE_FLUSH_SECONDS="60") as child:
        run_id = hear(child)
        assert run_id, child.communicate()
        child.kill()
    return run_id


def test_a_run_whose_owner_was_killed_reads_as_crashed_with_and_without_its_log(store: Path) -> None:
    """While the owner lives it is running; its log is not needed to know that it does not."""
    with program(LOGS_AND_WAITS, store, RUNLAKE_JOBS="off") as child:
        run_id = hear(child)
        publish(Layout(store))
        assert open_store(store).run(run_id).info.status == "RUNNING"
        assert len(parts_of(store)) == 1

    assert open_store(store).run(run_id).info.status == "CRASHED"
    before = lake(store)
    publish(Layout(store))

    assert parts_of(store) == []
    assert lake(store) == before
    assert before.runs[run_id]["info"].status == "CRASHED"


def test_the_series_of_a_killed_writer_are_summarized_for_it(store: Path) -> None:
    """It never came to say anything of them."""
    run_id = killed(store)
    before = lake(store)

    moved = publish(Layout(store))

    assert (moved.rows["metrics"], moved.rows["points"]) == (1, 100)
    assert lake(store) == before
    assert before.runs[run_id]["metrics"]["loss"] == (100, 99 / 8, 0.0, 99 / 8, 0)
    assert parts_of(store) == []


def test_summaries_that_overlap_count_each_point_once(store: Path, summaries_at_once: None) -> None:
    """A writer says more of a series again and again, and every time may be published."""
    with runlake.start_run() as run:
        for step in range(30):
            runlake.log_metric("loss", step, step=step)
            if step % 3 == 0:
                runlake.log_metric("rare", -step, step=step)
            if step % 10 == 4:
                runlake.flush()
                publish(Layout(store))
    leave()
    before = lake(store)
    publish(Layout(store))

    view = View(Layout(store))
    view.refresh()
    assert len(published(view, "metrics")) > 2
    assert lake(store) == before
    assert before.runs[run.info.run_id]["metrics"] == {"loss": (30, 29.0, 0.0, 29.0, 0), "rare": (10, -27.0, -27.0, 0.0, 27)}


def test_a_run_that_is_logged_to_after_its_end_is_summarized_whole(store: Path, summaries_at_once: None) -> None:
    """Its summaries begin anew then, and merge."""
    with runlake.start_run() as run:
        runlake.log_metric("loss", 1.0, step=0)
    runlake.flush()
    time.sleep(1.1)
    publish(Layout(store))
    with runlake.start_run(run_id=run.info.run_id):
        runlake.log_metric("loss", 5.0, step=1)
    leave()
    before = lake(store)

    publish(Layout(store))

    assert lake(store) == before
    assert before.runs[run.info.run_id]["metrics"]["loss"] == (2, 5.0, 1.0, 5.0, 0)


# Damage


def frames_of(part: Path, kind: Kind) -> list[Frame]:
    """The good frames of this kind."""
    return [frame for frame in scan(part.read_bytes()) if isinstance(frame, Frame) and frame.kind == kind]


def damage(part: Path, frame: Frame) -> None:
    """Turn around every bit of one byte amid the frame."""
    data = bytearray(part.read_bytes())
    data[(frame.offset + frame.end) // 2] ^= 0xFF
    part.write_bytes(data)


def test_rows_lost_to_damage_are_told_and_the_rest_is_published(store: Path) -> None:
    """A gone writer's log holds nobody up."""
    run_id = killed(store)
    (part,) = parts_of(store)
    frames = frames_of(part, Kind.POINTS)
    assert len(frames) == 10
    damage(part, frames[4])
    before = lake(store)
    assert len(before.points) == 90

    moved = publish(Layout(store))

    assert len(moved.lost) == 1
    assert moved.lost[0].startswith("10 points that were logged are lost")
    after = lake(store)
    assert after.points == before.points
    assert after.runs[run_id]["errors"] == [f"rows_lost: {moved.lost[0]}"]
    assert after.runs[run_id]["metrics"] == before.runs[run_id]["metrics"]
    assert publish(Layout(store)).lost == []
    assert lake(store) == after
    assert parts_of(store) == []


def test_rows_lost_before_the_end_are_told(store: Path) -> None:
    """The last frame tells how many points came before it."""
    layout, run_id = create(store), "a" * 32
    writer = Writer(layout)
    add_events(writer, [Event.set(run_id, Scope.RUN, key, text, 1) for key, text in (("status", "FINISHED"), ("start_ns", "1"))])
    for first in (0, 10):
        add_points(writer, [Point(run_id, "loss", step, step, step / 8) for step in range(first, first + 10)])
        writer.sync()
    writer.close()
    (part,) = parts_of(store)
    damage(part, frames_of(part, Kind.POINTS)[-1])

    moved = publish(layout)

    assert len(moved.lost) == 1
    assert [error.partition(" are lost")[0] for error in open_store(store).run(run_id).errors] == ["rows_lost: 10 points that were logged"]
    assert len(lake(store).points) == 10
    assert parts_of(store) == []


def test_a_log_stays_where_nobody_can_be_told_what_it_lost(store: Path) -> None:
    """Nothing that is left of it says of which run the lost points were; it goes on being found."""
    layout = create(store)
    writer, rows = Writer(layout), [Point("r", "loss", step, step, step / 8) for step in range(20)]
    add_points(writer, rows[:10])
    writer.close()
    publish(layout)
    add_points(writer, rows[10:])
    writer.close()
    (part,) = parts_of(store)
    damage(part, frames_of(part, Kind.POINTS)[-1])
    found = read(store).findings
    assert "points 10 to 19 of this writer are missing" in found

    assert publish(layout).lost == []

    assert parts_of(store) == [part]
    assert read(store).findings == found


def test_a_live_writer_is_published_up_to_what_is_damaged(store: Path) -> None:
    """And no further, for the disk may yet give it back; all that can be read is read."""
    with program(LOGS_AND_WAITS, store, RUNLAKE_JOBS="off", RUNLAKE_FLUSH_SECONDS="60") as child:
        hear(child)
        (part,) = parts_of(store)
        damage(part, frames_of(part, Kind.POINTS)[4])
        before = lake(store)

        moved = publish(Layout(store))

        assert moved.lost == []
        assert moved.rows["points"] <= 40
        assert lake(store) == before
        assert len(before.points) == 90
        assert parts_of(store) == [part]


def test_a_torn_end_of_a_gone_writer_holds_nothing_up(store: Path) -> None:
    """What was written whole is published, and the log goes."""
    run_id = killed(store)
    (part,) = parts_of(store)
    part.write_bytes(part.read_bytes()[:-7])
    before = lake(store)
    assert len(before.points) == 90

    moved = publish(Layout(store))

    assert (moved.rows["points"], moved.lost) == (90, [])
    assert lake(store) == before
    assert lake(store).runs[run_id]["errors"] == []
    assert parts_of(store) == []


# Sealed files


def test_a_sealed_part_reads_as_before_and_is_published(store: Path) -> None:
    """First as a log, then as sealed files, then in the tables."""
    train()
    leave()
    before = lake(store)

    (part,) = parts_of(store)
    seal(Layout(store), part)
    assert (parts_of(store), lake(store)) == ([], before)
    assert [path.parent.parent.name for path in sealed_of(store)] == ["meta", "metrics", "points"]
    publish(Layout(store))

    assert lake(store) == before
    assert sealed_of(store) == []


def test_sealed_and_unsealed_parts_of_a_writer_are_one_log(store: Path) -> None:
    """Whichever was sealed first, and whatever was published between."""
    layout = create(store)
    writer, rows = Writer(layout), [Point("r", "loss", step, step, step / 8) for step in range(40)]
    for first in range(0, 40, 10):
        add_points(writer, rows[first : first + 10])
        writer.close()
    expected = [(*row, writer.id, seq) for seq, row in enumerate(rows)]
    parts = parts_of(store)

    seal(layout, parts[2])
    assert read(store) == (expected, [], [])
    seal(layout, parts[0])
    publish(layout, rows_at_once=10)
    assert read(store) == (expected, [], [])
    assert (parts_of(store), sealed_of(store)) == ([], [])


def test_a_part_sealed_after_it_was_published_counts_once(store: Path, summaries_at_once: None) -> None:
    """Nobody asks what is published when a part is sealed."""
    train()
    leave()
    (part,) = parts_of(store)
    log, before = part.read_bytes(), lake(store)
    publish(Layout(store))
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(log)
    seal(Layout(store), part)

    assert lake(store) == before
    assert publish(Layout(store)).rows == {"points": 0, "meta": 0, "metrics": 0}
    assert lake(store) == before
    assert sealed_of(store) == []


def test_a_damaged_part_is_not_sealed(store: Path) -> None:
    """It stays, and so do its rows."""
    killed(store)
    (part,) = parts_of(store)
    damage(part, frames_of(part, Kind.POINTS)[4])
    before = lake(store)

    with pytest.raises(StoreError, match="damaged"):
        seal(Layout(store), part)

    assert parts_of(store) == [part]
    assert sealed_of(store) == []
    assert lake(store) == before


# The table of runs


def runs_table(store: Path) -> dict[str, tuple[Any, ...]]:
    """Name, status and life cycle of each run, as deltalake reads them."""
    rows = DeltaTable(store / "runs").to_pyarrow_table().to_pylist()
    assert len({row["run_id"] for row in rows}) == len(rows)
    return {row["run_id"]: (row["name"], row["status"], row["lifecycle"]) for row in rows}


def test_the_table_of_runs_follows_what_becomes_of_them(store: Path) -> None:
    """Whether they run, end, are renamed, deleted or restored."""
    other = train("other")
    run = runlake.start_run(run_name="first")
    run_id = run.info.run_id
    runlake.flush()
    publish(Layout(store))
    assert runs_table(store) == {other: ("other", "FINISHED", "active"), run_id: ("first", "RUNNING", "active")}

    runlake.set_tag("mlflow.runName", "second")
    runlake.end_run("FAILED")
    publish(Layout(store))
    assert runs_table(store)[run_id] == ("second", "FAILED", "active")

    runlake.delete_run(run_id)
    publish(Layout(store))
    assert runs_table(store)[run_id] == ("second", "FAILED", "deleted")

    runlake.restore_run(run_id)
    publish(Layout(store))
    assert runs_table(store) == {other: ("other", "FINISHED", "active"), run_id: ("second", "FAILED", "active")}


def test_the_table_of_runs_is_made_again_where_meta_no_longer_tells_what_changed(store: Path) -> None:
    """Its versions are cleaned up in time."""
    first = train("first")
    runlake.flush()
    publish(Layout(store))
    second = train("second")
    leave()
    layout = Layout(store)
    view = View(layout)
    view.refresh()
    publish(layout)
    table = DeltaTable(store / "meta")
    table.create_checkpoint()
    for path in sorted((store / "meta" / "_delta_log").glob("*.json"))[:-1]:
        path.unlink()
    third = run_program(
        "import runlake\nwith runlake.start_run(run_name='third') as run: print(run.info.run_id)", store, RUNLAKE_JOBS="off"
    ).stdout.strip()
    publish(layout)

    assert {run_id: row[0] for run_id, row in runs_table(store).items()} == {first: "first", second: "second", third: "third"}


def test_the_table_of_runs_is_made_again_when_it_is_gone(store: Path) -> None:
    """It holds nothing that `meta` does not."""
    train("first")
    leave()
    publish(Layout(store))
    before = runs_table(store)
    for path in sorted((store / "runs").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()

    publish(Layout(store))

    assert runs_table(store) == before


# The tables themselves


def test_a_table_whose_old_versions_are_gone_is_read_from_its_checkpoint(store: Path) -> None:
    """By a view that comes new, and by one that was open since."""
    layout = create(store)
    writer, rows = Writer(layout), [Point("r", "loss", step, step, step / 8) for step in range(250)]
    view, old = View(layout), View(layout)
    for first in range(0, 250, 10):
        add_points(writer, rows[first : first + 10])
        writer.close()
        publish(layout)
        if first < 30:
            old.refresh()
    log = store / "points" / "_delta_log"
    checkpoint = json.loads((log / "_last_checkpoint").read_text())["version"]
    assert checkpoint > 15
    for version in range(checkpoint):
        (log / f"{version:020d}.json").unlink()
    expected = [(*row, writer.id, seq) for seq, row in enumerate(rows)]

    for each in (view, old):
        each.refresh()
        assert reading_of(each).points == expected
    (log / "_last_checkpoint").unlink()
    assert read(store).points == expected
    add_points(writer, [Point("r", "loss", 250, 250, 0.0)])
    writer.close()
    publish(layout)
    assert len(read(store).points) == 251


def test_a_table_that_another_program_raised_is_refused(store: Path) -> None:
    """What a later reader version may mean, nobody can know now."""
    train()
    leave()
    publish(Layout(store))
    log = store / "points" / "_delta_log"
    version = len(list(log.glob("*.json")))
    raised = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"], "writerFeatures": []}}
    (log / f"{version:020d}.json").write_text(json.dumps(raised))

    for _ in range(2):
        with pytest.raises(StoreError, match="reader version 3"):
            open_store(store)
    with pytest.raises(StoreError, match="reader version 3"):
        publish(Layout(store))


def test_a_table_that_was_never_finished_is_made(store: Path) -> None:
    """Whoever began it was killed after the folder of its versions was there, and before the first one."""
    train()
    leave()
    before = lake(store)
    for name in TABLES:
        (store / name / "_delta_log").mkdir(parents=True)

    publish(Layout(store))

    assert lake(store) == before
    assert parts_of(store) == []


READS = """
    import sys, runlake
    with runlake.start_run() as run:
        runlake.log_metric("loss", 1.0)
        old, own = runlake.get_run(sys.argv[1]), runlake.get_run(run.info.run_id)
        print(len(old.metrics["loss"].to_numpy()), own.metrics["loss"].last, old.info.status, own.info.status)
    with runlake.start_run(run_id=sys.argv[1]):
        runlake.log_metric("loss", 7.0)
    print("deltalake" in sys.modules)
"""


def test_a_program_that_trains_reads_tables_without_deltalake(store: Path) -> None:
    """After one use of it a forked child could not use it again."""
    run_id = train()
    leave()
    publish(Layout(store))

    finished = run_program(READS, store, run_id, RUNLAKE_JOBS="off")

    assert (finished.stdout.split(), finished.stderr) == (["50", "1.0", "FINISHED", "RUNNING", "False"], "")


def test_other_programs_read_the_same_rows(store: Path) -> None:
    """The tables are open: their rows are those that we read, no more and no fewer."""
    train("first")
    train("second")
    leave()
    publish(Layout(store))
    view = View(Layout(store))
    view.refresh()

    for name in ("points", "meta", "metrics"):
        ours = published(view, name)
        assert ours
        assert sorted(tuples(DeltaTable(store / name).to_pyarrow_table()), key=repr) == ours
        assert sorted(polars.read_delta(str(store / name)).rows(), key=repr) == ours
    assert len(published(view, "points")) == len(view.points())


def test_a_view_that_stays_open_sees_each_row_once(store: Path, summaries_at_once: None) -> None:
    """In the log, half published, published, and gone from the log."""
    runlake.start_run()
    runlake.flush()
    view, layout = View(Layout(store)), Layout(store)
    view.refresh()
    for first in range(0, 40, 10):
        for step in range(first, first + 10):
            runlake.log_metric("loss", step / 8, step=step)
        runlake.flush()
        for _ in range(2):
            view.refresh()
            assert reading_of(view) == read(store)
            assert view.points()["step"].to_pylist() == list(range(first + 10))
            publish(layout, rows_at_once=4)
    runlake.end_run()
    leave()
    publish(layout)
    view.refresh()

    assert reading_of(view) == read(store)
    assert view.points()["step"].to_pylist() == list(range(40))
