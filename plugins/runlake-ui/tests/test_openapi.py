"""The server does what its own description says, and whatever a program sends, it is no fault of the server's."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from runlake_ui import app
from starlette.routing import Route

from paging import API, Asker, written
from written_runs import WrittenRun

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own
    schemathesis = pytest.importorskip("schemathesis")

OURS = ("host", "authorization")
ENDLESS = f"{API}/events"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """A server of a few runs."""
    runs = [WrittenRun(name, {"lr": 0.1, "model": "tree"}, {"loss": [1.0, 0.5], "acc": 0.5}, {"team": "a"}) for name in "abc"]
    return Asker(written(tmp_path_factory.mktemp("described") / "lake", *runs))


def routes() -> list[Route]:
    """Every address below /api/v1."""
    return [route for room in app.ROOMS for route in room.ROUTES]


def test_every_address_is_described_by_its_own_sentence(asked: Asker) -> None:
    """And nothing is described that is not there."""
    paths = asked.get("/openapi.json")["paths"]

    told = {(path, method) for path, operations in paths.items() for method in operations}
    there = {
        (f"{API}{route.path}".replace(":path}", "}"), name.lower()) for route in routes() for name in (route.methods or set()) - {"HEAD"}
    }
    assert told == there
    assert all(operation["summary"] for operations in paths.values() for operation in operations.values())
    query = paths[f"{API}/runs/query"]["post"]
    assert query["summary"] == "Some of the runs that a filter lets through, in order; or groups of them."


def is_kept(asked: Asker, case: Any) -> None:
    """It is answered, or refused with a reason."""
    given = {str(name).lower(): str(value) for name, value in (case.headers or {}).items()}
    headers = {name: text for name, text in given.items() if name not in OURS and text.isascii() and text.isprintable()}
    more: dict[str, Any] = {"json": case.body} if isinstance(case.body, (dict, list, str, int, float, bool)) else {}
    if "run_id" in case.path_parameters:  # mostly one that is there
        case.path_parameters["run_id"] = "abc"[len(case.path_parameters["run_id"]) % 3]
    words = {name: value for name, value in (case.query or {}).items() if value is not None}
    answer = asked.ask(case.method, case.formatted_path, headers=headers, params=words, **more)

    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail"} <= answer.json().keys()


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("n_cases", [60, pytest.param(1500, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_nothing_makes_the_server_fail(asked: Asker, mode: Any, n_cases: int) -> None:
    """Neither what the description allows nor what it does not."""
    schema = schemathesis.openapi.from_dict(asked.get("/openapi.json"))
    paths = asked.get("/openapi.json")["paths"]
    operations = [schema[path][method.upper()] for path, each in paths.items() if path != ENDLESS for method in each]

    @seed(18)
    @settings(
        max_examples=n_cases, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
    )
    @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for operation in operations]))
    def check(case: Any) -> None:
        is_kept(asked, case)

    check()


ODD = ["a", "nobody", "../a", "%00", "a%2fb", "x" * 3000, "%f0%9f%98%80", "'", "..%2f..%2fSTORE.json"]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:12])
def test_any_words_in_an_address_are_answered(asked: Asker, odd: str) -> None:
    """Be it that nothing is there."""
    for route in routes():
        if "GET" not in (route.methods or set()) or f"{API}{route.path}" == ENDLESS:
            continue
        path = route.path
        for name in ("run_id", "id", "slug", "form", "path:path", "path", "name", "version", "alias"):
            path = path.replace(f"{{{name}}}", odd)
        for more in ("", "?path=" + odd, "?filter=" + odd + "&key=" + odd, "?other=" + odd + "&n=" + odd):
            answer = asked.ask("GET", f"{API}{path}{more}")
            assert answer.status_code < 500, (path, more, answer.text)


def test_the_parameters_stand_where_they_are_read() -> None:
    """What is declared beside an endpoint belongs to one of that module."""
    for room in app.ROOMS:
        endpoints = {inspect.unwrap(route.endpoint) for route in room.ROUTES}
        assert set(getattr(room, "ASKS", {})) <= endpoints, room.__name__
