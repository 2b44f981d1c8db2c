"""What a registered model is made of stays, whatever becomes of the run that it came from, and goes once nothing is made of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import runlake
from runlake.recording import recorders
from runlake.store.gc.doomed import Asked
from runlake.store.gc.unreferenced import GRACE_SECONDS
from runlake.store.gc.whole import collect
from runlake.store.layout import Layout

ROWS = np.random.default_rng(0).normal(size=(30, 2))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is explained, and only this test publishes."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


def age(layout: Layout) -> None:
    """Make every content look as if nobody had kept it for a week."""
    then = time.time() - GRACE_SECONDS - 60
    for path in [*layout.blobs.rglob("*"), *layout.packs()]:
        os.utime(path, (then, then))


def test_a_version_outlives_its_run_and_not_its_deletion(store: Path) -> None:
    """Collecting takes the run, later the contents."""
    layout, client = Layout(store), runlake.RunlakeClient()
    with runlake.start_run() as run:
        runlake.sklearn.log_model(LogisticRegression().fit(ROWS, ROWS[:, 0] > 0), registered_model_name="churn")
    before = runlake.pyfunc.load_model("models:/churn/1").predict(ROWS)
    client.delete_run(run.info.run_id)
    recorders.stop_all()
    age(layout)

    gone = collect(layout, Asked(before_ms=time.time_ns() // 1_000_000 + 1000))

    assert [each.run_id for each in gone.runs] == [run.info.run_id]
    assert (runlake.pyfunc.load_model("models:/churn/1").predict(ROWS) == before).all()
    assert client.get_model_version("churn", 1).run_id == run.info.run_id

    client.delete_model_version("churn", 1)
    age(layout)
    collect(layout, Asked(before_ms=0))

    assert [path for path in layout.blobs.rglob("*") if path.is_file()] == []


def test_registering_makes_the_contents_young(store: Path) -> None:
    """Whoever collects at that moment leaves them alone."""
    layout = Layout(store)
    with runlake.start_run():
        info = runlake.sklearn.log_model(LogisticRegression().fit(ROWS, ROWS[:, 0] > 0))
    age(layout)

    runlake.register_model(info.model_uri, "churn")

    assert {time.time() - path.stat().st_mtime < 3600 for path in [*layout.packs(), *layout.blobs.rglob("*")] if path.is_file()} == {True}


def test_files_that_are_gone_are_an_error_that_says_so(store: Path) -> None:
    """Never a model that is half there."""
    layout = Layout(store)
    with runlake.start_run():
        runlake.sklearn.log_model(LogisticRegression().fit(ROWS, ROWS[:, 0] > 0), registered_model_name="churn")
    for path in [*layout.packs(), *(path for path in layout.blobs.rglob("*") if path.is_file())]:
        path.unlink()

    with pytest.raises(runlake.InvalidModel, match="models:/churn/1 are not all there"):
        runlake.pyfunc.load_model("models:/churn/1")
