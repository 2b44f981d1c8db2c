"""What is done for every model that is trained, whatever its library: the hooks of runlake itself."""

from __future__ import annotations

from runlake.analysis.dataset import CHANGED, has_changed
from runlake.analysis.sample import SAMPLE, sample_bytes
from runlake.instrument.given import Fitted
from runlake.instrument.hookspecs import hookimpl
from runlake.jobs import queue
from runlake.models.trained import keep_model

__all__ = ["model_fitted"]

# About how long the jobs take that are left to later.
SUMMARY_SECONDS = 0.2
DESCRIPTION_SECONDS = 0.1
IMPORTANCE_SECONDS = 1.0
EXPLANATION_SECONDS = 2.0


@hookimpl
def model_fitted(fitted: Fitted) -> None:
    """Keep the model, and leave to later what need not be done while the program waits."""
    run = fitted.run.active
    queue.add(run, "summary", seconds=SUMMARY_SECONDS)
    if not (fitted.options["log_models"] and keep_model(fitted)):
        if fitted.options["log_explanations"]:
            fitted.skipped("explanation", "no model is kept that another process could load")
        return
    queue.add(run, "description", seconds=DESCRIPTION_SECONDS)
    if fitted.options["log_explanations"] and fitted.inputs is not None:
        if has_changed(fitted):
            fitted.skipped("explanation", CHANGED)
            return
        sample = sample_bytes(fitted.inputs, fitted.targets)
        if isinstance(sample, str):
            fitted.skipped("explanation", sample)
        else:
            fitted.run.log_bytes(sample, SAMPLE)
            queue.add(run, "importance", {"options": fitted.own_options()}, seconds=IMPORTANCE_SECONDS)
            queue.add(run, "explanation", {"is_full": fitted.options["log_explanations"] == "full"}, seconds=EXPLANATION_SECONDS)
