"""The experiments: which there are, and what is done to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runlake.read import Query, ViewType
from runlake_ui.answers import Problem, body_of, plain
from runlake_ui.asks import TEXT, TRUTH, Asks
from runlake_ui.columns import coded
from runlake_ui.served import Served, served_by

__all__ = ["ASKS", "ROUTES"]

NOTE = "mlflow.note.content"


def experiments(request: Request) -> Response:
    """The experiments, with how many runs each has, and when its newest one started or ended."""
    served, is_deleted = served_by(request), request.query_params.get("deleted") == "true"
    view = ViewType.DELETED_ONLY if is_deleted else ViewType.ACTIVE_ONLY
    if served.opened is None:
        return plain({"experiments": []})
    counted = served.kept("runs by experiment", lambda: _counted(served))
    listed = [_described(each, counted.get(each.experiment_id)) for each in served.client.search_experiments(view_type=view)]
    return plain({"experiments": listed})


async def make(request: Request) -> Response:
    """Make an experiment."""
    asked, served = await body_of(request), served_by(request)
    name, tags = _text(asked, "name"), _tags(asked)
    if name is None:
        raise Problem(422, "An experiment needs a name.")
    if (note := _text(asked, "description")) is not None:
        tags[NOTE] = note

    def done() -> str:
        made: str = served.client.create_experiment(name, tags={key: text for key, text in tags.items() if text is not None})
        served.refresh()
        return made

    return plain({"id": await run_in_threadpool(done)}, 201)


async def change(request: Request) -> Response:
    """Rename an experiment, describe it, or change its tags; a tag that is null is taken back."""
    asked, served, shelf = await body_of(request), served_by(request), request.path_params["id"]
    name, tags, note = _text(asked, "name"), _tags(asked), _text(asked, "description")
    if note is not None:
        tags[NOTE] = note

    def done() -> Response:
        there = served.client.get_experiment(shelf)
        if name is not None and name != there.name:
            served.client.rename_experiment(shelf, name)
        for key, text in tags.items():
            if text is not None:
                served.client.set_experiment_tag(shelf, key, text)
            elif key in there.tags:
                served.client.delete_experiment_tag(shelf, key)
        served.refresh()
        return plain(_described(served.client.get_experiment(shelf), _counted(served).get(shelf)))

    return await run_in_threadpool(done)


def delete(request: Request) -> Response:
    """Put an experiment away with its runs."""
    served = served_by(request)
    served.client.delete_experiment(request.path_params["id"])
    served.refresh()
    return plain({})


def restore(request: Request) -> Response:
    """Take a deleted experiment back."""
    served = served_by(request)
    served.client.restore_experiment(request.path_params["id"])
    served.refresh()
    return plain({})


def _counted(served: Served) -> dict[str, dict[str, Any]]:
    """Of each experiment that has runs: how many, how many running, and when something happened last."""
    found = served.store.search(Query())
    codes, shelves = coded(found, "experiment_id")
    statuses, words = coded(found, "status")
    is_running = np.isin(statuses, [place for place, word in enumerate(words.to_pylist()) if word == "RUNNING"])
    times = np.zeros(len(codes), np.float64)
    for name in ("start_time", "end_time"):
        values, known = found.numbers(name) or (times, times > 0)
        times = np.maximum(times, np.where(known, values, 0))
    last = np.zeros(len(shelves))
    np.maximum.at(last, codes, times)
    runs, running = (np.bincount(each, minlength=len(shelves)).tolist() for each in (codes, codes[is_running]))
    rows = zip(shelves.to_pylist(), runs, running, last.tolist(), strict=True)
    return {shelf: {"n_runs": n, "n_running": of_them, "last_change": int(ms) or None} for shelf, n, of_them, ms in rows}


def _described(shelf: Any, counted: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "id": shelf.experiment_id,
        "name": shelf.name,
        "description": shelf.tags.get(NOTE),
        "tags": {key: text for key, text in shelf.tags.items() if key != NOTE},
        **(counted or {"n_runs": 0, "n_running": 0, "last_change": shelf.last_update_time}),
        "created": shelf.creation_time,
        "lifecycle": str(shelf.lifecycle_stage),
    }


def _text(asked: Mapping[str, Any], name: str) -> str | None:
    found = asked.get(name)
    if found is None or isinstance(found, str):
        return found
    raise Problem(422, f"{name!r} is a text, not {found!r:.80}.")


def _tags(asked: Mapping[str, Any]) -> dict[str, str | None]:
    found = asked.get("tags") or {}
    if isinstance(found, dict) and all(isinstance(text, (str, type(None))) for text in found.values()):
        return dict(found)
    raise Problem(422, "Tags are texts by their keys, or null for one that is taken back.")


_TAGS = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
_SAID = {"name": TEXT, "description": TEXT, "tags": _TAGS}
ASKS = {experiments: Asks(query={"deleted": TRUTH}), make: Asks(body=_SAID, required=("name",)), change: Asks(body=_SAID)}
ROUTES = [
    Route("/experiments", experiments),
    Route("/experiments", make, methods=["POST"]),
    Route("/experiments/{id}", change, methods=["PATCH"]),
    Route("/experiments/{id}", delete, methods=["DELETE"]),
    Route("/experiments/{id}/restore", restore, methods=["POST"]),
]
