"""What a run is at a glance: who, when and how long, its metrics and params, and which sections there is something for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

import runlake
from runlake.read import Run, Store, direction, has_direction, quoted
from runlake_ui.rendering.markdown import markdown_html
from runlake_ui.run.explain import explains
from runlake_ui.run.lineage import n_inside, named_run, same_data
from runlake_ui.run.opened import Parts, about_run
from runlake_ui.run.verdict import verdict
from runlake_ui.served import served_by

__all__ = ["ENVIRONMENT", "NOTE", "ROUTES", "SYSTEM", "overview"]

NOTE = "mlflow.note.content"
SYSTEM = ("mlflow.", "runlake.")  # how tags begin that nobody set by hand
ENVIRONMENT, LOG, MANIFEST = "environment.json", "console.txt", "manifest.json"

_GIT = "mlflow.source.git."
_KINDS = {"str": "str", "object": "object", "int": "int", "float": "float", "bool": "bool", "none": "none", "literal": "literal"}


def overview(request: Request, run: Run) -> dict[str, Any]:
    """The head of the page."""
    served, parts = served_by(request), Parts()
    store, run_id, info = served.store, run.info.run_id, run.info
    state = store.state(run_id)
    tags, artifacts = state.tags, list(state.artifacts)
    metrics = parts.told("metrics", lambda: _metrics(store, run_id, tags), [])
    params = [
        {"key": key, "value": text, "kind": _KINDS.get(kind, "object"), "is_default": None}
        for key, (kind, text) in sorted(state.params.items())
    ]
    inside = parts.told("the runs inside", lambda: n_inside(store, run_id), 0)
    versions = parts.told("the registry", lambda: served.client.search_model_versions(f"run_id = {quoted(run_id)}", 1), [])
    judged = parts.told("the verdict", lambda: verdict(store, run, metrics, tags), None)
    note = tags.get(NOTE, "")
    return {
        "run_id": run_id,
        "name": info.run_name,
        "status": str(info.status),
        "silent_s": parts.told("the status", lambda: run.liveness.silent_seconds, 0.0) or None,
        "experiment": {
            "id": info.experiment_id,
            "name": parts.told("the experiment", lambda: _experiment(served.client, info.experiment_id), info.experiment_id),
        },
        "start_time": info.start_time,
        "end_time": info.end_time,
        "duration": _seconds(info.start_time, info.end_time, str(info.status)),
        "user": info.user_id or tags.get("mlflow.user") or None,
        "source": tags.get("mlflow.source.name") or None,
        "description": note,
        "description_html": parts.told("the description", lambda: markdown_html(note, f"/api/v1/raw/{run_id}") if note else "", ""),
        "tags": {key: text for key, text in sorted(tags.items()) if not key.startswith(SYSTEM)},
        "system_tags": {key: text for key, text in sorted(tags.items()) if key.startswith(SYSTEM)},
        "lifecycle": str(info.lifecycle_stage),
        "parent": named_run(store, info.parent_run_id) if info.parent_run_id else None,
        "n_inside": inside,
        "git": _git(tags),
        "library": tags.get("mlflow.autologging") or None,
        "metrics": metrics,
        "params": params,
        "n_artifacts": len(artifacts),
        "n_errors": len(state.errors),
        "jobs_open": sum(job.is_open for job in state.jobs.values()),
        "verdict": judged,
        "has": {
            "explain": explains(artifacts, state.jobs),
            "data": bool(state.inputs) or "signature.json" in artifacts,
            "models": any(name.rpartition("/")[2] == MANIFEST for name in artifacts),
            "system": any(each["key"].startswith("system/") for each in metrics),
            "environment": parts.told("the environment", lambda: any(ENVIRONMENT in each.artifacts for each in run.outward()), False),
            "log": LOG in artifacts,
            "captures": bool(state.captures or state.jobs or state.errors),
            "lineage": bool(info.parent_run_id or inside or versions or parts.told("the same data", lambda: same_data(store, run), [])),
        },
        "problems": parts.problems,
    }


def _metrics(store: Store, run_id: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    told = []
    for key, found in sorted(store.summaries(run_id).items()):
        goal = direction(key, tags)
        is_less = goal == "min"
        n_known = found.n - found.n_nan
        told.append(
            {
                "key": key,
                "n": found.n,
                "n_nan": found.n_nan,
                "first": found.first,
                "last": found.last,
                "min": found.min,
                "max": found.max,
                "mean": found.sum / n_known if n_known > 0 else None,
                "best": found.min if is_less else found.max,
                "best_step": found.min_step if is_less else found.max_step,
                "goal": goal if has_direction(key, tags) else None,
            }
        )
    return told


def _experiment(client: runlake.RunlakeClient, experiment_id: str) -> str:
    return str(client.get_experiment(experiment_id).name)


def _seconds(start_ms: int, end_ms: int | None, status: str) -> float | None:
    """How long it took, or has taken so far."""
    if end_ms is None and status != "RUNNING":
        return None
    return max(0, (time.time_ns() // 1_000_000 if end_ms is None else end_ms) - start_ms) / 1000


def _git(tags: Mapping[str, str]) -> dict[str, Any] | None:
    """The commit, and whether its files were changed; a file that git does not know is no change of it."""
    commit, changes = tags.get(f"{_GIT}commit"), tags.get("runlake.git.changes")
    if not commit:
        return None
    is_dirty = tags.get(f"{_GIT}dirty", "").lower() == "true" or (None if changes is None else " changed" in changes)
    return {"commit": commit, "branch": tags.get(f"{_GIT}branch") or None, "is_dirty": is_dirty, "changes": changes}


ROUTES: Sequence[Route] = [Route("/runs/{run_id}", about_run(overview), methods=["GET"])]
