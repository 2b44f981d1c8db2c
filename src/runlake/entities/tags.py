"""How the tags begin by which a run tells what it keeps of its model, and what it does not record."""

from __future__ import annotations

__all__ = ["MODEL_TAG", "SKIPPED_TAG"]

MODEL_TAG = "runlake.model."
SKIPPED_TAG = "runlake.skipped."
