"""A numbered log: read as a whole or in parts, by files of one entry or of many, it says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from runlake.errors import StoreError
from runlake.store.layout import Layout, create
from runlake.store.log import TOGETHER, NumberedLog

N = 2 * TOGETHER + 3


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A store with a log of so many entries."""
    made = create(tmp_path / "lake")
    log = opened(made)
    for number in range(N):
        log.append(lambda number=number: {"n": number})  # type: ignore[misc]  # the default binds the loop's name
    return made


def opened(layout: Layout) -> NumberedLog:
    """The log, of which nothing is read yet."""
    return NumberedLog(layout, layout.registry)


def numbers(layout: Layout) -> list[int]:
    """What somebody reads who opens it now."""
    log = opened(layout)
    log.refresh()
    return [entry["n"] for entry in log.entries]


def test_entries_are_read_together(layout: Layout) -> None:
    """As many as a file holds of them need no files of their own."""
    together = sorted(path for path in layout.registry.iterdir() if "-" in path.name)
    for number in range(2 * TOGETHER):
        (layout.registry / f"{number:08d}.json").unlink()

    assert len(together) == 2
    assert numbers(layout) == list(range(N))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"entries": [], "check": "00000000"}', b"[" * 100_000])
def test_what_is_damaged_for_many_is_read_one_by_one(layout: Layout, content: bytes) -> None:
    """Nothing is lost with it."""
    for path in layout.registry.iterdir():
        if "-" in path.name:
            path.write_bytes(content)

    assert numbers(layout) == list(range(N))


def test_who_reads_on_reads_each_once(layout: Layout) -> None:
    """Also over the border between two files."""
    reading, writing = opened(layout), opened(layout)
    reading.refresh()
    for number in range(N, N + 2 * TOGETHER):
        writing.append(lambda number=number: {"n": number})  # type: ignore[misc]  # the default binds the loop's name
        if number % 7 == 0:
            reading.refresh()
    reading.refresh()

    assert [entry["n"] for entry in reading.entries] == list(range(N + 2 * TOGETHER))


def test_a_damaged_entry_is_named(layout: Layout) -> None:
    """With what to do."""
    last = layout.registry / f"{N - 1:08d}.json"
    last.write_bytes(last.read_bytes().replace(b'"n"', b'"m"'))

    with pytest.raises(StoreError, match=f"{last.name} is damaged .*Put it back from a copy"):
        numbers(layout)
