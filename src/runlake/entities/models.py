"""What is known of a model that is kept: what `log_model` gives back, under the names that MLflow gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlake.entities.signatures import ModelSignature

if TYPE_CHECKING:
    from runlake.entities.registered import VersionNumber

__all__ = ["MANIFEST", "MLMODEL", "ModelInfo"]

MLMODEL = "MLmodel"  # the file that says what a model is
MANIFEST = "manifest.json"  # and the one that lists all of its files


@dataclass(frozen=True)
class ModelInfo:
    """Where a model is, for `load_model`, and what its `MLmodel` says. `digest` stands for every byte of it."""

    model_uri: str
    artifact_path: str
    run_id: str | None
    format_id: str
    digest: str
    model_uuid: str = ""
    utc_time_created: str = ""
    flavors: Mapping[str, Any] = field(default_factory=dict)
    signature: ModelSignature | None = None
    saved_input_example_info: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    registered_model_version: VersionNumber | None = None  # where `registered_model_name` was given

    @property
    def signature_dict(self) -> dict[str, Any] | None:
        """The signature as it is stored."""
        return None if self.signature is None else self.signature.to_dict()
