"""The tree models of scikit-learn, by what is done with their trees."""

from __future__ import annotations

from typing import Any

from sklearn import ensemble, tree

__all__ = ["BAGGED", "BOOSTED", "CLASSES_OF_TREES", "HISTOGRAMS", "NUMBERS_OF_TREES", "WEIGHED_VOTES", "is_of_trees"]

# `ExtraTreeClassifier` and `ExtraTreeRegressor` are decision trees too.
CLASSES_OF_TREES = (tree.DecisionTreeClassifier, ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier)
NUMBERS_OF_TREES = (tree.DecisionTreeRegressor, ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor)
BOOSTED = (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor)
HISTOGRAMS = (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor)
WEIGHED_VOTES = (ensemble.AdaBoostClassifier, ensemble.AdaBoostRegressor)
BAGGED = (ensemble.BaggingClassifier, ensemble.BaggingRegressor)


def is_of_trees(model: Any) -> bool:
    """Whether it predicts by trees. What may hold anything counts by what it holds."""
    if isinstance(model, (*WEIGHED_VOTES, *BAGGED)):
        # `estimator_` is there once it is fitted; before that, `None` stands for a tree.
        inner = getattr(model, "estimator_", model.estimator)
        return inner is None or isinstance(inner, tree.BaseDecisionTree)
    return isinstance(model, (*CLASSES_OF_TREES, *NUMBERS_OF_TREES, *BOOSTED, *HISTOGRAMS, ensemble.IsolationForest))
