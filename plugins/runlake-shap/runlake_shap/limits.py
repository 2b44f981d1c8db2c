"""Which tree models have no explanation, and why: what shap does not do, and what it does wrongly without a word.

Each sentence here was found by comparing shap 0.51 with scikit-learn 1.9. shap's own check does not find the wrong ones: it compares
the values with shap's reading of the trees, not with what the model says.
"""

from __future__ import annotations

from typing import Any

from sklearn import ensemble

from runlake_shap.families import BAGGED, BOOSTED, CLASSES_OF_TREES, HISTOGRAMS, WEIGHED_VOTES

__all__ = ["MOST_BYTES", "CannotExplain", "tell_what_cannot_be"]

MOST_BYTES = 2**30
"""How large a copy of the trees may be. shap makes one, in which every tree is as long as the longest."""

# Five numbers of four bytes and two of eight; every output has eight more. Each tree is there twice.
_BYTES_A_NODE = 36
_BYTES_AN_OUTPUT = 8


class CannotExplain(Exception):
    """This model has no explanation here; the text says why, and what is possible instead."""


def tell_what_cannot_be(model: Any) -> None:
    """Raise `CannotExplain` for a fitted tree model that shap cannot do, or does wrongly."""
    name = type(model).__name__
    if isinstance(model, (*WEIGHED_VOTES, *BAGGED)):
        raise CannotExplain(
            f"shap.TreeExplainer has no {name}. Its permutation importance can be had; forests and boosted trees are explained."
        )
    if isinstance(model, CLASSES_OF_TREES):
        _tell_of_classes(model, name)
    if isinstance(model, BOOSTED):
        _tell_of_boosting(model, name)
    if isinstance(model, HISTOGRAMS):
        _tell_of_histograms(model, name)
    if isinstance(model, ensemble.IsolationForest):
        _tell_of_isolation(model, name)
    _tell_of_size(model, name)


def _tell_of_classes(model: Any, name: str) -> None:
    if model.n_outputs_ > 1:
        raise CannotExplain(
            f"{name} says {model.n_outputs_} things of each row, and shap mixes up the classes of a multi-output classifier. "
            "One model for each target is explained."
        )
    _tell_of_one_class(model, name)


def _tell_of_one_class(model: Any, name: str) -> None:
    if len(model.classes_) < 2:
        raise CannotExplain(
            f"{name} has seen one class alone, {str(model.classes_[0])!r}: no feature has any effect. Fit it on two or more."
        )


def _tell_of_boosting(model: Any, name: str) -> None:
    if model.estimators_.shape[1] > 1:
        raise CannotExplain(
            f"shap.TreeExplainer has no {name} of {model.estimators_.shape[1]} classes. "
            "HistGradientBoostingClassifier and forests are explained for any number of classes."
        )
    if model.init is not None:
        raise CannotExplain(
            f"{name} starts from init={model.init!r}, which shap does not read: what that says of a row is not in the trees. "
            "Without init= it is explained."
        )
    if model.loss == "exponential":
        raise CannotExplain(
            f"{name} with loss='exponential' starts from half the log-odds, and shap starts from the whole. "
            "With loss='log_loss' it is explained."
        )


def _tell_of_histograms(model: Any, name: str) -> None:
    if model.is_categorical_ is not None and model.is_categorical_.any():
        raise CannotExplain(
            f"{name} splits {int(model.is_categorical_.sum())} of its features by category; shap reads such a split as a threshold, and is "
            "wrong by as much as the outputs differ. With categories encoded as numbers (OrdinalEncoder, TargetEncoder) it is explained."
        )
    if not isinstance(model.loss, str):
        raise CannotExplain(
            f"{name} has a loss of its own, {model.loss!r}, whose space is not known. With a loss of scikit-learn's it is explained."
        )
    if hasattr(model, "classes_"):
        _tell_of_one_class(model, name)


def _tell_of_isolation(model: Any, name: str) -> None:
    if model.bootstrap:
        raise CannotExplain(
            f"{name} with bootstrap=True counts a row that was drawn twice once in its paths and twice in its weights; shap takes one "
            "for the other. With bootstrap=False it is explained."
        )
    if len(model.estimators_features_[0]) < 2:
        raise CannotExplain(
            f"{name} gave each tree one feature, which shap cannot read. With two features or more for a tree it is explained."
        )
    if model.max_samples_ < 2:
        raise CannotExplain(f"{name} grew each tree from one row, so every path is empty. With max_samples of two or more it is explained.")


def _tell_of_size(model: Any, name: str) -> None:
    trees = model.estimators_ if hasattr(model, "estimators_") else [model] if hasattr(model, "tree_") else []
    sizes = [tree.tree_.node_count for tree in (trees.ravel() if hasattr(trees, "ravel") else trees)]
    if not sizes:
        return  # histograms: their trees have at most 31 leaves unless asked for more
    outputs = getattr(model, "n_classes_", 1) if isinstance(model, CLASSES_OF_TREES) else getattr(model, "n_outputs_", 1)
    needed = 2 * len(sizes) * max(sizes) * (_BYTES_A_NODE + _BYTES_AN_OUTPUT * outputs)
    if needed > MOST_BYTES:
        raise CannotExplain(
            f"{name} has {len(sizes)} trees of up to {max(sizes):,} nodes, of which shap would make a copy of {needed / 2**30:.1f} GiB. "
            "With max_depth or min_samples_leaf it is explained, and sooner."
        )
