"""LightGBM's classes for scikit-learn: whose run it is, what it has, and what happens inside of pipelines and searches."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import runlake
from children import run_program
from reading import series

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(120, 3))
Y = np.where(X[:, 0] + 0.3 * np.random.default_rng(1).normal(size=120) > 0, "yes", "no")
FEW: dict[str, Any] = {"n_estimators": 5, "min_child_samples": 3, "num_leaves": 4, "n_jobs": 1, "verbosity": -1}
ONES = (Y == "yes").astype(int)  # LightGBM takes no texts to evaluate on
HELD_OUT: dict[str, Any] = {"eval_X": (X, X[80:]), "eval_y": (ONES, ONES[80:])}


def rounds_of(run: runlake.read.Run) -> dict[str, list[float]]:
    """The series that are rounds."""
    return {key: [value for _, value in series(run.info.run_id, key)] for key in run.metrics if key.startswith(("valid_", "training-"))}


def expected(model: Any) -> dict[str, list[float]]:
    """As the model has them."""
    return {f"{name}-{metric}": values for name, metrics in model.evals_result_.items() for metric, values in metrics.items()}


@pytest.mark.parametrize("plugins", [("lightgbm",), ("lightgbm", "sklearn"), ("sklearn", "lightgbm")], ids="+".join)
def test_the_run_is_lightgbms_whether_or_not_scikit_learn_is_recorded(runs: Runs, plugins: tuple[str, ...]) -> None:
    """One run, with its settings, tags, rounds and score."""
    bare = lightgbm.LGBMClassifier(**FEW).fit(X, ONES, **HELD_OUT)
    runlake.autolog(*plugins)
    model = lightgbm.LGBMClassifier(**FEW).fit(X, ONES, **HELD_OUT)

    (run,) = runs()
    assert (run.info.run_name, run.info.status, run.errors) == ("LGBMClassifier", "FINISHED", [])
    tags = ("mlflow.autologging", "estimator_name", "estimator_class", "estimator_type")
    assert [run.tags[tag] for tag in tags] == ["lightgbm", "LGBMClassifier", "lightgbm.sklearn.LGBMClassifier", "classifier"]
    assert run.data.params == {key: str(value) for key, value in model.get_params().items() if value is not None}
    assert rounds_of(run) == expected(model)
    assert run.data.metrics["training_score"] == model.score(X, ONES)
    assert "training_log_loss" in run.metrics or "sklearn" not in plugins
    assert {each.dataset.name for each in run.inputs.dataset_inputs} == {"train", "valid_1"}
    assert {"model/model.txt", "model/estimator.json", "lightgbm_config.json"} <= set(run.artifacts)
    assert model.booster_.model_to_string() == bare.booster_.model_to_string()


def test_without_lightgbms_plugin_the_run_is_scikit_learns(runs: Runs) -> None:
    """As of any estimator, without rounds."""
    runlake.autolog("sklearn")
    lightgbm.LGBMClassifier(**FEW).fit(X, Y)

    (run,) = runs()
    assert (run.tags["mlflow.autologging"], rounds_of(run), run.errors) == ("sklearn", {}, [])


@pytest.mark.parametrize("off", ["lightgbm", "sklearn"])
def test_a_plugin_that_is_off_or_missing_leaves_it_to_the_other(tmp_path: Path, off: str) -> None:
    """By the setting that every program has."""
    program = f"""
        import runlake
        runlake.autolog()
        import lightgbm, numpy
        rows = numpy.random.default_rng(0).normal(size=(60, 2))
        lightgbm.LGBMRegressor(**{FEW!r}).fit(rows, rows[:, 0])
        """
    ended = run_program(program, tmp_path / "lake", RUNLAKE_DISABLE=off, RUNLAKE_JOBS="off")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert run.tags["mlflow.autologging"] == ({"lightgbm", "sklearn"} - {off}).pop()
    assert "training_score" in run.metrics


def test_without_anything_to_evaluate_there_is_a_score(runs: Runs) -> None:
    """F11, of what has one: a model that ranks has none."""
    runlake.autolog("lightgbm")
    lightgbm.LGBMRegressor(**FEW).fit(X, X[:, 0])
    lightgbm.LGBMRanker(**FEW).fit(X, (X[:, 0] > 0).astype(int), group=[40, 40, 40], eval_X=X, eval_y=ONES, eval_group=[[120]])

    number, rank = sorted(runs(), key=lambda run: run.info.run_id)
    assert number.data.metrics["training_score"] > 0
    assert len(rank.metrics["valid_0-ndcg@3"]) == 5
    assert (number.errors, rank.errors) == ([], [])
    assert "training_score" not in rank.metrics


@pytest.mark.parametrize(
    ("settings", "fit"),
    [({"early_stopping_round": 2}, {}), ({}, {"callbacks": [lightgbm.early_stopping(2, verbose=False)]})],
    ids=["a setting", "a callback"],
)
def test_early_stopping_is_recorded(runs: Runs, settings: dict[str, Any], fit: dict[str, Any]) -> None:
    """F3: in either form."""
    runlake.autolog("lightgbm")
    model = lightgbm.LGBMClassifier(**{**FEW, **settings, "n_estimators": 200, "learning_rate": 0.5}).fit(
        X[:80], ONES[:80], eval_X=X[80:], eval_y=ONES[80:], **fit
    )

    (run,) = runs()
    assert run.data.metrics["best_iteration"] == model.best_iteration_ < run.data.metrics["stopped_iteration"] < 200
    assert run.data.metrics["best_score"] == model.best_score_["valid_0"]["binary_logloss"]
    assert rounds_of(run) == expected(model)
    assert 2 in (run.params.get("early_stopping_round"), run.params.get("early_stopping_rounds"))


def test_a_pipeline_is_one_run_with_the_rounds_inside(runs: Runs) -> None:
    """F7: scikit-learn's."""
    runlake.autolog("sklearn", "lightgbm")
    model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**FEW))
    model.fit(X, ONES, lgbmclassifier__eval_X=X, lgbmclassifier__eval_y=ONES)

    (run,) = runs()
    assert (run.info.run_name, run.tags["estimator_name"], run.errors) == ("Pipeline", "Pipeline", [])
    assert rounds_of(run) == expected(model[-1])
    assert "n_estimators" not in run.params
    again = runlake.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_of_a_search_the_rounds_of_the_best_are_recorded(runs: Runs) -> None:
    """Not of any of those that came before; the whole search is kept, and loads."""
    runlake.autolog("sklearn", "lightgbm")
    inner = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**FEW))
    search = GridSearchCV(inner, {"lgbmclassifier__n_estimators": [3, 4]}, cv=2)
    search.fit(X, ONES, lgbmclassifier__eval_X=X, lgbmclassifier__eval_y=ONES)

    (run,) = (run for run in runs() if run.info.parent_run_id is None)
    best = search.best_estimator_[-1]
    assert (run.info.run_name, run.errors, rounds_of(run)) == ("GridSearchCV", [], expected(best))
    again = runlake.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert again.estimator[-1].get_params() == inner[-1].get_params()
    assert "lightgbm_config.json" in run.artifacts


def test_of_several_boosters_in_one_training_the_first_is_listened_to(runs: Runs) -> None:
    """The others would lie over it, and none is a run of its own."""
    runlake.autolog("sklearn", "lightgbm")
    BaggingRegressor(lightgbm.LGBMRegressor(**FEW), 3, random_state=0).fit(X, X[:, 0])
    TransformedTargetRegressor(lightgbm.LGBMRegressor(**FEW)).fit(X, X[:, 0])
    cross_validate(lightgbm.LGBMRegressor(**FEW), X, X[:, 0], cv=2)
    LogisticRegression().fit(X, Y)

    found = runs()
    names = ["BaggingRegressor", "LGBMRegressor cross_validate", "LogisticRegression", "TransformedTargetRegressor"]
    assert sorted(run.info.run_name for run in found) == names
    assert [run.errors for run in found] == [[]] * 4


class Mine(lightgbm.LGBMClassifier):
    """Fits in two goes."""

    def fit(self, X: Any, y: Any, **settings: Any) -> Mine:  # type: ignore[override]  # noqa: N803  # as users do
        super().fit(X, y, **settings)
        super().fit(X, y, init_model=self.booster_, **settings)
        return self


def test_a_class_of_ones_own_is_one_run(runs: Runs) -> None:
    """Its model has no safe form, and the run says why."""
    runlake.autolog("lightgbm", "sklearn")
    model = Mine(**FEW).fit(X, ONES, eval_X=X, eval_y=ONES)

    (run,) = runs()
    assert (run.info.run_name, run.tags["estimator_name"], run.errors) == ("Mine", "Mine", [])
    assert len(rounds_of(run)["valid_0-binary_logloss"]) == 5
    assert model.n_estimators_ == 10
    assert "a class of its own" in run.tags["runlake.skipped.model"]


def own_objective(truth: Any, said: Any) -> Any:
    """Squared errors."""
    return said - truth, np.ones(len(said))


@pytest.mark.parametrize(
    "settings", [{"objective": own_objective}, {"random_state": np.random.RandomState(0)}], ids=["objective", "generator"]
)
def test_a_model_that_has_no_classes_or_would_draw_is_not_asked(
    runs: Runs, capfd: pytest.CaptureFixture[str], settings: dict[str, Any]
) -> None:
    """The run says that; the program's generator stands where it would without us."""
    dice = settings.get("random_state")
    states = []
    for plugins in ((), ("lightgbm", "sklearn")):
        if plugins:
            runlake.autolog(*plugins)
        if dice is not None:
            dice.seed(0)
        lightgbm.LGBMClassifier(**FEW, **settings).fit(X, Y)
        states.append(None if dice is None else dice.randint(1 << 30))

    (run,) = runs()
    assert states[0] == states[1]
    assert capfd.readouterr() == ("", "")
    assert (run.errors, "training_score" in run.metrics, "runlake.skipped.training_metrics" in run.tags) == ([], False, True)


def test_metrics_after_the_training_find_the_run(runs: Runs) -> None:
    """scikit-learn's plugin links them."""
    runlake.autolog("lightgbm", "sklearn")
    model = lightgbm.LGBMClassifier(**FEW).fit(X, Y)
    value = accuracy_score(Y, model.predict(X))

    (run,) = runs()
    assert run.data.metrics["accuracy_score"] == value


def test_a_class_of_dask_is_left_alone(runs: Runs) -> None:
    """Whether Dask is there or not, no run is left."""
    runlake.autolog("lightgbm", "sklearn")
    with pytest.raises((ImportError, ValueError)):
        lightgbm.DaskLGBMRegressor(**FEW).fit(X, X[:, 0])

    assert runs() == []


def test_two_trainings_in_a_run_of_the_users_are_apart(runs: Runs) -> None:
    """The second is a run inside."""
    runlake.autolog("lightgbm")
    with runlake.start_run(run_name="mine"):
        for n in (3, 4):
            lightgbm.LGBMRegressor(**{**FEW, "n_estimators": n}).fit(X, X[:, 0], eval_X=X[80:], eval_y=X[80:, 0])

    found = {run.info.run_name: len(rounds_of(run)["valid_0-l2"]) for run in runs()}
    assert found == {"mine": 3, "LGBMRegressor": 4}


def test_two_threads_have_a_run_each(runs: Runs) -> None:
    """With all of its own rounds."""
    runlake.autolog("lightgbm", "sklearn")

    def fit(n: int) -> None:
        lightgbm.LGBMRegressor(**{**FEW, "n_estimators": n}).fit(X, X[:, 0], eval_X=X[80:], eval_y=X[80:, 0])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fit, (6, 9)))

    assert sorted((run.params["n_estimators"], len(rounds_of(run)["valid_0-l2"])) for run in runs()) == [(6, 6), (9, 9)]
