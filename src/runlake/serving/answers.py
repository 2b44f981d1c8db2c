"""What a model says, as JSON: lists of rows, objects for the rows of frames, and null for what is no number.

NaN and the infinities, which JSON does not know, are null; times are texts as ISO 8601 has them; bytes are Base64.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from runlake.errors import InvalidValue
from runlake.models.signatures.frames import as_array

__all__ = ["answer_body", "as_json"]


def answer_body(answer: Any, is_bare: bool) -> bytes:
    """The body of an answer. Raises InvalidValue for what has no form in JSON."""
    said = as_json(answer)
    try:
        return json.dumps(said if is_bare else {"predictions": said}, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"The answer of the model cannot be written as JSON: {error}.") from None


def as_json(value: Any) -> Any:
    """The value, made of what JSON has."""
    if value is None or isinstance(value, (str, bool)) or type(value) is int:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "dtype") and hasattr(value, "shape") and not hasattr(value, "iloc"):
        return _of_array(value)
    if isinstance(value, Mapping):
        return {str(name): as_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(each) for each in value]
    return _of_frame(value) if hasattr(value, "iloc") or hasattr(value, "to_pandas") else _of_single(value)


def _of_array(value: Any) -> Any:
    """An array, a sparse matrix, a tensor, or a single value of NumPy."""
    array = value.toarray() if hasattr(value, "tocsr") else as_array(value)
    if array.dtype.kind in "iubU":
        return array.tolist()
    if array.dtype.kind == "f":
        return _floats(array)
    return _times(array) if array.dtype.kind == "M" else _each(array.tolist())


def _floats(array: Any) -> Any:
    import numpy as np

    is_finite = np.isfinite(array)
    if is_finite.all():
        return array.tolist()
    objects = array.astype(object)
    objects[~is_finite] = None
    return objects.tolist()


def _times(array: Any) -> Any:
    """Without the zeros at the end of a fraction, nor a fraction of zeros."""
    import numpy as np

    texts = [re.sub(r"(\.\d*?)0+$", r"\1", text).removesuffix(".") for text in np.datetime_as_string(array.ravel())]
    objects = np.array([None if text == "NaT" else text for text in texts], object)
    return objects.reshape(array.shape).tolist()


def _each(value: Any) -> Any:
    return [_each(item) for item in value] if isinstance(value, list) else as_json(value)


def _of_frame(value: Any) -> list[dict[str, Any]]:
    """A row is an object, as MLflow's server has it; a series is a frame of one column."""
    frame = value if hasattr(value, "iloc") else value.to_pandas()
    frame = frame if hasattr(frame, "columns") else frame.to_frame()
    names = [str(name) for name in frame.columns]
    columns = [_of_column(frame.iloc[:, place]) for place in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _of_column(column: Any) -> list[Any]:
    dtype = column.dtype
    if getattr(dtype, "kind", "O") in "iufbM" and type(dtype).__module__.startswith("numpy"):
        listed: list[Any] = _of_array(column.to_numpy())
        return listed
    return [as_json(each) for each in column.tolist()]


def _of_single(value: Any) -> Any:
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return as_json(float(value))
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "model_dump"):  # of pydantic
        return as_json(value.model_dump())
    raise InvalidValue(f"The model answered with a {type(value).__name__}, which has no form in JSON.")
