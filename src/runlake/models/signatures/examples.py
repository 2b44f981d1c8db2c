"""An example of a model's input as files in MLflow's form: JSON for people and programs, and what a server would be sent.

JSON has fewer types than frames have; the schema of the model's inputs brings them back.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date, time
from reprlib import repr as shortly
from typing import Any

from runlake.entities.signatures import Schema, TensorSpec
from runlake.errors import InvalidValue
from runlake.guard import log
from runlake.instrument.rows import kind_of, n_rows
from runlake.models.signatures.cells import is_missing
from runlake.models.signatures.frames import as_array
from runlake.models.signatures.from_json import array_of, frame_of_split

__all__ = ["EXAMPLE_FILE", "SERVING_FILE", "data_and_params", "example_files", "read_example"]

EXAMPLE_FILE = "input_example.json"
SERVING_FILE = "serving_input_example.json"
MOST_BYTES = 1 << 20
FEW = 5  # rows that are kept of an example that is too large
_CHAT_KEYS = ("messages", "prompt", "input")  # a server is sent such a dictionary as it is
_SPARSE = {"sparse_matrix_csr": "csr_matrix", "sparse_matrix_csc": "csc_matrix"}


def data_and_params(example: Any) -> tuple[Any, dict[str, Any] | None]:
    """The data of an example, and the params where it is a pair of both."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):
        return example
    return example, None


def example_files(example: Any) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files by their names, and what `MLmodel` says of them. Of data over 1 MiB the first rows are kept.

    Raises InvalidValue for what is no example, or too large still.
    """
    data, params = data_and_params(example)
    made = _files(data, params)
    if made is None and (n := n_rows(data) or 0) > FEW:
        log.warning(
            "The input example has %s rows, which take more than %s bytes: the first %d are kept.", f"{n:,}", f"{MOST_BYTES:,}", FEW
        )
        made = _files(_first_rows(data), params)
    if made is None:
        raise InvalidValue(
            f"The input example takes more than {MOST_BYTES:,} bytes as JSON, which is most that is kept: give a smaller one."
        )
    return made


def read_example(files: Mapping[str, bytes], info: Mapping[str, Any], schema: Schema | None = None) -> Any:
    """The example that the files are; a pair of data and params, if it was given as such. Raises InvalidValue where they are none."""
    name = info.get("artifact_path")
    if not isinstance(name, str) or name not in files:
        raise InvalidValue(f"The input example is not among the model's files: {shortly(name)}.")
    try:
        stored = json.loads(files[name])
        params = stored["params"] if info.get("params") else None
        data = _data(stored["inputs"] if info.get("params") else stored, info, schema)
    except InvalidValue:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidValue(f"The file {name} is not an input example of the kind {shortly(info.get('type'))}: {error}.") from None
    return (data, params) if info.get("params") else data


def _files(data: Any, params: dict[str, Any] | None) -> tuple[dict[str, bytes], dict[str, Any]] | None:
    """None where they are too large, which may be known before they are made."""
    if _n_values(data) > MOST_BYTES // len("0,"):
        return None
    written, served, kind = _written(data)
    if params is not None:
        written = {"inputs": written, "params": params}
        served = served and served | (params if _is_chat(data) else {"params": params})
    content = _json(written, None)
    if len(content) > MOST_BYTES:
        return None
    files, info = {EXAMPLE_FILE: content}, {"artifact_path": EXAMPLE_FILE, **({"params": "true"} if params else {}), **kind}
    if served is None:
        return files, info
    return {**files, SERVING_FILE: _json(served, 2)}, {**info, "serving_input_path": SERVING_FILE}


def _written(data: Any) -> tuple[Any, dict[str, Any] | None, dict[str, str]]:
    """What is written of the data, what a server is sent, if it can be, and its kind."""
    kind = kind_of(data)
    if kind in ("polars", "arrow"):
        data = data.to_pandas()
    if hasattr(data, "iloc"):
        split = _split(data if hasattr(data, "columns") else data.to_frame())
        return split, {"dataframe_split": split}, {"type": "dataframe", "pandas_orient": "split" if "columns" in split else "values"}
    if kind == "sparse":
        return _of_sparse(data)
    if kind == "array":
        values = _listed(as_array(data))
        return values, {"inputs": values}, {"type": "ndarray"}
    if isinstance(data, dict) and any(kind_of(value) == "array" for value in data.values()):
        if not all(kind_of(value) == "array" for value in data.values()):
            raise InvalidValue("The values of an input example are arrays, or none is; of this dictionary some are.")
        values = {name: _listed(as_array(value)) for name, value in data.items()}
        return values, {"inputs": values}, {"type": "ndarray"}
    if isinstance(data, (dict, list, str, bytes, bool, int, float, date)) or hasattr(data, "item"):
        return data, dict(data) if _is_chat(data) else {"inputs": data}, {"type": "json_object"}
    raise InvalidValue(
        f"An input example is a frame, an array, a sparse matrix, a dictionary, a list or a value, not data of type {type(data).__name__}."
    )


def _is_chat(data: Any) -> bool:
    return isinstance(data, dict) and any(key in data for key in _CHAT_KEYS)


def _split(frame: Any) -> dict[str, Any]:
    columns = frame.columns.tolist()
    values = [frame.iloc[:, place].tolist() for place in range(len(columns))]
    rows = [[None if is_missing(value) else value for value in row] for row in zip(*values, strict=True)]
    return {"data": rows} if columns == list(range(len(columns))) else {"columns": columns, "data": rows}


def _of_sparse(data: Any) -> tuple[Any, dict[str, Any] | None, dict[str, str]]:
    """A server is sent the whole matrix, of which most is nothing, unless it is too large."""
    matrix = data if data.format in ("csr", "csc") else data.tocsr()
    indices, starts = matrix.indices.tolist(), matrix.indptr.tolist()
    parts = {"data": _listed(matrix.data), "indices": indices, "indptr": starts, "shape": list(matrix.shape)}
    is_small = matrix.shape[0] * matrix.shape[1] <= MOST_BYTES // len("0.0,")
    served = {"inputs": _listed(matrix.toarray())} if is_small else None
    return parts, served, {"type": f"sparse_matrix_{matrix.format}"}


def _listed(array: Any) -> Any:
    """The lists of an array, with None where nothing is, and times as texts."""
    if array.dtype.kind == "M":
        return array.astype(str).tolist()
    if array.dtype.kind == "f" and (array != array).any():
        array = array.astype(object)
        array[array != array] = None
    return array.tolist()


def _json(value: Any, indent: int | None) -> bytes:
    try:
        return json.dumps(value, default=_as_json, indent=indent).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"The input example cannot be written as JSON: {error}.") from None


def _as_json(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(value).decode("ascii")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _listed(value) if value.shape or value.dtype.kind == "M" else value.item()
    raise TypeError(f"{shortly(value)} is of type {type(value).__name__}")


def _n_values(data: Any) -> int:
    if kind_of(data) in ("arrays", "polars", "arrow"):
        return max(map(_n_values, data.values())) if isinstance(data, dict) else int(data.shape[0]) * len(data.shape)
    size = getattr(data, "nnz", None) if kind_of(data) == "sparse" else getattr(data, "size", None)
    return int(size) if isinstance(size, int) else (n_rows(data) or 0)


def _first_rows(data: Any) -> Any:
    kind = kind_of(data)
    if kind == "arrays":
        return {name: value[:FEW] for name, value in data.items()}
    return data.iloc[:FEW] if kind == "frame" else data.slice(0, FEW) if kind == "arrow" else data[:FEW]


def _data(stored: Any, info: Mapping[str, Any], schema: Schema | None) -> Any:
    kind = info.get("type")
    if kind == "json_object":
        return stored
    if kind == "dataframe":
        return frame_of_split(stored, schema)
    if kind == "ndarray":
        values = stored["inputs"] if info.get("format") == "tf-serving" else stored  # of MLflow's first versions
        specs = {} if schema is None or not schema.is_tensor_spec() else dict(zip(schema.input_names(), schema.inputs, strict=True))
        if isinstance(values, dict):
            return {name: array_of(value, _dtype(specs.get(name))) for name, value in values.items()}
        return array_of(values, _dtype(specs.get(0)))
    if kind in _SPARSE:
        return _matrix(stored, _SPARSE[kind], schema)
    raise InvalidValue(f"An input example is a dataframe, an ndarray, a json_object or a sparse matrix, not {shortly(kind)}.")


def _dtype(spec: Any) -> str | None:
    return spec.type if isinstance(spec, TensorSpec) else None


def _matrix(stored: Any, form: str, schema: Schema | None) -> Any:
    import numpy as np
    from scipy import sparse

    spec = schema.inputs[0] if schema is not None else None
    parts = (array_of(stored["data"], _dtype(spec)), np.asarray(stored["indices"], "int64"), np.asarray(stored["indptr"], "int64"))
    matrix = getattr(sparse, form)(parts, shape=tuple(map(int, stored["shape"])))
    matrix.check_format(full_check=True)  # places that are none would be read from anywhere
    return matrix
