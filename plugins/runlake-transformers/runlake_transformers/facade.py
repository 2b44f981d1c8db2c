"""`runlake.transformers`: with it `report_to="runlake"` is known, without `autolog()` too."""

from __future__ import annotations

from transformers.integrations import integration_utils

from runlake_transformers.reporting import RunlakeCallback, add_reporter

__all__ = ["RunlakeCallback"]

add_reporter(integration_utils)
