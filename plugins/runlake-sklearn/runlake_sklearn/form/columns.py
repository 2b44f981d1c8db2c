"""What makes columns of words and categories: their places become the indices of sparse matrices, which others multiply without a look."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.parts import Held, array_of, features_in, require


def vocabulary(held: Held) -> None:
    """The places of words become the columns of a sparse matrix, which others multiply without a look."""
    if "vocabulary_" in held:
        require(isinstance(held["vocabulary_"], dict), "A vocabulary is no dict.")
        _require_places(held["vocabulary_"].values(), "vocabulary")


def binarized_labels(held: Held) -> None:
    if held.get("_cached_dict") is not None:
        require(type(held["_cached_dict"]) is dict, "A vocabulary is no dict.")
        _require_places(held["_cached_dict"].values(), "vocabulary")


def _require_places(places: Any, what: str) -> None:
    places = list(places)
    require(all(type(place) is int or isinstance(place, np.integer) for place in places), f"A place in a {what} is no number.")
    require(sorted(places) == list(range(len(places))), f"The places in a {what} are not those of its columns.")


def hashed(held: Held) -> None:
    # It is divided by this number.
    features = held.get("n_features")
    require(isinstance(features, (int, np.integer)) and 0 < features < 2**31, "What hashes into columns has none.")


def one_hot(held: Held) -> None:
    """The place of a category becomes a column of a sparse matrix."""
    if "categories_" not in held:
        return
    categories = held["categories_"]
    widths: Any = held.get("_n_features_outs")
    require(
        type(categories) is list and type(widths) is list and len(categories) == len(widths) == features_in(held),
        "An encoder has other columns.",
    )
    mappings: Any = held.get("_default_to_infrequent_mappings") if held.get("_infrequent_enabled") else None
    dropped: Any = held.get("_drop_idx_after_grouping")
    for place, values in enumerate(categories):
        require(type(values) is np.ndarray and values.ndim == 1, "The categories of an encoder are no array.")
        mapping = mappings[place] if mappings is not None else None
        width = len(values) if mapping is None else _mapped(mapping, len(values))
        drop = dropped[place] if dropped is not None else None
        if drop is not None:
            require(isinstance(drop, (int, np.integer)) and 0 <= drop < width, "An encoder drops a category that there is not.")
            width -= 1
        require(isinstance(widths[place], (int, np.integer)) and widths[place] >= width, "An encoder has more categories than columns.")


def _mapped(mapping: Any, categories: int) -> int:
    mapping = array_of(mapping, np.int64, 1, "The rare categories of an encoder")
    require(0 < len(mapping) <= categories and int(mapping.min()) >= 0, "The rare categories of an encoder are none.")
    return int(mapping.max()) + 1
