"""The forms in which what was read is asked to show itself, by their names: see `runlake.read.looks`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from runlake.display.cards import comparison_card, run_card, runs_card, series_card
from runlake.display.comparison_page import comparison_page
from runlake.display.plot import Plot, plot_of, plot_of_series
from runlake.display.traces import Along
from runlake.read import Run
from runlake.read.comparing import Comparison

__all__ = ["comparison_card", "comparison_text", "plot_of_runs", "plot_of_series", "run_card", "runs_card", "series_card"]

WIDTH = 120  # letters of a line of text


def comparison_text(comparison: Comparison) -> str:
    """What `runlake diff` prints, without colours."""
    return "\n".join(line.plain for line in comparison_page(comparison, time.time_ns() // 1_000_000, WIDTH))


def plot_of_runs(runs: Sequence[Run], keys: str | Sequence[str], x: Along, *, log: bool, smooth: float) -> Plot:
    """A picture of metrics of several runs."""
    return plot_of(runs, [keys] if isinstance(keys, str) else list(keys), x, log=log, smooth=smooth)
