"""What a model takes and gives: the columns or tensors of its inputs and outputs, in the form that MLflow's tools read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SIGNATURE_FILE", "ColSpec", "ModelSignature", "Schema", "TensorSpec"]

SIGNATURE_FILE = "signature.json"  # under which a run keeps it


@dataclass(frozen=True)
class ColSpec:
    """A column: its type, its name where it has one, and whether a value may be missing."""

    type: str
    name: str | None = None
    required: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        named = {} if self.name is None else {"name": self.name}
        return {"type": self.type, **named, "required": self.required}


@dataclass(frozen=True)
class TensorSpec:
    """A tensor: the type of its numbers, its shape, where -1 is any size, and its name where it has one."""

    type: str
    shape: tuple[int, ...]
    name: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        named = {} if self.name is None else {"name": self.name}
        return {**named, "type": "tensor", "tensor-spec": {"dtype": self.type, "shape": list(self.shape)}}


@dataclass(frozen=True)
class Schema:
    """Columns, or tensors."""

    inputs: tuple[ColSpec | TensorSpec, ...]

    def to_list(self) -> list[dict[str, Any]]:
        """As it is stored."""
        return [each.to_dict() for each in self.inputs]

    @classmethod
    def from_list(cls, stored: list[dict[str, Any]]) -> Schema:
        """As it was stored."""
        return cls(tuple(_spec(each) for each in stored))


@dataclass(frozen=True)
class ModelSignature:
    """The schemas of a model; one that is not known is None."""

    inputs: Schema | None = None
    outputs: Schema | None = None

    def to_dict(self) -> dict[str, Any]:
        """In MLflow's form: each schema is JSON."""
        schemas = {"inputs": self.inputs, "outputs": self.outputs}
        return {**{name: None if schema is None else json.dumps(schema.to_list()) for name, schema in schemas.items()}, "params": None}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> ModelSignature:
        """From that form."""
        schemas = (stored.get(name) for name in ("inputs", "outputs"))
        return cls(*(None if schema is None else Schema.from_list(json.loads(schema)) for schema in schemas))


def _spec(stored: dict[str, Any]) -> ColSpec | TensorSpec:
    if stored["type"] == "tensor":
        return TensorSpec(stored["tensor-spec"]["dtype"], tuple(stored["tensor-spec"]["shape"]), stored.get("name"))
    return ColSpec(stored["type"], stored.get("name"), stored.get("required", True))
