"""Tags, or how they begin, by which a run tells what it keeps of its model, what it does not record, and what ended it."""

from __future__ import annotations

__all__ = ["EXCEPTION_TAG", "MODELS_TAG", "MODEL_TAG", "SKIPPED_TAG"]

MODEL_TAG = "runlake.model."
MODELS_TAG = "runlake.models."  # what the program itself kept under other names
SKIPPED_TAG = "runlake.skipped."
EXCEPTION_TAG = "runlake.exception"  # with which a training, or a trial, ended
