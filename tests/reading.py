"""What a reader finds, in the shape that tests compare."""

from __future__ import annotations

import runlake

__all__ = ["series"]


def series(run_id: str, key: str) -> list[tuple[int, float]]:
    """The points of a series as (step, value)."""
    runlake.flush()
    points = runlake.read.open_store().points(run_id, key)
    return list(zip(points["step"].to_pylist(), points["value"].to_pylist(), strict=True))
