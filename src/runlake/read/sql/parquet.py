"""Files of published rows, as DuckDB reads them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runlake.read.sql.facts import quoted

__all__ = ["literally", "of_files"]


def of_files(paths: Iterable[Path]) -> str:
    """The rows of these files."""
    listed = ", ".join(quoted(literally(path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"  # or a folder named `a=b` would be a column


def literally(path: Path) -> str:
    """A path in which no sign stands for others."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))
