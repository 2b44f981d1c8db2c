"""Signatures of models: inferred from data, and enforced on what a model is asked with."""

from runlake.entities.signatures import ModelSignature
from runlake.models.signatures.asking import enforced_params, matched
from runlake.models.signatures.enforcement import Enforcement
from runlake.models.signatures.inferring import infer_signature
from runlake.models.signatures.schemas import schema_of

__all__ = ["Enforcement", "ModelSignature", "enforced_params", "infer_signature", "matched", "schema_of"]
