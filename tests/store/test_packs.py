"""Contents that come together are kept in one file, and are blobs once the store is published."""

from __future__ import annotations

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import runlake
from runlake import platform
from runlake.store.blobs import Blob, keep_bytes
from runlake.store.layout import Layout, create
from runlake.store.packs import LARGEST, content_of, deal_out, keep_together
from runlake.store.publish import publish

CONTENTS = [b"", b"a model", b"\n\n", bytes(range(256)) * 100]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A new store."""
    return create(tmp_path / "lake")


def read(layout: Layout, contents: list[bytes]) -> list[bytes]:
    """These contents, as a reader finds them."""
    return [content_of(layout, hashlib.sha256(content).hexdigest()) for content in contents]


def blobs(layout: Layout) -> list[bytes]:
    """What is kept as a file of its own."""
    return [path.read_bytes() for path in layout.blobs.rglob("*") if path.is_file()]


def test_contents_are_one_file_until_they_are_dealt_out(layout: Layout) -> None:
    """And are found before and after, in what was a single write to the disk."""
    kept = keep_together(layout, CONTENTS)

    assert kept == [Blob(hashlib.sha256(content).hexdigest(), len(content)) for content in CONTENTS]
    assert (read(layout, CONTENTS), len(layout.packs()), blobs(layout)) == (CONTENTS, 1, [])

    deal_out(layout)
    assert (read(layout, CONTENTS), layout.packs(), sorted(blobs(layout))) == (CONTENTS, [], sorted(CONTENTS))


def test_a_single_one_and_large_ones_are_blobs_at_once(layout: Layout) -> None:
    """Nothing is gained by writing them twice."""
    large = bytes(LARGEST + 1)

    keep_together(layout, [b"alone", large])
    assert (sorted(blobs(layout)), layout.packs()) == (sorted([b"alone", large]), [])

    keep_together(layout, [b"one", b"two", large])
    assert read(layout, [b"one", b"two", large]) == [b"one", b"two", large]
    assert (len(blobs(layout)), len(layout.packs())) == (2, 1)


def test_equal_contents_are_in_a_pack_once(layout: Layout) -> None:
    """Under whatever names they come."""
    first, second, _ = keep_together(layout, [b"same", b"same", b"other"])

    (pack,) = layout.packs()
    assert first == second
    assert pack.read_bytes().endswith(b"sameother")


def test_what_was_kept_before_stays_as_it_is(layout: Layout) -> None:
    """A blob is never written anew."""
    before = layout.blob(keep_bytes(layout, b"model").sha256).stat().st_ino
    keep_together(layout, [b"model", b"other"])
    deal_out(layout)

    assert layout.blob(hashlib.sha256(b"model").hexdigest()).stat().st_ino == before


def test_a_content_that_is_not_there_is_an_error(layout: Layout) -> None:
    """It says which."""
    keep_together(layout, CONTENTS)

    with pytest.raises(FileNotFoundError, match="00000"):
        content_of(layout, "0" * 64)


def test_what_is_no_hash_is_no_path_either(layout: Layout) -> None:
    """A forged row of a table leads nowhere."""
    layout.root.joinpath("outside").write_bytes(b"secret")

    for forged in ("../../outside", "../../../../../dev/zero", "", "0" * 63):
        with pytest.raises(FileNotFoundError, match="is no hash"):
            content_of(layout, forged)


def test_a_damaged_pack_stays_and_its_good_contents_are_dealt_out(layout: Layout) -> None:
    """Whoever repairs it finds what is left of it."""
    keep_together(layout, [b"good", b"gone bad"])
    (pack,) = layout.packs()
    pack.write_bytes(pack.read_bytes().replace(b"gone bad", b"gone BAD"))

    (layout.pack_folder / "empty.pack").touch()

    deal_out(layout)

    assert {*layout.packs()} == {pack, layout.pack_folder / "empty.pack"}
    assert b"good" in blobs(layout)
    assert not layout.blob(hashlib.sha256(b"gone bad").hexdigest()).exists()


def test_many_deal_out_at_once_while_others_read(layout: Layout) -> None:
    """Each finds everything at any moment."""
    contents = [b"content %d" % number for number in range(300)]
    for start in range(0, 300, 10):
        keep_together(layout, contents[start : start + 10])

    with ThreadPoolExecutor(6) as threads:
        readers = [threads.submit(read, layout, contents) for _ in range(3)]
        dealers = [threads.submit(deal_out, layout) for _ in range(3)]
        assert [reader.result() for reader in readers] == [contents] * 3
        assert [dealer.result() for dealer in dealers] == [None] * 3

    assert (layout.packs(), len(blobs(layout))) == ([], 300)


@pytest.mark.parametrize("call", ["write", "fdatasync", "link", "mkdir", "fsync"])
def test_a_failure_leaves_no_part_of_a_pack(layout: Layout, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """What is tried again is kept."""
    with monkeypatch.context() as broken:
        broken.setattr(os, call, no_space)
        with pytest.raises(OSError, match="No space left"):
            keep_together(layout, CONTENTS)
    assert list(layout.temporary.iterdir()) == []

    keep_together(layout, CONTENTS)
    assert read(layout, CONTENTS) == CONTENTS


def no_space(*arguments: object, **more: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_files_of_a_run_that_come_together_cost_the_syncs_of_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of small trainings leaves a hundred files a second, and each sync waits for the interpreter's lock."""
    synced: list[int] = []
    sync_file = platform.sync_file

    def count(fd: int) -> None:
        synced.append(fd)
        sync_file(fd)

    monkeypatch.setattr(platform, "sync_file", count)

    with runlake.start_run() as run:
        runlake.flush()
        synced.clear()
        for number in range(50):
            run.keep_soon(f"{number}.txt", str(number).encode(), 1)
    runlake.flush()

    names = {f"{number}.txt": str(number).encode() for number in range(50)}
    found = runlake.get_run(run.run_id)
    assert {name: found.read_artifact(name) for name in names} == names
    assert len(synced) <= 10

    publish(Layout(store))
    assert {name: runlake.get_run(run.run_id).read_artifact(name) for name in names} == names
    assert Layout(store).packs() == []


def test_where_the_disk_takes_no_pack_each_file_is_tried_by_itself(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is said, and what fits is there."""

    def refuse(layout: Layout, contents: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with runlake.start_run() as run:
        runlake.flush()
        monkeypatch.setattr("runlake.recording.keeping.keep_together", refuse)
        run.keep_soon("a.txt", b"a", 1)
        run.keep_soon("b.txt", b"b", 1)

    found = runlake.get_run(run.run_id)
    assert (found.read_artifact("a.txt"), found.read_artifact("b.txt"), found.errors) == (b"a", b"b", [])


def test_what_a_pack_holds_already_is_not_written_again(layout: Layout) -> None:
    """Until the packs are dealt out: then it is a blob."""
    first = keep_together(layout, [b"environment", b"changes"])
    packs = set(layout.packs())

    assert keep_together(layout, [b"environment", b"changes"]) == first
    assert set(layout.packs()) == packs
    keep_together(layout, [b"environment", b"model"])
    deal_out(layout)
    again = keep_together(layout, [b"environment", b"changes"])

    assert [content_of(layout, blob.sha256) for blob in again] == [b"environment", b"changes"]
    assert content_of(layout, hashlib.sha256(b"model").hexdigest()) == b"model"
