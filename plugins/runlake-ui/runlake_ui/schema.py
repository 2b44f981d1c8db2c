"""Which columns there can be: metrics, params, tags and attributes, how many runs have each, and what is worth looking at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runlake.read import GOAL_TAG, Found, Query, Scope, by_weight, direction, has_direction, shown_name, stored_name, telling_params
from runlake_ui.answers import plain
from runlake_ui.asked import among, number_of, view_of
from runlake_ui.asks import NUMBER, SIDES, TEXT, Asks
from runlake_ui.columns import coded
from runlake_ui.primary import SYSTEM, first_of
from runlake_ui.served import Served, served_by

__all__ = ["ASKS", "ROUTES", "kind_of", "look_ahead"]

SAMPLE = 1000  # runs that tell which params tell them apart
MOST_KEYS = 5000
MOST_AHEAD = 2_000  # as many as the page asks for

_ATTRIBUTES = {
    "run_name": "text",
    "status": "text",
    "start_time": "time",
    "end_time": "time",
    "duration": "number",
    "user": "text",
    "experiment_id": "text",
    "parent_run_id": "text",
    "run_id": "text",
}


def schema(request: Request) -> Response:
    """The columns that there can be, that first which runs are compared by."""
    served, asked = served_by(request), request.query_params
    if served.opened is None:
        return plain({"keys": [], "total_keys": 0, "n_runs": 0, "primary": None, "telling": []})
    known = known_of(served, Query(asked.get("filter", ""), (), among(request), view_of(request)))
    limit, wanted = number_of(request, "limit", 500, MOST_KEYS), asked.get("q", "").lower().split()
    names = [name for name in known.names if all(word in name[1].lower() for word in wanted)]
    return plain(
        {
            "keys": [known.described(*name) for name in names[:limit]],
            "total_keys": len(names),
            "n_runs": len(known.found),
            "primary": known.primary,
            "telling": known.telling,
        }
    )


def known_of(served: Served, query: Query) -> _Known:
    """What is known of the keys of these runs as of this snapshot."""
    return served.kept(("schema", query.filter, query.experiment_ids, query.view_type), lambda: _Known(served, query))


def look_ahead(served: Served) -> None:
    """Find out what the first page will ask, before anybody opens it."""
    if served.opened is not None:
        known = known_of(served, Query())
        for name in known.names[:MOST_AHEAD]:
            known.described(*name)


class _Known:
    """What is known of the keys of some runs; of each it is found out when it is first asked for."""

    def __init__(self, served: Served, query: Query) -> None:
        self.found: Found = served.store.search(query)
        metrics, params, tags = (self.found.keys(scope) for scope in (Scope.METRIC, Scope.PARAM, Scope.TAG))
        self._goals = dict(_goals(self.found, tags))
        n_runs = {key: _n_runs(self.found, stored_name(Scope.METRIC, key)) for key in metrics}
        told = [key.removeprefix(GOAL_TAG) for key in self._goals]
        weighed = by_weight({key: n for key, n in n_runs.items() if not key.startswith(SYSTEM)}, told)
        self.primary = self._primary(weighed[0]) if first_of(dict.fromkeys(weighed[:1], 1), told) else None
        few = served.store.these(self.found.run_ids().slice(0, SAMPLE))
        telling, names = telling_params(dict(_texts(few, params)))
        self.telling = [shown_name(Scope.PARAM, key) for key in telling]
        rest = [key for key in params if key not in {*telling, *names}]
        system = [key for key in metrics if key.startswith(SYSTEM)]
        self.names = [("metric", key) for key in [*weighed, *system]]
        self.names += [("param", key) for key in [*telling, *names, *rest]]
        self.names += [("attribute", key) for key in _ATTRIBUTES]
        self.names += [("tag", key) for key in sorted(tags, key=lambda key: (key.startswith(("mlflow.", "runlake.")), key))]
        self._described: dict[tuple[str, str], dict[str, Any]] = {}

    def described(self, scope: str, key: str) -> dict[str, Any]:
        """One key."""
        if (scope, key) not in self._described:
            self._described[scope, key] = self._of(scope, key)
        return self._described[scope, key]

    def _of(self, scope: str, key: str) -> dict[str, Any]:
        name = key if scope == "attribute" else stored_name(Scope(scope), key)
        goal = direction(key, self._goals) if scope == "metric" and has_direction(key, self._goals) else None
        shown = key if scope == "attribute" else shown_name(Scope(scope), key)
        return {"name": shown, "scope": scope, "key": key, **_values(self.found, name, _ATTRIBUTES.get(key, "")), "goal": goal}

    def _primary(self, key: str) -> dict[str, Any]:
        goal = direction(key, self._goals)
        return {"name": shown_name(Scope.METRIC, key, goal), "key": key, "goal": goal, "aggregate": goal}


def kind_of(found: Found, name: str) -> str:
    """Whether a column is one of numbers: of a param or a tag, where each text that there is reads as one."""
    texts, numbers = found.texts(name), found.numbers(name)
    if numbers is None:
        return "text"
    if texts is None:
        return "number"
    n_texts, n_numbers = int((texts[0] >= 0).sum()), int(numbers[1].sum())
    return "number" if n_texts == n_numbers and n_texts else "bool" if _are_truths(texts) else "text"


def _are_truths(texts: tuple[np.ndarray, pa.Array]) -> bool:
    used = {texts[1][code].as_py() for code in np.unique(texts[0][texts[0] >= 0])[:3].tolist()}
    return bool(used) and used <= {"True", "False"}


def _values(found: Found, name: str, kind: str) -> dict[str, Any]:
    """How many runs have one, how many there are, and the ends of numbers."""
    kind = kind or kind_of(found, name)
    least = most = None
    if kind in ("number", "time"):
        values, known = found.numbers(name) or (np.empty(0), np.empty(0, bool))
        there = values[known]
        n, n_distinct = len(there), len(np.unique(there))
        finite = there[np.isfinite(there)]
        if len(finite):
            least, most = float(finite.min()), float(finite.max())
    else:
        codes, _ = coded(found, name)
        there = codes[codes >= 0]
        n, n_distinct = len(there), len(np.unique(there))
    varies = n_distinct + (n < len(found)) > 1
    return {"kind": kind, "n": n, "distinct": n_distinct, "varies": bool(varies), "min": least, "max": most}


def _goals(found: Found, tags: Sequence[str]) -> Iterator[tuple[str, str]]:
    for key in tags:
        if key.startswith(GOAL_TAG):
            codes, distinct = coded(found, stored_name(Scope.TAG, key))
            said = codes[codes >= 0]
            if len(said):
                yield key, distinct[int(said[0])].as_py()


def _n_runs(found: Found, name: str) -> int:
    column = found.numbers(name)
    return 0 if column is None else int(column[1].sum())


def _texts(found: Found, params: Sequence[str]) -> Iterator[tuple[str, list[str | None]]]:
    for key in params:
        codes, distinct = coded(found, stored_name(Scope.PARAM, key))
        words = [*distinct.to_pylist(), None]
        yield key, [words[code] for code in codes.tolist()]


ASKS = {schema: Asks(query={**SIDES, "q": TEXT, "limit": {**NUMBER, "maximum": MOST_KEYS}})}
ROUTES = [Route("/schema", schema)]
