"""A Parquet file of rows for others, written batch by batch: it needs no more memory than one of these."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["RowFile"]


class RowFile:
    """As a context manager; what is not closed by then is no file that anybody could read."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)

    def write(self, rows: pa.Table) -> None:
        """Add rows, which have the columns of the file."""
        self._writer.write_table(rows)

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.close()
