"""Arrays, scalars and their dtypes: what describes them in the tree, and their bytes among the buffers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from runlake_sklearn.form.errors import InvalidForm, NoSafeForm

_SIMPLE = re.compile(r"[<>|](b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[SU]\d{1,9}|[mM]8(\[\d{0,9}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)")
_MAX_DIMENSION = 2**40
_LAST_CHARACTER = 0x10FFFF


def describe_dtype(dtype: np.dtype[Any]) -> Any:
    """A dtype as JSON: numpy's short text, or the fields of a record."""
    if dtype.hasobject or dtype.subdtype or dtype.metadata:
        raise NoSafeForm(f"has the dtype {dtype}")
    if dtype.names is None:
        if not _SIMPLE.fullmatch(dtype.str):
            raise NoSafeForm(f"has the dtype {dtype}")
        return dtype.str
    fields = [dtype.fields[name] for name in dtype.names]  # type: ignore[index]  # it has names, as it is a structure
    described = {"names": list(dtype.names), "formats": [describe_dtype(field[0]) for field in fields]}
    return described | {"offsets": [field[1] for field in fields], "itemsize": dtype.itemsize}


def dtype_from(described: Any) -> np.dtype[Any]:
    """The dtype that was described: of plain values, or a record of plain values that do not overlap."""
    if type(described) is str:
        if not _SIMPLE.fullmatch(described):
            raise InvalidForm(f"{described[:80]!r} is not a dtype that a form may have.")
        return np.dtype(described)
    if type(described) is not dict or set(described) != {"names", "formats", "offsets", "itemsize"}:
        raise InvalidForm("A dtype is a text or a record of names, formats, offsets and itemsize.")
    names, formats, offsets, size = (described[key] for key in ("names", "formats", "offsets", "itemsize"))
    if not (_all_of(str, names) and _all_of(str, formats) and _all_of(int, offsets) and len(names) == len(formats) == len(offsets)):
        raise InvalidForm("The names, formats and offsets of a dtype do not belong together.")
    kinds = [dtype_from(one) for one in formats]
    ends = [offset + kind.itemsize for offset, kind in zip(offsets, kinds, strict=True)]
    if not names or type(size) is not int or size > 2**16 or any(a < b for a, b in zip([*offsets[1:], size], ends, strict=True)):
        raise InvalidForm("The fields of a dtype overlap or leave its record.")
    if offsets[0] < 0:
        raise InvalidForm("The fields of a dtype leave its record.")
    return np.dtype({"names": names, "formats": kinds, "offsets": offsets, "itemsize": size})


def _all_of(kind: type, values: Any) -> bool:
    return type(values) is list and all(type(value) is kind for value in values)


def is_fortran(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array keeps its columns together; linear algebra may round otherwise for the other order."""
    return bool(array.flags.f_contiguous and not array.flags.c_contiguous)


def bytes_of(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The bytes of an array in its order, without a copy where they lie together."""
    laid_out = np.ascontiguousarray(array.T if is_fortran(array) else array)
    return laid_out.reshape(-1).view(np.uint8)


def shape_from(shape: Any) -> tuple[int, ...]:
    """A shape that numpy can take, with a size that can be counted."""
    if not _all_of(int, shape) or len(shape) > 32 or not all(0 <= length < _MAX_DIMENSION for length in shape):
        raise InvalidForm(f"{str(shape)[:80]} is not the shape of an array.")
    return tuple(shape)


def array_from(dtype: np.dtype[Any], shape: tuple[int, ...], order: str, data: bytes | memoryview) -> np.ndarray[Any, Any]:
    """An array of its own memory from bytes that are exactly as many as it needs."""
    if dtype.itemsize == 0 or math.prod(shape) == 0:
        return np.empty(shape, dtype, order="F" if order == "F" else "C")
    flat = np.frombuffer(data, np.uint8).copy().view(dtype)
    check_values(flat)
    return flat.reshape(shape[::-1]).T if order == "F" else flat.reshape(shape)


def check_values(array: np.ndarray[Any, Any]) -> None:
    """Refuse what numpy itself cannot have written and its loops do not expect: truths other than 0 and 1, texts of no characters."""
    if array.dtype.names:
        for name in array.dtype.names:
            check_values(array[name])
    elif array.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise InvalidForm("An array of truths has a byte that is neither 0 nor 1.")
    elif array.dtype.kind == "U" and array.dtype.itemsize:
        code_points = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if code_points.max(initial=0) > _LAST_CHARACTER:
            raise InvalidForm("An array of texts has a character that does not exist.")


def describe_scalar(scalar: np.generic) -> dict[str, Any]:
    """A number of numpy's as itself where JSON can say it, or else as its bytes in hexadecimal."""
    described = describe_dtype(scalar.dtype)
    plain: Any = scalar.item() if scalar.dtype.kind in "biuU" or scalar.dtype.str[1:] in ("f2", "f4", "f8") else None
    if plain is None or (type(plain) is float and not math.isfinite(plain)):
        return {"scalar": described, "bytes": scalar.tobytes().hex()}
    return {"scalar": described, "value": plain}


def scalar_from(described: Any, value: Any, data: Any) -> Any:
    """The number of numpy's that was described."""
    dtype = dtype_from(described)
    if type(data) is str:
        raw = bytes.fromhex(data)
        if len(raw) != dtype.itemsize or not raw:
            raise InvalidForm(f"A scalar of {dtype} has {dtype.itemsize} bytes, not {len(raw)}.")
        return array_from(dtype, (1,), "C", raw)[0]
    if type(value) is not {"b": bool, "i": int, "u": int, "f": float, "U": str}.get(dtype.kind):
        raise InvalidForm(f"{str(value)[:80]!r} is not a scalar of {dtype}.")
    return np.array(value, dtype)[()]
