"""What this process knows of the series that it logs, so that readers need not look through their points."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from runlake.store.summaries import Summary

__all__ = ["SeriesSummaries"]

EVERY_SECONDS = 10.0
AFTER_END_SECONDS = 1.0  # the same once a run has ended; a loop of short runs shares them


class SeriesSummaries:
    """Summaries by run and key, kept up with every chunk of points and let go of when their run has ended. Not thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, Summary]] = {}
        self._changed: dict[tuple[str, str], None] = {}
        self._ended: set[str] = set()
        self._written_at = time.monotonic()

    def add(
        self, names: Sequence[tuple[str, str]], codes: np.ndarray, steps: np.ndarray, times: np.ndarray, values: np.ndarray, *, since: int
    ) -> None:
        """Take in points: point i belongs to the run and key of `names[codes[i]]`; `since` points were written before these."""
        from runlake.store.summaries import merge, summarize  # late: it imports NumPy

        for code, summary in summarize(codes, steps, times, values).items():
            name = names[code]
            began, before = self._known.get(name, (since, None))
            self._known[name] = began, summary if before is None else merge(before, summary)
            self._changed[name] = None

    def forget_soon(self, run_ids: Iterable[str]) -> None:
        """These runs have ended: whoever still logs to them begins anew, with summaries that merge with these."""
        self._ended.update(run_ids)

    def is_due(self, *, leaving: bool) -> bool:
        """Whether it is time to write what changed."""
        patience = 0.0 if leaving else AFTER_END_SECONDS if self._ended else EVERY_SECONDS
        return bool(self._changed) and time.monotonic() - self._written_at >= patience

    def changed(self) -> list[tuple[str, str, int, Summary]]:
        """The summaries that changed since they were last written, each with its run, its key and where it began."""
        return [(*name, *self._known[name]) for name in self._changed]

    def written(self) -> None:
        """What `changed` gave is on its way."""
        self._written_at = time.monotonic()
        self._changed.clear()
        if self._ended:
            self._known = {name: known for name, known in self._known.items() if name[0] not in self._ended}
            self._ended.clear()
