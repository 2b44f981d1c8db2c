"""The model that a run keeps, as jobs look at it: the part of it that learned, with the sample of rows as that part sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from runlake.analysis.sample import SAMPLE, Sample, kept_sample, told_apart
from runlake.errors import UnknownArtifact
from runlake.instrument.explained import Learner, Unexplained
from runlake.instrument.plugins import ask_plugins
from runlake.jobs.kinds import Skipped, Work
from runlake.models.trained import kept_model, name_of
from runlake.read import Run

__all__ = ["learner_of", "model_and_sample", "title_of"]


def model_and_sample(work: Work) -> tuple[Any, Sample]:
    """What the run keeps. Raises Skipped where it lacks one of them."""
    try:
        return kept_model(work.run), kept_sample(work.run.read_artifact(SAMPLE))
    except UnknownArtifact as error:
        raise Skipped(str(error)) from error


def learner_of(model: Any, sample: Sample) -> Learner:
    """The part that learned. Raises Skipped where its rows are no matrix of numbers."""
    found = ask_plugins("learner", model, model=model, rows=sample.rows)
    if isinstance(found, Unexplained):
        raise Skipped(found.why)
    if isinstance(found, Learner):
        return replace(found, names=told_apart(found.names))
    rows = np.asarray(sample.rows)
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise Skipped(f"no plugin has {name_of(model)} as a model of a matrix of numbers")
    return Learner(model, rows, list(sample.names))


def title_of(model: Any, run: Run) -> str:
    """What a picture is of."""
    kind, name = type(model).__name__, run.info.run_name
    return kind if name == kind else f"{kind} in {name}"
