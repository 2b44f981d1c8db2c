"""A store comes into being once, however many begin it, and a folder that is none is left as it is."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlake
from children import let_go_together, start_program
from rows import read
from runlake.errors import StoreError
from runlake.store.layout import FORMAT, Layout, check_usable, create, is_store
from runlake.store.names import WalName, day_of, new_run_id, new_writer_id, wal_name


def contents(folder: Path) -> dict[str, tuple[bytes | None, int]]:
    """Everything below a folder: the bytes of files, and when each entry was changed."""
    paths = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns) for path in paths}


def test_a_new_store_says_what_it_is(tmp_path: Path) -> None:
    """Its format, an id of its own, and when it was made; the folders above it are made too."""
    root = tmp_path / "deep" / "down" / "lake"
    before = time.time_ns() // 1_000_000

    layout = create(root)

    said = json.loads(layout.description.read_text())
    assert list(said) == ["format", "store_id", "created_ms", "check"]
    assert said["format"] == FORMAT
    assert re.fullmatch("[0-9a-f]{32}", said["store_id"])
    assert before <= said["created_ms"] <= time.time_ns() // 1_000_000
    assert sorted(path.name for path in root.rglob("*")) == [".gitignore", "STORE.json", "tmp"]


def test_a_store_stays_out_of_the_repository_around_it(tmp_path: Path) -> None:
    """Git passes over all of it, itself included."""
    create(tmp_path / "lake")

    assert (tmp_path / "lake" / ".gitignore").read_bytes() == b"*\n"


def test_a_store_that_exists_is_not_changed(tmp_path: Path) -> None:
    """Not even by a byte or a time."""
    layout = create(tmp_path / "lake")
    before = contents(layout.root)

    assert create(layout.root) == layout
    assert contents(layout.root) == before


def test_a_store_is_begun_in_an_empty_folder_or_finished_where_another_process_died(tmp_path: Path) -> None:
    """What we make before the description is no reason to refuse."""
    for begun in ([], ["tmp"], ["tmp", ".gitignore"], ["tmp", ".gitignore", "wal"]):
        root = tmp_path / str(len(begun))
        root.mkdir()
        for name in begun:
            (root / name).touch() if name == ".gitignore" else (root / name).mkdir()

        create(root)

        assert is_store(root)


STARTS_A_RUN = """
    import sys
    import runlake

    print("ready", flush=True)
    input()
    runlake.start_run()
    for step in range(300):
        runlake.log_metric(sys.argv[1], step / 8, step=step)
    print(runlake.flush())
    runlake.end_run()
"""


def test_processes_that_create_one_store_at_once_all_log_to_it(tmp_path: Path) -> None:
    """Eight start at the same moment; none is refused and no point is lost."""
    root = tmp_path / "deep" / "lake"
    children = [start_program(STARTS_A_RUN, root, f"series{number}", RUNLAKE_STRICT="1") for number in range(8)]
    let_go_together(children)
    ends = [(*child.communicate(timeout=60), child.returncode) for child in children]

    found = read(root)
    assert ends == [("True\n", "", 0)] * 8
    assert [row[1:3] for row in sorted(found.points, key=lambda row: row[1:3])] == [(f"series{n}", s) for n in range(8) for s in range(300)]
    assert all(value == step / 8 for _, _, step, _, value, *_ in found.points)
    assert found.findings == []
    assert list(Layout(root).temporary.iterdir()) == []


def refused(root: Path, why: str) -> None:
    """Whoever comes to write or to read is told why, and nothing is changed."""
    before = contents(root)
    with pytest.raises(StoreError, match=why):
        check_usable(root)
    with pytest.raises(StoreError, match=why):
        create(root)
    with pytest.raises(StoreError, match=why):
        runlake.start_run()
    with pytest.raises(StoreError, match=why):
        runlake.read.open_store(root)
    assert contents(root) == before


def test_a_file_is_no_store(store: Path) -> None:
    """The file stays what it is."""
    store.write_bytes(b"a file")

    refused(store, "lake is a file. A store is a folder: name another path.")


def test_a_folder_with_other_things_is_no_store(store: Path) -> None:
    """Nobody wants their project filled with ours."""
    store.mkdir()
    (store / "train.py").write_text("print()")
    (store / "tmp").mkdir()

    refused(store, "lake holds 'train.py' and is no store. Name a new or empty folder, such as .*/lake/lake")


@pytest.mark.parametrize("later", [FORMAT + 1, 10**30, "2", None, [1]])
def test_a_store_of_a_later_format_is_left_to_a_later_version(store: Path, later: object) -> None:
    """Not one byte is written, since what it means is not known."""
    layout = create(store)
    layout.description.write_text(json.dumps({"format": later, "store_id": "x"}))

    refused(store, r"lake has format .*, this runlake reads up to 1\. Nothing was written; upgrade\.")


@pytest.mark.parametrize(
    "damage", [b"", b"\0" * 90, b'{"format": ', b"[1]", b"1", b"null", b"{}", b'\xff\xfe{"format": 1}', b"[" * 100_000]
)
def test_a_damaged_description_is_reported_and_kept(store: Path, damage: bytes) -> None:
    """A new one would hide that something is wrong."""
    layout = create(store)
    layout.description.write_bytes(damage)

    refused(store, r"STORE\.json is damaged .*\. Nothing was written; put the file back from a copy\.")


def test_a_folder_that_is_absent_or_empty_is_fine(tmp_path: Path) -> None:
    """And looking at it does not make it."""
    check_usable(tmp_path / "absent")
    check_usable(tmp_path)

    assert list(tmp_path.iterdir()) == []
    assert not is_store(tmp_path)


@given(part=st.integers(0, 10**7))
def test_the_name_of_a_part_says_its_writer_and_number(part: int) -> None:
    """Made and taken apart again."""
    writer = new_writer_id()

    assert WalName.parse(wal_name(writer, part)) == (writer, part)


@pytest.mark.parametrize("name", ["", "x.wal", "notes.000000.wal", "{}.00000.wal", "{}.000000.wal.bak", "._{}.000000.wal", "{}.-00001.wal"])
def test_another_name_is_no_part(name: str) -> None:
    """Whatever it looks like."""
    assert WalName.parse(name.format(new_writer_id())) is None


def test_parts_lie_in_the_folder_of_their_day(tmp_path: Path) -> None:
    """In UTC, so that no machine's time zone matters."""
    layout, writer = Layout(tmp_path), new_writer_id()

    assert layout.wal_part(writer, 7, 1_700_000_000 * 10**9) == tmp_path / "wal" / "20231114" / f"{writer}.000007.wal"
    assert (day_of(0), day_of(86_400 * 10**9 - 1)) == ("19700101", "19700101")


def test_ids_sort_by_the_time_they_were_made() -> None:
    """A run id is a UUID of version 7, a writer's begins with a ULID."""
    runs, writers = [], []
    for _ in range(20):
        runs += [new_run_id(), new_run_id()]
        writers.append(new_writer_id())
        time.sleep(0.002)

    assert runs == sorted(runs)
    assert writers == sorted(writers)
    assert {(uuid.UUID(run).version, uuid.UUID(run).variant) for run in runs} == {(7, uuid.RFC_4122)}
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}-[0-9a-f]{8}", writer) for writer in writers)


def test_a_folder_that_goes_while_it_is_looked_into_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever publishes removes the days whose logs are gone; a reader may be amid its look."""
    layout, listdir = Layout(tmp_path), os.listdir
    kept = layout.wal / "20200102" / wal_name(new_writer_id(), 0)
    for folder in (kept.parent, layout.wal / "20200101"):
        folder.mkdir(parents=True)
    kept.touch()

    def list_and_remove(folder: Path) -> list[str]:
        found: list[str] = listdir(folder)
        if folder == layout.wal:
            (folder / "20200101").rmdir()
        return found

    monkeypatch.setattr(os, "listdir", list_and_remove)

    assert layout.logs() == [kept]
    assert layout.sealed_files("points") == []
