"""Decision trees: the arrays that C walks without looking where it steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.parts import Parts, array_of, require, whole

_LEAF = -1
_NO_FEATURE = -2
_MANY = 2**40


def take_tree(tree: Any) -> Parts:
    """A tree's arrays, as views."""
    _, (features, classes, outputs), state = tree.__reduce__()
    return {"features": int(features), "classes": classes, "outputs": int(outputs), **state}


def put_tree(kind: Any, parts: Parts) -> Any:
    """A tree that can be walked from its root to its leaves, and no further."""
    from sklearn.tree._tree import NODE_DTYPE  # not for those who have no tree: it takes a while

    features = whole(parts["features"], 1, _MANY, "The number of features of a tree")
    outputs = whole(parts["outputs"], 1, _MANY, "The number of outputs of a tree")
    classes = array_of(parts["classes"], np.intp, 1, "The numbers of classes of a tree")
    nodes = array_of(parts["nodes"], NODE_DTYPE, 1, "The nodes of a tree")
    values = array_of(parts["values"], np.float64, 3, "The values of a tree")
    require(len(classes) == outputs and bool((classes >= 1).all()), "A tree has a number of classes for each output.")
    require(parts["node_count"] == len(nodes) >= 1, "A tree has as many nodes as it says, and one at least.")
    require(values.shape == (len(nodes), outputs, classes.max()), "A tree has a value for each node, output and class.")
    _check_nodes(nodes, features)
    left, right = nodes["left_child"], nodes["right_child"]
    depth = check_shape(left, right, left == _LEAF, "a tree")
    require(parts["max_depth"] == depth, "A tree is as deep as it says.")
    made = kind(features, classes, outputs)
    made.__setstate__({key: parts[key] for key in ("max_depth", "node_count", "nodes", "values")})
    return made


def _check_nodes(nodes: np.ndarray[Any, Any], features: int) -> None:
    is_leaf = nodes["left_child"] == _LEAF
    require(bool((nodes["right_child"][is_leaf] == _LEAF).all()), "A leaf of a tree has no child.")
    require(bool((nodes["feature"][is_leaf] == _NO_FEATURE).all()), "A leaf of a tree has no feature.")
    feature = nodes["feature"][~is_leaf]
    require(bool(((feature >= 0) & (feature < features)).all()), "A node of a tree asks for a feature that there is not.")
    require(not np.isnan(nodes["threshold"]).any(), "A node of a tree has no threshold.")
    require(bool((nodes["missing_go_to_left"] <= 1).all()), "A node of a tree sends what is missing nowhere.")
    require(bool((nodes["n_node_samples"] >= 0).all()), "A node of a tree has seen less than nothing.")


def check_shape(left: Any, right: Any, is_leaf: Any, what: str) -> int:
    """How deep a tree is in which every node but the first is the child of one that comes before it; anything else is refused."""
    count = len(left)
    parents = np.flatnonzero(~is_leaf)
    children = np.concatenate([left[parents], right[parents]]).astype(np.int64)
    require(
        bool(((children > np.tile(parents, 2)) & (children < count)).all()), f"A node of {what} has a child that does not come after it."
    )
    require(bool((np.bincount(children, minlength=count)[1:] == 1).all()), f"A node of {what} has two parents, or none.")
    depth, level = 0, np.zeros(1, np.int64)
    while len(inner := level[~is_leaf[level]]):
        level = np.concatenate([left[inner], right[inner]]).astype(np.int64)
        depth += 1
    return depth
