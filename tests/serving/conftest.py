"""Models to serve, an application to ask without a network, and servers as a user starts them."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import environment
from runlake.serving.app import Limits, app_of
from runlake.serving.door import names_of

PORT = 5000
LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON as the standard has it."""
        return json.loads(self.body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


class Client:
    """Asks an application in this process."""

    def __init__(self, model: Any, *, max_body_bytes: int = 1 << 20, seconds: float = 30.0, token: str | None = None) -> None:
        self.model = model
        self._of = (model, Limits(max_body_bytes, seconds), names_of("127.0.0.1", PORT, ()), token)

    def post(self, body: bytes | str | Any, kind: str | None = "application/json", **headers: str) -> Answer:
        """Ask the model."""
        given = {} if kind is None else {"content-type": kind}
        return self.ask("POST", "/invocations", body, **given, **headers)

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for an address."""
        return self.ask("GET", path, b"", **headers)

    def ask(self, method: str, path: str, body: bytes | str | Any = b"", **headers: str) -> Answer:
        """One request."""
        return self.together([(method, path, body, headers)])[0]

    def posts(self, bodies: Sequence[Any]) -> list[Answer]:
        """Ask the model for all of these at the same moment."""
        return self.together([("POST", "/invocations", body, {"content-type": "application/json"}) for body in bodies])

    def together(self, requests: Sequence[tuple[str, str, Any, dict[str, str]]]) -> list[Answer]:
        """Requests that come at the same moment."""

        async def all_of_them() -> list[Answer]:
            app = app_of(*self._of)
            return await asyncio.gather(*(asked(app, *request) for request in requests))

        return asyncio.run(all_of_them())

    def in_turn(self, requests: Sequence[tuple[str, str, Any, dict[str, str]]]) -> list[Answer]:
        """Requests of which each comes when the one before it has been answered."""

        async def all_of_them() -> list[Answer]:
            app = app_of(*self._of)
            return [await asked(app, *request) for request in requests]

        return asyncio.run(all_of_them())


async def asked(app: Any, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
    """One request, in the words of ASGI; a list of bytes comes in pieces, and what is no bytes is sent as JSON."""
    parts = body if isinstance(body, list) and body and isinstance(body[0], bytes) else [as_bytes(body)]
    given = {"host": f"127.0.0.1:{PORT}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "http_version": "1.1"}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    left = list(parts)
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(LIMIT_SECONDS)  # nothing more comes
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or parts[-1] == b"..."}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await app(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return Answer(said[0]["status"], answered, b"".join(message.get("body", b"") for message in said[1:]))


def as_bytes(body: Any) -> bytes:
    """JSON of what is no bytes yet."""
    return body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()


@pytest.fixture(scope="session")
def client() -> type[Client]:
    """What asks a model in this process."""
    return Client


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Keeps a model in a folder: one of scikit-learn, or the text of a program that makes one."""

    def keep(model: Any, **beside: Any) -> Path:
        folder = tmp_path_factory.mktemp("served")
        if isinstance(model, str):
            program = folder / "program.py"
            program.write_text(f"import runlake\nfrom runlake.pyfunc import PythonModel\n{model}\nrunlake.models.set_model(Model())\n")
            runlake.pyfunc.save_model(folder / "model", python_model=str(program), **beside)
        else:
            runlake.sklearn.save_model(model, folder / "model", **{"signature": False, **beside})
        return folder / "model"

    return keep


@pytest.fixture(scope="session")
def loaded(kept: Callable[..., Path]) -> Callable[..., Any]:
    """The same, loaded."""
    return lambda model, **beside: runlake.pyfunc.load_model(str(kept(model, **beside)))


class Server:
    """`runlake models serve`, as a user starts it, at a free port."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "runlake", "models", "serve", "-m", str(folder), "-p", "0", *arguments]
        silence = environment(folder.parent / "lake", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=silence, stdout=pipe, stderr=pipe, text=True)
        self.said: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if line.startswith("Serving at"):
                break
        else:
            raise RuntimeError(self.process.communicate()[1])
        found = re.search(r"http://\S+:(\d+)", self.said[-1])
        assert found is not None
        self.port = int(found[1])

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_SECONDS)
        try:
            given = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, None if body is None else as_bytes(body), given)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def post(self, body: Any, **headers: str) -> Answer:
        """Ask the model."""
        return self.ask("POST", "/invocations", body, **headers)

    def stop(self) -> tuple[int, str]:
        """End it as a machine that goes down would."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Its exit code, and what it said on stderr, once it has ended."""
        errors = self.process.communicate(timeout=LIMIT_SECONDS)[1]
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, which do not outlive the tests of a file."""
    servers: list[Server] = []

    def start(folder: Path, *arguments: str) -> Server:
        servers.append(Server(folder, *arguments))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()
