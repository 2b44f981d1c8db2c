"""What a model learned, how it is asked, and how its training went, as numbers that the page draws."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runlake_ui.run.verdict import Curve, alarms_of

import runlake
from paging import ARROW, Asker, written
from written_runs import WrittenRun


def keeping(store: Path, **tables: dict[str, Any]) -> tuple[Asker, str]:
    """A server, and a run that keeps these tables."""
    client = runlake.RunlakeClient(str(store))
    run_id = client.create_run("0", run_name="known").info.run_id
    for name, columns in tables.items():
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        client.log_stream(run_id, io.BytesIO(sink.getvalue()), f"{name}.parquet")
    return Asker(store), run_id


def test_importance_and_the_tables_of_metrics_are_told_as_numbers(store: Path) -> None:
    """Each as it can be drawn, the most important first."""
    feature, kind = ["a", "b", "b", "c"], ["gain", "gain", "gain", "gain"]
    asker, run_id = keeping(
        store,
        importance={
            "feature": feature,
            "output": ["", "0", "1", ""],
            "kind": kind,
            "value": [1.0, 2.0, -3.0, -4.0],
            "std": [0.5, None, None, None],
        },
        training_confusion_matrix={"actual": list("aabb"), "predicted": list("abab"), "count": [3.0, 1.0, 0.0, 2.0]},
        training_roc_curve={
            "class": ["1"] * 3,
            "false_positive_rate": [0.0, 0.5, 1.0],
            "true_positive_rate": [0.0, 1.0, 1.0],
            "threshold": [np.inf, 0.5, 0.1],
        },
        training_precision_recall_curve={
            "class": ["1"] * 3,
            "recall": [0.0, 0.5, 1.0],
            "precision": [1.0, 1.0, 0.5],
            "threshold": [np.inf, 0.5, 0.1],
        },
        training_residuals={"actual": [1.0, 2.0], "predicted": [1.5, np.nan]},
    )

    assert asker.get(f"/runs/{run_id}/explain") == {
        "importance": [
            {
                "kind": "gain",
                "n": 3,
                "rows": [
                    {"feature": "b", "value": 5.0, "std": None},
                    {"feature": "c", "value": -4.0, "std": None},
                    {"feature": "a", "value": 1.0, "std": 0.5},
                ],
            }
        ],
        "shap": None,
        "confusion": {"labels": ["a", "b"], "counts": [[3.0, 1.0], [0.0, 2.0]], "path": "training_confusion_matrix.parquet"},
        "roc": [
            {
                "label": "1",
                "auc": 0.75,
                "fpr": [0.0, 0.5, 1.0],
                "tpr": [0.0, 1.0, 1.0],
                "thresholds": ["Infinity", 0.5, 0.1],
                "path": "training_roc_curve.parquet",
            }
        ],
        "pr": [
            {
                "label": "1",
                "ap": 0.75,
                "recall": [0.0, 0.5, 1.0],
                "precision": [1.0, 1.0, 0.5],
                "thresholds": ["Infinity", 0.5, 0.1],
                "path": "training_precision_recall_curve.parquet",
            }
        ],
        "calibration": [],
        "pending": [],
        "problems": [],
        "residuals": {"predicted": [1.5, "NaN"], "actual": [1.0, 2.0], "n": 2, "path": "training_residuals.parquet"},
    }


def test_a_table_that_is_broken_takes_no_other_with_it(store: Path) -> None:
    """It is said which, and why."""
    asker, run_id = keeping(
        store,
        importance={"feature": ["a"]},
        training_confusion_matrix={"actual": ["a"] * 3, "predicted": ["a"] * 3, "count": [1.0] * 3},
        training_residuals={"actual": [1.0], "predicted": [1.0]},
        explanation={"row": [1]},
    )

    found = asker.get(f"/runs/{run_id}/explain")

    assert (found["importance"], found["shap"], found["confusion"]) == ([], None, None)
    assert found["residuals"]["actual"] == [1.0]
    assert [each.partition(":")[0] for each in found["problems"]] == ["importance", "SHAP values", "confusion matrix"]


def test_a_trained_model_is_explained_told_of_and_registered(store: Path) -> None:
    """From the training to a version, all by the page."""
    linear = pytest.importorskip("sklearn.linear_model")
    dice = np.random.default_rng(0)
    rows = dice.normal(size=(40, 3))
    with runlake.autolog():
        linear.LogisticRegression().fit(rows, rows[:, 1] > 0)
    runlake.flush()
    asker = Asker(store)
    (run_id,) = asker.post("/runs/query")["columns"]["run_id"]

    assert {each["state"] for each in asker.post(f"/runs/{run_id}/jobs")["jobs"]} <= {"done", "skipped"}
    found = asker.get(f"/runs/{run_id}/explain")
    assert (found["shap"]["n_rows"], found["shap"]["features"][0], found["problems"]) == (
        40,
        found["importance"][0]["rows"][0]["feature"],
        [],
    )
    assert sum(map(sum, found["confusion"]["counts"])) == 40

    values = asker.get(f"/runs/{run_id}/explain/values")
    assert (values["n"], len(values["features"]), values["output"]) == (120, 3, found["shap"]["outputs"][0])
    answer = asker.ask("GET", f"/api/v1/runs/{run_id}/explain/values", headers={"accept": ARROW})
    with pa.ipc.open_stream(answer.content) as stream:
        assert [str(field.type) for field in stream.schema] == ["int32", "int32", "double", "double"]
    assert asker.ask("GET", f"/api/v1/runs/{run_id}/explain/values?output=none").status_code == 422

    (model,) = asker.get(f"/runs/{run_id}/models")["models"]
    assert (model["path"], model["signature"]["inputs"][0]["shape"], model["versions"]) == ("model", [-1, 3], [])
    assert f"load_model('runs:/{run_id}/model')" in model["load"]
    assert "predict(" in model["predict"]
    assert asker.post(f"/runs/{run_id}/register", {"path": "none", "name": "m"})["status"] == 422
    assert asker.post(f"/runs/{run_id}/register", {"path": "model", "name": "m"}) == {"name": "m", "version": 1}
    versions = [{"name": "m", "version": 1, "aliases": [], "stage": "None"}]
    assert asker.get(f"/runs/{run_id}/models")["models"][0]["versions"] == asker.get(f"/runs/{run_id}/lineage")["versions"] == versions

    data = asker.get(f"/runs/{run_id}/data")
    assert (data["datasets"][0]["rows"], len(data["example"]["rows"]), data["problems"]) == (40, 10, [])
    assert asker.get(f"/runs/{run_id}/captures")["captures"]
    assert asker.get(f"/runs/{run_id}")["has"]["models"] is True


def curve(key: str, values: Any, goal: str = "min") -> Curve:
    """A point for each step."""
    found = np.asarray(values, float)
    return Curve(key, goal, np.arange(len(found), dtype=float), found)


UP_AND_AWAY = [*np.linspace(1, 0.2, 20), *np.linspace(0.2, 0.6, 20)]
LEARNS = list(np.linspace(1, 0.01, 40))
SHAPES = {
    "learns": (LEARNS, LEARNS, []),
    "overfits": (UP_AND_AWAY, LEARNS, ["overfitting"]),
    "is noisy": ([*LEARNS[:39], 0.02], LEARNS, []),
    "turns with training": (UP_AND_AWAY, UP_AND_AWAY, ["plateau"]),
    "diverges": ([*np.linspace(1, 0.5, 20), *np.linspace(0.5, 9, 20)], LEARNS, ["diverged"]),
    "stands still": ([*np.linspace(1, 0.1, 10), *[0.1] * 40], [*LEARNS, *[0.01] * 10], ["plateau"]),
    "has few points": (UP_AND_AWAY[::8], LEARNS[::8], []),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("goal", ["min", "max"])
def test_alarms_are_what_the_curves_show(shape: str, goal: str) -> None:
    """And nothing where they show little."""
    validation, training, kinds = SHAPES[shape]
    sign = 1 if goal == "min" else -1
    curves = [curve("val_x", sign * np.array(validation), goal)]
    partners = {"val_x": curve("train_x", sign * np.array(training), goal)}

    assert [each["kind"] for each in alarms_of(curves, partners, "val_x")] == kinds


def test_the_verdict_has_the_gap_and_the_alarms_of_a_run(tmp_path: Path) -> None:
    """NaN is one of them."""
    metrics = {"val_loss": UP_AND_AWAY, "train_loss": LEARNS, "val_acc": [0.5, float("nan")]}
    asker = Asker(written(tmp_path / "lake", WrittenRun("r", metrics=metrics, tags={"runlake.goal.val_loss": "min"})))

    found = asker.get("/runs/r")["verdict"]

    assert (found["key"], found["rank"], found["best"]) == ("val_loss", None, None)
    training = LEARNS[found_at := UP_AND_AWAY.index(min(UP_AND_AWAY))]
    assert found["gap"] == {"train": training, "validation": UP_AND_AWAY[found_at], "value": UP_AND_AWAY[found_at] - training}
    assert [each["kind"] for each in found["alarms"]] == ["nan", "overfitting"]
    assert found["alarms"][0]["text"] == "val_acc is NaN in 1 of its 2 points."
