"""How the tags begin by which a run tells what it keeps of its model, and what it does not record."""

from __future__ import annotations

__all__ = ["MODELS_TAG", "MODEL_TAG", "SKIPPED_TAG"]

MODEL_TAG = "runlake.model."
MODELS_TAG = "runlake.models."  # what the program itself kept under other names
SKIPPED_TAG = "runlake.skipped."
