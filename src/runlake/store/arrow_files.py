"""Arrow files that are mapped into memory, not read: what is looked at is loaded, the rest stays on the disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from runlake.store.put_new import put_new

__all__ = ["map_rows", "write_rows"]


def write_rows(path: Path, rows: pa.RecordBatch, temporary_folder: Path) -> int:
    """Make the file, and give its size; its name is there once its content is on the disk."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_batch(rows)
    data = sink.getvalue()
    put_new(path, memoryview(data), temporary_folder)
    return int(data.size)


def map_rows(path: Path) -> pa.RecordBatch:
    """The rows of a file that `write_rows` made: no other bytes may come here, Arrow crashes on some of them."""
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
