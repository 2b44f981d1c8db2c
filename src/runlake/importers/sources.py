"""What an import reads: experiments, and their runs one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from runlake.entities import Experiment
from runlake.importers.arriving import ArrivingRun
from runlake.importers.remarks import Remarks

__all__ = ["Source"]


class Source(Protocol):
    """Another tracker's store. What it cannot give is in its remarks; what is broken in it never stops the rest."""

    title: str
    remarks: Remarks

    def experiments(self) -> Sequence[Experiment]:
        """The experiments, deleted ones too, with their ids as they are there. No two have one name."""

    def count(self, experiments: Sequence[Experiment]) -> int:
        """About how many runs these have."""

    def runs(self, experiments: Sequence[Experiment]) -> Iterator[ArrivingRun]:
        """Their runs."""

    def remark_on_the_rest(self, experiments: Sequence[Experiment]) -> None:
        """Remark on what else the store has, once the runs have been read."""

    def close(self) -> None:
        """Let go of its files."""
