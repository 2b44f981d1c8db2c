"""Trees of neighbors, and the distances in them: index arrays and ranges that C follows without a look."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.errors import InvalidForm
from runlake_sklearn.form.names import class_name
from runlake_sklearn.form.parts import Parts, array_of, require, whole

_PARTS = (
    "data idx_array node_data node_bounds leaf_size n_levels n_nodes n_trims n_leaves n_splits n_calls dist_metric sample_weight"
).split()
_COUNTS = ("n_trims", "n_leaves", "n_splits", "n_calls")
_NODE = np.dtype([("idx_start", np.intp), ("idx_end", np.intp), ("is_leaf", np.intp), ("radius", np.float64)])


def take_metric(metric: Any) -> Parts:
    """A distance: its power, its vector and its matrix."""
    return dict(zip(("power", "vector", "matrix"), metric.__getstate__(), strict=True))


def put_metric(kind: Any, parts: Parts) -> Any:
    """A distance with a matrix that is square where one is used; whether it fits the data is for who holds both."""
    require(type(parts["power"]) is float, "The power of a distance is a number.")
    vector = array_of(parts["vector"], np.float64, 1, "The vector of a distance")
    matrix = array_of(parts["matrix"], np.float64, 2, "The matrix of a distance")
    require("Mahalanobis" not in kind.__name__ or matrix.shape[0] == matrix.shape[1], "The matrix of a distance is square.")
    metric = kind.__new__(kind)
    metric.__setstate__((parts["power"], vector, matrix))
    return metric


def take_tree(tree: Any) -> Parts:
    """A tree's arrays as they are, and its counts."""
    return dict(zip(_PARTS, tree.__getstate__(), strict=True))


def put_tree(kind: Any, parts: Parts) -> Any:
    """A tree over its own points in which every node has a range of them, and its children halve it."""
    number = np.float32 if kind.__name__.endswith("32") else np.float64
    data = array_of(parts["data"], number, 2, "The points of a tree")
    index = array_of(parts["idx_array"], np.intp, 1, "The order of a tree")
    nodes = array_of(parts["node_data"], _NODE, 1, "The nodes of a tree")
    bounds = array_of(parts["node_bounds"], number, 3, "The bounds of a tree")
    require(data.size > 0 and len(index) == len(data), "A tree has an order of all its points.")
    require(index.min() >= 0 and index.max() < len(data), "The order of a tree has a point that there is not.")
    require((np.bincount(index) == 1).all(), "The order of a tree has a point twice.")
    levels = whole(parts["n_levels"], 1, 62, "The number of levels of a tree")
    require(len(nodes) == parts["n_nodes"] == 2**levels - 1, "A tree of so many levels has another number of nodes.")
    sides = 2 if ":KDTree" in (class_name(kind) or "") else 1
    require(bounds.shape == (sides, len(nodes), data.shape[1]), "A tree has the bounds of each node.")
    whole(parts["leaf_size"], 1, 2**62, "The size of the leaves of a tree")
    for name in _COUNTS:
        whole(parts[name], -(2**31), 2**31 - 1, "A count of a tree")
    _check_ranges(nodes, len(data))
    _check_metric(parts["dist_metric"], data)
    if parts["sample_weight"] is not None:
        weights = array_of(parts["sample_weight"], number, 1, "The weights of a tree")
        require(len(weights) == len(data), "A tree has a weight for each point.")
    tree = kind.__new__(kind)
    tree.__setstate__(tuple(parts[name] for name in _PARTS))
    return tree


def _check_ranges(nodes: np.ndarray[Any, Any], points: int) -> None:
    start, end, is_leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"] != 0
    require(start[0] == 0 and end[0] == points, "The first node of a tree has all points.")
    require(bool(((start >= 0) & (start <= end) & (end <= points)).all()), "A node of a tree has points that there are not.")
    halves = len(nodes) // 2
    require(bool(is_leaf[halves:].all()), "A last node of a tree is no leaf.")
    inner = np.flatnonzero(~is_leaf[:halves])
    left, right = 2 * inner + 1, 2 * inner + 2
    touch = (start[left] == start[inner]) & (end[left] == start[right]) & (end[right] == end[inner])
    require(bool(touch.all()), "The children of a node of a tree do not share its points.")


def _check_metric(metric: Any, data: np.ndarray[Any, Any]) -> None:
    require("sklearn.metrics._dist_metrics:" in (class_name(type(metric)) or ""), "The distance of a tree is none.")
    try:
        metric._validate_data(data)
    except ValueError as error:
        raise InvalidForm(f"The distance of a tree does not fit its points: {error}") from error
    vector = metric.__getstate__()[1]
    require("SEuclidean" not in type(metric).__name__ or len(vector) == data.shape[1], "The distance of a tree does not fit its points.")
