"""Curves: metrics of runs as they look on so many pixels."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runlake.read import Scope, Store, stored_name
from runlake_ui.answers import Problem, body_of, frame
from runlake_ui.asks import REAL, TEXT, Asks, listed
from runlake_ui.bodies import names_in, number_in, real_in, text_in
from runlake_ui.columns import numbers_of
from runlake_ui.served import Served, served_by

__all__ = ["ASKS", "ROUTES"]

MOST_RUNS, MOST_KEYS, MOST_PIXELS = 200, 100, 4000
FINE = 4  # times as many places of the metric along which others are drawn
CLOSE_NS = 500  # nearer than this two times are one, once they are milliseconds
NUMBERS = ("x0", "x1", "n", "n_nan", "min", "max", "mean", "last")


@dataclass(frozen=True)
class Asked:
    """Which curves, along what, from where to where."""

    runs: Sequence[str]
    keys: Sequence[str]
    x: str
    within: tuple[float, float] | None
    px: int
    smooth: float
    since: Mapping[str, float]

    @property
    def axis(self) -> Literal["step", "time"]:
        """Along which points lie in the store."""
        return "time" if self.x in ("time", "relative") else "step"


async def series(request: Request) -> Response:
    """Metrics of runs, each in no more buckets than there are pixels, each bucket with the least, the greatest and the last value."""
    body, served = await body_of(request), served_by(request)
    return await run_in_threadpool(lambda: _answer(request, served, body))


def _answer(request: Request, served: Served, body: Mapping[str, Any]) -> Response:
    began = time.perf_counter()
    asked = _asked(body)
    curves = [] if served.opened is None else list(_curves(served.store, asked))
    which = np.repeat(np.arange(len(curves), dtype=np.int32), [len(columns["x0"]) for _, columns in curves])
    columns: dict[str, Any] = {"series": pa.array(which)}
    for name in [*NUMBERS, *(["smooth"] if asked.smooth else [])]:
        columns[name] = pa.array(np.concatenate([np.empty(0), *(each[name] for _, each in curves)]))
    meta = {"series": [said for said, _ in curves], "took_ms": round((time.perf_counter() - began) * 1000, 1)}
    return frame(request, pa.table(columns), meta)


def _asked(body: Mapping[str, Any]) -> Asked:
    smooth = real_in(body, "smooth", 0.0)
    if not 0 <= smooth < 1:
        raise Problem(422, f"'smooth' is the weight of what was before, at least 0 and less than 1, not {smooth!r}.")
    x = text_in(body, "x", "step")
    if x not in ("step", "time", "relative") and not x.startswith("metric:"):
        raise Problem(422, f"'x' is step, time, relative or metric:<key>, not {x[:80]!r}.")
    since = body.get("since", {})
    since = {} if since is None else since
    if not isinstance(since, dict) or not all(isinstance(each, (int, float)) for each in since.values()):
        raise Problem(422, "'since' has the last x that is known, by run and key: {\"<run_id>|<key>\": 41}.")
    return Asked(
        runs=tuple(dict.fromkeys(names_in(body, "runs", MOST_RUNS) or ())),
        keys=tuple(dict.fromkeys(names_in(body, "keys", MOST_KEYS) or ())),
        x=x,
        within=_range(body.get("range")),
        px=number_in(body, "px", 1000, 1, MOST_PIXELS),
        smooth=smooth,
        since=since,
    )


def _range(said: Any) -> tuple[float, float] | None:
    if said is None:
        return None
    if isinstance(said, list) and len(said) == 2:
        first, last = (-math.inf if said[0] is None else said[0]), (math.inf if said[1] is None else said[1])
        if all(isinstance(each, (int, float)) and not isinstance(each, bool) and each == each for each in (first, last)) and first <= last:
            return _real(first), _real(last)
    raise Problem(422, f"'range' is the first and the last x, either of which may be null, such as [0, 10000], not {said!r:.80}.")


def _real(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _curves(store: Store, asked: Asked) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """What is said of each curve, and its columns."""
    there = store.these(asked.runs)
    run_ids = there.ids()
    for key in asked.keys:
        column = there.numbers(stored_name(Scope.METRIC, key))
        has_it = [] if column is None else column[1].tolist()
        for run_id in (each for each, is_there in zip(run_ids, has_it, strict=False) if is_there):
            found = _curve(store, asked, run_id, key)
            if found is not None:
                yield found


def _curve(store: Store, asked: Asked, run_id: str, key: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """One of them; None where it has no place along x."""
    along = _along(store, asked, run_id)
    if along is None:
        return None
    since = asked.since.get(f"{run_id}|{key}")
    zero = total = None
    if asked.x == "relative" or asked.within is not None or since is not None:
        whole = store.curve(run_id, key, asked.axis, None, 1)
        zero, total = int(numbers_of(whole["x0"])[0]), int(numbers_of(whole["n"]).sum())
    along = along if asked.x != "relative" else _Relative(zero or 0)
    table = store.curve(run_id, key, asked.axis, _within(asked, along, since), asked.px, asked.smooth)
    columns = {name: numbers_of(table[name]) for name in [*NUMBERS, *(["smooth"] if asked.smooth else [])]}
    columns |= {name: along.shown(columns[name]) for name in ("x0", "x1")}
    said = {"run_id": run_id, "key": key, "total": int(columns["n"].sum()) if total is None else total, "drawn": table.num_rows}
    return {**said, "exact": bool((columns["n"] <= 1).all())}, columns


class _Along(Protocol):
    """What is drawn to the right, and where that is in the store."""

    def shown(self, places: np.ndarray) -> np.ndarray:
        """As the page has it."""

    def stored(self, x: float) -> float:
        """As the store has it."""


class _Steps:
    def shown(self, places: np.ndarray) -> np.ndarray:
        return places.astype(np.float64)

    def stored(self, x: float) -> float:
        return x


class _Times:
    def shown(self, places: np.ndarray) -> np.ndarray:
        return places / 1e6

    def stored(self, x: float) -> float:
        return _whole(x * 1e6)


@dataclass(frozen=True)
class _Relative:
    zero: int

    def shown(self, places: np.ndarray) -> np.ndarray:
        return (places - self.zero) / 1e9

    def stored(self, x: float) -> float:
        return self.zero + _whole(x * 1e9)


@dataclass(frozen=True)
class _Metric:
    """Another metric of the run, as far as it grows."""

    steps: np.ndarray
    values: np.ndarray

    def shown(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(places, self.steps, self.values))

    def stored(self, x: float) -> float:
        if x < self.values[0]:
            return -math.inf
        return math.inf if x > self.values[-1] else float(np.interp(x, self.values, self.steps))


def _along(store: Store, asked: Asked, run_id: str) -> _Along | None:
    if not asked.x.startswith("metric:"):
        return _Steps() if asked.axis == "step" else _Times()
    try:
        table = store.curve(run_id, asked.x.removeprefix("metric:"), "step", None, FINE * asked.px)
    except KeyError:
        return None
    steps, values = numbers_of(table["x1"]), numbers_of(table["last"])
    steps, values = steps[np.isfinite(values)], values[np.isfinite(values)]
    grows = values > np.maximum.accumulate(np.append(-np.inf, values))[:-1]
    return _Metric(steps[grows].astype(np.float64), values[grows]) if grows.any() else None


def _within(asked: Asked, along: _Along, since: float | None) -> tuple[float | None, float | None] | None:
    """From where to where in the store; behind what is known already."""
    if asked.within is None and since is None:
        return None
    first, last = (along.stored(each) if math.isfinite(each) else each for each in asked.within or (-math.inf, math.inf))
    if since is not None and math.isfinite(since):
        first = max(first, math.floor(along.stored(since)) + (1 if asked.axis == "step" else CLOSE_NS))
    return (None if first == -math.inf else first), (None if last == math.inf else max(first, last))


def _whole(number: float) -> float:
    return round(number) if math.isfinite(number) else number


ASKS = {
    series: Asks(
        body={
            "runs": listed(MOST_RUNS),
            "keys": listed(MOST_KEYS),
            "x": TEXT,
            "range": {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2},
            "px": {"type": "integer", "minimum": 1, "maximum": MOST_PIXELS},
            "smooth": {**REAL, "minimum": 0, "exclusiveMaximum": 1},
            "since": {"type": "object", "additionalProperties": REAL},
        },
        is_frame=True,
    )
}
ROUTES = [Route("/series", series, methods=["POST"])]
