"""What a model takes or gives, in a line."""

from __future__ import annotations

from runlake.display.words import one_line
from runlake.entities.signatures import ColSpec, Schema, TensorSpec

__all__ = ["schema_in_words"]

MOST_COLUMNS = 6  # told of a schema


def schema_in_words(schema: Schema) -> str:
    """Its columns or tensors with their types, the first few of them."""
    columns = [_spec(spec) for spec in schema.inputs[:MOST_COLUMNS]]
    left = len(schema.inputs) - len(columns)
    return one_line(", ".join(columns) + (f" and {left:,} more" if left else ""))


def _spec(spec: ColSpec | TensorSpec) -> str:
    if isinstance(spec, TensorSpec):
        kind = f"{spec.type}[{', '.join('any' if size < 0 else str(size) for size in spec.shape)}]"
    else:
        kind = f"{spec.type}" if spec.required else f"{spec.type} or nothing"
    return kind if spec.name is None else f"{spec.name}: {kind}"
