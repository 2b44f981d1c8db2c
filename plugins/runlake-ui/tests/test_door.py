"""Who may come in: each way in which a stranger may try it, and each of those that are let in."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from paging import API, PORT, TOKEN, Asker, listening, some_runs

JSON = {"content-type": "application/json"}
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def asker(tmp_path: Path) -> Asker:
    """A server of two runs, which has a token."""
    return Asker(some_runs(tmp_path / "lake", 2), token=TOKEN)


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"])
def test_the_machine_may_be_called_by_its_names_for_itself(asker: Asker, host: str) -> None:
    """With the port that is listened at."""
    assert asker.ask("GET", f"{API}/meta", headers={"host": host, **BEARER}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", "127.0.0.1", f"127.0.0.1:{PORT}.evil.example", ""])
@pytest.mark.parametrize("path", ["/", f"{API}/meta", f"{API}/health", "/assets/x.js"])
def test_a_name_that_leads_here_by_deceit_is_refused(asker: Asker, host: str, path: str) -> None:
    """As a page does that has its own name resolved to this machine."""
    answer = asker.ask("GET", path, headers={"host": host, **BEARER})

    assert answer.status_code == 421
    assert "--allow-host" in answer.json()["hint"]


def test_another_name_is_one_that_was_allowed(tmp_path: Path) -> None:
    """With the port and, as proxies have it, without."""
    asker = Asker(some_runs(tmp_path / "lake", 1), hosts=["gpu7.example.org"])

    statuses = {
        host: asker.ask("GET", f"{API}/meta", headers={"host": host}).status_code for host in ("gpu7.example.org", "gpu8.example.org")
    }

    assert statuses == {"gpu7.example.org": 200, "gpu8.example.org": 421}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({}, 200),
        ({"origin": f"http://127.0.0.1:{PORT}"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),  # another port of this machine, or a sandboxed artifact of ours
        ({"sec-fetch-site": "whatever"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8888"}, 403),
        ({"origin": "null"}, 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_the_page_itself_or_no_page_may_ask(asker: Asker, method: str, headers: dict[str, str], status: int) -> None:
    """A browser says who asks; where it does not, it says from where."""
    path = f"{API}/meta" if method == "GET" else f"{API}/runs/query"
    more: dict[str, Any] = {} if method == "GET" else {"json": {}}

    assert asker.ask(method, path, headers={**BEARER, **headers}, **more).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Bearer {TOKEN}x"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"cookie": f"runlake-{PORT}=wrong"}, 401),
        ({"cookie": f"runlake-8888={TOKEN}"}, 401),
        ({"authorization": "Bearer gr\xfc\xdfe"}, 401),
        (BEARER, 200),
        ({"cookie": f"other=1; runlake-{PORT}={TOKEN}"}, 200),
    ],
    ids=str,
)
def test_the_token_comes_along(asker: Asker, headers: dict[str, str], status: int) -> None:
    """As a bearer from programs, in a cookie from the page."""
    given: Any = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = asker.ask("GET", f"{API}/meta", headers=given)

    assert answer.status_code == status
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert asker.ask("GET", f"{API}/meta?t={TOKEN}").status_code == 401, "no address of the API holds the token"


def test_health_is_told_to_anybody(asker: Asker) -> None:
    """It says nothing of the store."""
    assert asker.ask("GET", f"{API}/health").json() == {"status": "ok"}


def test_the_printed_link_becomes_a_cookie(asker: Asker) -> None:
    """The token is in no address after that, nor in reach of a script."""
    answer = asker.ask("GET", f"/?t={TOKEN}&e=0&q=a+b")

    assert (answer.status_code, answer.headers["location"]) == (303, "/?e=0&q=a+b")
    name, *words = answer.headers["set-cookie"].split("; ")
    assert name == f"runlake-{PORT}={TOKEN}"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(words)


@pytest.mark.parametrize("path", ["/", "/runs/1234", "/?t=wrong"])
def test_whoever_has_no_token_is_told_which_link_to_open(asker: Asker, path: str) -> None:
    """And nothing else: nothing of the store, and no file of the page."""
    answer = asker.ask("GET", path)

    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert "printed" in answer.text
    assert "lake" not in answer.text.replace("runlake", "")
    assert asker.ask("GET", "/assets/index.js").status_code == 401


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"]
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_what_changes_something_is_sent_as_json(asker: Asker, method: str, kind: str | None) -> None:
    """Other kinds are those that a form of another site could send."""
    headers = {**BEARER, **({} if kind is None else {"content-type": kind})}

    assert asker.ask(method, f"{API}/experiments", headers=headers, content=b'{"name": "x"}').status_code == 415
    assert len(asker.ask("GET", f"{API}/experiments", headers=BEARER).json()["experiments"]) == 1


def test_no_other_site_is_let_in_by_headers(asker: Asker) -> None:
    """None speaks of other origins."""
    answer = asker.ask(
        "OPTIONS", f"{API}/experiments", headers={**BEARER, "origin": "http://evil.example", "access-control-request-method": "POST"}
    )

    assert answer.status_code in (403, 405, 415)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/experiments", {"name": "x"}, 403),
        ("PATCH", "/experiments/0", {"name": "x"}, 403),
        ("DELETE", "/experiments/0", None, 403),
        ("PUT", "/views/a", {"name": "a", "state": {}}, 403),
        ("DELETE", "/views/a", None, 403),
        ("PATCH", "/runs/00000", {"name": "x"}, 403),
        ("DELETE", "/runs/00000", None, 403),
        ("POST", "/runs/00000/jobs", {}, 403),
        ("POST", "/runs/query", {}, 200),
        ("POST", "/series", {}, 200),
        ("GET", "/runs/00000", None, 200),
    ],
)
def test_a_server_that_only_reads_changes_nothing(tmp_path: Path, method: str, path: str, body: Any, status: int) -> None:
    """Whatever it is asked."""
    asker = Asker(some_runs(tmp_path / "lake", 1), is_read_only=True)

    answer = asker.ask(method, API + path, **({} if body is None else {"json": body}))

    assert answer.status_code == status
    assert asker.get("/meta")["read_only"] is True
    assert asker.get("/views")["views"] == []


def test_a_body_is_of_a_size_that_makes_sense(asker: Asker) -> None:
    """Be it said beforehand how large it is, or not."""

    def in_pieces() -> Any:
        yield from [b'{"filter": "', *[b"x" * 100_000] * 12, b'"}']

    said = asker.ask("POST", f"{API}/runs/query", headers={**BEARER, **JSON}, content=b" " * ((1 << 20) + 1))
    unsaid = asker.ask("POST", f"{API}/runs/query", headers={**BEARER, **JSON}, content=in_pieces())

    assert (said.status_code, unsaid.status_code) == (413, 413)


OUTSIDE = ["/../pyproject.toml", "/assets/../app.py", "/%2e%2e/app.py", "/assets/%2e%2e%2fapp.py", "/..%5capp.py", "//etc/hosts.txt"]


@pytest.mark.parametrize("path", [*OUTSIDE, "/app.py", "/a\x00.js"], ids=ascii)
def test_no_path_leads_out_of_the_page(tmp_path: Path, path: str) -> None:
    """Not even to the modules beside it."""
    lake = some_runs(tmp_path / "lake", 1)
    with listening(lake) as address, socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 10) as asked:
        host = address.removeprefix("http://")
        asked.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: asked.recv(65536), b""))

    assert int(answer.split(b" ", 2)[1]) in (400, 404)
    assert b"def " not in answer


def test_every_answer_says_what_browsers_must_know(asker: Asker) -> None:
    """Also one that refuses."""
    for path, headers in (("/", BEARER), (f"{API}/meta", BEARER), (f"{API}/meta", {}), (f"{API}/none", BEARER)):
        found = asker.ask("GET", path, headers=headers).headers
        assert found["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in found["content-security-policy"]
        assert "script-src" not in found["content-security-policy"], "scripts come from the server alone"
        assert found["referrer-policy"] == "no-referrer"
        if path.startswith(API):
            assert (found["cache-control"], found["x-snapshot"]) == ("no-store", str(asker.served.snapshot))
