"""What trees and ensembles of them hold: each looks into the columns of a table, and adds to the columns of another, without a check."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.histograms import needed_by
from runlake_sklearn.form.names import name_of
from runlake_sklearn.form.parts import Held, array_of, derives_from, features_in, is_of, require


def decision_tree(held: Held) -> None:
    if "tree_" in held:
        require(is_of(held["tree_"], "sklearn.tree._tree:Tree"), "The tree of a decision tree is none.")
        require(held["tree_"].n_features == features_in(held), "A decision tree takes other features than its tree.")


def forest(held: Held) -> None:
    if "estimators_" in held:
        require(type(held["estimators_"]) is list, "The trees of a forest are no list.")
        _require_trees(held["estimators_"], features_in(held))


def _require_trees(estimators: Any, features: int) -> None:
    for tree in estimators:
        require(
            derives_from(tree, "sklearn.tree._classes:BaseDecisionTree") and "tree_" in vars(tree),
            "An ensemble of trees holds another thing.",
        )
        require(features_in(vars(tree)) == features, "A tree of an ensemble takes other features than the ensemble.")


def isolation_forest(held: Held) -> None:
    if "estimators_" not in held:
        return
    features = features_in(held)
    chosen: Any = held.get("estimators_features_")
    require(type(chosen) is list and len(chosen) == len(held["estimators_"]), "A forest has columns for each of its trees.")
    for tree, columns in zip(held["estimators_"], chosen, strict=True):
        require(type(columns) is np.ndarray and columns.ndim == 1 and len(columns) <= features, "A tree has columns that there are not.")
        _require_trees([tree], len(columns))


def gradient_boosting(held: Held) -> None:
    if "estimators_" not in held:
        return
    estimators = held["estimators_"]
    require(
        type(estimators) is np.ndarray and estimators.dtype == object and estimators.ndim == 2, "The stages of a boosting are no table."
    )
    require(estimators.size > 0, "A boosting has no stage.")
    _require_trees(estimators.ravel().tolist(), features_in(held))
    require(
        all(tree.tree_.value.shape[1:] == (1, 1) for tree in estimators.ravel().tolist()), "A stage of a boosting has more than one answer."
    )
    columns = estimators.shape[1]
    require(
        type(held.get("n_trees_per_iteration_")) is int and held["n_trees_per_iteration_"] == columns,
        "A stage has another number of trees.",
    )
    _first_answer(held.get("init_"), held.get("_loss"), columns)


def _first_answer(first: Any, loss: Any, columns: int) -> None:
    """The trees add to what `init_` answers, in C, as if it had a column for each of them."""
    if type(first) is str and first == "zero":
        return
    dummies = ("sklearn.dummy:DummyClassifier", "sklearn.dummy:DummyRegressor")
    require(is_of(first, *dummies), "The first stage of a boosting is not one whose answer has a known shape.")
    held = vars(first)
    require(type(held.get("n_outputs_")) is int and held["n_outputs_"] == 1, "The first stage of a boosting has more than one answer.")
    constant = held.get("constant_")
    require(constant is None or np.size(constant) == 1, "The first stage of a boosting has more than one answer.")
    is_multiclass = getattr(loss, "is_multiclass", None)
    require(type(is_multiclass) is bool and is_multiclass == (columns > 1), "The loss of a boosting is for another number of trees.")
    if columns > 1:
        prior = array_of(held.get("class_prior_"), np.float64, 1, "The classes of the first stage of a boosting")
        require(held.get("n_classes_") == columns == len(prior), "The first stage of a boosting has other classes.")


def histogram_boosting(held: Held) -> None:
    if "_predictors" not in held:
        return
    features, predictors = features_in(held), held["_predictors"]
    require(type(predictors) is list and all(type(stage) is list for stage in predictors), "The predictors of a boosting are no lists.")
    mapper = vars(held["_bin_mapper"]) if "_bin_mapper" in held else {}
    is_categorical = array_of(mapper.get("is_categorical_"), np.uint8, 1, "What is a category")
    require(len(is_categorical) == features, "The bins of a boosting are of other features.")
    categories = set(np.flatnonzero(is_categorical).tolist())
    name = "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor"
    for predictor in (one for stage in predictors for one in stage):
        require(is_of(predictor, name), "A stage of a boosting is no predictor.")
        needed, asked = needed_by(predictor)
        require(needed <= features and asked <= categories, "A predictor asks for features that there are not.")
    if held.get("_preprocessor") is not None:
        _check_columns(held["_preprocessor"], features)


def _check_columns(preprocessor: Any, features: int) -> None:
    """What sorts the categories first gives as many columns as it takes."""
    require(
        is_of(preprocessor, "sklearn.compose._column_transformer:ColumnTransformer"), "What prepares for a boosting is not what it makes."
    )
    held = vars(preprocessor)
    places = held.get("_transformer_to_input_indices")
    require(features_in(held) == features and type(places) is dict, "What prepares for a boosting takes other features.")
    columns = 0
    for name, transformer, mask in held.get("transformers_", ()):
        if type(transformer) is str and transformer == "drop":
            continue
        mask = array_of(mask, np.bool_, 1, "The columns of what prepares for a boosting")
        chosen = int(mask.sum())
        require(len(mask) == features and len(places.get(name, ())) == chosen, "What prepares for a boosting has other columns.")
        is_encoder = is_of(transformer, "sklearn.preprocessing._encoders:OrdinalEncoder") and features_in(vars(transformer)) == chosen
        require(is_encoder or chosen == 0 or _only_checks(transformer), "What prepares for a boosting is not what it makes.")
        columns += chosen
    require(columns == features, "What prepares for a boosting gives other columns than it takes.")


def _only_checks(transformer: Any) -> bool:
    if not is_of(transformer, "sklearn.preprocessing._function_transformer:FunctionTransformer"):
        return False
    function = vars(transformer).get("func")
    is_check = is_of(function, "functools:partial") and name_of(function.func) == "sklearn.utils.validation:check_array"
    return is_check and not function.args and function.keywords.keys() <= {"dtype", "ensure_all_finite"} and not transformer.kw_args
