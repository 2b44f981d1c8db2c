"""The text of a booster, looked through before LightGBM reads it: it believes what a tree says of its own size and shape."""

from __future__ import annotations

import re

import numpy as np

__all__ = ["checked"]

_PER_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child")


def checked(text: str) -> str:
    """The text, of which each tree's arrays are as long as it says, and its splits make one tree. Raises ValueError for any other."""
    head, *trees = re.split(r"^Tree=\d+$", text.partition("\nend of trees")[0], flags=re.MULTILINE)
    about = _fields(head)
    sizes = [int(size) for size in about.get("tree_sizes", "").split()]
    if not text.startswith("tree\n") or "\nend of trees" not in text or len(sizes) != len(trees):
        raise ValueError(f"the text of the booster is cut off, or none: it has {len(trees)} trees of {len(sizes)}")
    n_features, n_classes, n_each = int(about["max_feature_idx"]) + 1, int(about["num_class"]), int(about["num_tree_per_iteration"])
    names, infos = about["feature_names"].split(" "), about["feature_infos"].split(" ")
    if not 0 < n_each == max(n_classes, 1) or len(trees) % n_each or not len(names) == len(infos) == n_features:
        raise ValueError("the booster says that it has other trees or features than it has")
    for number, tree in enumerate(trees):
        if not _is_whole(_fields(tree), n_features):
            raise ValueError(f"tree {number} of the booster does not hold together")
    if "\0" in text or not _are_parameters(text.partition("\nend of trees")[2]):
        raise ValueError("what the booster was told does not hold together")
    # By the sizes LightGBM reads trees in several threads, where an error ends the process.
    return re.sub(r"^tree_sizes=.*\n", "", text, count=1, flags=re.MULTILINE)


def _are_parameters(rest: str) -> bool:
    """What stands behind the trees: LightGBM reads its parameters to an end that must be there, each in brackets of its own."""
    _, begin, parameters = rest.partition("\nparameters:")
    told, end, _ = parameters.partition("\nend of parameters\n")
    return not begin or (bool(end) and all(re.fullmatch(r"\[\w+: .*\]", line) for line in told.splitlines() if line))


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _is_whole(tree: dict[str, str], n_features: int) -> bool:
    n_leaves, n_categorical = int(tree["num_leaves"]), int(tree["num_cat"])
    found = {name: np.array(tree.get(name, "").split(), np.float64) for name in (*_PER_SPLIT, "leaf_value")}
    n_splits = n_leaves - 1
    if n_leaves < 1 or len(found["leaf_value"]) != n_leaves or any(len(found[name]) != n_splits for name in _PER_SPLIT):
        return False
    # Below each split lie later splits, or leaves as the numbers below zero: each but the first split once.
    children = np.sort(np.r_[found["left_child"], found["right_child"]])
    is_tree = np.array_equal(children, np.r_[-n_leaves:0, 1:n_splits]) if n_splits else True
    is_down = bool(all((side < 0).sum() + (side > np.arange(n_splits)).sum() == n_splits for side in _sides(found)))
    features = found["split_feature"]
    if tree.get("is_linear", "0") != "0" and not _are_lines(tree, n_leaves, n_features):
        return False
    return is_tree and is_down and bool(((features >= 0) & (features < n_features)).all()) and _are_categories(tree, found, n_categorical)


def _sides(found: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return found["left_child"], found["right_child"]


def _are_categories(tree: dict[str, str], found: dict[str, np.ndarray], n_categorical: int) -> bool:
    """A split by category holds the number of its set, and the sets lie one after the other."""
    if not np.isin(found["decision_type"], np.arange(16)).all():
        return False
    by_category = found["threshold"][found["decision_type"] % 2 == 1]
    bounds = np.array(tree.get("cat_boundaries", "0").split(), np.float64)
    words = len(tree.get("cat_threshold", "").split())
    if len(bounds) != n_categorical + 1 or bounds[0] != 0 or bounds[-1] != words or (np.diff(bounds) < 0).any():
        return False
    return bool(((by_category >= 0) & (by_category < max(n_categorical, 1))).all()) and (n_categorical > 0 or not len(by_category))


def _are_lines(tree: dict[str, str], n_leaves: int, n_features: int) -> bool:
    """Each leaf has a sum of so many features as it says."""
    found = {
        name: np.array(tree.get(name, "").split(), np.float64) for name in ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
    }
    counts, features = found["num_features"], found["leaf_features"]
    if len(found["leaf_const"]) != n_leaves or len(counts) != n_leaves or (counts < 0).any() or (counts % 1 != 0).any():
        return False
    return len(features) == len(found["leaf_coeff"]) == counts.sum() and bool(((features >= 0) & (features < n_features)).all())
