"""What a model takes and gives, from what it was really given, as it was before it trained, and what it says of a few rows."""

from __future__ import annotations

from runlake.entities.signatures import SIGNATURE_FILE, ModelSignature
from runlake.instrument.given import Fitted, Given
from runlake.instrument.hookspecs import hookimpl
from runlake.instrument.rows import some_rows
from runlake.models.signatures.schemas import schema_of

__all__ = ["data_given", "model_fitted"]

ROWS = 5  # that the model is asked for


@hookimpl
def data_given(given: Given) -> None:
    """Look before the training can change what it is given."""
    if given.options["log_model_signatures"]:
        given.kept["signature"] = schema_of(given.inputs), some_rows(given.inputs, ROWS)


@hookimpl(tryfirst=True)  # the model is kept with it
def model_fitted(fitted: Fitted) -> None:
    """Ask the model for a few rows, and keep what it took and gave."""
    schema, rows = fitted.kept.get("signature", (None, None))
    if schema is None or fitted.run.active.kept_as(SIGNATURE_FILE) is not None:  # a plugin saw both
        return
    outputs = None if rows is None else fitted.ask("predict_sample", model=fitted.model, rows=rows)
    signature = ModelSignature(schema, None if outputs is None else schema_of(outputs))
    fitted.run.log_signature(signature)
