"""Sparse matrices: the indices that C multiplies by."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.errors import NoSafeForm
from runlake_sklearn.form.parts import Parts, require, whole


def take_rows(matrix: Any) -> Parts:
    """A matrix by rows or by columns: its three arrays."""
    _check_dimensions(matrix)
    return {"shape": [int(length) for length in matrix.shape], "data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}


def put_rows(kind: Any, parts: Parts) -> Any:
    """A matrix whose rows follow each other and whose indices lie in it."""
    shape = _shape(parts)
    data, indices, indptr = (_flat(parts[name]) for name in ("data", "indices", "indptr"))
    require(indices.dtype == indptr.dtype and indices.dtype in (np.int32, np.int64), "The indices of a sparse matrix are no whole numbers.")
    rows, columns = shape if "csr" in kind.__name__ else shape[::-1]
    require(len(indptr) == rows + 1 and indptr[0] == 0 and indptr[-1] == len(indices), "The rows of a sparse matrix are not where it says.")
    require(len(indices) == len(data) and bool((np.diff(indptr) >= 0).all()), "The rows of a sparse matrix go backwards.")
    require(bool(((indices >= 0) & (indices < columns)).all()), "A sparse matrix has a value outside itself.")
    matrix = kind(shape, dtype=data.dtype)
    # The constructor would choose the width of the indices anew.
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr
    return matrix


def take_coordinates(matrix: Any) -> Parts:
    """A matrix by coordinates."""
    _check_dimensions(matrix)
    return {"shape": [int(length) for length in matrix.shape], "data": matrix.data, "row": matrix.row, "col": matrix.col}


def put_coordinates(kind: Any, parts: Parts) -> Any:
    """A matrix whose coordinates lie in it."""
    shape = _shape(parts)
    data, row, column = (_flat(parts[name]) for name in ("data", "row", "col"))
    for index, length in ((row, shape[0]), (column, shape[1])):
        require(index.dtype in (np.int32, np.int64) and len(index) == len(data), "The coordinates of a sparse matrix are no whole numbers.")
        require(bool(((index >= 0) & (index < length)).all()), "A sparse matrix has a value outside itself.")
    return kind((data, (row, column)), shape=shape)


def _check_dimensions(matrix: Any) -> None:
    if len(matrix.shape) != 2:
        raise NoSafeForm(f"is a sparse array of {len(matrix.shape)} dimensions")


def _shape(parts: Parts) -> tuple[int, int]:
    shape = parts["shape"]
    require(type(shape) is list and len(shape) == 2, "A sparse matrix has two dimensions.")
    return whole(shape[0], 0, 2**40, "A length of a sparse matrix"), whole(shape[1], 0, 2**62, "A length of a sparse matrix")


def _flat(array: Any) -> np.ndarray[Any, Any]:
    require(type(array) is np.ndarray and array.ndim == 1 and array.dtype.kind in "biufc", "A sparse matrix is made of flat arrays.")
    return array  # type: ignore[no-any-return]  # SciPy has no types
