"""Small contents that came together, in one file until the store is published: a sync for each would slow the program that they are of.

A pack is a line of JSON, the hash and size of each content, and then the contents. Publishing deals them out as blobs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from runlake.errors import StoreError
from runlake.store.blobs import Blob, keep_bytes, put_aside, touched
from runlake.store.layout import Layout
from runlake.store.put_new import make_folder, put_new

__all__ = ["LARGEST", "content_of", "contents_in", "deal_out", "hashes_in", "hold", "keep_together"]

MOST_REMEMBERED = 10_000
_HASH = re.compile(r"[0-9a-f]{64}")
LARGEST = 1 << 20  # of a content in a pack: what is larger is written twice for no gain


def keep_together(layout: Layout, contents: Sequence[bytes]) -> list[Blob]:
    """Bring these contents to the disk; large ones, and one by itself, as blobs of their own. Those that are there are left alone."""
    blobs = [Blob(hashlib.sha256(content).hexdigest(), len(content)) for content in contents]
    new = {blob.sha256: content for blob, content in zip(blobs, contents, strict=True) if not _is_packed(layout, blob.sha256)}
    small = {sha256: content for sha256, content in new.items() if len(content) <= LARGEST}
    if len(small) > 1:
        _write_pack(layout, small)
    for sha256, content in new.items():
        if len(small) == 1 or sha256 not in small:
            keep_bytes(layout, content)
    return blobs


def content_of(layout: Layout, sha256: str) -> bytes:
    """The content with this hash, wherever it lies by now. Raises FileNotFoundError where there is none."""
    if not _HASH.fullmatch(sha256):  # of a forged row, and it would be taken for a path
        raise FileNotFoundError(f"{layout.root} has no content {sha256[:80]!r}, which is no hash.")
    found = _bytes(layout.blob(sha256))
    for pack in layout.packs() if found is None else ():
        with contextlib.suppress(FileNotFoundError):  # dealt out meanwhile
            if (place := _places(pack).get(sha256)) is not None:
                found = _taken(pack, *place)
                break
    for path in (*put_aside(layout, sha256), layout.blob(sha256)) if found is None else ():
        found = found if found is not None else _bytes(path)
    if found is None:
        raise FileNotFoundError(f"{layout.root} has no content {sha256}.")
    if hashlib.sha256(found).hexdigest() != sha256:
        raise StoreError(
            f"The content {sha256} in {layout.root} is damaged: its bytes are not those that were kept. Put it back from a copy."
        )
    return found


def hold(layout: Layout, hashes: Collection[str]) -> None:
    """Make contents as young as those that are kept now: whoever is about to refer to them has them stay. Raises FileNotFoundError."""
    missing = {sha256 for sha256 in hashes if not touched(layout.blob(sha256))}
    for pack in layout.packs() if missing else ():
        with contextlib.suppress(FileNotFoundError):  # dealt out meanwhile
            held = missing.intersection(_places(pack))
            if held and touched(pack):
                missing -= held
    for sha256 in missing:
        keep_bytes(layout, content_of(layout, sha256))


def hashes_in(pack: Path) -> list[str]:
    """The hashes of what a pack holds; of one whose list is damaged, none."""
    return list(_places(pack))


def contents_in(pack: Path) -> Iterator[tuple[str, int, bytes]]:
    """What a pack holds: the hash that it says, where it begins, and the bytes; of one whose list is damaged, nothing."""
    return ((sha256, start, _taken(pack, start, end)) for sha256, (start, end) in _places(pack).items())


def deal_out(layout: Layout) -> None:
    """Make a blob of each content of every pack, and remove the packs; one with a content that is not what it was stays."""
    for pack in layout.packs():
        with contextlib.suppress(FileNotFoundError):  # another was first
            kept = [keep_bytes(layout, _taken(pack, *place)).sha256 for place in _places(pack).values()]
            if kept and kept == list(_places(pack)):
                os.unlink(pack)


def _write_pack(layout: Layout, contents: dict[str, bytes]) -> None:
    if layout.pack_folder not in _lasting or not layout.pack_folder.is_dir():
        make_folder(layout.pack_folder, within=layout.root)
        _lasting.add(layout.pack_folder)
    header = json.dumps([[sha256, len(content)] for sha256, content in contents.items()]).encode() + b"\n"
    path = layout.pack_folder / f"{os.urandom(16).hex()}.pack"
    put_new(path, b"".join([header, *contents.values()]), layout.temporary)
    if len(_packed) > MOST_REMEMBERED:
        _packed.clear()
    _packed.update({(layout.root, sha256): path for sha256 in contents})


def _is_packed(layout: Layout, sha256: str) -> bool:
    """Whether this process has put it into a pack that is still there: what many runs share is written once."""
    pack = _packed.get((layout.root, sha256))
    return pack is not None and touched(pack)


_lasting: set[Path] = set()
_packed: dict[tuple[Path, str], Path] = {}


def _bytes(path: Path) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return None


@lru_cache(maxsize=1000)
def _places(pack: Path) -> dict[str, tuple[int, int]]:
    """Where each content lies, from which byte to which; a pack never changes. Nothing of one whose list is damaged."""
    with pack.open("rb") as file:
        header = file.readline()
    try:
        listed = [(str(sha256), int(size)) for sha256, size in json.loads(header)]
    except (ValueError, TypeError):
        return {}
    ends = list(accumulate((size for _, size in listed), initial=len(header)))
    return {sha256: (start, end) for (sha256, _), start, end in zip(listed, ends, ends[1:], strict=False)}


def _taken(pack: Path, start: int, end: int) -> bytes:
    with pack.open("rb") as file:
        file.seek(start)
        return file.read(end - start)
