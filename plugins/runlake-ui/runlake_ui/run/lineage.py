"""Where a run belongs: what it is inside of, what is inside it, the versions that came of it, and who used the same data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from starlette.requests import Request
from starlette.routing import Route

import runlake
from runlake.read import Query, Run, Store, family, quoted
from runlake_ui.primary import primary_of
from runlake_ui.run.opened import Parts, about_run
from runlake_ui.served import served_by

__all__ = ["ROUTES", "n_inside", "named_run", "same_data"]

MOST_INSIDE = 100
MOST_SAME = 20
MOST_DEEP = 32
MOST_DATA = 20


def named_run(store: Store, run_id: str) -> dict[str, str]:
    """A run by its id and name; of one that is not there any more the id."""
    try:
        return {"run_id": run_id, "name": store.run(run_id).info.run_name}
    except runlake.UnknownRun:
        return {"run_id": run_id, "name": run_id}


def n_inside(store: Store, run_id: str) -> int:
    """How many runs are inside it, and inside those."""
    return int(family(store).n_inside(pa.array([run_id]))[0])


def same_data(store: Store, run: Run) -> list[dict[str, str]]:
    """Other runs that used data of the same digest, the newest first."""
    digests = list(dict.fromkeys(used.dataset.digest for used in run.inputs.dataset_inputs if used.dataset.digest))[:MOST_DATA]
    told: dict[str, dict[str, str]] = {}
    for digest in digests:
        query = Query(f"dataset.digest = {quoted(digest)}", ["start_time DESC"], max_results=MOST_SAME + 1)
        found = store.search(query).table(["run_id", "run_name"])
        for run_id, name in zip(found["run_id"].to_pylist(), found["run_name"].to_pylist(), strict=True):
            if run_id != run.info.run_id:
                told.setdefault(run_id, {"run_id": run_id, "name": name, "digest": digest})
    return list(told.values())[:MOST_SAME]


def lineage(request: Request, run: Run) -> dict[str, Any]:
    """All of that."""
    served, parts = served_by(request), Parts()
    store, run_id = served.store, run.info.run_id
    return {
        "ancestors": parts.told("what it is inside of", lambda: _ancestors(run), []),
        "inside": parts.told("the runs inside", lambda: _inside(store, run_id), []),
        "n_inside": parts.told("the runs inside", lambda: n_inside(store, run_id), 0),
        "versions": parts.told("the registry", lambda: _versions(served.client, run_id), []),
        "same_data": parts.told("the same data", lambda: same_data(store, run), []),
        "problems": parts.problems,
    }


def _ancestors(run: Run) -> list[dict[str, str]]:
    """The outermost first."""
    outer = list(run.outward())[1:][:MOST_DEEP]
    return [{"run_id": each.info.run_id, "name": each.info.run_name, "status": str(each.info.status)} for each in reversed(outer)]


def _inside(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Those directly inside it, as they began, with the metric that they are best compared by."""
    found = store.search(Query(f"parent_run_id = {quoted(run_id)}", ["start_time"], max_results=MOST_INSIDE))
    primary = primary_of(found)
    columns = ["run_id", "run_name", "status", *([primary.name] if primary else [])]
    rows = found.table(columns).to_pylist() if len(found) else []
    return [
        {
            "run_id": row["run_id"],
            "name": row["run_name"],
            "status": row["status"],
            "metric": {"key": primary.key, "value": row[primary.name], "goal": primary.goal} if primary else None,
        }
        for row in rows
    ]


def _versions(client: runlake.RunlakeClient, run_id: str) -> list[dict[str, Any]]:
    found = client.search_model_versions(f"run_id = {quoted(run_id)}")
    return [
        {"name": each.name, "version": int(each.version), "aliases": list(each.aliases), "stage": str(each.current_stage)} for each in found
    ]


ROUTES: Sequence[Route] = [Route("/runs/{run_id}/lineage", about_run(lineage), methods=["GET"])]
