"""Data as the tensors of a signature: of exactly its type and shape. Only what has no type of its own, as a list, is given one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlake.entities.signatures import Schema, TensorSpec
from runlake.errors import InvalidValue
from runlake.guard import log
from runlake.instrument.rows import kind_of
from runlake.models.signatures.columns import listed
from runlake.models.signatures.frames import as_array

__all__ = ["TensorEnforcement"]


class TensorEnforcement:
    """Gives arrays, sparse matrices, or dictionaries of them, as one schema has them."""

    def __init__(self, schema: Schema) -> None:
        self._specs: dict[str | int, TensorSpec] = dict(zip(schema.input_names(), schema.inputs, strict=True))  # type: ignore[arg-type]  # a schema of tensors has no others
        self._is_named = schema.has_input_names()
        self._has_warned = False

    def __call__(self, data: Any) -> Any:
        """The tensors; the data is not changed, and where it fits, it is given back itself."""
        if kind_of(data) in ("polars", "arrow"):
            data = data.to_pandas()
        if not self._is_named:
            return _as_unnamed(data, self._specs[0])
        if len(self._specs) == 1 and kind_of(data) in ("array", "sparse"):
            data = dict.fromkeys(self._specs, data)
        is_frame = hasattr(data, "iloc") and hasattr(data, "columns")
        if not is_frame and not isinstance(data, Mapping):
            raise InvalidValue(
                f"The model takes a dictionary of arrays, {listed(list(self._specs))}, not data of type {type(data).__name__}."
            )
        self._check_names(list(data.columns) if is_frame else list(data))
        if is_frame:
            return {name: _of_column(data[name], spec) for name, spec in self._specs.items()}
        return {name: _as_tensor(data[name], spec) for name, spec in self._specs.items()}

    def _check_names(self, given: list[Any]) -> None:
        missing = [name for name in self._specs if name not in given]
        extra = [name for name in given if name not in self._specs]
        if missing:
            beside = f"; what it has beside is {listed(extra)}" if extra else ""
            raise InvalidValue(
                f"The model takes {'an array' if len(missing) == 1 else 'arrays'} {listed(missing)}, which the data lacks{beside}."
            )
        if extra and not self._has_warned:
            self._has_warned = True
            log.warning("The data has arrays that the model does not take, and which are left out: %s.", listed(extra))


def _as_unnamed(data: Any, spec: TensorSpec) -> Any:
    if not hasattr(data, "iloc"):
        return _as_tensor(data, spec)
    if not hasattr(data, "columns") or len(data.columns) == 1:
        return _of_column(data.iloc[:, 0] if hasattr(data, "columns") else data, spec)
    return _checked(data.to_numpy(), spec)


def _as_tensor(data: Any, spec: TensorSpec) -> Any:
    if isinstance(data, list):
        return _checked(_typed(_array_of(data, spec), spec), spec)
    if hasattr(data, "tocsr") and hasattr(data, "nnz"):
        return _checked(data, spec)
    if not hasattr(data, "__array__") or not hasattr(data, "shape"):
        raise InvalidValue(f"{_input(spec)} is an array of {spec.type}, not data of type {type(data).__name__}.")
    return _checked(as_array(data), spec)


def _checked(data: Any, spec: TensorSpec) -> Any:
    """The array itself, if it is of the type and the shape. Of objects, each is an array of its own size."""
    dtype = data.dtype
    if spec.type == "object" and spec.shape == (-1,):
        return data
    if dtype.kind == "O" and len(data.shape) == 1 and -1 in spec.shape[1:]:
        return data
    if len(data.shape) != len(spec.shape) or any(wanted not in (-1, size) for wanted, size in zip(spec.shape, data.shape, strict=True)):
        raise InvalidValue(f"{_input(spec)} has the shape {spec.shape}, where -1 is any size; the data has {tuple(data.shape)}.")
    if not _is_of_type(dtype, spec):
        way = f"; if nothing is lost that matters, convert it, as by data.astype({spec.type!r})"
        raise InvalidValue(f"{_input(spec)} is an array of {spec.type}, and the data is of {dtype}{way}.")
    return data


def _is_of_type(dtype: Any, spec: TensorSpec) -> bool:
    name = {"U": "str", "S": "bytes"}.get(dtype.kind, dtype.name)
    return bool(name == spec.type and dtype.isnative)


def _of_column(column: Any, spec: TensorSpec) -> Any:
    """The array whose rows are the values of a column: single ones, or lists, or arrays."""
    import numpy as np

    if not len(column):
        raise InvalidValue(
            f"{_input(spec)} is an array of {spec.type}, and the data has no rows, so that nothing tells what they would be."
        )
    if spec.shape[:1] != (-1,) or -1 in spec.shape[1:]:
        raise InvalidValue(
            f"{_input(spec)} has the shape {spec.shape}; of a frame only an array of any number of rows of one size can be made."
        )
    values = column.tolist()
    is_of_arrays = all(isinstance(value, np.ndarray) for value in values)
    if not is_of_arrays and not all(isinstance(value, list) for value in values):
        if spec.shape not in ((-1,), (-1, 1)):
            raise InvalidValue(f"{_input(spec)} has the shape {spec.shape}, and the column {column.name!r} holds single values.")
        return _typed(column.to_numpy(), spec).reshape(spec.shape)
    try:
        rows = np.stack([np.ravel(value) for value in values]).reshape((len(values), *spec.shape[1:]))
    except ValueError as error:
        raise InvalidValue(f"The values of the column {column.name!r} cannot become an array of the shape {spec.shape}: {error}.") from None
    return _checked(rows if is_of_arrays else _typed(rows, spec), spec)


def _array_of(values: list[Any], spec: TensorSpec) -> Any:
    import numpy as np

    try:
        return np.asarray(values)
    except ValueError as error:  # rows of several lengths
        raise InvalidValue(f"{_input(spec)} is an array of {spec.type}, and the list cannot become one: {error}.") from None


def _typed(array: Any, spec: TensorSpec) -> Any:
    """As the wanted type: of smaller floats what is left of larger ones, else what is equal."""
    import numpy as np

    if _is_of_type(array.dtype, spec):
        return array
    try:
        with np.errstate(all="ignore"):  # a NaN has no integer, which is said below
            cast = array.astype(spec.type)
            back = cast.astype(array.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidValue(f"{_input(spec)} is an array of {spec.type}, and the data cannot become one: {error}.") from None
    is_of_floats = array.dtype.kind == cast.dtype.kind == "f"
    if not is_of_floats and array.dtype.kind not in "OUS" and not bool((back == array).all()):
        raise InvalidValue(f"{_input(spec)} is an array of {spec.type}, and the data is of {array.dtype}, with values that would change.")
    return cast


def _input(spec: TensorSpec) -> str:
    return "The model's input" if spec.name is None else f"The model's input {spec.name!r}"
