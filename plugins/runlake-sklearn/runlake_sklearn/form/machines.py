"""What support vector machines hold: libsvm takes from each array as much as another one says."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.names import name_of
from runlake_sklearn.form.parts import Held, array_of, features_in, is_of, require

_ROWS = ("scipy.sparse._csr:csr_matrix", "scipy.sparse._csr:csr_array")


def support_vectors(held: Held) -> None:
    """What libsvm is given: it reads as many numbers as one array says from the others."""
    if "support_" not in held:
        return
    support = array_of(held["support_"], np.int32, 1, "The support of a machine")
    counts = array_of(held.get("_n_support"), np.int32, 1, "The numbers of support vectors")
    classes, pairs = len(counts), len(counts) * (len(counts) - 1) // 2
    require(classes >= 2 and bool((counts >= 0).all()), "A machine has a number of support vectors for each class.")
    if "classes_" in held:
        require(
            np.shape(held["classes_"]) == (classes,) and counts.sum() == len(support), "The support vectors are not as many as it says."
        )
    require(len(array_of(held.get("_intercept_"), np.float64, 1, "The intercepts")) == pairs, "A machine has an intercept for each pair.")
    sizes = [len(array_of(held.get(name), np.float64, 1, "The probabilities of a machine")) for name in ("_probA", "_probB")]
    # Dense machines have probabilities where there are numbers for them, sparse ones where it is said.
    asked = held.get("_effective_probability")
    require(isinstance(asked, (bool, np.bool_)) and sizes == ([pairs, pairs] if asked else [0, 0]), "The probabilities are of other pairs.")
    shape: Any = held.get("shape_fit_")
    require(
        type(shape) is tuple and len(shape) == 2 and all(type(length) is int for length in shape),
        "A machine does not say what it was fitted on.",
    )
    require(bool(((support >= 0) & (support < shape[0])).all()), "A support vector is of no row.")
    require(type(held.get("_gamma")) is float or isinstance(held.get("_gamma"), (int, np.floating)), "A machine has no gamma.")
    _check_vectors(held, len(support), classes)


def _check_vectors(held: Held, rows: int, classes: int) -> None:
    kernel: Any = held.get("kernel")
    vectors: Any = held.get("support_vectors_")
    coefficients: Any = held.get("_dual_coef_")
    if type(kernel) is not str:
        name = name_of(kernel) or ""
        # Whatever a function answers is read as if it had a column for each row of the fit.
        require(
            name.startswith("sklearn.metrics.pairwise:") and name.endswith("_kernel"),
            "The kernel of a machine is not one of scikit-learn's.",
        )
        fitted = array_of(held.get("_BaseLibSVM__Xfit"), np.float64, 2, "What the kernel of a machine compares with")
        require(len(fitted) == held["shape_fit_"][0], "What the kernel of a machine compares with has other rows.")
    is_computed = type(kernel) is not str or kernel == "precomputed"
    if held.get("_sparse") is True:
        require(not is_computed, "A sparse machine has a kernel of its own.")
        require(
            is_of(vectors, *_ROWS) and vectors.dtype == np.float64 and vectors.indices.dtype == np.int32, "The support vectors are no rows."
        )
        require(vectors.shape == (rows, features_in(held)), "The support vectors are of other features.")
        require(is_of(coefficients, *_ROWS) and coefficients.dtype == np.float64, "The coefficients of a sparse machine are not sparse.")
        require(len(coefficients.data) == (classes - 1) * rows, "The coefficients of a machine are of other vectors.")
        return
    require(held.get("_sparse") is False, "A machine is sparse or not.")
    array_of(vectors, np.float64, 2, "The support vectors")
    require(is_computed or vectors.shape == (rows, features_in(held)), "The support vectors are of other features.")
    require(not is_computed or held["shape_fit_"][0] > 0, "A machine was fitted on nothing.")
    coefficients = array_of(coefficients, np.float64, 2, "The coefficients of a machine")
    require(coefficients.shape == (classes - 1, rows), "The coefficients of a machine are of other vectors.")
