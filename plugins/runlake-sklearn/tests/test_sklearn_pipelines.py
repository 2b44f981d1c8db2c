"""Pipelines: how long each step took, what kind of estimator it is, and the diagram that notebooks show of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X, Y = load_iris(return_X_y=True)


def seconds(run: runlake.read.Run) -> dict[str, float]:
    """Of each step."""
    return {key.partition("/")[2]: series.last for key, series in run.metrics.items() if key.startswith("fit_seconds/")}


def test_every_step_is_timed(runs: Runs) -> None:
    """By its name in the pipeline, once; a step that does nothing takes no time, and those inside of steps are part of them."""
    runlake.autolog("sklearn")
    steps = [("scale", StandardScaler()), ("rest", "passthrough"), ("inner", make_pipeline(PCA(2))), ("learn", LogisticRegression())]
    Pipeline(steps).fit(X, Y)
    make_pipeline(StandardScaler(), Ridge()).fit(X, Y)

    first, second = runs()
    assert set(seconds(first)) == {"scale", "inner", "learn"}
    assert set(seconds(second)) == {"standardscaler", "ridge"}
    assert 0 < sum(seconds(first).values()) <= first.metrics["fit_seconds"].last


def test_steps_that_are_fitted_elsewhere_are_not_timed(runs: Runs, tmp_path: Path) -> None:
    """A cache and a search fit copies."""
    runlake.autolog("sklearn")
    Pipeline([("scale", StandardScaler()), ("learn", LogisticRegression())], memory=str(tmp_path)).fit(X, Y)
    GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2).fit(X, Y)
    StackingClassifier([("a", make_pipeline(StandardScaler(), LogisticRegression()))], cv=2).fit(X, Y)

    cached, *others = [run for run in runs() if "mlflow.parentRunId" not in run.tags]
    assert set(seconds(cached)) == {"learn"}
    assert [seconds(run) for run in others] == [{}, {}]


def test_a_step_that_fails_leaves_nothing_to_the_next_training(runs: Runs) -> None:
    """Neither a time nor a step that is waited for."""
    runlake.autolog("sklearn")
    learner = LogisticRegression(max_iter=1000)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_pipeline(StandardScaler(), learner).fit(X, Y[:10])
    learner.fit(X, Y)

    failed, alone = runs()
    assert (failed.info.status, seconds(failed), seconds(alone)) == ("FAILED", {}, {})


def test_an_estimator_says_of_which_kind_it_is(runs: Runs) -> None:
    """By scikit-learn's own tags: a pipeline is what its last step is."""
    runlake.autolog("sklearn")
    make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    SVC().fit(X, Y)

    assert [run.tags["estimator_type"] for run in runs()] == ["regressor", "classifier"]


def test_the_diagram_is_drawn_in_a_job(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the model that was kept."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    runlake.autolog("sklearn")
    make_pipeline(StandardScaler(), LogisticRegression(C=0.125)).fit(X, Y)

    (run,) = runs()
    page = run.read_artifact("estimator.html").decode()
    assert run.jobs["description"].state == "done"
    assert "LogisticRegression(C=0.125)" in page
    assert "StandardScaler" in page


def test_without_a_model_there_is_no_diagram(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run says why."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    runlake.autolog("sklearn")

    class Mine(Ridge):  # type: ignore[misc]  # scikit-learn has no types
        pass

    Mine().fit(X, Y)
    (run,) = runs()
    assert "description" not in run.jobs
    assert "Mine" in run.tags["runlake.skipped.model"]
