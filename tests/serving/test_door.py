"""Who may come in, and what is told to the others: nothing that was not theirs to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import runlake

TOKEN = "0123456789abcdef0123456789abcdef"
DATA = {"inputs": [[1.0]]}


@pytest.fixture(scope="module")
def model(loaded: Callable[..., Any]) -> Any:
    """A line through two points."""
    return loaded(LinearRegression().fit(np.array([[0.0], [1.0]]), [0.0, 1.0]))


@pytest.fixture(scope="module")
def asked(client: Any, model: Any) -> Any:
    """Served without a token."""
    return client(model)


@pytest.fixture(scope="module")
def locked(client: Any, model: Any) -> Any:
    """Served with one."""
    return client(model, token=TOKEN)


def test_what_is_there_says_so(asked: Any) -> None:
    """Health, version and the description."""
    assert [asked.get(path).status for path in ("/ping", "/health", "/version", "/openapi.json")] == [200] * 4
    assert asked.get("/version").body.decode() == runlake.__version__
    assert set(asked.get("/openapi.json").json["paths"]) == {"/ping", "/health", "/version", "/invocations"}


@pytest.mark.parametrize("path", ["/", "/invocations/", "/docs", "/../etc/passwd", "/ping/x", "//ping", "/%2e%2e"])
def test_elsewhere_there_is_nothing(asked: Any, path: str) -> None:
    """No path is looked for on the disk, and none leads on."""
    answer = asked.get(path)

    assert (answer.status, answer.json["error_code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("method", "path"), [("GET", "/invocations"), ("OPTIONS", "/invocations"), ("POST", "/ping"), ("PUT", "/version")])
def test_other_methods_are_refused(asked: Any, method: str, path: str) -> None:
    """And a browser is told of no origin that may ask."""
    answer = asked.ask(method, path, origin="https://evil.example")

    assert (answer.status, answer.json["error_code"]) == (405, "METHOD_NOT_ALLOWED")
    assert not [name for name in answer.headers if name.startswith("access-control")]


OWN = ["127.0.0.1:5000", "localhost:5000", "LOCALHOST:5000", "[::1]:5000"]
OTHER = [
    "evil.example",
    "evil.example:5000",
    "127.0.0.1",
    "localhost:5001",
    "127.0.0.1.evil:5000",
    "localhost.:5000",
    "x@localhost:5000",
    "0.0.0.0:5000",
    "",
]


@pytest.mark.parametrize("host", OWN + OTHER)
def test_only_names_of_its_own_are_answered(asked: Any, host: str) -> None:
    """A page that has its name point at this machine gets nothing, not even health."""
    status = 200 if host in OWN else 421

    assert asked.get("/ping", host=host).status == status
    assert asked.post(DATA, host=host).status == status


@pytest.mark.parametrize(
    "given", [None, "", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"bearer  {TOKEN}", f"Basic {TOKEN}", "Bearer ä"]
)
def test_without_the_token_nothing_is_answered_but_health(locked: Any, given: str | None) -> None:
    """On any path, that of a 404 too."""
    headers = {} if given is None else {"authorization": given}

    assert locked.post(DATA, **headers).status == 401
    assert [locked.get(path, **headers).status for path in ("/version", "/openapi.json", "/none", "/ping", "/health")] == [401] * 3 + [
        200
    ] * 2
    assert TOKEN not in locked.post(DATA, **headers).body.decode()


def test_with_the_token_the_model_is_asked(locked: Any) -> None:
    """As without one."""
    assert locked.post(DATA, authorization=f"Bearer {TOKEN}").status == 200


def test_every_answer_says_what_it_is(asked: Any) -> None:
    """And is kept by nobody."""
    for answer in (asked.post(DATA), asked.post(b"{"), asked.get("/ping"), asked.get("/none"), asked.get("/ping", host="evil")):
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
        assert "server" not in answer.headers


def test_a_body_beyond_the_limit_is_refused(client: Any, model: Any) -> None:
    """By what its length says, at once, and where it says none by what has come."""
    asked = client(model, max_body_bytes=100)

    assert asked.post(b'{"inputs": [[1]]}'.ljust(100)).status == 200
    for answer in (
        asked.post(b"...", content_length="101"),
        asked.post([b" " * 60, b" " * 60, b"..."]),
        asked.post(b"...", content_length="9" * 30),
        asked.post(b"...", content_length="x"),
    ):
        assert (answer.status, answer.json["error_code"]) == (413, "REQUEST_TOO_LARGE")


def test_a_body_that_does_not_come_is_not_awaited(client: Any, model: Any) -> None:
    """Longer than a request may take."""
    asked = client(model, seconds=0.2)
    answer = asked.post([b'{"inputs": ', b"..."])

    assert (answer.status, answer.json["error_code"], answer.headers["connection"]) == (408, "REQUEST_TIMEOUT", "close")


def test_a_model_that_does_not_answer_is_not_awaited(client: Any, loaded: Callable[..., Any]) -> None:
    """Nor longer than that."""
    slow = loaded(
        "import time\nclass Model(PythonModel):\n    def predict(self, context, model_input, params=None):\n        time.sleep(1)"
    )
    answer = client(slow, seconds=0.2).post(DATA)

    assert (answer.status, answer.json["error_code"]) == (504, "DEADLINE_EXCEEDED")


def test_no_more_is_read_at_once_than_the_memory_has(client: Any, model: Any) -> None:
    """What comes beyond that is to come again later."""
    asked = client(model, max_body_bytes=1000, seconds=0.5)
    halves = [("POST", "/invocations", [b" " * 900, b"..."], {"content-type": "application/json"}) for _ in range(12)]

    assert sorted({answer.status for answer in asked.together(halves)}) == [408, 503]
