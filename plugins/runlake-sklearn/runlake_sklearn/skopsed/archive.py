"""A zip file, looked through before anything reads it: flat names, each once, and no more bytes than it may grow to."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib

import numpy as np

from runlake_sklearn.form import InvalidForm

__all__ = ["ARRAYS", "members_of"]

ARRAYS = (".npy", ".npz")

MAX_BYTES = 2**31
MOST_MEMBERS = 100_000
_GROWTH = 100  # times as many bytes as the file has, which arrays rarely come to
_ALWAYS = 2**24  # bytes that a small file may grow to all the same
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HEADER = 30  # bytes before the name of a member
_WRONG = (OSError, EOFError, ValueError, RuntimeError, KeyError, UnicodeError, zipfile.BadZipFile, zlib.error)


def members_of(data: bytes, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    """What is in the archive, by name. Raises InvalidForm for one that is not plain, or has other files than those of the suffixes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check(archive, infos, len(data), suffixes)
            contents = {info.filename: archive.read(info) for info in infos}
    except _WRONG as error:
        raise InvalidForm(f"The archive cannot be read: {type(error).__name__}: {error}"[:300]) from error
    for name, content in contents.items():
        if name.endswith(".npz"):
            members_of(content, (".npy",))
        elif name.endswith(".npy"):
            _check_array(name, content)
    return contents


def _check(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], size: int, suffixes: tuple[str, ...]) -> None:
    names = [info.filename for info in infos]
    _require(0 < len(infos) <= MOST_MEMBERS, f"it has {len(infos):,} members")
    _require(len(set(names)) == len(names), "a name stands twice in it")
    strange = next((name for name in names if not _is_plain(name) or not name.endswith(suffixes)), None)
    _require(strange is None, f"it has a member {strange!r:.80}")
    _require(
        all(info.compress_type in _KINDS and not info.flag_bits & 1 for info in infos),
        "a member is encrypted or packed in a way of its own",
    )
    total = sum(info.file_size for info in infos)
    most = min(MAX_BYTES, max(_ALWAYS, _GROWTH * size))
    _require(total <= most, f"its {size:,} bytes would grow to {total:,}, and at most {most:,} are read")
    ends = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        _require(info.header_offset >= ends, "its members overlap")
        ends = info.header_offset + _HEADER + len(info.filename.encode()) + info.compress_size
    _require(min(info.header_offset for info in infos) == 0 and not archive.comment, "something stands before or behind it")


def _is_plain(name: str) -> bool:
    """Whether it is the name of a file, and no way to one."""
    return name.isprintable() and not set(name) & set("/\\:") and not name.startswith(".")


def _check_array(name: str, content: bytes) -> None:
    """Whether it has as many bytes as its head says, of numbers or texts."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"version {version}")
        shape, _, dtype = read(stream)
        count = 1
        for length in shape:
            count *= length
        is_whole = not dtype.hasobject and all(length >= 0 for length in shape) and count * dtype.itemsize == len(content) - stream.tell()
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError, tokenize.TokenError) as error:
        raise InvalidForm(f"The array {name} cannot be read: {error}"[:300]) from error
    _require(is_whole, f"the array {name} is not as long as it says, or holds objects")


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise InvalidForm(f"The archive is not one of a model: {otherwise}.")
