"""A model of the loss of power: which states of the disk a crash after any system call may leave, by the rules of POSIX alone.

What was synced stays. The bytes of a file that were not may be kept, dropped, kept up to some sector or in any sectors, and
the file be as long as if they were all there; an entry of a folder that was not synced since may be there or not, whatever
became of the others. After a sync that failed the bytes it was for are never safe, however often a later one succeeds. The
sync of a file does not bring its name to the disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

__all__ = ["Acked", "Call", "Disk", "Named", "Recording", "Synced", "Written", "crash", "lay_out"]

SECTOR = 512


class Node(NamedTuple):
    """A file or folder, whatever its names."""

    number: int
    is_folder: bool


ROOT = Node(0, True)  # the folder in which everything happens

Name = tuple[Node, str]  # in this folder
Disk = dict[str, bytes | None]  # every path with its bytes, or None for a folder


@dataclass(frozen=True)
class Named:
    """Names that one call gave to a file or folder, or took away."""

    changes: dict[Name, Node | None]


@dataclass(frozen=True)
class Written:
    """Bytes that a file was given."""

    node: Node
    offset: int
    data: bytes


@dataclass(frozen=True)
class Synced:
    """A file or folder that was synced, or for which that failed."""

    node: Node
    failed: bool = False


@dataclass(frozen=True)
class Acked:
    """What the program was told is safe from here on."""

    what: Any


Call = Named | Written | Synced | Acked


class Recording:
    """The calls that change what lies below a folder, written down in the order they took effect, while they pass through."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self._root = root
        self._names: dict[Name, Node] = {}
        self._nodes = 1
        self._files: dict[int, Node] = {}  # by file descriptor
        self._offsets: dict[int, int] = {}
        self._fails_next = False
        self._lock = threading.RLock()  # around a call and its note: what is written down first happened first
        self._real = {name: getattr(os, name) for name in ("open", "close", "write", "fsync", "fdatasync")}
        self._real |= {name: getattr(os, name) for name in ("link", "unlink", "mkdir", "rename")}
        for name in self._real:
            patch.setattr(os, name, getattr(self, f"_{name}"))

    def ack(self, what: Any) -> None:
        """Note what the program may rely on from here on."""
        with self._lock:
            self.calls.append(Acked(what))

    def fail_next_sync(self) -> None:
        """Have the next sync of a file fail, as on a disk that could not write."""
        self._fails_next = True

    def note_bytes(self, node: Node, data: bytes) -> None:
        """Note what a file holds that was written where nobody saw it."""
        self.calls.append(Written(node, 0, data))

    def _open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        with self._lock:
            fd: int = self._real["open"](path, flags, *rest, **more)
            place = self._place(path)
            if place is not None:
                assert not flags & os.O_TRUNC, "the model knows no truncation"
                node = self._names.get(place) or self._make(place, is_folder=False)
                self._files[fd], self._offsets[fd] = node, 0
            return fd

    def _close(self, fd: int) -> None:
        with self._lock:
            self._files.pop(fd, None)
            self._real["close"](fd)

    def _write(self, fd: int, data: Any) -> int:
        with self._lock:
            n: int = self._real["write"](fd, data)
            if fd in self._files:
                self.calls.append(Written(self._files[fd], self._offsets[fd], bytes(data[:n])))
                self._offsets[fd] += n
            return n

    def _fsync(self, fd: int) -> None:
        self._sync("fsync", fd)

    def _fdatasync(self, fd: int) -> None:
        self._sync("fdatasync", fd)

    def _sync(self, name: str, fd: int) -> None:
        with self._lock:
            node = self._files.get(fd)
            fails = self._fails_next and node is not None and not node.is_folder
            if not fails:
                self._real[name](fd)
            if node is not None:
                self.calls.append(Synced(node, failed=fails))
            if fails:
                self._fails_next = False
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _link(self, source: Any, target: Any, **more: Any) -> None:
        with self._lock:
            self._real["link"](source, target, **more)
            self._name({target: self._node(source)})

    def _unlink(self, path: Any, **more: Any) -> None:
        with self._lock:
            self._real["unlink"](path, **more)
            self._name({path: None})

    def _mkdir(self, path: Any, *rest: Any, **more: Any) -> None:
        with self._lock:
            self._real["mkdir"](path, *rest, **more)
            place = self._place(path)
            if place is not None:
                self._make(place, is_folder=True)

    def _rename(self, source: Any, target: Any, **more: Any) -> None:
        with self._lock:
            self._real["rename"](source, target, **more)
            self._name({target: self._node(source), source: None})

    def _make(self, place: Name, *, is_folder: bool) -> Node:
        node = Node(self._nodes, is_folder)
        self._nodes += 1
        self._names[place] = node
        self.calls.append(Named({place: node}))
        return node

    def _name(self, changes: dict[Any, Node | None]) -> None:
        inside = {place: node for path, node in changes.items() if (place := self._place(path)) is not None}
        for place, node in inside.items():
            if node is None:
                del self._names[place]
            else:
                self._names[place] = node
        if inside:
            self.calls.append(Named(inside))

    def _node(self, path: Any) -> Node:
        place = self._place(path)
        assert place is not None, "nothing comes in from outside"
        return self._names[place]

    def _place(self, path: Any) -> Name | None:
        """The folder that the path lies in and its name there; None for a path outside of ours."""
        path = Path(os.path.abspath(path))
        if not path.is_relative_to(self._root):
            return None
        folder = ROOT
        self._names[ROOT, "."] = ROOT
        *above, name = path.relative_to(self._root).parts or (".",)
        for part in above:
            folder = self._names[folder, part]
        return folder, name


def crash(calls: Iterable[Call], chance: Random) -> Disk:
    """One of the states in which the disk may be when the power goes after these calls."""
    safe: dict[Node, list[Written]] = defaultdict(list)
    fresh: dict[Node, list[Written]] = defaultdict(list)  # the next sync makes it safe
    doomed: dict[Node, list[Written]] = defaultdict(list)  # a sync failed
    names: dict[Name, Node | None] = {}
    waiting: list[Named] = []
    for call in calls:
        if isinstance(call, Written):
            fresh[call.node].append(call)
        elif isinstance(call, Named):
            waiting.append(call)
        elif isinstance(call, Synced) and call.node.is_folder:
            for named in [named for named in waiting if call.node in {folder for folder, _ in named.changes}]:
                names |= named.changes
                waiting.remove(named)
        elif isinstance(call, Synced):
            (doomed if call.failed else safe)[call.node] += fresh.pop(call.node, [])
    names |= _kept(waiting, chance)
    return dict(_walk(ROOT, "", names, {node: _content(safe[node], doomed[node] + fresh[node], chance) for node in names.values() if node}))


def lay_out(disk: Disk, folder: Path) -> None:
    """Have the folder hold this and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, data in disk.items():
        if data is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(data)


def _kept(waiting: Sequence[Named], chance: Random) -> dict[Name, Node | None]:
    """What the disk has of the changes to names that it need not have; of one name's changes it has none after one that it lacks."""
    likely = chance.choice([0.0, 0.5, 0.9, 1.0])
    kept: dict[Name, Node | None] = {}
    lacking: set[Name] = set()
    for named in waiting:
        if chance.random() < likely and not lacking & named.changes.keys():
            kept |= named.changes
        else:
            lacking |= named.changes.keys()
    return kept


def _content(safe: Sequence[Written], unsafe: Sequence[Written], chance: Random) -> bytes:
    data = bytearray()
    for written in safe:
        _put(data, written.offset, written.data)
    if not unsafe:
        return bytes(data)
    sectors = sorted({sector for written in unsafe for sector in _sectors(written)})
    some = chance.choice([[], sectors, sectors[: chance.randrange(len(sectors) + 1)], [s for s in sectors if chance.random() < 0.5]])
    for written in unsafe:
        for sector in set(some) & set(_sectors(written)):
            start = max(written.offset, sector * SECTOR)
            _put(data, start, written.data[start - written.offset : (sector + 1) * SECTOR - written.offset])
    if chance.random() < 0.5:  # the new length reached the disk
        _put(data, max(written.offset + len(written.data) for written in unsafe), b"")
    return bytes(data)


def _sectors(written: Written) -> range:
    return range(written.offset // SECTOR, (written.offset + len(written.data) - 1) // SECTOR + 1)


def _put(data: bytearray, offset: int, piece: bytes) -> None:
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(piece)] = piece


def _walk(folder: Node, path: str, names: dict[Name, Node | None], contents: dict[Node, bytes]) -> Iterator[tuple[str, bytes | None]]:
    for (inside, name), node in names.items():
        if inside == folder and node is not None:
            yield f"{path}{name}", None if node.is_folder else contents[node]
            if node.is_folder:
                yield from _walk(node, f"{path}{name}/", names, contents)
