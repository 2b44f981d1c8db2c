"""`runlake fsck`, as a user runs it: what is wrong, and where, and nothing is changed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from children import environment, run_program, start_program
from faults import hear
from runlake.read import open_store
from runlake.store.commits import commit, new_files
from runlake.store.compaction import compact
from runlake.store.layout import Layout
from runlake.store.packs import contents_in
from runlake.store.publish import publish
from runlake.store.published import PublishedTable
from runlake.store.tables import TABLES

TRAIN = """
import numpy as np, runlake
with runlake.start_run(run_name="good") as run:
    runlake.log_param("alpha", 0.5)
    runlake.log_batch("loss", np.random.default_rng(7).normal(size=5_000), np.arange(5_000))
    runlake.log_metric("acc", 0.5)
    runlake.log_text("a note", "note.txt")
print(run.run_id)
"""

DIES = """
import os, runlake, signal
with runlake.start_run():
    for step in range(30):
        runlake.log_metric("loss", step, step=step)
    runlake.flush()
    print("written", flush=True)
    input()
"""


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A store with one run, all of it in the tables."""
    store = tmp_path / "lake"
    assert run_program(TRAIN, store, RUNLAKE_JOBS="off").stderr == ""
    publish(Layout(store))
    return store


def fsck(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command, and see that it left every file as it was."""
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in store.rglob("*")}
    command = [sys.executable, "-m", "runlake", "fsck", *arguments]
    ended = subprocess.run(command, env=environment(store), capture_output=True, text=True, timeout=60, check=False)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in store.rglob("*")} == before
    assert ended.stderr == ""
    return ended


def said(store: Path, *arguments: str) -> dict[str, Any]:
    """The same as JSON."""
    found: dict[str, Any] = json.loads(fsck(store, "--json", *arguments).stdout)
    return found


def only_file(folder: Path, pattern: str = "part-*.parquet") -> Path:
    """The one that is there."""
    (found,) = folder.glob(pattern)
    return found


def test_a_store_as_it_was_written(tmp_path: Path) -> None:
    """In a log, and in the tables."""
    store = tmp_path / "lake"
    assert run_program(TRAIN, store, RUNLAKE_JOBS="off").stderr == ""
    assert fsck(store).stdout == "Checked 1 log, 0 sealed files, 0 data files of 0 rows and 1 content: everything is as it was written.\n"

    publish(Layout(store))

    ended = fsck(store, "--summaries")
    assert re.fullmatch(r"Checked 0 logs, 0 sealed files, 5 data files of 5,\d+ rows and 1 content: everything is as .*\n", ended.stdout)
    assert ended.returncode == 0
    assert said(store)["is_good"] is True


def test_a_damaged_page_has_a_place(lake: Path) -> None:
    """The column, where it begins in the file, and whose rows these are."""
    path = only_file(lake / "points")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    ended = fsck(lake)

    run_id = re.escape(open_store(lake).runs()[0].info.run_id)
    first, last = ended.stdout.splitlines()
    place = rf"damaged +points/{path.name} at byte [\d,]+: the column \w+ of row group 0: .*"
    assert re.fullmatch(rf"{place}\(5,001 rows of points, of the runs {run_id} to {run_id}\)", first)
    assert last.endswith("Nothing was changed: put back from a copy what is told above, then check again.")
    assert ended.returncode == 1


def test_a_data_file_that_is_gone_is_missed(lake: Path) -> None:
    """With what it held."""
    only_file(lake / "points").unlink()

    ended = fsck(lake)

    assert "missing " in ended.stdout
    assert "a version names it, and it is not there" in ended.stdout
    assert ended.returncode == 1


def test_rows_that_are_missing_or_there_twice_are_counted(lake: Path) -> None:
    """Though every file is as it was written."""
    layout, table = Layout(lake), TABLES["points"]
    published = PublishedTable(lake, table)
    published.refresh()
    rows = published.rows({})
    old = list(published.log.files.values())

    assert commit(layout, table, new_files(layout, table, rows.slice(10)), old)
    writer = re.escape(rows["writer"][0].as_py())
    what = f"10 rows of the writer {writer} are missing: the table has 4,991, and its log says 5,001"
    assert re.search(rf"missing +points: {what}", fsck(lake).stdout)

    assert commit(layout, table, new_files(layout, table, rows.slice(0, 13)))
    assert re.search(rf"damaged .*: 3 rows of the writer {writer} are in the table twice", fsck(lake).stdout)


def test_a_content_that_is_gone_or_another_is_told_with_who_needs_it(lake: Path) -> None:
    """By the name that it has in its run."""
    (blob,) = (path for path in (lake / "blobs").glob("*/*"))
    run_id = open_store(lake).runs()[0].info.run_id
    blob.write_bytes(b"A note")
    assert f"its bytes are not those that its name speaks of: it is 'note.txt' of the run {run_id}" in fsck(lake).stdout
    blob.unlink()
    assert f"it is not there: it is 'note.txt' of the run {run_id}" in fsck(lake).stdout


def test_what_nobody_needs_is_a_note(lake: Path) -> None:
    """It is no fault."""
    blob = lake / "blobs" / "ba" / "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    blob.parent.mkdir()
    blob.write_bytes(b"abc")

    ended = fsck(lake)

    what = "contents that no run refers to: 1, of 3 bytes; runlake gc removes them when they are a week old"
    assert ended.stdout.startswith(f"note       blobs: {what}\n")
    assert ended.returncode == 0


def test_the_end_of_a_log_is_judged_by_who_wrote_it(tmp_path: Path) -> None:
    """Cut off in a frame that is being written, or was when its process was killed, it is no damage."""
    store = tmp_path / "lake"
    with start_program(DIES, store) as program:
        assert hear(program) == "written"
        log = only_file(store / "wal", "*/*.wal")
        with log.open("ab") as file:
            file.write(b"RLK1 and no more")
        assert said(store)["problems"] == []

        os.kill(program.pid, signal.SIGKILL)
        program.communicate()

    (problem,) = said(store)["problems"]
    assert (problem["grade"], problem["offset"]) == ("note", log.stat().st_size - 16)
    assert problem["what"] == "16 bytes at the end are no whole frame: as it is left by a process that is killed while it writes"

    log.write_bytes(log.read_bytes()[:-17])
    assert said(store)["problems"][0]["grade"] == "note"
    whole = log.read_bytes()
    log.write_bytes(whole[:200] + bytes([whole[200] ^ 4]) + whole[201:])
    assert next(each["grade"] for each in said(store)["problems"]) == "damaged"


def test_a_summary_is_held_against_its_points(lake: Path) -> None:
    """If that is asked for, as every point is read for it."""
    layout, table = Layout(lake), TABLES["metrics"]
    published = PublishedTable(lake, table)
    published.refresh()
    rows = published.rows({})
    place = rows.schema.get_field_index("max")
    changed = rows.set_column(place, "max", rows["sum"])
    assert commit(layout, table, new_files(layout, table, changed), list(published.log.files.values()))

    assert said(lake)["is_good"] is True
    problems = said(lake, "--summaries")["problems"]
    assert [each["grade"] for each in problems] == ["damaged"]  # of the other metric the only point is its sum
    assert re.match(r"'loss' of the run \w+: the summary is not that of the points: max -?[\d.]+ instead of [\d.]+$", problems[0]["what"])


def test_buckets_of_a_curve_are_held_against_their_points(lake: Path) -> None:
    """As summaries are."""
    layout, table = Layout(lake), TABLES["lod"]
    lod = PublishedTable(lake, table)
    lod.refresh()
    rows = lod.rows({})
    assert rows.num_rows == 10 + 2  # of 512 points and of 4,096
    changed = rows.set_column(rows.schema.get_field_index("max"), "max", rows["min"])
    assert commit(layout, table, new_files(layout, table, changed), list(lod.log.files.values()))

    assert said(lake)["is_good"] is True
    (problem,) = said(lake, "--summaries")["problems"]
    assert problem["what"] == f"its buckets are not those of the points in {only_file(lake / 'points').name}"


def test_what_another_program_wrote_is_unverified_until_it_is_compacted(lake: Path) -> None:
    """deltalake's own OPTIMIZE makes files without checksums."""
    assert run_program(TRAIN, lake, RUNLAKE_JOBS="off").stderr == ""
    publish(Layout(lake))
    before = open_store(lake).points()
    DeltaTable(lake / "points").optimize.compact()

    ended = fsck(lake)
    assert re.search(r"^unverified +points/part-.*: .* wrote it, without checksums on its pages: runlake compact writes it", ended.stdout)
    assert ended.stdout.endswith("nothing is damaged or missing; 1 cannot be verified until runlake compact has written them anew.\n")
    assert ended.returncode == 0

    compact(Layout(lake))

    assert said(lake)["problems"] == []
    assert open_store(lake).points().equals(before)


def test_a_damaged_beginning_is_told_as_one_line(lake: Path) -> None:
    """And what can be checked without it is."""
    (lake / "STORE.json").write_text("{}")

    ended = fsck(lake)

    assert ended.stdout.count("STORE.json") == 2  # where, and in the sentence
    assert ended.returncode == 1


def test_where_there_is_no_store_it_says_so(tmp_path: Path) -> None:
    """As one line."""
    command = [sys.executable, "-m", "runlake", "fsck"]
    ended = subprocess.run(command, env=environment(tmp_path / "lake"), capture_output=True, text=True, timeout=60, check=False)

    assert ended.stderr == f"runlake: There is no store at {tmp_path / 'lake'} to check. Name one with --store.\n"
    assert ended.returncode == 1


def test_contents_of_a_pack_are_those_that_it_lists(tmp_path: Path) -> None:
    """A damaged one has a place."""
    from runlake.store.layout import create
    from runlake.store.packs import keep_together

    layout = create(tmp_path / "lake")
    keep_together(layout, [b"one content", b"and another"])
    (pack,) = layout.packs()
    assert [content for _, _, content in contents_in(pack)] == [b"one content", b"and another"]
    pack.write_bytes(pack.read_bytes()[:-1] + b"R")

    problems = said(layout.root)["problems"]

    assert [(each["grade"], each["offset"]) for each in problems[:1]] == [("damaged", pack.stat().st_size - 11)]
