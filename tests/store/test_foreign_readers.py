"""Other programs read the open tables: deltalake, Polars and DuckDB find what we find, to the last bit, whatever was done to them."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest
from deltalake import DeltaTable

from random_lake import RandomLake
from rows import Point, Reading, add_events, add_points, read, tuples
from runlake.entities import Event, Scope
from runlake.store.compaction import compact
from runlake.store.delta_log import DeltaLog
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.published import PublishedTable
from runlake.store.tables import TABLES
from runlake.store.writer import Writer
from sql_views import check_views, exact

Rows = list[tuple[Any, ...]]

SMALLEST_NAN = struct.unpack("d", struct.pack("Q", 0x7FF0_0000_0000_0001))[0]  # a NaN that carries something
FLOATS = [0.0, -0.0, 5e-324, -5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), float("nan"), SMALLEST_NAN, 0.1, 2**53 + 1.0]
WHOLE = [-(2**63), -(2**63) + 1, -1, 0, 1, 2**53 + 1, 2**63 - 1]
TEXTS = [
    "",
    " ",
    "größe",
    "gro\u0308ße",
    "код",
    "日本語",
    "العربية",
    "हिन्दी",
    "🎉👩‍🔬",
    "a\x00b",
    "line\nbreak\r\n",
    'it\'s "x" `y`',
    "\\",
    "\ufeff",
    "x" * 5000,
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of many small files: random runs, and one with all that is at the edge of what can be stored."""
    layout = create(tmp_path / "lake")
    for number in range(3):
        writer = Writer(layout)
        texts = [text or "-" for text in TEXTS]
        events = [Event.set("r", Scope.RUN, key, value, 1) for key, value in (("status", "FINISHED"), ("start_ns", 5), ("name", "größe"))]
        events += [Event.set("r", Scope.PARAM, key, value, 2 + number) for key, value in zip(texts, TEXTS[::-1], strict=True)]
        events += [Event.set("r", Scope.TAG, f"tag {at}", value, 9) for at, value in enumerate(WHOLE)]
        events += [Event.set("r", Scope.TAG, f"number {at}", value, 9) for at, value in enumerate(FLOATS)]
        add_events(writer, events)
        add_points(writer, [Point("r", texts[at % len(texts)], WHOLE[at % 7], WHOLE[at % 5], value) for at, value in enumerate(FLOATS * 3)])
        writer.close()
        publish(layout)
    lake = RandomLake(layout.root, __import__("random").Random(number), n_runs=5)
    lake.begin()
    publish(layout)
    lake.go_on()
    lake.close()
    publish(layout)
    return layout.root


def by_deltalake(folder: Path) -> Rows:
    """As Arrow."""
    return tuples(DeltaTable(folder).to_pyarrow_table())


def by_polars(folder: Path) -> Rows:
    """At once."""
    return polars.read_delta(str(folder)).rows()


def by_lazy_polars(folder: Path) -> Rows:
    """As part of a query."""
    return polars.scan_delta(str(folder)).collect().rows()


def by_duckdb(folder: Path) -> Rows:
    """Through its delta extension where it has it, else by the files that deltalake names."""
    database = duckdb.connect()
    database.execute("SET autoinstall_known_extensions = false")
    try:
        database.execute("LOAD delta")
    except duckdb.Error:
        return database.execute("SELECT * FROM read_parquet($files)", {"files": DeltaTable(folder).file_uris()}).fetchall()
    return database.execute("SELECT * FROM delta_scan($folder)", {"folder": str(folder)}).fetchall()


READERS = [by_deltalake, by_polars, by_lazy_polars, by_duckdb]


def as_published(store: Path) -> Rows:
    """Nothing is done to it."""
    return []


def merge(store: Path) -> None:
    """With our own compaction."""
    assert compact(Layout(store)).before


def optimize(store: Path) -> None:
    """With deltalake's, which knows nothing of our order and our checksums."""
    for folder in folders(store):
        DeltaTable(folder).optimize.compact()
    assert any(len(DeltaTable(folder).file_uris()) == 1 for folder in folders(store))


def clean_up(store: Path) -> None:
    """A checkpoint, and no version from before it any more."""
    for folder in folders(store):
        DeltaTable(folder).create_checkpoint()
        for version in (folder / "_delta_log").glob("*.json"):
            long_ago = time.time() - 3 * 86_400
            os.utime(version, (long_ago, long_ago))
        DeltaTable(folder).cleanup_metadata()
        assert not (folder / "_delta_log" / f"{0:020d}.json").exists()


def empty_of_garbage(store: Path) -> None:
    """deltalake's vacuum, of everything that the newest version does not name."""
    for folder in folders(store):
        DeltaTable(folder).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


CHANGES: dict[str, list[Callable[[Path], Any]]] = {
    "as published": [as_published],
    "compacted": [merge],
    "optimized": [optimize, empty_of_garbage],
    "cleaned up": [clean_up],
    "all of it": [optimize, clean_up, empty_of_garbage],
    "compacted, cleaned up": [merge, clean_up, empty_of_garbage],
}


def folders(store: Path) -> Iterator[Path]:
    """Of the tables that there are."""
    return (store / name for name in TABLES if (store / name / "_delta_log").is_dir())


def ours(store: Path, name: str) -> Rows:
    """The rows of a table as we read them."""
    table = PublishedTable(store, TABLES[name])
    table.refresh()
    return sorted(map(exact, tuples(table.rows({}).select(TABLES[name].schema.names))), key=repr)


def comparable(reading: Reading) -> tuple[Rows, Rows, list[str]]:
    """Floats by their bits: a NaN equals itself, and no zero the other."""
    return [*map(exact, reading.points)], [*map(exact, reading.events)], reading.findings


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_every_reader_finds_the_rows_that_we_find(store: Path, changes: list[Callable[[Path], Any]]) -> None:
    """Of every table, and in every view; and what we read is the same as before."""
    before = comparable(read(store))
    for change in changes:
        change(store)

    for folder in folders(store):
        expected = ours(store, folder.name)
        assert expected
        for reader in READERS:
            assert sorted(map(exact, reader(folder)), key=repr) == expected, (folder.name, reader.__name__)
    check_views(store)
    assert comparable(read(store)) == before


def test_a_store_that_another_program_optimized_goes_on(store: Path) -> None:
    """What is logged after it is published beside its files, and compacted with them."""
    for change in (optimize, clean_up, empty_of_garbage):
        change(store)
    before, writer = read(store), Writer(Layout(store))
    add_points(writer, [Point("new", "loss", step, step, step / 8) for step in range(10)])
    writer.close()

    publish(Layout(store))
    merge(store)

    assert len(read(store).points) == len(before.points) + 10
    assert len(set(map(repr, read(store).points))) == len(before.points) + 10
    assert {name: len(DeltaTable(store / name).file_uris()) for name in ("points", "meta")} == {"points": 1, "meta": 1}


def test_the_tables_ask_little_of_their_readers(store: Path) -> None:
    """Reader version 1 and writer version 2, no partitions, and the columns that we name: every engine reads that, and writes it."""
    for change in (as_published, merge, clean_up):
        change(store)
        for folder in folders(store):
            table = DeltaTable(folder)
            protocol = table.protocol()
            assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
            assert not protocol.reader_features
            assert not protocol.writer_features
            assert table.metadata().partition_columns == []
            assert [field.name for field in table.schema().fields] == TABLES[folder.name].schema.names
            assert all(path.parent == folder for path in map(Path, table.file_uris()))


def test_what_the_log_tells_of_a_file_is_true(store: Path) -> None:
    """Engines leave files out by it: a row that lay outside of what is told would be lost to them."""
    for change in (as_published, merge):
        change(store)
        for folder in folders(store):
            log = DeltaLog(folder)
            log.refresh()
            for file in log.files.values():
                rows = polars.read_parquet(file.path)
                assert file.n_rows == len(rows)
                for name, least in file.least.items():
                    assert (least, file.greatest[name]) == (rows[name].min(), rows[name].max())
