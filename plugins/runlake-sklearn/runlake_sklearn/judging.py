"""Metrics after training: what a model predicts is remembered, and what a function of `sklearn.metrics` says of that goes to its run."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from itertools import zip_longest
from numbers import Real
from typing import Any

from runlake import Call

__all__ = [
    "JUDGES",
    "METHODS",
    "SCORERS",
    "capture_judgement",
    "capture_prediction",
    "capture_score",
    "leave_out",
    "remember_labels",
    "remember_prediction",
]

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
SCORERS = ("_BaseScorer", "_MultimetricScorer", "_PassthroughScorer")
JUDGES = (
    # classes
    "accuracy_score balanced_accuracy_score brier_score_loss class_likelihood_ratios classification_report cohen_kappa_score "
    "confusion_matrix d2_brier_score d2_log_loss_score f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss "
    "matthews_corrcoef multilabel_confusion_matrix precision_recall_fscore_support precision_score recall_score zero_one_loss "
    # rankings
    "auc average_precision_score confusion_matrix_at_thresholds coverage_error dcg_score det_curve label_ranking_average_precision_score "
    "label_ranking_loss metric_at_thresholds ndcg_score precision_recall_curve roc_auc_score roc_curve top_k_accuracy_score "
    # numbers
    "d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score max_error mean_absolute_error "
    "mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss mean_poisson_deviance mean_squared_error "
    "mean_squared_log_error mean_tweedie_deviance median_absolute_error r2_score root_mean_squared_error root_mean_squared_log_error "
    # clusters
    "adjusted_mutual_info_score adjusted_rand_score calinski_harabasz_score completeness_score consensus_score davies_bouldin_score "
    "fowlkes_mallows_score homogeneity_completeness_v_measure homogeneity_score mutual_info_score normalized_mutual_info_score "
    "pair_confusion_matrix rand_score silhouette_samples silhouette_score v_measure_score"
).split()

MOST_ROWS = 100_000  # of a table that is kept

_PREDICTIONS = (("y_pred",), ("y_score",), ("y_proba",), ("y_prob",), ("pred_decision",), ("labels_pred",), ("labels",))
_EITHER = (("y1", "y2"), ("a", "b"))  # neither is the truth by its name
_CURVE = ("x", "y")  # of `auc`, which are no predictions, but made of one
_COLUMNS = {
    "class_likelihood_ratios": ("positive", "negative"),
    "confusion_matrix_at_thresholds": ("tn", "fp", "fn", "tp", "threshold"),
    "det_curve": ("fpr", "fnr", "threshold"),
    "homogeneity_completeness_v_measure": ("homogeneity", "completeness", "v_measure"),
    "metric_at_thresholds": ("value", "threshold"),
    "precision_recall_curve": ("precision", "recall", "threshold"),
    "precision_recall_fscore_support": ("precision", "recall", "fscore", "support"),
    "roc_curve": ("fpr", "tpr", "threshold"),
}


def capture_prediction(call: Call) -> Generator[None, Any, None]:
    """What the model says."""
    outcome = yield
    remember_prediction(call, outcome)


def remember_prediction(call: Call, outcome: Any) -> None:
    """For what judges it later. In a training, the model is the one that is trained."""
    if call.options["log_post_training_metrics"]:
        estimator = call.instance if call.instance is not None else call.arguments["estimator"]
        call.predicted(estimator, outcome, getattr(estimator, "classes_", None))


def remember_labels(call: Call, estimator: Any, outcome: Any) -> None:
    """Of clusters, which are judged by the labels that the fit gives, or leaves in the estimator."""
    if call.options["log_post_training_metrics"]:
        labels = getattr(estimator, "labels_", None)
        if labels is not None:
            call.predicted(estimator, labels)
        if call.target.endswith(".fit_predict") and outcome is not labels:
            call.predicted(estimator, outcome)


def capture_judgement(call: Call) -> Generator[None, Any, None]:
    """Whose prediction it is, and what the function says of it. What has no model that is known is let go."""
    if not call.options["log_post_training_metrics"]:
        return
    outcome = yield
    arguments = call.arguments
    names = next((names for names in (*_PREDICTIONS, *_EITHER, _CURVE) if arguments.keys() >= {*names}), ())
    others = [value for name, value in arguments.items() if name not in names]
    judged = call.judged(*(arguments[name] for name in names), others=others, by_rows=names != _CURVE)
    if judged is None:
        return
    name = call.target.rpartition(":")[2]
    number = _number(outcome)
    if number is not None:
        judged.log_metric(name, number)
    elif isinstance(outcome, (str, Mapping)):
        judged.log_document(name, _plain(outcome))
    else:
        columns = _columns(name, outcome, arguments)
        rows = max(map(len, columns.values()), default=0)
        judged.derived(outcome)
        if rows > MOST_ROWS:
            judged.skipped(name, f"its table has {rows:,} rows, more than {MOST_ROWS:,}")
        elif rows:
            judged.log_columns(name, {key: _filled(values, rows) for key, values in columns.items()})


def capture_score(call: Call) -> Generator[None, Any, None]:
    """What the model says of itself; inside a training it is part of that."""
    judged = call.judges(call.instance) if call.options["log_post_training_metrics"] else None
    if judged is None:
        return
    outcome = yield
    number = _number(outcome)
    if number is not None:
        judged.log_metric("score", number)


def leave_out(call: Call) -> None:
    """Nothing is recorded: whoever asks a scorer goes on with what it says."""


def _number(value: Any) -> float | None:
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


def _plain(outcome: Any) -> Any:
    """Without the numbers of numpy, which JSON does not know."""
    if isinstance(outcome, Mapping):
        return {str(key): _plain(value) for key, value in outcome.items()}
    return outcome.item() if hasattr(outcome, "item") else outcome


def _columns(name: str, outcome: Any, arguments: Mapping[str, Any]) -> dict[str, list[Any]]:
    """A table of what is not one number."""
    if name == "confusion_matrix":
        return _of_confusion(outcome, arguments)
    if isinstance(outcome, tuple):
        names = _COLUMNS.get(name, ()) or tuple(map(str, range(len(outcome))))
        return {key: _listed(value) for key, value in zip(names, outcome, strict=False) if value is not None}
    if getattr(outcome, "ndim", 0) == 1:
        return {name: outcome.tolist()}
    if getattr(outcome, "ndim", 0) > 1:
        flat = outcome.reshape(len(outcome), -1)
        return {str(place): flat[:, place].tolist() for place in range(flat.shape[1])}
    return {}


def _of_confusion(table: Any, arguments: Mapping[str, Any]) -> dict[str, list[Any]]:
    """A row for each true class, and in its columns how often it was taken for which."""
    labels = arguments["labels"]
    if labels is None:
        labels = sys.modules["sklearn.utils.multiclass"].unique_labels(arguments["y_true"], arguments["y_pred"])
    names = [str(label) for label in (labels.tolist() if hasattr(labels, "tolist") else labels)]
    return {"true": names, **{f"predicted {name}": table[:, place].tolist() for place, name in enumerate(names)}}


def _listed(value: Any) -> list[Any]:
    """Of one column; a curve for each class is not one."""
    if isinstance(value, (list, tuple)):
        return [float(part) if isinstance(part, Real) else str(part) for part in value]
    return value.tolist() if getattr(value, "ndim", 0) == 1 else [_number(value)]


def _filled(values: Sequence[Any], rows: int) -> list[Any]:
    """As long as the longest: a curve has one threshold less than points."""
    return [value for value, _ in zip_longest(values, range(rows))]
