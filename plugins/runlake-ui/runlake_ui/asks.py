"""What can be asked of an address beside its path, in the words of JSON Schema; `ASKS` of a module has it by endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MANY", "NUMBER", "REAL", "SIDES", "TEXT", "TRUTH", "Asks", "listed"]

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
REAL: Schema = {"type": "number"}
TRUTH: Schema = {"type": "boolean"}
MANY: Schema = {"type": "array", "items": TEXT}
SIDES: Schema = {"experiment": MANY, "filter": TEXT, "deleted": TRUTH}  # which runs


@dataclass(frozen=True)
class Asks:
    """The words behind `?`, the properties of the body and which of them must be there, and whether a table is answered."""

    query: Schema = field(default_factory=dict)
    body: Schema | None = None
    required: tuple[str, ...] = ()
    is_frame: bool = False
    kind: str = "application/json"


def listed(most: int) -> Schema:
    """At most so many texts."""
    return {**MANY, "maxItems": most}
