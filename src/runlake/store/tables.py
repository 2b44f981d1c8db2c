"""Tables as Parquet files that runs keep."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["parquet_bytes"]


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as a Parquet file whose every page has a checksum."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())
