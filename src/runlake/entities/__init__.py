"""The words of runlake, as data: no input, no output, nothing imported but errors."""

from runlake.entities.captures import CaptureRecord
from runlake.entities.datasets import Dataset, DatasetInput, InputTag
from runlake.entities.events import Event, Scope
from runlake.entities.experiments import Experiment, LifecycleStage, ViewType
from runlake.entities.jobs import Job, JobState
from runlake.entities.runs import FileInfo, Metric, Param, Run, RunData, RunInfo, RunInputs, RunTag
from runlake.entities.signatures import SIGNATURE_FILE, ColSpec, ModelSignature, Schema, TensorSpec
from runlake.entities.status import Status

__all__ = [
    "SIGNATURE_FILE",
    "CaptureRecord",
    "ColSpec",
    "Dataset",
    "DatasetInput",
    "Event",
    "Experiment",
    "FileInfo",
    "InputTag",
    "Job",
    "JobState",
    "LifecycleStage",
    "Metric",
    "ModelSignature",
    "Param",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunTag",
    "Schema",
    "Scope",
    "Status",
    "TensorSpec",
    "ViewType",
]
