"""What is done for every model that is trained, whatever its library: the hooks of runlake itself."""

from __future__ import annotations

from runlake.instrument.hookspecs import hookimpl
from runlake.instrument.training import Fitted
from runlake.jobs import queue

__all__ = ["model_fitted"]

SUMMARY_SECONDS = 0.2
DESCRIPTION_SECONDS = 0.1


@hookimpl
def model_fitted(fitted: Fitted) -> None:
    """Leave to later what need not be done while the program waits."""
    queue.add(fitted.run.active, "summary", seconds=SUMMARY_SECONDS)
    if fitted.options["log_models"]:
        queue.add(fitted.run.active, "description", seconds=DESCRIPTION_SECONDS)
