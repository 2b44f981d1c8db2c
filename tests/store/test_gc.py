"""What was deleted goes for good, and nothing else does, whoever is killed, races, or writes meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

import lake as shared
from children import let_go_together, run_program, start_program
from faults import hear, program
from lake import Lake, lake
from random_lake import RandomLake
from rows import Point, add_events, add_points, parts_of
from runlake.entities import Event, Job, Scope, ViewType
from runlake.errors import RunlakeError, UnknownExperiment, UnknownRun
from runlake.read import Query, Store, open_store
from runlake.read.search import cache
from runlake.store.blobs import keep_bytes, keep_file, put_aside
from runlake.store.commits import commit
from runlake.store.compaction import compact
from runlake.store.delta_log import DeltaLog
from runlake.store.experiments import Experiments
from runlake.store.gc import removing
from runlake.store.gc.doomed import Asked
from runlake.store.gc.removing import GONE
from runlake.store.gc.unreferenced import GRACE_SECONDS, remove_unreferenced
from runlake.store.gc.whole import Collected, collect, would_collect
from runlake.store.layout import Layout, create
from runlake.store.packs import content_of, keep_together
from runlake.store.publish import publish
from runlake.store.tables import TABLES, checked_rows
from runlake.store.view import View
from runlake.store.writer import Writer

TESTS = str(Path(shared.__file__).parent)
OUR_MODULES = os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])])

ALL = Asked(before_ms=1 << 62)
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def only_this_test_publishes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No process that does a run's jobs comes between, and the cache of searches is this test's."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))


def hlc_of(ms: int) -> int:
    """The hybrid time of an event of then."""
    return ms << 16


def write_run(
    writer: Writer,
    run_id: str,
    *,
    shelf: str = "0",
    deleted_ms: int | None = None,
    contents: Collection[bytes] = (),
    status: str = "FINISHED",
) -> None:
    """A run with points and artifacts, deleted at that time."""
    said = {"status": status, "start_ns": "1", "name": f"name of {run_id}", "experiment_id": shelf, "owner": writer.id}
    events = [Event.set(run_id, Scope.RUN, key, text, 1) for key, text in said.items()]
    events.append(Event.set(run_id, Scope.PARAM, "secret", f"text of {run_id}", 1))
    for number, content in enumerate(contents):
        blob = keep_bytes(writer.layout, content)
        events.append(Event.set(run_id, Scope.ARTIFACT, f"file {number}", blob.sha256, 1, integer=blob.size))
    if deleted_ms is not None:
        events.append(Event.set(run_id, Scope.RUN, "lifecycle", "deleted", hlc_of(deleted_ms)))
    add_events(writer, events)
    add_points(writer, [Point(run_id, key, step, step, step / 8) for step in range(10) for key in ("loss", f"own of {run_id}")])
    writer.write()


def say(layout: Layout, *events: Event) -> None:
    """Events of a writer that ends with them."""
    writer = Writer(layout)
    add_events(writer, events)
    writer.close()


def lay_out(store: Path) -> Layout:
    """Runs that stay and runs that go, in several files of each table; one experiment of two was deleted. Contents are old."""
    layout = create(store)
    experiments = Experiments(layout)
    experiments.make("stays")
    experiments.make("goes")
    for half in ("1", "2"):
        writer = Writer(layout)
        write_run(writer, f"a{half}", contents=[b"shared", f"of a{half}".encode()])
        write_run(writer, f"b{half}", deleted_ms=5, contents=[b"shared", f"of b{half}".encode()])
        write_run(writer, f"c{half}", shelf="2", contents=[f"of c{half}".encode()])
        write_run(writer, f"d{half}", shelf="1")
        writer.close()
        publish(layout)
    experiments.delete("2")
    age(layout)
    return layout


def age(layout: Layout, seconds: float = GRACE_SECONDS + 60) -> None:
    """Make all contents that old."""
    for path in [*layout.blobs.glob("*/*"), *layout.pack_folder.glob("*")]:
        os.utime(path, (time.time() - seconds,) * 2)


def without(before: Lake, gone: Collection[str]) -> Lake:
    """What a store must hold from which these runs went."""
    return Lake(
        [row for row in before.points if row[0] not in gone],
        [row for row in before.events if row[0] not in gone],
        {run_id: said for run_id, said in before.runs.items() if run_id not in gone},
    )


def ids(collected: Collected) -> list[str]:
    """The runs."""
    return sorted(run.run_id for run in collected.runs)


def contents(layout: Layout) -> set[bytes]:
    """What is kept."""
    return {path.read_bytes() for path in layout.blobs.glob("*/*")}


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file, what it holds, and when it changed."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()}


def uncounted(store: Path) -> list[tuple[str, str]]:
    """Writers of whom rows are missing: what the tables hold, and what was taken out, is what was published."""
    view, found = View(Layout(store)), []
    view.refresh()
    for name in ("points", "meta"):
        table = view.tables[name]
        rows = Counter(table.rows({})["writer"].to_pylist())
        writers = {each.removeprefix(GONE) for each in table.log.transactions if not each.startswith("lost:")}
        found += [(name, each) for each in writers if rows[each] + table.mark(f"{GONE}{each}") != table.mark(each)]
    return found


# What goes


@pytest.mark.parametrize("seed", [3, 5])
def test_exactly_the_deleted_runs_of_a_random_store_go(tmp_path: Path, seed: int) -> None:
    """All others are the same, bit by bit, in whatever form they lie, and after they are merged."""
    random = Random(seed)
    made = RandomLake(tmp_path / "lake", random, n_runs=16)
    made.begin()
    if seed == 5:
        publish(made.layout)
        made.go_on()
    made.close()
    if seed == 5:
        compact(made.layout)
        assert cache.bring_up_to_date(made.layout)
    before = lake(made.root)
    deleted = {run_id for run_id, said in before.runs.items() if said["info"].lifecycle_stage == "deleted"}
    told = would_collect(made.layout, ALL)

    collected = collect(made.layout, ALL)

    gone = {run.run_id for run in collected.runs}
    assert told.runs == collected.runs
    assert deleted == gone & before.runs.keys()
    assert len(deleted) > 1
    assert repr(lake(made.root)) == repr(without(before, gone))
    assert uncounted(made.root) == []
    compact(made.layout)
    assert collect(made.layout, ALL).is_nothing
    assert repr(lake(made.root)) == repr(without(before, gone))
    assert uncounted(made.root) == []


def test_only_what_was_deleted_long_enough_ago_goes(store: Path) -> None:
    """A run by when it was deleted last, and one that was restored not at all."""
    layout, now_ms = create(store), time.time_ns() // 1_000_000
    writer = Writer(layout)
    for run_id, ms in (("old", now_ms - 3 * DAY_MS), ("new", now_ms - DAY_MS), ("restored", now_ms - 3 * DAY_MS)):
        write_run(writer, run_id, deleted_ms=ms)
    write_run(writer, "again", deleted_ms=now_ms - 5 * DAY_MS)
    add_events(writer, [Event.set("restored", Scope.RUN, "lifecycle", "active", hlc_of(now_ms - DAY_MS))])
    add_events(writer, [Event.set("again", Scope.RUN, "lifecycle", "active", hlc_of(now_ms - 4 * DAY_MS))])
    add_events(writer, [Event.set("again", Scope.RUN, "lifecycle", "deleted", hlc_of(now_ms - 60_000))])
    writer.close()

    assert ids(collect(layout, Asked(now_ms - 2 * DAY_MS))) == ["old"]
    assert ids(collect(layout, Asked(now_ms))) == ["again", "new"]
    assert set(lake(store).runs) == {"restored"}


def test_what_is_named_goes_alone(store: Path) -> None:
    """Of what was deleted only these runs, and this experiment with its runs."""
    layout = lay_out(store)
    before = lake(store)

    first = collect(layout, Asked(1 << 62, run_ids={"b1"}))
    assert (ids(first), first.experiments) == (["b1"], [])
    second = collect(layout, Asked(1 << 62, experiment_ids={"2"}))
    assert (ids(second), [each.name for each in second.experiments]) == (["c1", "c2"], ["goes"])
    assert lake(store) == without(before, {"b1", "c1", "c2"})


def test_a_child_of_a_deleted_run_stays(store: Path) -> None:
    """It was not deleted itself."""
    layout = create(store)
    writer = Writer(layout)
    write_run(writer, "parent", deleted_ms=1)
    write_run(writer, "child")
    add_events(writer, [Event.set("child", Scope.RUN, "parent_run_id", "parent", 2)])
    writer.close()

    assert ids(collect(layout, ALL)) == ["parent"]
    assert open_store(store).run("child").info.parent_run_id == "parent"


def test_nothing_of_a_run_is_left_in_the_files_that_count(store: Path) -> None:
    """Not even its names among the codes of a column, where no row has them any more."""
    layout = lay_out(store)
    collect(layout, ALL)

    for name in ("points", "meta", "metrics", "runs"):
        for path in named_files(layout, name):
            rows = checked_rows(path, TABLES[name])
            coded = [column.chunk(0).dictionary for column in rows.columns if hasattr(column.chunk(0), "dictionary")]
            texts = [text for dictionary in coded for text in dictionary.to_pylist()]
            assert len(texts) > 5
            assert not [text for text in texts if text.endswith(("b1", "b2", "c1", "c2"))], name


def named_files(layout: Layout, name: str) -> list[Path]:
    """The files of a table as it is now."""
    log = DeltaLog(layout.root / name)
    log.refresh()
    return [file.path for file in log.files.values()]


# Who reads


def seen_by(store: Store) -> set[str]:
    """The runs that are found by whatever way."""
    found = {run.info.run_id for run in store.runs()}
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        found |= set(store.search(Query(view_type=view)).ids())
        found |= set(store.search(Query("params.secret like '%'", view_type=view)).ids())
        found |= set(store.search(Query("metrics.loss >= 0", view_type=view)).ids())
    for run_id in ("a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"):
        with contextlib.suppress(UnknownRun):
            found.add(store.run(run_id).info.run_id)
    return found


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_run_that_is_gone_is_found_by_no_path(store: Path, is_cached: bool) -> None:
    """In a process that has the store open as in a new one, with a cache that knows the run, and when that is made anew."""
    layout = lay_out(store)
    opened = open_store(store)
    if is_cached:
        assert cache.bring_up_to_date(layout)
    assert len(seen_by(opened)) == 8

    collect(layout, ALL)
    opened.refresh()

    stays = {"a1", "a2", "d1", "d2"}
    assert seen_by(opened) == seen_by(open_store(store)) == stays
    assert cache.bring_up_to_date(layout)
    opened.refresh()
    assert seen_by(opened) == seen_by(open_store(store)) == stays
    assert opened.search(Query("metrics.loss >= 0")).total == 4
    with pytest.raises(UnknownRun):
        opened.run("b1")


def test_the_table_of_runs_has_no_row_of_it(store: Path) -> None:
    """Which other programs read."""
    layout = lay_out(store)
    collect(layout, ALL)

    rows = [checked_rows(path, TABLES["runs"]) for path in named_files(layout, "runs")]
    assert sorted(run_id for each in rows for run_id in each["run_id"].to_pylist()) == ["a1", "a2", "d1", "d2"]


# Experiments


def test_a_name_is_free_again_and_an_id_is_not(store: Path) -> None:
    """For who has the store open, and for who opens it; the number is never given twice."""
    layout = lay_out(store)
    known = Experiments(layout)
    assert known.named("goes") is not None
    with pytest.raises(RunlakeError, match="restore it"):
        known.make("goes")

    assert [each.name for each in collect(layout, ALL).experiments] == ["goes"]

    assert known.named("goes") is None
    assert [each.experiment_id for each in known.all()] == ["0", "1"]
    with pytest.raises(UnknownExperiment):
        known.restore("2")
    with pytest.raises(UnknownExperiment):
        known.get("2")
    assert known.make("goes").experiment_id == "3"
    assert [(each.experiment_id, each.name) for each in Experiments(layout).all()][-1] == ("3", "goes")
    assert collect(layout, ALL).is_nothing


def test_an_experiment_that_is_going_is_not_restored(store: Path) -> None:
    """Some of its runs are gone already; and one that was restored, or deleted anew, meanwhile does not go."""
    layout = lay_out(store)
    experiments = Experiments(layout)
    deleted_ms = experiments.get("2").last_update_time or 0
    assert not experiments.collect("2", deleted_ms - 1)
    assert experiments.collect("2", deleted_ms)
    with pytest.raises(RunlakeError, match="being removed for good"):
        experiments.restore("2")
    assert Experiments(layout).going() == {"2"}

    assert ids(collect(layout, Asked(before_ms=0))) == ["c1", "c2"]

    experiments.delete("1")
    experiments.restore("1")
    assert not experiments.collect("1", experiments.get("1").last_update_time or 0)


def test_an_empty_experiment_goes(store: Path) -> None:
    """It has no run to be found by."""
    experiments = Experiments(create(store))
    experiments.make("empty")
    experiments.delete("1")

    assert [each.name for each in collect(Layout(store), ALL).experiments] == ["empty"]
    assert experiments.make("empty").experiment_id == "2"


# What is passed over


def test_a_run_that_is_running_stays(store: Path) -> None:
    """With its experiment, and with the other runs of that."""
    layout = lay_out(store)
    writer = Writer(layout)
    write_run(writer, "alive", status="RUNNING", deleted_ms=1)
    write_run(writer, "inside", status="RUNNING", shelf="2")
    publish(layout)
    told, done = would_collect(layout, ALL), collect(layout, ALL)

    assert told.passed_over == done.passed_over
    assert sorted((each.what, each.id) for each in done.passed_over) == [("experiment", "2"), ("run", "alive"), ("run", "inside")]
    assert f"it is running, in process {os.getpid()}" in done.passed_over[0].why
    assert (ids(done), done.experiments) == (["b1", "b2"], [])
    assert lake(store).runs.keys() >= {"alive", "inside", "c1", "c2"}
    writer.close()
    assert ids(collect(layout, ALL)) == ["alive", "c1", "c2", "inside"]


def test_a_run_with_rows_that_cannot_be_published_stays(store: Path) -> None:
    """Its writer has said nothing of these points yet; else they would come when it is gone."""
    layout = create(store)
    writer = Writer(layout)
    write_run(writer, "r", deleted_ms=1)
    told, done = would_collect(layout, ALL), collect(layout, ALL)

    assert (ids(told), ids(done)) == ([], [])
    assert told.passed_over == done.passed_over
    assert done.passed_over[0].why == f"it has rows that are not published yet, of the writer {writer.id}, which goes on"
    assert len(lake(store).points) == 20
    writer.close()
    assert ids(would_collect(layout, ALL)) == ids(collect(layout, ALL)) == ["r"]
    assert lake(store) == ([], [], {})


def test_a_run_whose_job_is_being_done_stays(store: Path) -> None:
    """Who collects says of which runs that is so."""
    layout = lay_out(store)
    done = collect(layout, Asked(1 << 62, worked_on={"b1"}))

    assert [(each.id, each.why) for each in done.passed_over] == [("b1", "one of its jobs is being done")]
    assert "b1" in lake(store).runs


def test_a_run_that_is_restored_while_it_is_about_to_go_stays(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again when all is ready."""
    layout, prepared = lay_out(store), removing._prepared
    before = lake(store)

    def restored_first(*arguments: Any) -> Any:
        change = prepared(*arguments)
        monkeypatch.setattr(removing, "_prepared", prepared)
        say(layout, Event.set("b1", Scope.RUN, "lifecycle", "active", hlc_of(9)))
        return change

    monkeypatch.setattr(removing, "_prepared", restored_first)
    done = collect(layout, ALL)

    assert ids(done) == ["b2", "c1", "c2"]
    assert lake(store).runs["b1"]["info"].lifecycle_stage == "active"
    assert lake(store).points == without(before, {"b2", "c1", "c2"}).points
    named = {file.name for file in store.glob("*/part-*.parquet")}
    versions = {add for log in store.glob("*/_delta_log/*.json") for add in named if add in log.read_text()}
    assert named == versions


# Contents


def test_contents_that_no_run_refers_to_go_after_a_week(store: Path) -> None:
    """Those of runs that were deleted and are there still stay, and what was replaced is not referred to."""
    layout = lay_out(store)
    assert collect(layout, Asked(before_ms=0)).contents.files == 0
    young = keep_bytes(layout, b"young")
    replaced = keep_bytes(layout, b"replaces what a1 had")
    say(layout, Event.set("a1", Scope.ARTIFACT, "file 1", replaced.sha256, 2, integer=replaced.size))

    told, done = would_collect(layout, ALL), collect(layout, ALL)

    assert (told.contents, told.young) == (done.contents, done.young)
    assert (done.contents.files, done.young.files, done.young.n_bytes) == (5, 1, young.size)
    assert done.contents.n_bytes == sum(map(len, (b"of a1", b"of b1", b"of b2", b"of c1", b"of c2")))
    assert contents(layout) == {b"shared", b"of a2", b"young", b"replaces what a1 had"}
    age(layout)
    assert collect(layout, ALL).contents.files == 1


def test_a_content_that_a_log_refers_to_stays(store: Path) -> None:
    """Its writer lives, and nothing of it is published."""
    layout = create(store)
    writer = Writer(layout)
    blob = keep_bytes(layout, b"of a log")
    keep_bytes(layout, b"of nobody")
    add_events(writer, [Event.set("r", Scope.ARTIFACT, "model", blob.sha256, 1, integer=blob.size)])
    writer.write()
    age(layout)

    assert would_collect(layout, ALL).contents.files == 1
    collect(layout, ALL)
    assert contents(layout) == {b"of a log"}


def test_contents_stay_where_a_log_is_damaged(store: Path) -> None:
    """What it refers to is not known."""
    layout = create(store)
    writer = Writer(layout)
    write_run(writer, "r", contents=[b"of r"])
    write_run(writer, "s")
    (part,) = parts_of(store)
    data = bytearray(part.read_bytes())
    place = data.index(hashlib.sha256(b"of r").hexdigest().encode())
    data[place] ^= 1
    with part.open("r+b") as file:
        file.write(data)
    age(layout)

    done = collect(layout, ALL)

    assert done.unsure == f"{part} is damaged, and what it refers to is not known"
    assert would_collect(layout, ALL).contents.files == 0
    assert contents(layout) == {b"of r"}


@pytest.mark.parametrize("how", ["bytes", "file", "together"])
def test_whoever_finds_a_content_there_keeps_it(store: Path, tmp_path: Path, how: str) -> None:
    """However it comes: the event that refers to it may be a while in coming."""
    layout = create(store)
    keep_bytes(layout, b"found again")
    age(layout)
    (tmp_path / "source").write_bytes(b"found again")

    def again() -> None:
        if how == "together":
            keep_together(layout, [b"found again", b"other"])
        elif how == "file":
            keep_file(layout, tmp_path / "source")
        else:
            keep_bytes(layout, b"found again")

    def looks() -> Iterator[set[str]]:
        yield set()
        again()
        yield set()

    look = looks()
    assert remove_unreferenced(layout, lambda: next(look, set())).files == 1  # it was aside, and was written anew
    assert content_of(layout, hashlib.sha256(b"found again").hexdigest()) == b"found again"
    age(layout)
    again()
    publish(layout)
    assert remove_unreferenced(layout, set).files == 0
    assert content_of(layout, hashlib.sha256(b"found again").hexdigest()) == b"found again"


def test_a_content_that_is_touched_or_referred_to_in_time_is_put_back(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at its age and its removal; and it can be read all the while."""
    layout, rename = create(store), os.rename
    blobs = [keep_bytes(layout, each) for each in (b"touched", b"referred to", b"neither")]
    age(layout)

    def touched_first(source: Path, target: Path) -> None:
        if Path(source).name == blobs[0].sha256:
            keep_bytes(layout, b"touched")
        rename(source, target)
        assert content_of(layout, Path(source).name) in (b"touched", b"referred to", b"neither")

    looks = [set(), {blobs[1].sha256}]
    monkeypatch.setattr(os, "rename", touched_first)

    assert remove_unreferenced(layout, lambda: looks.pop(0)).files == 1
    assert contents(layout) == {b"touched", b"referred to"}
    assert put_aside(layout) == []


def test_what_a_killed_one_put_aside_is_found_and_put_back(store: Path) -> None:
    """If something refers to it; else it goes."""
    layout = create(store)
    wanted, other = keep_bytes(layout, b"wanted"), keep_bytes(layout, b"other")
    age(layout)
    for blob in (wanted, other):
        os.rename(layout.blob(blob.sha256), layout.temporary / f"{blob.sha256}-0123456789abcdef.blob")

    assert content_of(layout, wanted.sha256) == b"wanted"
    assert compact(layout).removed == 0
    assert remove_unreferenced(layout, lambda: {wanted.sha256}).files == 1
    assert contents(layout) == {b"wanted"}
    assert put_aside(layout) == []


def test_a_content_that_is_anothers_to_touch_is_written_anew(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shares a store may not touch the files of others."""
    layout, utime = create(store), os.utime
    blob = layout.blob(keep_bytes(layout, b"of another user").sha256)
    age(layout)

    def refused(path: Any, *arguments: Any) -> None:
        if path == blob:
            raise PermissionError(1, "Operation not permitted", str(path))
        utime(path, *arguments)

    monkeypatch.setattr(os, "utime", refused)
    keep_bytes(layout, b"of another user")

    assert remove_unreferenced(layout, set).files == 0
    assert blob.read_bytes() == b"of another user"


def test_a_pack_goes_that_nothing_needs(store: Path) -> None:
    """One that could not be dealt out, as it is damaged; while something refers to what it holds, it stays."""
    layout = create(store)
    kept = keep_together(layout, [b"first content", b"second content"])
    (pack,) = layout.packs()
    pack.write_bytes(pack.read_bytes().replace(b"second", b"sec*nd"))
    publish(layout)
    age(layout)
    assert layout.packs() == [pack]

    remove_unreferenced(layout, lambda: {each.sha256 for each in kept})
    assert layout.packs() == [pack]
    age(layout)
    remove_unreferenced(layout, lambda: {kept[0].sha256})
    assert layout.packs() == []
    assert contents(layout) == {b"first content"}


# Leftovers


def test_leftovers_go_when_they_are_old_enough(store: Path) -> None:
    """Drafts and files without a version after a day, torn versions after thirty, claims when their job is closed."""
    layout = lay_out(store)
    job = Job("explain", "kind", id="1")
    say(layout, Event.set("a1", Scope.JOB, "explain", job.to_text(), 5))
    layout.jobs.mkdir()
    days = {
        layout.temporary / "1-old.tmp": 1.1,
        layout.temporary / "1-new.tmp": 0.9,
        store / "points" / "part-old.parquet": 1.1,
        store / "points" / "part-new.parquet": 0.9,
        store / "meta" / "_delta_log" / "00000000000000000009.json.torn": 31,
        store / "meta" / "_delta_log" / "00000000000000000010.json.torn": 29,
        layout.jobs / "a1.1.1": 0,
        layout.jobs / "a1.0.1": 0,
        layout.jobs / "b1.1.1": 0,
    }
    for path, age_days in days.items():
        path.write_bytes(b"12345")
        os.utime(path, (time.time() - age_days * 86_400,) * 2)

    told, done = would_collect(layout, ALL), collect(layout, ALL)

    assert {each.path: each.size for each in told.leftovers} == {each.path: each.size for each in done.leftovers}
    left = {path.name for path in days if path.exists()}
    assert left == {"1-new.tmp", "part-new.parquet", "00000000000000000010.json.torn", "a1.1.1"}
    counts = Counter(each.what for each in done.leftovers)
    assert counts == {"claim": 2, "data file": 1, "draft": 1, "torn version": 1}


def test_a_dry_run_changes_nothing(store: Path) -> None:
    """No byte, and no time of a file."""
    layout = lay_out(store)
    say(layout, Event.set("a1", Scope.TAG, "waits", "for publishing", 3))
    before = tree(store)

    told = would_collect(layout, ALL)

    assert ids(told) == ["b1", "b2", "c1", "c2"]
    assert tree(store) == before


# Who is killed, and who comes at the same time

DIES_EVERYWHERE = """
    import json, os, pickle, shutil, sys, traceback
    from pathlib import Path
    from deltalake import DeltaTable
    from lake import Lake, lake
    from runlake.read import open_store
    from runlake.store.gc.doomed import Asked
    from runlake.store.gc.whole import collect
    from runlake.store.layout import Layout

    template, scratch, every, first, names = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5].split()
    store, asked, goes = scratch / "lake", Asked(1 << 62), {"b1", "b2", "c1", "c2"}

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
        def replace(owner, name):
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
            setattr(owner, name, call)
        for name in names:
            replace(DeltaTable if name == "create_write_transaction" else os, name)
        return calls

    def count():
        calls = plant(-1, False)
        collect(Layout(store), asked)
        (scratch / "calls").write_text(json.dumps(calls))

    def die(number, after):
        plant(number, after)
        collect(Layout(store), asked)

    def save():
        (scratch / "expected").write_bytes(pickle.dumps(lake(template)))

    def expected():
        before = pickle.loads((scratch / "expected").read_bytes())
        kept = lambda rows: [row for row in rows if row[0] not in goes]
        return before, Lake(kept(before.points), kept(before.events), {key: said for key, said in before.runs.items() if key not in goes})

    def contents_are_there(runs):
        opened = open_store(store)
        for run_id in runs:
            run = opened.run(run_id)
            assert all(run.read_artifact(name) for name in run.artifacts), run_id

    def compare():
        before, after = expected()
        found = lake(store)
        assert {key: said for key, said in found.runs.items() if key not in goes} == after.runs, "runs that stay"
        assert [row for row in found.points if row[0] not in goes] == after.points, "points of runs that stay"
        for run_id in goes & found.runs.keys():  # it is whole, or it is not there
            assert found.runs[run_id] == before.runs[run_id], run_id
            assert [row for row in found.points if row[0] == run_id] == [row for row in before.points if row[0] == run_id], run_id
        contents_are_there(found.runs)

    def finish():
        collect(Layout(store), asked)
        _, after = expected()
        assert lake(store) == after, "not finished"
        assert not list(store.glob("tmp/*.blob")), "left aside"
        assert {path.read_bytes() for path in store.glob("blobs/*/*")} == {b"shared", b"of a1", b"of a2"}, "contents"
        assert [each.name for each in Experiments(Layout(store)).all()] == ["Default", "stays"], "experiments"
        contents_are_there(after.runs)

    from runlake.store.experiments import Experiments

    def anew():
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(template, store)

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
        if forked(compare):
            print(f"{said}: reads otherwise")
        if forked(finish):
            print(f"{said}: the next one did not finish it")
    print(len(points), "points")
"""

COMMITS = "create_write_transaction"
CALLS = f"{COMMITS} write fsync fdatasync link rename replace unlink mkdir"


@pytest.mark.parametrize(
    ("names", "every"), [pytest.param(COMMITS, 2, id="after each commit"), pytest.param(CALLS, 1, id="everywhere", marks=pytest.mark.long)]
)
def test_a_killed_one_leaves_runs_whole_or_gone_and_the_next_one_finishes(tmp_path: Path, names: str, every: int) -> None:
    """Before and after each call that changes something: what stays is the same all the while."""
    lay_out(tmp_path / "template")
    finished = run_program(
        DIES_EVERYWHERE,
        tmp_path / "lake",
        *(str(tmp_path / "template"), str(tmp_path), str(every), str(every - 1), names),
        timeout=None if names == CALLS else 100,
        RUNLAKE_JOBS="off",
        PYTHONPATH=OUR_MODULES,
        XDG_CACHE_HOME=str(tmp_path / "home"),
    )
    said = finished.stdout.splitlines()

    assert (finished.stderr, said[:-1]) == ("", [])
    assert int(said[-1].split()[0]) >= 5


def test_a_race_that_is_lost_is_run_again(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody merges the files before each of our versions."""
    layout = lay_out(store)
    before, merged = lake(store), list[str]()

    def merged_first(layout: Layout, table: Any, *arguments: Any, **named: Any) -> bool:
        if len(merged) < 3:
            merged.append(table.name)
            compact(layout)
        return commit(layout, table, *arguments, **named)

    monkeypatch.setattr(removing, "commit", merged_first)
    collect(layout, ALL)

    assert lake(store) == without(before, {"b1", "b2", "c1", "c2"})
    assert uncounted(store) == []


COLLECTS_ONCE = """
    import os
    from pathlib import Path
    from runlake.store.gc.doomed import Asked
    from runlake.store.gc.whole import collect
    from runlake.store.layout import Layout
    print("ready", flush=True)
    input()
    done = collect(Layout(Path(os.environ["RUNLAKE_STORE"])), Asked(1 << 62))
    print(len(done.runs))
"""


def test_two_at_once_do_it_once(store: Path) -> None:
    """And neither complains."""
    layout = lay_out(store)
    before = lake(store)
    both = [start_program(COLLECTS_ONCE, store, RUNLAKE_JOBS="off") for _ in range(2)]
    let_go_together(both)
    for child in both:
        _, complaints = child.communicate(timeout=60)
        assert (child.returncode, complaints) == (0, "")

    assert lake(store) == without(before, {"b1", "b2", "c1", "c2"})
    assert uncounted(store) == []
    assert contents(layout) == {b"shared", b"of a1", b"of a2"}
    assert put_aside(layout) == []
    assert [each.name for each in Experiments(layout).all()] == ["Default", "stays"]


def test_contents_that_come_and_go_are_there_when_something_refers_to_them(store: Path) -> None:
    """Whoever refers to an old content has touched it, whatever two collectors do at that moment."""
    layout, done, removed = create(store), threading.Event(), list[int]()
    referred: set[str] = set()

    def collector() -> None:
        while not done.is_set():
            removed.append(remove_unreferenced(layout, lambda: set(referred)).files)

    threads = [threading.Thread(target=collector) for _ in range(2)]
    for thread in threads:
        thread.start()
    random, missing = Random(7), 0
    try:
        for _ in range(400):
            content = f"content {random.randrange(4)}".encode()
            blob = keep_bytes(layout, content)
            referred.add(blob.sha256)
            with contextlib.suppress(FileNotFoundError):
                missing += content_of(layout, blob.sha256) != content
            missing += not layout.blob(blob.sha256).exists() and not put_aside(layout, blob.sha256)
            with contextlib.suppress(FileNotFoundError):
                os.utime(layout.blob(blob.sha256), (1, 1))
            referred.discard(blob.sha256)
    finally:
        done.set()
        for thread in threads:
            thread.join()

    assert missing == 0
    assert sum(removed) > 5


TRAINS = """
    import os, time
    import runlake
    print("begins", flush=True)
    for number in range(12):
        with runlake.start_run(run_name=f"run {number}") as run:
            for step in range(200):
                runlake.log_metric("loss", step / 8, step=step)
            runlake.log_text("the same for all", "shared.txt")
            runlake.log_text(f"of {number}", "own.txt")
        if number % 3 == 0:
            runlake.delete_run(run.run_id)
        runlake.flush()
    print("ended", flush=True)
"""


def test_a_training_that_runs_at_the_same_time_loses_nothing(store: Path) -> None:
    """Its deleted runs go, the others are whole."""
    layout, collected = create(store), list[str]()
    with program(TRAINS, store, RUNLAKE_JOBS="off", RUNLAKE_FLUSH_SECONDS="0.02") as child:
        assert hear(child) == "begins"
        while child.poll() is None:
            age(layout)
            collected += ids(collect(layout, ALL))
        assert child.wait(20) == 0
    collected += ids(collect(layout, ALL))

    opened = open_store(store)
    assert {run.info.run_name for run in opened.runs()} == {f"run {number}" for number in range(12) if number % 3}
    assert len(set(collected)) == len(collected) == 4
    for run in opened.runs():
        assert run.metrics["loss"].to_numpy().tolist() == [step / 8 for step in range(200)]
        assert (run.info.status, run.errors) == ("FINISHED", [])
        assert run.read_artifact("shared.txt") == b"the same for all"
        assert run.read_artifact("own.txt") == f"of {run.info.run_name.split()[1]}".encode()
    assert uncounted(store) == []
