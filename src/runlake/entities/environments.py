"""What is noted of where a run ran: the names that it goes by."""

from __future__ import annotations

__all__ = ["CHANGES_TAG", "ENVIRONMENT_FILE"]

ENVIRONMENT_FILE = "environment.json"
CHANGES_TAG = "runlake.git.changes"
