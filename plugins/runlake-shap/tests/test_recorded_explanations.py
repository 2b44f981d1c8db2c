"""What is recorded of tree models: values that add up to what the model says, equal to shap's own, and two charts."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from runlake_shap.quiet import nothing_left_behind
from sklearn import ensemble
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

import runlake
from children import run_program
from planted_jobs import jobs_of, start_jobs, until
from runlake.entities import JobState
from runlake.read.explanation import Explanation

with nothing_left_behind():
    import shap

Runs = Callable[[], list[runlake.read.Run]]

DICE = np.random.default_rng(0)
ROWS = pd.DataFrame(DICE.normal(size=(80, 3)), columns=["a", "b", "c"])
SIGNAL = np.asarray(ROWS["a"] * 2 + np.sin(ROWS["b"]))
TWO = np.where(SIGNAL > 0, "yes", "no")
THREE = np.digitize(SIGNAL, [-1.0, 1.0])
FEW: dict[str, Any] = {"n_estimators": 4, "max_depth": 3, "random_state": 0}
SHORT: dict[str, Any] = {"max_iter": 4, "random_state": 0}
CHARTS = {"explanation_bar.png", "explanation_beeswarm.png"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Histograms of a hundred rows take seconds where threads wait for each other on busy cores."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def inline(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Jobs are done when a run ends, and scikit-learn is recorded."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    runlake.autolog("sklearn")
    return runs


def assert_equals_shap(model: Any, rows: Any, found: Explanation) -> None:
    """By shap itself, of the same rows."""
    with nothing_left_behind():
        theirs = np.asarray(shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")(np.asarray(rows)).values)
    theirs = theirs if theirs.ndim == 3 else theirs[:, :, np.newaxis]
    np.testing.assert_allclose(found.values, theirs[:, :, -len(found.outputs) :], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("model", "targets", "method", "space", "outputs"),
    [
        (ensemble.RandomForestClassifier(**FEW), TWO, "predict_proba", "probability", ["yes"]),
        (ensemble.RandomForestClassifier(**FEW), THREE, "predict_proba", "probability", ["0", "1", "2"]),
        (ensemble.GradientBoostingClassifier(**FEW), TWO, "decision_function", "log-odds", ["yes"]),
        (ensemble.HistGradientBoostingClassifier(**SHORT), THREE, "decision_function", "decision", ["0", "1", "2"]),
        (ensemble.ExtraTreesRegressor(**FEW), SIGNAL, "predict", "prediction", [""]),
    ],
    ids=["forest", "forest of three", "boosting", "histograms of three", "numbers"],
)
def test_values_add_up_to_what_the_model_says(inline: Runs, model: Any, targets: Any, method: str, space: str, outputs: list[str]) -> None:
    """Of every row that was kept, and they are what shap says; data, model and generators are as they were."""
    rows, before = ROWS.copy(), random.getstate()
    np.random.seed(7)
    model.fit(rows, targets)
    drawn = np.random.random()
    np.random.seed(7)

    (run,) = inline()
    found = run.explanation()
    said = getattr(model, method)(ROWS).reshape(len(ROWS), -1)[:, -len(outputs) :]
    assert (found.explainer, found.space, found.outputs, found.features) == ("shap.TreeExplainer", space, outputs, ["a", "b", "c"])
    assert (found.values.shape, found.base.shape, found.of) == ((80, 3, len(outputs)), (len(outputs),), 80)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, said, rtol=1e-6, atol=1e-9)
    assert_equals_shap(model, ROWS, found)
    assert set(run.artifacts) & CHARTS == (CHARTS if len(outputs) == 1 else {"explanation_bar.png"})
    assert all(run.read_artifact(name).startswith(b"\x89PNG") for name in CHARTS & set(run.artifacts))
    assert (random.getstate(), drawn) == (before, np.random.random())
    pd.testing.assert_frame_equal(rows, ROWS)


def test_a_table_has_a_row_for_each_value(inline: Runs) -> None:
    """With the row's place in the sample and what the feature was there."""
    ensemble.RandomForestClassifier(**FEW).fit(ROWS[:30], THREE[:30])

    (run,) = inline()
    found = run.explanation()
    table = found.to_pandas()
    assert list(table) == ["row", "output", "feature", "value", "feature_value", "base"]
    assert (len(table), found.to_arrow().num_rows) == (270, 270)
    row, output, feature = 17, "1", "b"
    one = table[(table.row == row) & (table.output == output) & (table.feature == feature)].to_dict("records")
    assert one == [
        {
            "row": row,
            "output": output,
            "feature": feature,
            "value": found.values[row, 1, 1],
            "feature_value": ROWS["b"][row],
            "base": found.base[1],
        }
    ]
    assert repr(found) == "<Explanation of 30 of 30 rows, 3 features: probability by shap.TreeExplainer>"


def test_of_many_rows_a_sample_is_explained(inline: Runs) -> None:
    """In a pipeline, of the rows as they come to the forest."""
    rows = np.random.default_rng(1).normal(size=(2_000, 3))
    model = make_pipeline(StandardScaler(), ensemble.RandomForestRegressor(**FEW)).fit(rows, rows[:, 0] * 3)
    sampled = rows[np.sort(np.random.default_rng(0).choice(2_000, 500, replace=False))]

    (run,) = inline()
    found = run.explanation()
    places = found.to_pandas()["row"].unique()
    assert (found.of, (np.diff(places) > 0).all(), len(places) <= 500) == (2_000, True, True)
    np.testing.assert_allclose((found.values.sum(axis=1) + found.base)[:, 0], model.predict(sampled[places]), rtol=1e-6)
    assert_equals_shap(model[-1], model[:-1].transform(sampled[places]), found)
    assert run.importance().kinds == ["impurity", "permutation"]


def test_what_shap_cannot_do_is_said(inline: Runs) -> None:
    """In the job; nothing of it is kept."""
    ensemble.GradientBoostingClassifier(**FEW).fit(ROWS, THREE)
    ensemble.AdaBoostRegressor(n_estimators=2).fit(ROWS, SIGNAL)

    boosted, voting = (run.jobs["explanation"] for run in inline())
    assert (str(boosted.state), str(voting.state)) == ("skipped", "skipped")
    assert boosted.why.startswith("shap.TreeExplainer has no GradientBoostingClassifier of 3 classes.")
    assert voting.why.startswith("shap.TreeExplainer has no AdaBoostRegressor.")
    assert not any({"explanation.parquet", *CHARTS} & set(run.artifacts) for run in inline())


def test_few_rows_have_no_dots(inline: Runs) -> None:
    """The bars are there."""
    ensemble.RandomForestRegressor(**FEW).fit(ROWS[:19], SIGNAL[:19])

    (run,) = inline()
    assert CHARTS & set(run.artifacts) == {"explanation_bar.png"}


def test_without_explanations_neither_rows_nor_jobs_are_left(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the option of `autolog()`."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    runlake.autolog("sklearn", log_explanations=False)
    ensemble.RandomForestRegressor(**FEW).fit(ROWS, SIGNAL)

    (run,) = runs()
    assert not {"explanation", "importance"} & set(run.jobs)
    assert not {"sample.parquet", "importance.parquet", "importance.png", "explanation.parquet", *CHARTS} & set(run.artifacts)


FOREST = """
import numpy as np, runlake
from sklearn.ensemble import RandomForestRegressor
runlake.autolog("sklearn")
rows = np.random.default_rng(0).normal(size=(40, 3))
model = RandomForestRegressor(n_estimators=3, random_state=0).fit(rows, rows[:, 0])
print(model.predict(rows).sum())
"""


def test_a_plugin_that_is_off_explains_nothing(store: Path) -> None:
    """The job says that none does; the importance is there."""
    done = run_program(FOREST, store, RUNLAKE_DISABLE="shap", RUNLAKE_JOBS="inline")

    assert done.stderr == ""
    (run,) = runlake.read.open_store(store).runs()
    job = run.jobs["explanation"]
    assert (job.state, job.why) == (JobState.SKIPPED, "no installed plugin explains sklearn.ensemble._forest.RandomForestRegressor")
    assert run.jobs["importance"].state == JobState.DONE


def test_jobs_whose_process_is_killed_leave_the_fit_as_it_was(store: Path, tmp_path: Path) -> None:
    """The reason is in the run."""
    settings = {"XDG_RUNTIME_DIR": str(tmp_path), "RUNLAKE_EXIT_WAIT": "0", "PYTHONPATH": str(_killing(tmp_path))}
    done = run_program(FOREST, store, **settings, RUNLAKE_JOBS="detached")
    (run,) = runlake.read.open_store(store).runs()
    assert (done.returncode, done.stderr) == (0, "")

    start_jobs(store, settings, "--finish", run.info.run_id).communicate(timeout=90)
    until(lambda: not jobs_of(store, run.info.run_id)["explanation"].is_open, 60)

    job = jobs_of(store, run.info.run_id)["explanation"]
    now = runlake.read.open_store(store).run(run.info.run_id)
    assert (job.state, job.attempts) == (JobState.GIVEN_UP, 2)
    # Who gives it up is the process that began the one which was killed, or, where this is slow, another that finds nobody at it.
    assert job.why in ("its process was killed by SIGKILL", "each process that began it is gone without an outcome")
    assert (now.info.status, "explanation.parquet" in now.artifacts) == ("FINISHED", False)
    with pytest.raises(runlake.errors.UnknownArtifact, match=f"the job is given up: {job.why}"):
        now.explanation()


def _killing(folder: Path) -> Path:
    """A folder whose `shap` kills the process that imports it."""
    home = folder / "killing"
    home.mkdir()
    (home / "shap.py").write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGKILL)})\n")
    return home


assert os.name == "posix", "the last test kills by a signal"
