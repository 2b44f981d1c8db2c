"""Whether a file can be given to the library, which takes what it says of trees at its word: a forged one would end the process.

Both formats say the same; UBJSON says it in bytes, and is read here as far as XGBoost writes it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import runlake

__all__ = ["InvalidModel", "check"]

_NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_CONSTANTS = {b"T": True, b"F": False, b"Z": None}
_DEEPEST = 12
_NO_PARENT = 2**31 - 1
_OF_NODES = (
    "right_children",
    "split_indices",
    "split_conditions",
    "split_type",
    "default_left",
    "parents",
    "loss_changes",
    "sum_hessian",
)


class InvalidModel(runlake.InvalidModel, ValueError):
    """This file is no model of XGBoost's; the text says why."""


def check(data: bytes) -> None:
    """Raise InvalidModel unless the file is the model that it says it is."""
    try:
        if data[:1] != b"{":
            raise InvalidModel("it does not begin as a model does")
        read = json.loads(data, object_pairs_hook=_object) if data[1:2] == b'"' else _Reader(data).whole()
        _check_model(read)
    except InvalidModel as error:
        raise InvalidModel(f"The file is no model of XGBoost's: {error}.") from None
    except (KeyError, IndexError, TypeError, OverflowError, AttributeError, RecursionError, struct.error, ValueError) as error:
        raise InvalidModel(f"The file is no model of XGBoost's: {type(error).__name__}: {error}") from error


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        _require(key not in found, f"{key!r} comes twice")
        found[key] = value
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def whole(self) -> Any:
        read = self._value(self._take(1), 0)
        _require(self._at == len(self._data), "something comes after its end")
        return read

    def _take(self, n: int) -> bytes:
        _require(0 <= n <= len(self._data) - self._at, "it is cut off")
        self._at += n
        return self._data[self._at - n : self._at]

    def _peek(self) -> bytes:
        return self._data[self._at : self._at + 1]

    def _value(self, mark: bytes, depth: int) -> Any:
        _require(depth < _DEEPEST, "it is nested too deep")
        if mark in _NUMBERS:
            return self._array(mark, 1)[0]
        if mark == b"S":
            return self._text()
        if mark == b"{":
            return _object(self._pairs(depth))
        if mark == b"[":
            return self._list(depth)
        return _CONSTANTS[mark]

    def _array(self, mark: bytes, n: int) -> Any:
        dtype = np.dtype(_NUMBERS[mark])
        return np.frombuffer(self._take(n * dtype.itemsize), dtype)

    def _count(self) -> int:
        _require(self._take(1) == b"L", "a length is no number")
        (n,) = struct.unpack(">q", self._take(8))
        return int(n)

    def _text(self) -> str:
        return self._take(self._count()).decode()

    def _pairs(self, depth: int) -> Iterable[tuple[str, Any]]:
        while self._peek() != b"}":
            key = self._text()
            yield key, self._value(self._take(1), depth + 1)
        self._take(1)

    def _list(self, depth: int) -> Any:
        kind = self._take(2)[1:] if self._peek() == b"$" else b""
        _require(self._take(1) == b"#", "a list has no length")
        n = self._count()
        _require(0 <= n <= len(self._data), "a list is longer than the file")
        return self._array(kind, n) if kind else [self._value(self._take(1), depth + 1) for _ in range(n)]


def _check_model(model: Mapping[str, Any]) -> None:
    _require(len(model["version"]) == 3, "it has no version")
    learner = model["learner"]
    said = {key: int(learner["learner_model_param"][key]) for key in ("num_feature", "num_class", "num_target")}
    _require(
        0 < said["num_feature"] < 2**31 and all(0 <= n < 2**20 for n in (said["num_class"], said["num_target"])), "numbers are too large"
    )
    n, groups = said["num_feature"], max(said["num_class"], said["num_target"], 1)
    for key in ("feature_names", "feature_types"):
        _require(len(learner[key]) in (0, n), f"it has {len(learner[key])} {key} of {n}")
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        _require(len(booster["model"]["weights"]) in (0, (n + 1) * groups), "it has too few weights")
        return
    if booster["name"] == "dart":
        _require(len(booster["weight_drop"]) == len(booster["gbtree"]["model"]["trees"]), "trees and weights differ in number")
        booster = booster["gbtree"]
    _require(booster["name"] == "gbtree", f"it is a booster {booster['name']!r}")
    _check_trees(booster["model"], n, groups)


def _check_trees(model: Mapping[str, Any], n_features: int, groups: int) -> None:
    trees, ends = model["trees"], _whole(model["iteration_indptr"])
    _require(int(model["gbtree_model_param"]["num_trees"]) == len(trees) == len(model["tree_info"]), "trees are missing")
    _require(0 < int(model["gbtree_model_param"]["num_parallel_tree"]) <= max(1, len(trees)), "the trees of a round are no number")
    _require(bool(_all(ends[:1] == 0) and _all(ends[-1:] == len(trees)) and _all(np.diff(ends) >= 0)), "rounds and trees differ")
    _in_range(_whole(model["tree_info"]), 0, groups)
    in_use = {*_whole(model["tree_info"]).tolist(), *(int(tree["tree_param"]["size_leaf_vector"]) - 1 for tree in trees)}
    _require(groups - 1 in in_use if trees else groups < 2**16, "there are outputs that no tree is of")
    for place, tree in enumerate(trees):
        _require(int(tree["id"]) == place, "trees are in no order")
        _check_tree(tree, n_features)
    cats = model.get("cats", {"enc": [], "feature_segments": [], "sorted_idx": []})
    segments = _whole(cats["feature_segments"])
    _require(len(cats["enc"]) in (0, n_features) and len(segments) in (0, n_features + 1), "features and their categories differ")
    sizes = [len(each["values"]) if "type" in each else max(0, len(each["offsets"]) - 1) for each in cats["enc"]]
    _require(not len(segments) or segments.tolist() == np.cumsum([0, *sizes]).tolist(), "categories are missing")
    _require(len(cats["sorted_idx"]) == sum(sizes), "categories are in no order")
    for each, size in zip(cats["enc"], sizes, strict=True):
        offsets = _whole(each.get("offsets", ()))
        _require(_all(np.diff(offsets) >= 0) and _all(offsets[:1] == 0) and _all(offsets[-1:] == len(each["values"])), "categories overlap")
        _in_range(_whole(cats["sorted_idx"]), 0, max(sizes, default=0) or size + 1)


def _check_tree(tree: Mapping[str, Any], n_features: int) -> None:
    left, right = _whole(tree["left_children"]), _whole(tree["right_children"])
    n, width = len(left), int(tree["tree_param"]["size_leaf_vector"])
    _require(n == int(tree["tree_param"]["num_nodes"]) > 0 and all(len(tree[key]) == n for key in _OF_NODES), "nodes are missing")
    _require(int(tree["tree_param"]["num_feature"]) == n_features, "a tree is of other features")
    inner = left != -1
    _require(0 < width < 2**20 and len(tree["base_weights"]) == n * width, "leaves are missing")
    if width > 1:  # a leaf has the place of its numbers where others have a child
        _in_range(right[~inner], 0, len(tree["leaf_weights"]) // width)
    children = np.concatenate([left[inner], right[inner]])
    _in_range(children, 1, n)
    # Each node has one parent, and the root has none: whoever goes down from there comes to a leaf.
    _require(len(np.unique(children)) == len(children), "a node has two parents")
    parents = _whole(tree["parents"])
    _require(_all(parents[children] == np.tile(np.flatnonzero(inner), 2)), "a node has another parent")
    _in_range(parents[parents != _NO_PARENT], -1, n)
    _in_range(_whole(tree["split_indices"])[inner], 0, n_features)
    _in_range(_whole(tree["split_type"]), 0, 2)
    nodes, sizes = _whole(tree["categories_nodes"]), _whole(tree["categories_sizes"])
    _in_range(nodes, 0, n)
    _require(nodes.tolist() == np.flatnonzero(_whole(tree["split_type"]) == 1).tolist(), "categories are of other nodes")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    _require(
        _all(sizes > 0) and len(sizes) == len(nodes) and _all(_whole(tree["categories_segments"]) == starts[:-1]), "categories overlap"
    )
    _require(len(tree["categories"]) == starts[-1], "categories are missing")
    _in_range(_whole(tree["categories"]), 0, 2**24)


def _whole(values: Any) -> Any:
    found = np.asarray(values)
    _require(found.ndim == 1 and (found.dtype.kind in "iu" or not found.size), "numbers are not whole")
    return found.astype(np.int64)


def _in_range(values: Any, low: int, end: int) -> None:
    _require(_all((values >= low) & (values < end)), f"a number is not from {low} to {end - 1}")


def _all(values: Any) -> bool:
    return bool(np.all(values))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InvalidModel(otherwise)
