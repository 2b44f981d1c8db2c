"""The words of runlake, as data: no input, no output, nothing imported but errors."""

from runlake.entities.datasets import Dataset, DatasetInput, InputTag
from runlake.entities.events import Event, Scope
from runlake.entities.experiments import Experiment, LifecycleStage, ViewType
from runlake.entities.runs import FileInfo, Metric, Param, Run, RunData, RunInfo, RunInputs, RunTag
from runlake.entities.status import Status

__all__ = [
    "Dataset",
    "DatasetInput",
    "Event",
    "Experiment",
    "FileInfo",
    "InputTag",
    "LifecycleStage",
    "Metric",
    "Param",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunTag",
    "Scope",
    "Status",
    "ViewType",
]
