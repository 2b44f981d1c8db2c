"""What judges a prediction after the training is recorded in the run of the model."""

from __future__ import annotations

import gc
import inspect
import io
import json
import pickle
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from runlake_sklearn.judging import JUDGES
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.metrics import f1_score as measured_before
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

import runlake
from children import run_program

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
NAMES = np.array(["no", "yes"])[Y]

# Each is called by its name, as a rule with what is measured and not with what is said.
OTHERS = {
    "they give functions": "check_scoring get_scorer get_scorer_names make_scorer",
    "they compare rows, not what is said of them": (
        "euclidean_distances nan_euclidean_distances pairwise_distances pairwise_distances_argmin pairwise_distances_argmin_min "
        "pairwise_distances_chunked pairwise_kernels"
    ),
}


@pytest.fixture(autouse=True)
def _is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong inside is raised."""
    monkeypatch.setenv("RUNLAKE_STRICT", "1")


def metrics_of(run: runlake.read.Run) -> dict[str, float]:
    """What was measured after the training."""
    return {key: value for key, value in run.data.metrics.items() if not key.startswith(("training_", "fit_seconds", "n_iter"))}


def files_of(run: runlake.read.Run) -> set[str]:
    """What was kept after the training."""
    return {name for name in run.artifacts if not name.startswith(("model/", "signature", "sample", "estimator", "cv_", "training_"))}


def table(run: runlake.read.Run, name: str) -> dict[str, list[Any]]:
    """What a table holds."""
    return dict(pq.read_table(io.BytesIO(run.read_artifact(name))).to_pydict())


def inside(function: Any) -> Any:
    """What the decorator of a metric calls."""
    return next(cell.cell_contents for cell in function.__closure__ if getattr(cell.cell_contents, "__name__", "") == function.__name__)


def everything_patched() -> list[Any]:
    """What stands where something is captured."""
    methods = [(LogisticRegression, "predict_proba"), (RandomForestClassifier, "predict"), (LogisticRegression, "score")]
    found = [next(vars(one)[name] for one in owner.__mro__ if name in vars(one)) for owner, name in methods]
    return found + [inside(getattr(metrics, name)) for name in JUDGES] + [vars(metrics._scorer._BaseScorer)["__call__"]]


def test_nothing_is_recorded_before_the_metric_during_and_nothing_is_left_after(runs: Runs) -> None:
    """Whatever a function was imported as, and it is itself all the while; the run stays as it ended."""
    before, own = everything_patched(), {name: getattr(metrics, name) for name in JUDGES}
    accuracy_score(Y, LogisticRegression().fit(X, Y).predict(X))
    assert runs() == []

    runlake.autolog("sklearn")
    model = LogisticRegression(C=0.01).fit(X, Y)
    (ended,) = runs()
    said = model.predict(X)
    values = [accuracy_score(Y, said), metrics.accuracy_score(Y, y_pred=said), measured_before(Y, said), metrics.f1_score(Y, said)]
    (run,) = runs()
    assert metrics_of(run) == dict(zip(["accuracy_score", "accuracy_score-2", "f1_score", "f1_score-2"], values, strict=True))
    assert (run.info, run.errors) == (ended.info, [])
    assert {name: getattr(metrics, name) for name in JUDGES} == own
    assert [now is was for now, was in zip(everything_patched(), before, strict=True)] == [False] * len(before)

    runlake.disable_autolog()
    accuracy_score(Y, said)
    assert len(metrics_of(runs()[0])) == 4
    assert [now is was for now, was in zip(everything_patched(), before, strict=True)] == [True] * len(before)


def test_every_function_that_judges_is_in_the_list() -> None:
    """Or it is known why not."""
    left_out = {name for names in OTHERS.values() for name in names.split()}

    assert {name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))} == {*JUDGES} | left_out
    assert not left_out & {*JUDGES}


def test_functions_look_and_pickle_the_same(runs: Runs) -> None:
    """To the byte."""

    def looks() -> list[Any]:
        found = [getattr(metrics, name) for name in JUDGES]
        return [(pickle.dumps(one), one, str(inspect.signature(one)), one.__doc__, inspect.isfunction(one)) for one in found]

    bare = looks()
    runlake.autolog("sklearn")

    assert looks() == bare


def test_results_warnings_and_errors_are_the_librarys(runs: Runs) -> None:
    """Of metrics, predictions and scores."""

    def seen() -> list[Any]:
        model, raised = LogisticRegression().fit(X, Y), []
        calls: list[Callable[[], Any]] = [
            lambda: accuracy_score(Y, model.predict(X)[:5]),
            lambda: accuracy_score(Y, model.predict(X), normalize="no"),
            lambda: accuracy_score(Y),
            lambda: model.predict(X[:, :2]),
            lambda: model.score(X, Y[:3]),
        ]
        for call in calls:
            with pytest.raises((ValueError, TypeError, InvalidParameterError)) as caught:
                call()
            raised.append((type(caught.value), str(caught.value), caught.value.__cause__, caught.value.__context__))
        with pytest.warns(UserWarning, match="ill-defined") as warned:
            raised.append(metrics.precision_score(Y, np.zeros(60)))
        return [*raised, [str(warning.message) for warning in warned], model.predict_proba(X).tolist(), model.score(X, Y)]

    bare = seen()
    runlake.autolog("sklearn")

    assert repr(seen()) == repr(bare)
    assert metrics_of(runs()[0]).keys() == {"score", "precision_score"}  # the last by its rows


SAYS: dict[str, Callable[[Any], tuple[Any, str]]] = {
    "a list": lambda model: (model.predict(X).tolist(), "accuracy_score"),
    "a series": lambda model: (pd.Series(model.predict(X), name="said"), "accuracy_score"),
    "classes of the greatest": lambda model: (model.classes_[model.predict_proba(X).argmax(axis=1)], "accuracy_score"),
    "a column of probabilities": lambda model: (model.predict_proba(X)[:, 1], "roc_auc_score"),
    "a list of a column": lambda model: (list(model.predict_proba(X)[:, 1]), "roc_auc_score"),
    "probabilities": lambda model: (model.predict_proba(X), "log_loss"),
    "a decision": lambda model: (model.decision_function(X), "average_precision_score"),
}


@pytest.mark.parametrize("targets", [Y, NAMES, NAMES.astype(object)], ids=["numbers", "texts", "objects"])
@pytest.mark.parametrize("way", SAYS.values(), ids=SAYS)
def test_what_a_model_says_is_known_in_every_form(way: Callable[[Any], tuple[Any, str]], targets: Any, runs: Runs) -> None:
    """Beside another model that says something of as many rows."""
    runlake.autolog("sklearn")
    models = [make_pipeline(StandardScaler(), LogisticRegression(C=c)).fit(X, targets) for c in (0.001, 1.0)]
    says = [way(model) for model in models]
    truth = targets if says[0][1] in ("accuracy_score", "log_loss") else targets == np.unique(targets)[1]
    values = [getattr(metrics, name)(truth, said) for said, name in says]

    assert [metrics_of(run) for run in runs()] == [{name: value} for value, (_, name) in zip(values, says, strict=True)]
    assert not any("linked_by" in tag for run in runs() for tag in run.tags)


def test_what_is_made_of_a_prediction_is_known_by_its_rows(runs: Runs) -> None:
    """And told so; what may be of several models is in none, and both say so."""
    runlake.autolog("sklearn")
    first = LogisticRegression().fit(X, Y)
    value = accuracy_score(Y, first.predict_proba(X)[:, 1] > 0.3)
    LogisticRegression().fit(X, Y).predict(X)
    accuracy_score(Y, np.ones(60))
    accuracy_score(Y[:7], np.ones(7))

    one, other = runs()
    why = "ambiguous: 2 models predicted as many rows, and what was judged is what none of them said"
    assert [metrics_of(one), metrics_of(other)] == [{"accuracy_score": value}, {}]
    assert one.tags["runlake.linked_by.accuracy_score"] == "rows"
    assert [run.tags["runlake.skipped.accuracy_score"] for run in (one, other)] == [why, why]


def test_the_argument_that_is_the_prediction_counts(runs: Runs) -> None:
    """By its name; where it stands in the wrong place, by its memory."""
    runlake.autolog("sklearn")
    teacher, pupil = LinearRegression().fit(X, Y), LinearRegression().fit(X[:, :2], Y)
    a, b = teacher.predict(X), pupil.predict(X[:, :2])
    as_truth = metrics.r2_score(a, b.tolist())
    swapped = metrics.max_error(a, Y)

    assert [metrics_of(run) for run in runs()] == [{"max_error": swapped}, {"r2_score": as_truth}]


def test_tables_and_texts_are_kept_under_the_functions_name(runs: Runs) -> None:
    """Where a metric is not one number."""
    runlake.autolog("sklearn")
    model = LogisticRegression(C=0.01).fit(X, NAMES)
    said, sure = model.predict(X), model.predict_proba(X)[:, 1]
    confusion = metrics.confusion_matrix(NAMES, said)
    metrics.confusion_matrix(NAMES, said, labels=["yes", "no"])
    text, numbers = metrics.classification_report(NAMES, said), metrics.classification_report(NAMES, said, output_dict=True)
    fpr, tpr, thresholds = metrics.roc_curve(Y, sure)
    area = metrics.auc(fpr, tpr)
    precision, recall, at = metrics.precision_recall_curve(Y, sure)
    metrics.precision_recall_fscore_support(NAMES, said, average="macro")
    each = metrics.f1_score(NAMES, said, average=None)
    metrics.multilabel_confusion_matrix(NAMES, said)

    (run,) = runs()
    assert metrics_of(run) == {"auc": area}
    assert table(run, "confusion_matrix.parquet") == {
        "true": ["no", "yes"],
        "predicted no": confusion[:, 0].tolist(),
        "predicted yes": confusion[:, 1].tolist(),
    }
    assert table(run, "confusion_matrix-2.parquet")["predicted no"] == confusion[::-1, 0].tolist()
    assert run.read_artifact("classification_report.txt").decode() == text
    assert json.loads(run.read_artifact("classification_report.json")) == numbers
    assert table(run, "roc_curve.parquet") == {"fpr": fpr.tolist(), "tpr": tpr.tolist(), "threshold": thresholds.tolist()}
    curve = {"precision": precision.tolist(), "recall": recall.tolist(), "threshold": [*at.tolist(), None]}
    assert table(run, "precision_recall_curve.parquet") == curve
    assert table(run, "precision_recall_fscore_support.parquet").keys() == {"precision", "recall", "fscore"}
    assert table(run, "f1_score.parquet") == {"f1_score": each.tolist()}
    assert table(run, "multilabel_confusion_matrix.parquet").keys() == {"0", "1", "2", "3"}


CALLS: dict[str, Callable[[], Any]] = {
    "fit": lambda: RandomForestClassifier(3, oob_score=metrics.accuracy_score, random_state=0).fit(X, Y),
    "search": lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, scoring=["accuracy", "roc_auc"], refit="accuracy").fit(X, Y),
    "cross-validation": lambda: cross_val_score(LogisticRegression(), X, Y, scoring="f1"),
    "scorers": lambda: metrics.get_scorer("accuracy")(LogisticRegression().fit(X, Y), X, Y),
    "own scorers": lambda: metrics.make_scorer(accuracy_score)(LogisticRegression().fit(X, Y), X, Y),
    "the default scorer": lambda: metrics.check_scoring(LogisticRegression())(LogisticRegression().fit(X, Y), X, Y),
    "permutation importance": lambda: permutation_importance(LogisticRegression().fit(X, Y), X, Y, n_repeats=2),
}


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_the_library_asks_for_is_not_the_users_judgement(call: Callable[[], Any], runs: Runs) -> None:
    """Nothing is recorded of it, and nothing remembered for later."""
    runlake.autolog("sklearn")
    call()
    found = [(metrics_of(run), files_of(run)) for run in runs()]
    accuracy_score(Y, np.ones(60))

    assert not any({"accuracy_score", "f1_score", "roc_auc_score", "score"} & values.keys() or files for values, files in found)
    assert [(metrics_of(run), files_of(run)) for run in runs()] == found


def test_a_metric_that_calls_another_is_one(runs: Runs) -> None:
    """And a score is neither a prediction nor an accuracy."""
    runlake.autolog("sklearn")
    model = RandomForestClassifier(5, random_state=0, max_depth=1).fit(X, Y)
    score, again = model.score(X, Y), model.score(X[:30], Y[:30])
    balanced = metrics.balanced_accuracy_score(Y, model.predict(X))

    (run,) = runs()
    assert metrics_of(run) == {"score": score, "score-2": again, "balanced_accuracy_score": balanced}
    assert files_of(run) == set()


def test_what_is_predicted_inside_another_model_is_that_ones(runs: Runs) -> None:
    """Be the inner one recorded, too."""
    runlake.autolog("sklearn")
    inner = LogisticRegression(C=0.01).fit(X, Y)
    outer = CalibratedClassifierCV(FrozenEstimator(inner), cv=2).fit(X, Y)
    vote = VotingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(3))]).fit(X, Y)
    values = [accuracy_score(Y, outer.predict(X) > 0), accuracy_score(Y, vote.predict(X))]

    found = {run.info.run_name: metrics_of(run) for run in runs()}
    assert found["VotingClassifier"] == {"accuracy_score": values[1]}
    assert found["LogisticRegression"] == {}


def test_clusters_are_judged_by_the_labels_of_the_fit(runs: Runs) -> None:
    """Which are given, or left in the estimator."""
    runlake.autolog("sklearn")
    kept = KMeans(2, n_init=1, random_state=0).fit(X)
    given = DBSCAN(eps=1.0).fit_predict(X)
    odd = IsolationForest(n_estimators=5, random_state=0).fit_predict(X)
    values = [metrics.silhouette_score(X, kept.labels_), metrics.rand_score(Y, given.tolist()), accuracy_score(Y * 2 - 1, odd)]

    names = ("silhouette_score", "rand_score", "accuracy_score")
    assert [metrics_of(run) for run in runs()] == [{name: value} for name, value in zip(names, values, strict=True)]


def test_searches_batches_and_validations_have_their_predictions(runs: Runs) -> None:
    """Each in its own run."""
    runlake.autolog("sklearn")
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}).fit(X, Y)
    of_search = accuracy_score(Y, search.predict(X))
    model = SGDClassifier(random_state=0)
    of_batches = []
    for _ in range(2):
        model.partial_fit(X, Y, classes=[0, 1])
        of_batches.append(accuracy_score(Y, model.predict(X).tolist()))
    of_folds = accuracy_score(Y, cross_val_predict(LogisticRegression(C=0.001), X, Y))

    found = {run.info.run_name: run for run in runs()}
    assert metrics_of(found["GridSearchCV"])["accuracy_score"] == of_search
    assert [metrics_of(found["SGDClassifier"])[key] for key in ("accuracy_score", "accuracy_score-2")] == of_batches
    assert metrics_of(found["LogisticRegression cross_val_predict"]) == {"accuracy_score": of_folds}


def test_a_run_of_the_users_takes_it_open_or_ended(runs: Runs) -> None:
    """What the user logs under the name stays."""
    runlake.autolog("sklearn")
    with runlake.start_run(run_name="mine"):
        runlake.log_metric("accuracy_score", -1.0)
        model = LogisticRegression().fit(X, Y)
        within = accuracy_score(Y, model.predict(X))
    (ended,) = runs()
    after = accuracy_score(Y, model.predict(X[::-1])[::-1])

    (run,) = runs()
    assert metrics_of(run) == {"accuracy_score": -1.0, "accuracy_score-2": within, "accuracy_score-3": after}
    assert run.info == ended.info


def test_a_program_that_ends_at_once_has_recorded_it(store: Path) -> None:
    """With the metric imported before anything else, and the model gone."""
    code = """
        from sklearn.metrics import accuracy_score as acc
        import numpy as np, runlake
        from sklearn.linear_model import LogisticRegression
        runlake.autolog()
        X = np.arange(20.0).reshape(-1, 1)
        said = LogisticRegression().fit(X, X[:, 0] > 9).predict(X)
        acc(X[:, 0] > 7, said)
        """
    ended = run_program(code, store, RUNLAKE_JOBS="off")

    (run,) = runlake.read.open_store(store).runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (str(run.info.status), metrics_of(run)) == ("FINISHED", {"accuracy_score": 0.9})


@pytest.mark.parametrize("how", [{"log_post_training_metrics": False}, {"disable": True}], ids=str)
def test_it_can_be_turned_off(how: Any, runs: Runs) -> None:
    """For these metrics alone, or for all, there and then."""
    runlake.autolog("sklearn")
    model = LogisticRegression().fit(X, Y)
    with runlake.autolog("sklearn", **how):
        model.score(X, Y)
        accuracy_score(Y, model.predict(X))
    accuracy_score(Y, np.ones(60))

    assert metrics_of(runs()[0]) == {}


def test_two_threads_judge_their_own_models(runs: Runs) -> None:
    """By the rows too."""
    runlake.autolog("sklearn")
    gate, values = threading.Barrier(2), {}

    def work(name: str, c: float) -> None:
        with runlake.start_run(run_name=name):
            model = LogisticRegression(C=c).fit(X, Y)
        gate.wait()
        said = model.predict_proba(X)[:, 1]
        gate.wait()
        values[name] = {"accuracy_score": accuracy_score(Y, said > 0.4), "roc_auc_score": metrics.roc_auc_score(Y, said)}

    threads = [threading.Thread(target=work, args=case) for case in (("a", 0.001), ("b", 1.0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {run.info.run_name: metrics_of(run) for run in runs()} == values


def test_models_and_predictions_can_go(runs: Runs) -> None:
    """Nothing here holds them."""
    runlake.autolog("sklearn")
    model = RandomForestClassifier(3).fit(X, Y)
    said, sure = model.predict(X), model.predict_proba(X)
    accuracy_score(Y, said)
    gone = [weakref.ref(one) for one in (model, said, sure)]
    del model, said, sure
    runs()
    gc.collect()

    assert [one() for one in gone] == [None] * 3


def test_an_estimator_of_ones_own_predicts_in_any_form(runs: Runs) -> None:
    """It is made after `autolog()`, its score comes from scikit-learn, and it says lists."""
    runlake.autolog("sklearn")

    class Always(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, X: Any, y: Any) -> Always:  # noqa: N803
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> list[int]:  # noqa: N803
            return [1] * len(X)

    model = Always().fit(X, Y)
    said = model.predict(X)
    value = accuracy_score(Y, said)

    assert model.score(X, Y) == value
    assert metrics_of(runs()[0]) == {"accuracy_score": value, "score": value}
