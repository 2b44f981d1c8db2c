"""How the values of one column are spread over the runs that a filter lets through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runlake.read import Found, Query
from runlake_ui.answers import Problem, plain
from runlake_ui.asked import among, view_of
from runlake_ui.asks import SIDES, TEXT, Asks
from runlake_ui.columns import coded
from runlake_ui.schema import kind_of
from runlake_ui.served import served_by

__all__ = ["ASKS", "ROUTES"]

BINS = 32
MOST_VALUES = 50


def facets(request: Request) -> Response:
    """Numbers as a histogram, texts by how often they come."""
    served, name = served_by(request), request.query_params.get("key", "")
    if not name:
        raise Problem(422, "'key' names the column, such as metrics.loss or params.model.")
    query = Query(request.query_params.get("filter", ""), (), among(request), view_of(request))
    if served.opened is None:
        return plain({"kind": "text", "values": [], "n": 0, "distinct": 0})
    place = ("facets", name, query.filter, query.experiment_ids, query.view_type)
    return plain(served.kept(place, lambda: _spread(served.store.search(query), name)))


def _spread(found: Found, name: str) -> dict[str, Any]:
    if kind_of(found, name) == "number":
        values, known = found.numbers(name) or (np.empty(0), np.empty(0, bool))
        there = values[known].astype(np.float64)
        finite = there[np.isfinite(there)]
        counts, edges = np.histogram(finite, _edges(finite))
        typed = _often(*coded(found, name)) if found.texts(name) else {}
        return {**typed, "kind": "number", "edges": edges.tolist(), "counts": counts.tolist(), "n": len(there)}
    return {"kind": "text", **_often(*coded(found, name))}


def _often(codes: np.ndarray, distinct: pa.Array) -> dict[str, Any]:
    """The texts that come most often."""
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    order = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    most = [{"value": distinct[place].as_py(), "n": int(counts[place])} for place in order.tolist() if counts[place]]
    return {"values": most, "n": int(counts.sum()), "distinct": int((counts > 0).sum())}


def _edges(values: np.ndarray) -> np.ndarray:
    """Bins of one width, from the least to the greatest value."""
    if not len(values):
        return np.array([0.0, 1.0])
    least, most = float(values.min()), float(values.max())
    if least == most:
        return np.array([least - max(abs(least) * 1e-9, 0.5), most + max(abs(most) * 1e-9, 0.5)])
    steps = np.linspace(0.0, 1.0, BINS + 1)
    edges = least * (1 - steps) + most * steps  # their difference may be more than a number can be
    return np.maximum.accumulate(edges)


ASKS = {facets: Asks(query={"key": TEXT, **SIDES})}
ROUTES = [Route("/facets", facets)]
