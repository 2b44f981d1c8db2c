"""What a model says as a table: a column for each of its own, or one that is called as MLflow's server calls them all."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from runlake.errors import InvalidValue

__all__ = ["ANSWER", "as_table"]

ANSWER = "predictions"  # the column where the answer has no names


def as_table(answer: Any) -> pa.Table:
    """The rows of an answer. Raises InvalidValue for what is none."""
    try:
        return _table(answer)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise InvalidValue(f"What the model says, a {type(answer).__name__}, is no table ({error}): write JSON.") from None


def _table(answer: Any) -> pa.Table:
    if hasattr(answer, "iloc"):
        frame = answer if hasattr(answer, "columns") else answer.to_frame(answer.name if answer.name is not None else ANSWER)
        return pa.Table.from_pandas(frame.rename(columns=str), preserve_index=False).replace_schema_metadata()
    if hasattr(answer, "__arrow_c_stream__"):
        return pa.table(answer)
    if isinstance(answer, list) and answer and all(isinstance(each, dict) for each in answer):
        return pa.Table.from_pylist(answer)
    if isinstance(answer, list):
        return pa.table({ANSWER: answer})
    if isinstance(answer, dict):
        return pa.table({str(name): _column(values) for name, values in answer.items()})
    array = answer.toarray() if hasattr(answer, "tocsr") else answer
    shape: tuple[int, ...] = getattr(array, "shape", ())
    if len(shape) == 2:
        return pa.table({str(place): _column(array[:, place]) for place in range(shape[1])})
    return pa.table({ANSWER: _column(array)})


def _column(values: Any) -> Any:
    if getattr(values, "ndim", 1) > 1:
        return pa.array(values.tolist())
    return pa.array(values.detach() if hasattr(values, "detach") else values)
