"""A run as data: what identifies it, and what was logged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runlake.entities.datasets import DatasetInput
from runlake.entities.experiments import LifecycleStage

__all__ = ["FileInfo", "Metric", "Param", "Run", "RunData", "RunInfo", "RunInputs", "RunTag"]


@dataclass(frozen=True)
class Metric:
    """One point of a series; the time is in milliseconds."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    run_id: str | None = None


@dataclass(frozen=True)
class Param:
    """A value fixed for the run, as text."""

    key: str
    value: str


@dataclass(frozen=True)
class RunTag:
    """A note on a run that may change."""

    key: str
    value: str


@dataclass(frozen=True)
class FileInfo:
    """An artifact or a folder of them; a folder has no size."""

    path: str
    is_dir: bool
    file_size: int | None


@dataclass(frozen=True)
class RunInfo:
    """What a run is, apart from what it logged; times are in milliseconds."""

    run_id: str
    experiment_id: str
    run_name: str
    status: str
    start_time: int
    end_time: int | None = None
    user_id: str = ""
    lifecycle_stage: str = LifecycleStage.ACTIVE
    artifact_uri: str = ""
    parent_run_id: str | None = None
    writer: str = ""

    @property
    def run_uuid(self) -> str:
        """The id, by its older name."""
        return self.run_id

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, once it has ended."""
        return None if self.end_time is None else (self.end_time - self.start_time) / 1000


@dataclass(frozen=True)
class RunData:
    """Params and tags as text, the last value of each metric; `typed_params` keep what they were given as."""

    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    typed_params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunInputs:
    """The data sets that a run used."""

    dataset_inputs: list[DatasetInput] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A run as it was read."""

    info: RunInfo
    data: RunData
    inputs: RunInputs = field(default_factory=RunInputs)
