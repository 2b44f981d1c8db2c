"""Files are kept by their content, as copies that nothing the user does later can change."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlake.store.blobs import Blob, keep_bytes, keep_file
from runlake.store.layout import Layout, create


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A new store."""
    return create(tmp_path / "lake")


def kept(layout: Layout) -> dict[str, bytes]:
    """Every blob by its path below the folder of blobs."""
    files = [path for path in layout.blobs.rglob("*") if path.is_file()]
    return {path.relative_to(layout.blobs).as_posix(): path.read_bytes() for path in files}


def inode(path: Path) -> int:
    """What changes when a file is written again, but not when it is read or touched."""
    return path.stat().st_ino


def place(content: bytes) -> str:
    """Where this content belongs."""
    name = hashlib.sha256(content).hexdigest()
    return f"{name[:2]}/{name}"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=3000))
def test_a_blob_is_its_content_under_its_hash(layout: Layout, content: bytes) -> None:
    """From bytes and from a file alike."""
    source = layout.root.parent / "source"
    source.write_bytes(content)

    expected = Blob(hashlib.sha256(content).hexdigest(), len(content))
    assert (keep_bytes(layout, content), keep_file(layout, source)) == (expected, expected)
    assert layout.blob(expected.sha256).read_bytes() == content
    assert kept(layout)[place(content)] == content


def test_a_large_file_is_kept_whole(layout: Layout, tmp_path: Path) -> None:
    """Also one that takes several reads and ends inside one."""
    content = random.Random(1).randbytes((5 << 20) + 12345)
    (tmp_path / "model.bin").write_bytes(content)

    blob = keep_file(layout, tmp_path / "model.bin")

    assert blob == (hashlib.sha256(content).hexdigest(), len(content))
    assert kept(layout) == {place(content): content}


def test_equal_contents_are_stored_once(layout: Layout, tmp_path: Path) -> None:
    """Under whatever names they come."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")

    blobs = {keep_file(layout, tmp_path / "a"), keep_file(layout, tmp_path / "b"), keep_bytes(layout, b"same")}
    before = inode(layout.blob(keep_bytes(layout, b"same").sha256))
    keep_bytes(layout, b"other")

    assert len(blobs) == 1
    assert kept(layout) == {place(b"same"): b"same", place(b"other"): b"other"}
    assert inode(layout.blob(keep_bytes(layout, b"same").sha256)) == before
    assert list(layout.temporary.iterdir()) == []


def test_a_file_rewritten_later_does_not_change_its_blob(layout: Layout, tmp_path: Path) -> None:
    """In place, byte for byte, as a checkpoint is."""
    source = tmp_path / "last.ckpt"
    source.write_bytes(b"epoch 1")
    blob = keep_file(layout, source)

    with source.open("r+b") as file:
        file.write(b"epoch 2")

    assert source.read_bytes() == b"epoch 2"
    assert layout.blob(blob.sha256).read_bytes() == b"epoch 1"


def test_no_hard_link_joins_a_file_and_its_blob(layout: Layout, tmp_path: Path) -> None:
    """Each has one name, and they are two files."""
    source = tmp_path / "plot.png"
    source.write_bytes(b"png")

    blob = layout.blob(keep_file(layout, source).sha256)

    assert (source.stat().st_nlink, blob.stat().st_nlink) == (1, 1)
    assert not source.samefile(blob)


def test_a_file_that_changes_while_it_is_copied_is_kept_as_it_was_copied(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is the hash of what was stored, whatever that is a mixture of."""
    source, read = tmp_path / "growing.bin", os.read
    source.write_bytes(bytes(3 << 20))

    def read_and_rewrite(fd: int, length: int) -> bytes:
        data = read(fd, length)
        source.write_bytes(b"\1" * (2 << 20))
        return data

    monkeypatch.setattr(os, "read", read_and_rewrite)
    blob = keep_file(layout, source)

    ((path, content),) = kept(layout).items()
    assert (path, blob) == (place(content), (hashlib.sha256(content).hexdigest(), len(content)))


def test_many_threads_keep_one_content_once(layout: Layout) -> None:
    """All of them are told the same."""
    content = bytes(100_000)

    with ThreadPoolExecutor(8) as threads:
        blobs = set(threads.map(lambda _: keep_bytes(layout, content), range(40)))

    assert blobs == {(hashlib.sha256(content).hexdigest(), 100_000)}
    assert kept(layout) == {place(content): content}
    assert list(layout.temporary.iterdir()) == []


@pytest.mark.parametrize("call", ["read", "write", "fdatasync", "link", "mkdir", "fsync"])
def test_nothing_is_left_after_a_failure(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """No draft, and no blob that is not whole; the next try is made as if there had been none."""
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, no_space)
        with pytest.raises(OSError, match="No space left"):
            keep_file(layout, source)

    assert list(layout.temporary.iterdir()) == []
    assert kept(layout) == {}
    keep_file(layout, source)
    assert kept(layout) == {place(b"weights"): b"weights"}


def no_space(*arguments: object, **more: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_source_that_cannot_be_read_leaves_nothing(layout: Layout, tmp_path: Path) -> None:
    """A file that is gone, and a folder."""
    with pytest.raises(FileNotFoundError):
        keep_file(layout, tmp_path / "gone")
    with pytest.raises(IsADirectoryError):
        keep_file(layout, tmp_path)

    assert list(layout.temporary.iterdir()) == []
    assert not layout.blobs.exists()
