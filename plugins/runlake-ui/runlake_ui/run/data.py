"""The data that a run used, what its model takes and gives, and an example of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from runlake.entities import DatasetInput, ModelSignature
from runlake.read import Run, models_in, open_artifact
from runlake_ui.run.models import signature_told
from runlake_ui.run.opened import Parts, about_run, content
from runlake_ui.run.tables import beginning_of

__all__ = ["ROUTES"]

CONTEXT = "mlflow.data.context"
SIGNATURE, SAMPLE = "signature.json", "sample.parquet"
MOST_BYTES = 8 << 20
MOST_COLUMNS = 2000
MOST_LETTERS = 8 << 20  # of what a data set says of itself
EXAMPLE_ROWS = 10
EXAMPLE_COLUMNS = 100


def data(request: Request, run: Run) -> dict[str, Any]:
    """All of that."""
    parts = Parts()
    used = parts.told("the data sets", lambda: run.inputs.dataset_inputs, [])
    models = parts.told("models", lambda: models_in(run), [])
    signature = parts.told("the signature", lambda: _signature(run), None)
    signature = signature or next((model.info.signature for model in models if model.info.signature), None)
    example = next((found for model in models if (found := parts.told("the example", partial(_example, model.example), None))), None)
    sets = [parts.told("a data set", partial(_data_set, each), None) for each in used]
    return {
        "datasets": [each for each in sets if each is not None],
        "signature": parts.told("the signature", lambda: signature_told(signature), None),
        "example": example or parts.told("the sample", lambda: _sample(run), None),
        "problems": parts.problems,
    }


def _data_set(used: DatasetInput) -> dict[str, Any]:
    found, schema, profile = used.dataset, _said(used.dataset.schema), _said(used.dataset.profile)
    columns, n_rows = schema.get("columns"), profile.get("num_rows")
    named = [each for each in columns if isinstance(each, dict)] if isinstance(columns, list) else []
    return {
        "name": found.name,
        "digest": found.digest,
        "context": next((tag.value for tag in used.tags if tag.key == CONTEXT), None),
        "source": found.source or None,
        "source_type": found.source_type,
        "rows": n_rows if isinstance(n_rows, int) and not isinstance(n_rows, bool) else None,
        "columns": len(columns) if isinstance(columns, list) else None,
        "schema": [{**each, "name": str(each.get("name")), "type": str(each.get("type"))} for each in named[:MOST_COLUMNS]],
        "profile": profile,
    }


def _said(text: str) -> dict[str, Any]:
    """What a data set says of itself: whatever somebody wrote there."""
    try:
        found = json.loads(text) if 0 < len(text) <= MOST_LETTERS else {}
        json.dumps(found)  # what is too deep for that cannot be answered
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _signature(run: Run) -> ModelSignature | None:
    return ModelSignature.from_dict(json.loads(content(run, SIGNATURE, MOST_BYTES))) if SIGNATURE in run.artifacts else None


def _example(example: Any) -> dict[str, Any] | None:
    """The first rows of an input example, where it is a table."""
    rows = example.get("data") if isinstance(example, dict) else example
    if not isinstance(rows, list) or not rows:
        return None
    shown = [each if isinstance(each, list) else [each] for each in rows[:EXAMPLE_ROWS]]
    n = min(max(map(len, shown)), EXAMPLE_COLUMNS)
    names = example.get("columns") if isinstance(example, dict) else None
    known = [str(name) for name in names] if isinstance(names, list) else []
    body = [[_value(value) for value in [*row[:n], *[None] * (n - len(row))]] for row in shown]
    return {"columns": [*known, *map(str, range(len(known), n))][:n], "rows": body, "of": "input example"}


def _sample(run: Run) -> dict[str, Any] | None:
    """The first rows that the model was trained on, where these were kept."""
    if SAMPLE not in run.artifacts:
        return None
    with open_artifact(run, SAMPLE) as file:
        found = beginning_of(file, EXAMPLE_ROWS, EXAMPLE_COLUMNS)
    return {"columns": list(found.names), "rows": [[_value(value) for value in row] for row in found.rows], "of": "training sample"}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else float(value) if abs(value) < 1 << 1000 else "a large number"
    return (value if isinstance(value, str) else repr(value))[:300]


ROUTES: Sequence[Route] = [Route("/runs/{run_id}/data", about_run(data), methods=["GET"])]
