"""`infer_signature` and `ModelSignature`, where programs written for MLflow import them from."""

from runlake.entities.signatures import ModelSignature
from runlake.models.signatures import infer_signature

__all__ = ["ModelSignature", "infer_signature"]
