"""What a model learned: importance, SHAP values, and the tables that its metrics came with, as numbers that a page can draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import runlake
from runlake.read import Explanation, Run, is_of_validation
from runlake_ui.answers import Problem, frame
from runlake_ui.asks import TEXT, Asks
from runlake_ui.run.opened import Parts, about_run, content
from runlake_ui.run.tables import columns_of, table_of

__all__ = ["ASKS", "ROUTES", "explains"]

IMPORTANCE, SHAP = "importance.parquet", "explanation.parquet"
MOST_BARS = 50
MOST_FEATURES = 30
MOST_ROWS = 2000
MOST_CLASSES = 100
MOST_CURVES = 50
MOST_ON_A_CURVE = 500
MOST_DOTS = 5000
MOST_BYTES = 64 << 20

_TABLES = ("confusion_matrix", "roc_curve", "precision_recall_curve", "calibration_curve", "residuals")
_JOBS = ("importance", "explanation", "figures")


def explains(artifacts: Sequence[str], jobs: Mapping[str, Any]) -> bool:
    """Whether there is something to explain, or will be."""
    is_there = IMPORTANCE in artifacts or SHAP in artifacts or any(_named(artifacts, kind) for kind in _TABLES)
    return is_there or any(name in jobs and jobs[name].is_open for name in _JOBS)


def explain(request: Request, run: Run) -> dict[str, Any]:
    """All of it; what is not there is empty or null."""
    parts, names = Parts(), list(run.artifacts)

    def of(kind: str, tell: Callable[[Run, str], Any], otherwise: Any) -> Any:
        name = _named(names, kind)
        return parts.told(kind.replace("_", " "), lambda: tell(run, name), otherwise) if name else otherwise

    return {
        "importance": parts.told("importance", lambda: _importance(run), []) if IMPORTANCE in names else [],
        "shap": parts.told("SHAP values", lambda: _shap(run), None) if SHAP in names else None,
        "confusion": of("confusion_matrix", _confusion, None),
        "roc": of("roc_curve", _roc, []),
        "pr": of("precision_recall_curve", _precision_recall, []),
        "calibration": of("calibration_curve", _calibration, []),
        "residuals": of("residuals", _residuals, None),
        "pending": parts.told("jobs", lambda: _pending(run), []),
        "problems": parts.problems,
    }


def _named(artifacts: Sequence[str], kind: str) -> str:
    """The table of this kind: of several that of validation data, else the first; "" where there is none."""
    found = [name for name in artifacts if name.endswith(f"{kind}.parquet")]
    return min(found, key=lambda name: (not is_of_validation(name), name.count("/"), name), default="")


def _importance(run: Run) -> list[dict[str, Any]]:
    wanted = ("feature", "output", "kind", "value", "std")
    columns = columns_of(run, IMPORTANCE, wanted)
    kinds: dict[str, dict[str, list[tuple[float, float | None]]]] = {}
    for feature, _, kind, value, std in zip(*(columns[name] for name in wanted), strict=True):
        kinds.setdefault(str(kind), {}).setdefault(str(feature), []).append((float(value), None if std is None else float(std)))
    return [{"kind": kind, "rows": _bars(features), "n": len(features)} for kind, features in kinds.items()]


def _bars(features: Mapping[str, Sequence[tuple[float, float | None]]]) -> list[dict[str, Any]]:
    """Of several outputs the sizes together; of one the value with its sign."""
    rows: list[dict[str, Any]] = [
        {
            "feature": name,
            "value": found[0][0] if len(found) == 1 else sum(abs(value) for value, _ in found),
            "std": found[0][1] if len(found) == 1 else None,
        }
        for name, found in features.items()
    ]
    rows.sort(key=lambda row: -abs(row["value"]) if row["value"] == row["value"] else math.inf)
    return rows[:MOST_BARS]


def _explanation(run: Run) -> Explanation:
    _ = table_of(run, SHAP)  # which holds it to what may be read
    return Explanation(content(run, SHAP))


def _shap(run: Run) -> dict[str, Any]:
    found = _explanation(run)
    values = found.values
    return {
        "outputs": [str(each) for each in found.outputs],
        "space": str(found.space),
        "explainer": str(found.explainer),
        "n_rows": len(values),
        "of": found.of if isinstance(found.of, int) else None,
        "features": [_name(found, place) for place in _most_telling(values)],
        "base": [float(each) for each in found.base],
    }


def _name(found: Explanation, place: int) -> str:
    return str(found.features[place])


def _most_telling(values: np.ndarray) -> list[int]:
    """The places of the features by the mean size of their values."""
    sizes = np.nan_to_num(np.abs(values)).mean(axis=0).sum(axis=1) if len(values) else np.zeros(values.shape[1])
    places: list[int] = np.argsort(-sizes, kind="stable")[:MOST_FEATURES].tolist()
    return places


def values(request: Request, run: Run) -> Response:
    """The SHAP values of one output: a row for each row of the sample and each of the features that tell most."""
    if SHAP not in run.artifacts:
        raise Problem(404, f"The run {run.info.run_name!r} has no explanation.")
    found = _explanation(run)
    outputs = [str(each) for each in found.outputs]
    wanted = request.query_params.get("output") or outputs[0]
    if wanted not in outputs:
        raise Problem(422, f"There is no output {wanted[:100]!r}; there are {', '.join(outputs[:20])}.")
    output = outputs.index(wanted)
    everything = found.values
    features = _most_telling(everything)
    shape = everything.shape[0], len(outputs), everything.shape[1]
    given = np.asarray(found.to_arrow()["feature_value"], float).reshape(shape)[:, output, :]
    rows = _spread(everything.shape[0], MOST_ROWS)
    shown = everything[:, :, output][np.ix_(rows, np.array(features))]
    table = pa.table(
        {
            "row": pa.array(np.repeat(rows, len(features)).astype(np.int32)),
            "feature": pa.array(np.tile(np.arange(len(features), dtype=np.int32), len(rows))),
            "value": pa.array(shown.reshape(-1)),
            "feature_value": pa.array(given[np.ix_(rows, np.array(features))].reshape(-1)),
        }
    )
    meta = {"features": [_name(found, place) for place in features], "output": wanted, "base": float(found.base[output]), "texts": {}}
    return frame(request, table, meta)


def _spread(n: int, most: int) -> np.ndarray:
    """So many places at most, from the first to the last."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)) if n else np.empty(0, np.int64)


def _confusion(run: Run, name: str) -> dict[str, Any]:
    columns = columns_of(run, name, ("actual", "predicted", "count"))
    n = math.isqrt(len(columns["count"]))
    if not n or n * n != len(columns["count"]) or n > MOST_CLASSES:
        raise runlake.InvalidValue(f"{name!r} is no matrix of at most {MOST_CLASSES} classes.")
    labels = [str(each) for each in columns["actual"][::n]]  # by their places: two may be called the same
    return {"labels": labels, "counts": [columns["count"][first : first + n] for first in range(0, n * n, n)], "path": name}


def _by_class(run: Run, name: str, wanted: Sequence[str]) -> list[tuple[str, list[np.ndarray]]]:
    columns = columns_of(run, name, ("class", *wanted))
    places: dict[str, list[int]] = {}
    for place, label in enumerate(columns["class"]):
        places.setdefault(str(label), []).append(place)
    numbers = [np.array([math.nan if each is None else each for each in columns[which]], float) for which in wanted]
    return [(label, [column[found] for column in numbers]) for label, found in list(places.items())[:MOST_CURVES]]


def _roc(run: Run, name: str) -> list[dict[str, Any]]:
    told = []
    for label, (across, up, thresholds) in _by_class(run, name, ("false_positive_rate", "true_positive_rate", "threshold")):
        shown = _spread(len(across), MOST_ON_A_CURVE)
        area = float(np.sum(np.diff(across) * (up[1:] + up[:-1]) / 2))
        told.append(
            {
                "label": label,
                "auc": area,
                "fpr": across[shown].tolist(),
                "tpr": up[shown].tolist(),
                "thresholds": thresholds[shown].tolist(),
                "path": name,
            }
        )
    return told


def _precision_recall(run: Run, name: str) -> list[dict[str, Any]]:
    told = []
    for label, (recall, precision, thresholds) in _by_class(run, name, ("recall", "precision", "threshold")):
        order = np.argsort(recall, kind="stable")
        area = float(np.sum(np.diff(recall[order]) * precision[order][1:]))
        shown = _spread(len(recall), MOST_ON_A_CURVE)
        told.append(
            {
                "label": label,
                "ap": area,
                "recall": recall[shown].tolist(),
                "precision": precision[shown].tolist(),
                "thresholds": thresholds[shown].tolist(),
                "path": name,
            }
        )
    return told


def _calibration(run: Run, name: str) -> list[dict[str, Any]]:
    wanted = ("predicted_probability", "share_of_the_class", "weight")
    return [
        {"label": label, "predicted": predicted.tolist(), "share": share.tolist(), "weight": weight.tolist(), "path": name}
        for label, (predicted, share, weight) in _by_class(run, name, wanted)
    ]


def _residuals(run: Run, name: str) -> dict[str, Any]:
    columns = columns_of(run, name, ("predicted", "actual"))
    shown = _spread(len(columns["actual"]), MOST_DOTS).tolist()
    picked = {which: [None if column[at] is None else float(column[at]) for at in shown] for which, column in columns.items()}
    return {**picked, "n": len(columns["actual"]), "path": name}


def _pending(run: Run) -> list[dict[str, str]]:
    """Of the jobs that explain, those that left nothing, or have not yet."""
    return [
        {"name": job.name, "state": str(job.state), "why": job.why}
        for name, job in run.jobs.items()
        if name in _JOBS and str(job.state) != "done"
    ]


ASKS = {values: Asks(query={"output": TEXT}, is_frame=True)}
ROUTES: Sequence[Route] = [
    Route("/runs/{run_id}/explain", about_run(explain), methods=["GET"]),
    Route("/runs/{run_id}/explain/values", about_run(values), methods=["GET"]),
]
