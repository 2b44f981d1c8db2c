"""The trees of histogram gradient boosting: records and bitsets that C reads by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.parts import Parts, array_of, require
from runlake_sklearn.form.trees import check_shape

_BITSETS = ("binned_left_cat_bitsets", "raw_left_cat_bitsets")


def take_predictor(predictor: Any) -> Parts:
    """A predictor's three arrays."""
    return dict(vars(predictor))


def put_predictor(kind: Any, parts: Parts) -> Any:
    """A predictor that can be walked; whether its features are there is for the model that it belongs to."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE  # brings all ensembles with it

    nodes = array_of(parts["nodes"], PREDICTOR_RECORD_DTYPE, 1, "The nodes of a predictor")
    bitsets = [array_of(parts[name], np.uint32, 2, "The bitsets of a predictor") for name in _BITSETS]
    require(len(nodes) >= 1 and set(parts) == {"nodes", *_BITSETS}, "A predictor has nodes and two arrays of bitsets.")
    require(all(bitset.shape == (len(bitsets[0]), 8) for bitset in bitsets), "A predictor has 256 bits for each split on a category.")
    is_leaf, is_split = nodes["is_leaf"] != 0, nodes["is_categorical"] != 0
    check_shape(nodes["left"], nodes["right"], is_leaf, "a predictor")
    require(bool((nodes["feature_idx"][~is_leaf] >= 0).all()), "A node of a predictor asks for a feature below the first.")
    require(
        bool((nodes["bitset_idx"][is_split & ~is_leaf] < len(bitsets[0])).all()),
        "A node of a predictor asks for a bitset that there is not.",
    )
    return kind(nodes, *bitsets)


def needed_by(predictor: Any) -> tuple[int, set[int]]:
    """How many features a predictor needs there to be, and which of them as categories."""
    inner = predictor.nodes[predictor.nodes["is_leaf"] == 0]
    categories = inner["feature_idx"][inner["is_categorical"] != 0]
    return int(inner["feature_idx"].max(initial=-1)) + 1, set(categories.tolist())
