"""`partial_fit`: all calls of one estimator are one training, and its model is the one that there is when that ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

import runlake
from children import run_program

Runs = Callable[[], list[runlake.read.Run]]

X, Y = load_iris(return_X_y=True)


def train(estimator: SGDClassifier | GaussianNB, batches: int = 3) -> None:
    """In so many batches."""
    for start in range(batches):
        estimator.partial_fit(X[start::batches], Y[start::batches], classes=[0, 1, 2])


def test_batches_of_one_estimator_are_one_training(runs: Runs) -> None:
    """Two estimators in turn are two."""
    runlake.autolog("sklearn")
    one, other = SGDClassifier(random_state=0), GaussianNB()
    for start in range(3):
        one.partial_fit(X[start::3], Y[start::3], classes=[0, 1, 2])
        other.partial_fit(X[start::3], Y[start::3], classes=[0, 1, 2])
    runlake.disable_autolog()

    assert [(run.info.run_name, run.info.status) for run in runs()] == [("SGDClassifier", "FINISHED"), ("GaussianNB", "FINISHED")]
    assert [run.metrics["samples_seen"].to_numpy().tolist() for run in runs()] == [[50, 100, 150], [50, 100, 150]]


@pytest.mark.parametrize("is_users", [True, False], ids=["the user's run", "a run of its own"])
def test_the_model_is_kept_as_it_is_at_the_end(runs: Runs, is_users: bool) -> None:
    """With the signature of the first batch, which is all that is said of the data."""
    runlake.autolog("sklearn")
    model = SGDClassifier(random_state=0)
    if is_users:
        with runlake.start_run():
            train(model)
    else:
        train(model)
    runlake.disable_autolog()

    (run,) = runs()
    again = runlake.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert again.t_ == model.t_ == 151
    assert np.array_equal(again.coef_, model.coef_)
    assert run.signature is not None
    assert run.signature.inputs is not None
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["first batch"]
    assert "training_score" not in run.metrics


def test_a_model_that_is_gone_by_then_is_said_to_be(runs: Runs) -> None:
    """It is not held for the run's sake."""
    runlake.autolog("sklearn")
    model = GaussianNB()
    train(model)
    del model
    runlake.disable_autolog()

    (run,) = runs()
    assert (run.info.status, run.tags["runlake.skipped.model"]) == ("FINISHED", "it was gone when its training ended")
    assert "model/estimator.json" not in run.artifacts


def test_the_end_of_the_program_is_the_end_of_the_training(tmp_path: Path) -> None:
    """Whatever it trained by batches is there then."""
    code = """
    import runlake
    from sklearn.naive_bayes import GaussianNB
    runlake.autolog()
    model = GaussianNB()
    for _ in range(2):
        model.partial_fit([[1.0], [2.0]], [0, 1], classes=[0, 1])
    """
    done = run_program(code, tmp_path / "lake", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1")

    assert (done.returncode, done.stderr) == (0, "")
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert run.info.status == "FINISHED"
    assert {"model/estimator.json", "model/buffers.bin.zst", "signature.json"} <= set(run.artifacts)
