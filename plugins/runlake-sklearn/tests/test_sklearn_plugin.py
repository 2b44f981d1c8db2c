"""scikit-learn's trainings are recorded, and are what they are without."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import runlake
from children import run_program
from runlake.testing import Scenario, parametrize_with_plugin_checks

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)

MODELS = {
    "a linear model": lambda: LogisticRegression(C=0.5),
    "a forest": lambda: RandomForestClassifier(5),
    "a forest in threads": lambda: RandomForestClassifier(5, n_jobs=2, random_state=0),
    "a pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "a search": lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3),
    "a vote": lambda: VotingClassifier([("a", LogisticRegression()), ("b", DummyClassifier(strategy="stratified"))]),
    "clusters": lambda: KMeans(3),
    "a mixture": lambda: GaussianMixture(2),
    "a regression": lambda: Ridge(),
}


def fitted(make: Callable[[], Any]) -> tuple[bytes, bytes]:
    """A model that was trained, and where the random generators stand then."""
    np.random.seed(3)
    random.seed(3)
    model = make().fit(X, Y)
    if isinstance(model, GridSearchCV):
        model.cv_results_ = {key: value for key, value in model.cv_results_.items() if not key.endswith("_time")}
        model.refit_time_ = 0
    return pickle.dumps(model), pickle.dumps((np.random.get_state(), random.getstate()))


def everything_patched() -> dict[tuple[type, str], Any]:
    """What stands in every class of estimators under the names that are captured."""

    def classes(base: type) -> Iterator[type]:
        yield base
        below: type
        for below in type.__subclasses__(base):
            yield from classes(below)

    names = ("fit", "fit_transform", "fit_predict", "partial_fit", "__init_subclass__")
    return {(one, name): vars(one)[name] for one in classes(BaseEstimator) for name in names if name in vars(one)}


def test_nothing_is_recorded_before_everything_during_and_nothing_is_left_after(runs: Runs) -> None:
    """Undone means that every attribute of every class is the very object that it was."""
    before = everything_patched()
    LogisticRegression().fit(X, Y)
    assert runs() == []

    runlake.autolog("sklearn")
    model = LogisticRegression(C=0.5).fit(X, Y)
    (run,) = runs()
    assert (run.info.run_name, run.info.status, run.errors) == ("LogisticRegression", "FINISHED", [])
    assert run.data.params == {key: str(value) for key, value in model.get_params().items()}
    assert run.data.metrics["training_score"] == model.score(X, Y)
    tables = {f"training_{name}.parquet" for name in ("confusion_matrix", "roc_curve", "precision_recall_curve", "calibration_curve")}
    beside_model = {name for name in run.artifacts if not name.startswith("model/")}
    assert beside_model == {"sample.parquet", "signature.json"} | tables
    assert {"model/buffers.bin.zst", "model/estimator.json"} <= set(run.artifacts)
    assert run.tags["estimator_name"] == "LogisticRegression"
    assert run.tags["estimator_class"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert vars(LogisticRegression)["fit"] is not before[LogisticRegression, "fit"]

    runlake.disable_autolog()
    LogisticRegression().fit(X, Y)
    after = everything_patched()
    assert len(runs()) == 1
    assert before.keys() == after.keys()
    assert [key for key, value in before.items() if after[key] is not value] == []


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_each_training_is_one_run_and_gives_the_same_model_to_the_bit(runs: Runs, make: Callable[[], Any]) -> None:
    """Whatever is fitted inside; no random generator is touched either."""
    without = fitted(make)
    assert runs() == []
    runlake.autolog("sklearn")
    recorded = fitted(make)

    model = pickle.loads(recorded[0])
    (run,) = (run for run in runs() if run.info.parent_run_id is None)
    assert recorded == without
    assert (run.info.run_name, run.info.status, run.errors) == (type(model).__name__, "FINISHED", [])
    assert run.data.params.keys() == {*model.get_params(), *(f"best_{key}" for key in getattr(model, "best_params_", ()))}


@pytest.mark.parametrize("make", [MODELS[name] for name in ("a linear model", "a pipeline", "a search", "a regression", "clusters")])
def test_the_score_is_what_the_model_says_itself(runs: Runs, make: Callable[[], Any]) -> None:
    """Of all rows, where they are few."""
    runlake.autolog("sklearn")
    model = make().fit(X, Y)

    assert runs()[0].data.metrics["training_score"] == pytest.approx(model.score(X, Y), abs=1e-15)


def test_of_many_rows_a_sample_is_scored(runs: Runs) -> None:
    """So that recording stays quick however long the data is."""
    asked: list[int] = []

    class Counting(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
            asked.append(len(X))
            return float(super().score(X, y, sample_weight))

    runlake.autolog("sklearn")
    Counting().fit(np.tile(X, (400, 1)), np.tile(Y, 400), np.ones(24_000))

    assert (asked, len(runs())) == ([10_000], 1)


def test_what_cannot_be_scored_is_recorded_without_a_score(runs: Runs) -> None:
    """A search that keeps no model, what has no `score`, rows that can be read only once."""
    words = CountVectorizer(analyzer=str.split)
    runlake.autolog("sklearn")
    GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3, refit=False).fit(X, Y)
    IsolationForest(n_estimators=5).fit(X)
    make_pipeline(words, LogisticRegression()).fit((text for text in ["a b", "b c", "c"]), [0, 1, 1])

    found = [run for run in runs() if run.info.parent_run_id is None]
    assert [(run.info.run_name, run.info.status, run.errors) for run in found] == [
        ("GridSearchCV", "FINISHED", []),
        ("IsolationForest", "FINISHED", []),
        ("Pipeline", "FINISHED", []),
    ]
    assert [key for run in found for key in run.metrics if key.startswith("training_")] == []


@pytest.mark.parametrize("form", [pd.DataFrame, csr_array, np.ndarray.tolist], ids=["frame", "sparse", "list"])
def test_every_form_of_many_rows_is_scored(runs: Runs, form: Callable[[Any], Any]) -> None:
    """As of an array."""
    runlake.autolog("sklearn")
    model = Ridge().fit(form(np.tile(X, (400, 1))), np.tile(Y, 400))

    (run,) = runs()
    assert run.data.metrics["training_score"] == pytest.approx(model.score(X, Y), abs=0.01)
    assert run.tags["runlake.training_metrics.rows"] == "10000 of 24000"


def test_what_is_no_training_opens_no_run(runs: Runs) -> None:
    """Predicting, measuring, and transformers by themselves."""
    model = LogisticRegression().fit(X, Y)
    runlake.autolog("sklearn")
    accuracy_score(Y, model.predict(X))
    model.score(X, Y)
    StandardScaler().fit_transform(X)
    PCA(2).fit(X)
    make_pipeline(StandardScaler(), PCA(2)).fit(X)
    ColumnTransformer([("scale", StandardScaler(), [0, 1])]).fit_transform(X)

    assert runs() == []


def test_clusters_and_pipelines_that_train_without_fit_are_recorded(runs: Runs) -> None:
    """`fit_predict` and `fit_transform` are ways to train too."""
    runlake.autolog("sklearn")
    GaussianMixture(2).fit_predict(X)
    Pipeline([("scale", StandardScaler()), ("clusters", KMeans(2))]).fit_predict(X)
    DBSCAN().fit_predict(X)
    KMeans(2).fit_transform(X)

    assert [run.info.run_name for run in runs()] == ["GaussianMixture", "Pipeline", "DBSCAN", "KMeans"]


def test_what_cannot_predict_before_it_is_fitted_is_recorded(runs: Runs) -> None:
    """A stack says what it is by its tags; a search is one whatever it searches."""
    runlake.autolog("sklearn")
    StackingClassifier([("a", LogisticRegression())], cv=2).fit(X, Y)
    GridSearchCV(PCA(), {"n_components": [1, 2]}, cv=2).fit(X)

    assert [run.info.run_name for run in runs() if "mlflow.parentRunId" not in run.tags] == ["StackingClassifier", "GridSearchCV"]


def test_a_class_that_is_defined_later_is_recorded_as_well(runs: Runs) -> None:
    """And so is one that calls its parent's `fit`: once."""
    runlake.autolog("sklearn")

    class Mine(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
            return super().fit(X, y)

    Mine().fit(X, Y)

    assert [run.info.run_name for run in runs()] == ["Mine"]


def test_what_training_raises_reaches_the_caller_and_the_run(runs: Runs) -> None:
    """The very error, and a run that says FAILED."""
    wrong = ValueError("wrong")

    class Failing(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
            raise wrong

    runlake.autolog("sklearn")
    with pytest.raises(ValueError, match="wrong") as raised:
        Failing().fit(X, Y)

    assert raised.value is wrong
    assert [(run.info.status, run.errors) for run in runs()] == [("FAILED", [])]


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_copies_and_pickles_are_the_librarys_own(runs: Runs, pickler: Any) -> None:
    """Of estimators and of their methods; nothing of ours is in them."""
    bare = pickler.dumps(LogisticRegression().fit(X, Y))
    runlake.autolog("sklearn")
    model = LogisticRegression().fit(X, Y)
    method = pickler.loads(pickler.dumps(model.fit))

    assert pickler.dumps(model) == bare
    assert b"runlake" not in pickler.dumps(model.fit)
    assert clone(model).get_params() == model.get_params()
    assert method(X, Y).coef_.tolist() == model.coef_.tolist()
    assert len(runs()) == 2


SEARCH = """
    import sys
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    import runlake
    if sys.argv[1] == "on":
        runlake.autolog("sklearn")

    class Mine(ClassifierMixin, BaseEstimator):
        def __init__(self, C=1.0):
            self.C = C
        def fit(self, X, y):
            self.inner_ = LogisticRegression(C=self.C).fit(X, y)
            self.classes_ = self.inner_.classes_
            return self
        def predict(self, X):
            return self.inner_.predict(X)

    X = np.random.default_rng(0).normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    search = GridSearchCV(Mine(), {"C": [0.001, 1.0]}, cv=3, n_jobs=2).fit(X, y)
    print(search.best_params_, search.cv_results_["mean_test_score"].tolist(), search.best_estimator_.inner_.coef_.tolist())
"""


def test_a_search_in_processes_with_an_estimator_of_the_program_itself_gives_what_it_gives_without(tmp_path: Path) -> None:
    """What is defined in `__main__` travels to the workers by value."""
    without = run_program(SEARCH, tmp_path / "none", "off")
    recorded = run_program(SEARCH, tmp_path / "lake", "on", RUNLAKE_EXIT_WAIT="0")

    assert (recorded.stdout, recorded.stderr, recorded.returncode) == (without.stdout, without.stderr, 0)
    assert [run.info.run_name for run in runlake.read.open_store(tmp_path / "lake").runs()] == ["GridSearchCV", "Mine 1", "Mine 2"]


SCENARIO = Scenario(
    train=lambda inputs, targets: make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs, targets),
    data=lambda: (X.copy(), Y.copy()),
    fail=lambda: make_pipeline(StandardScaler(), LogisticRegression(C=-1)).fit(X, Y),
    patched=["sklearn.linear_model:LogisticRegression.fit", "sklearn.pipeline:Pipeline.fit"],
    program="from sklearn.linear_model import Ridge\nprint(Ridge().fit([[0.0], [1.0], [2.0]], [0, 1, 3]).coef_)",
)


@parametrize_with_plugin_checks("sklearn", SCENARIO)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """The checks are the same for all."""
    check()
