"""Servers of the page to ask: in this process, or listening as a user would start one; and stores for them to serve."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from runlake.store.layout import create
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the client's own
    from starlette.testclient import TestClient

__all__ = ["API", "PORT", "TOKEN", "Asker", "listening", "many_runs", "some_runs", "written"]

API = "/api/v1"
ARROW = "application/vnd.apache.arrow.stream"
PORT, TOKEN = 5000, "a-token-that-nobody-guesses"


class Asker:
    """Asks a server in this process, by its own name unless another is given."""

    def __init__(self, path: Path, *, token: str | None = None, is_read_only: bool = False, hosts: Sequence[str] = ()) -> None:
        from runlake_ui.app import app_of
        from runlake_ui.door import Keys
        from runlake_ui.hosts import names_of
        from runlake_ui.served import Served

        self.served = Served(path, is_read_only=is_read_only)
        app = app_of(self.served, Keys(names_of("127.0.0.1", PORT, hosts), token, PORT, is_read_only))
        self._client = TestClient(app, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)

    def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """One request; the path is that of the server."""
        return self._client.request(method, path, headers=headers, **more)

    def get(self, path: str, **words: Any) -> Any:
        """What is answered below /api/v1, as JSON."""
        return _in_json(self.ask("GET", API + path, params=words))

    def post(self, path: str, body: Any = None) -> Any:
        """The same of what is asked by a body."""
        return _in_json(self.ask("POST", API + path, json={} if body is None else body))

    def put(self, path: str, body: Any) -> Any:
        """The same."""
        return _in_json(self.ask("PUT", API + path, json=body))

    def patch(self, path: str, body: Any) -> Any:
        """The same."""
        return _in_json(self.ask("PATCH", API + path, json=body))

    def delete(self, path: str) -> Any:
        """The same, without a body."""
        return _in_json(self.ask("DELETE", API + path))

    def arrow(self, path: str, body: Any) -> pa.Table:
        """The table that is answered, as Arrow."""
        answer = self.ask("POST", API + path, json=body, headers={"accept": ARROW})
        assert answer.headers["content-type"] == ARROW, answer.text
        with pa.ipc.open_stream(answer.content) as stream:
            return stream.read_all()


def _in_json(answer: Any) -> Any:
    """What was answered; of a problem the status, the detail and more."""
    return answer.json()


@contextlib.contextmanager
def listening(path: Path, *, token: str | None = None) -> Iterator[str]:
    """A server in a thread; its address, such as http://127.0.0.1:40123."""
    from runlake_ui.launch import Wanted, bound, server_of

    listener = bound("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = server_of(Wanted(path), port, token)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="runlake-test-server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


def written(path: Path, *runs: WrittenRun) -> Path:
    """A store of these runs, by a writer that has ended."""
    writer = Writer(create(path))
    write_runs(writer, runs)
    writer.close()
    return path


def some_runs(path: Path, n: int) -> Path:
    """A store of so many runs, of three models and two learning rates, the later the better."""
    runs = [
        WrittenRun(
            f"{place:05d}",
            params={"lr": [0.1, 0.01][place % 2], "model": ["tree", "net", "line"][place % 3], "seed": place},
            metrics={"val_loss": [1.0, 1 / (place + 1)], "train_loss": 1 / (place + 2)},
            tags={"team": "a"},
            start_ms=1_700_000_000_000 + place * 1000,
        )
        for place in range(n)
    ]
    return written(path, *runs)


def many_runs(path: Path, n: int) -> Path:
    """A store of so many runs with ten params, five metrics and two tags each, written as tables."""
    root = str(Path(__file__).parents[1])
    if root not in sys.path:
        sys.path.append(root)
    from benchmarks.search_runs import fill_store

    fill_store(path, n)
    return path
