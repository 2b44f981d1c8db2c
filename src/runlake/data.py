"""Data sets that a program names itself, for `log_input`."""

from runlake.recording.datasets import from_numpy, from_pandas, from_polars

__all__ = ["from_numpy", "from_pandas", "from_polars"]
