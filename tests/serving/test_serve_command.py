"""`runlake models serve`, as a user starts it, asks it and stops it; and as strangers treat it who send half a request, or too much."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import runlake
from children import environment
from runlake.models import infer_signature
from runlake.serving.server import loaded_model
from runlake.serving.settings import ServeSettings

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
MODEL = LogisticRegression().fit(ROWS, (ROWS["a"] > 0).astype(int))
DATA = {"dataframe_records": [{"a": 1, "b": 2}]}
POST = b"POST /invocations HTTP/1.1\r\nHost: localhost:PORT\r\n"
CHUNKED = POST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = "0123456789abcdef0123456789abcdef"

OWN = """
import os, time
class Model(PythonModel):
    def predict(self, context, model_input, params=None):
        if model_input == "die":
            os._exit(7)
        if isinstance(model_input, float):
            time.sleep(model_input)
        return [os.getpid()]
"""


@pytest.fixture(scope="module")
def folder(kept: Callable[..., Path]) -> Path:
    """A classifier on two columns, with an example."""
    return kept(MODEL, signature=infer_signature(ROWS, MODEL.predict(ROWS)), input_example=ROWS[:2])


@pytest.fixture(scope="module")
def own(kept: Callable[..., Path]) -> tuple[Path, list[str]]:
    """A model that is code, and what lets it run."""
    path = kept(OWN)
    digest = runlake.models.get_model_info(str(path)).digest
    return path, ["--allow-unsafe", digest, "--reason", "ours"]


@pytest.fixture(scope="module")
def server(serve: Callable[..., Any], folder: Path) -> Any:
    """One that all may ask."""
    return serve(folder, "-t", "1", "--max-body", "1")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, where it is to end by itself."""
    command = [sys.executable, "-m", "runlake", "models", "serve", "-m", str(folder), *arguments]
    return subprocess.run(command, env=environment(folder.parent / "lake"), capture_output=True, text=True, timeout=60, check=False)


def sent(server: Any, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back for these bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        said = b""
        while more := connection.recv(65_536):
            said += more
        return said


def head(server: Any, *lines: str) -> bytes:
    """The head of a request for the model."""
    return "\r\n".join(
        ["POST /invocations HTTP/1.1", f"Host: localhost:{server.port}", "Content-Type: application/json", *lines, "", ""]
    ).encode()


def test_it_says_what_is_served_and_how_to_ask(server: Any, folder: Path) -> None:
    """The line that it prints works in a shell."""
    said = "\n".join(server.said)
    line = next(line.partition("try it")[2] for line in server.said if "try it" in line)
    info = runlake.models.get_model_info(str(folder))

    assert all(word in said for word in (str(folder), info.digest, "sklearn/1", "'a': double", "by 1 worker"))
    answered = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=False)
    assert json.loads(answered.stdout) == {"predictions": MODEL.predict(ROWS[:1]).tolist()}


def test_it_answers_until_it_is_asked_to_stop(server: Any) -> None:
    """Many requests over one connection, and over many."""
    assert server.ask("GET", "/ping").status == 200
    assert [server.post(DATA).json for _ in range(5)] == [{"predictions": [1]}] * 5
    request = head(server, "Content-Length: 37") + b'{"dataframe_records":[{"a":1,"b":2}]}'
    assert sent(server, request * 3, head(server, "Content-Length: 0", "Connection: close")).count(b'{"predictions": [1]}') == 3


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"POST /invocations HTTP/1.1\r\nHost: loc"],
        [b"POST /invocations HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"],
        [CHUNKED + b"5\r\n{"],
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
def test_who_does_not_go_on_is_told_so_and_left(server: Any, parts: list[bytes]) -> None:
    """After the time that a request has; others are answered meanwhile."""
    began = time.monotonic()
    said: list[bytes] = []
    slow = threading.Thread(target=lambda: said.append(sent(server, *(part.replace(b"PORT", b"%d" % server.port) for part in parts))))
    slow.start()

    assert server.post(DATA).status == 200
    slow.join(30)
    assert said[0].startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 20


def test_a_hundred_megabytes_are_refused_by_their_length(server: Any) -> None:
    """At once, without being read; and of pieces whose length nobody says, no more is kept than the limit."""
    before = memory(server)
    began = time.monotonic()
    said = sent(server, head(server, f"Content-Length: {100 << 20}", "Connection: close"))
    assert said.startswith(b"HTTP/1.1 413")
    assert time.monotonic() - began < 10

    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head(server, "Transfer-Encoding: chunked"))
        for _ in range(100):
            connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413")
    assert memory(server) - before < 30 << 20


def memory(server: Any) -> int:
    """The most that the server ever had, in bytes."""
    said = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", said)
    assert found is not None
    return int(found[1]) << 10


WRONG = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no end": b"GET /ping HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 65_530,
    "a long address": b"GET /" + b"a" * 65_540,
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   ",
    "a length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET /ping HTTP/1.1\r\nHost: localhost:PORT\r\nHost: evil\r\nConnection: close\r\n\r\n",
    "no host": b"GET /ping HTTP/1.0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -5\r\n\r\n",
}


@pytest.mark.parametrize("request_", WRONG.values(), ids=WRONG)
def test_what_is_no_request_is_refused(server: Any, request_: bytes) -> None:
    """And the server goes on."""
    said = sent(server, request_.replace(b"PORT", b"%d" % server.port))

    assert re.match(rb"HTTP/1.1 4(00|08|21) ", said), said[:200]
    assert server.post(DATA).status == 200


def test_many_that_say_nothing_keep_nobody_out(server: Any) -> None:
    """For as long as they stay."""
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    try:
        assert server.post(DATA).status == 200
    finally:
        for connection in silent:
            connection.close()


def test_a_port_that_is_taken_is_one_line(server: Any, folder: Path) -> None:
    """With what to do, and exit code 1."""
    ended = run(folder, "-p", str(server.port))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(rf"runlake: Nothing can listen at 127.0.0.1, port {server.port}: Address already in use\..*-p 0\.\n", ended.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-h", "0.0.0.0"], "Give --token-file PATH"),
        (["-h", "0.0.0.0", "--no-token", "--token-file", "x"], "not both"),
        (["--env-manager", "conda"], "pip install -r requirements.txt"),
        (["--allow-unsafe", "0" * 64], "go together"),
    ],
    ids=["no token", "token and none", "conda", "no reason"],
)
def test_what_cannot_be_meant_is_a_usage_error(folder: Path, arguments: list[str], said: str) -> None:
    """Before anything is loaded."""
    ended = run(folder, *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in " ".join(ended.stderr.split())


def test_a_server_for_others_wants_a_token(serve: Callable[..., Any], own: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Out of a file; its letters stand nowhere else. The model runs by the consent of the command line."""
    file = tmp_path / "token"
    file.write_text("short")
    path, consent = own
    assert "holds no token" in run(path, *consent, "-h", "0.0.0.0", "--token-file", str(file)).stderr
    file.write_text(TOKEN + "\n")
    path = shutil.copytree(path, tmp_path / "model")
    server = serve(path, *consent, "-h", "0.0.0.0", "--token-file", str(file), "--allowed-host", "models.example")

    shutil.rmtree(path)  # it was loaded, and is served on
    assert server.post({"inputs": 1}).status == 401
    assert server.post({"inputs": 1}, Authorization=f"Bearer {TOKEN}", Host="models.example").status == 200
    assert server.ask("GET", "/ping").status == 200
    assert TOKEN not in Path(f"/proc/{server.process.pid}/cmdline").read_text()
    assert server.stop() == (0, "")


def test_a_model_that_is_code_wants_consent(own: tuple[Path, list[str]]) -> None:
    """For its very bytes; the refusal says for which, and what to do about it."""
    ended = run(own[0], "--allow-unsafe", "0" * 64, "--reason", "no")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert own[1][1] in ended.stderr


def test_what_is_not_installed_is_named(folder: Path) -> None:
    """With the command that installs it."""
    program = "import sys; sys.modules['uvicorn'] = None; from runlake.cli import main; main()"
    command = [sys.executable, "-c", program, "models", "serve", "-m", str(folder)]
    ended = subprocess.run(command, env=environment(folder.parent / "lake"), capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == 'runlake: To serve models, uvicorn must be installed: pip install "runlake[serve]"\n'


def test_what_is_under_way_is_answered_before_the_end(serve: Callable[..., Any], own: tuple[Path, list[str]]) -> None:
    """A signal closes the door; whoever is inside gets the answer, whoever keeps a connection loses it; the exit code is 0."""
    path, consent = own
    server = serve(path, *consent)
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(server.post({"inputs": 1.0})))
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        asking.start()
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError, match=r"refused|reset"):
            server.ask("GET", "/ping")
        asking.join(30)
        assert idle.recv(10) == b""

    assert [(answer.status, answer.json) for answer in answers] == [(200, {"predictions": [server.process.pid]})]
    assert server.ended() == (0, "")


def test_several_workers_answer_and_end_together(serve: Callable[..., Any], own: tuple[Path, list[str]]) -> None:
    """One that dies is replaced, and all end with the one that started them, however that ends."""
    path, consent = own
    server = serve(path, *consent, "-w", "2")
    assert "by 2 workers" in server.said[-1]
    pids = {server.post({"inputs": [1]}).json["predictions"][0] for _ in range(40)}
    assert pids <= workers(server)

    with pytest.raises((OSError, http.client.HTTPException)):
        server.post({"inputs": "die"})
    assert server.post({"inputs": [1]}).status == 200
    eventually(lambda: len(workers(server)) == 2 and workers(server) != pids)

    last = workers(server)
    code, errors = server.stop()
    assert code == 0
    assert re.search(r"A worker has died with exit code 7; another takes its place\.", errors)
    eventually(lambda: not any(map(is_there, last)))


def test_a_worker_serves_what_the_others_serve(folder: Path) -> None:
    """One that is started later, when another model lies there, does not."""
    with pytest.raises(runlake.RunlakeError, match="no longer the one that is served"):
        loaded_model(ServeSettings(str(folder), digest="0" * 64))


def test_workers_that_die_again_and_again_end_the_server(serve: Callable[..., Any], own: tuple[Path, list[str]]) -> None:
    """With an error; nothing is started for ever. And they do not outlive a parent that is killed."""
    path, consent = own
    server = serve(path, *consent, "-w", "2")
    last = workers(server)
    server.process.kill()
    eventually(lambda: not any(map(is_there, last)))

    server = serve(path, *consent, "-w", "2")
    while server.process.poll() is None:
        for pid in workers(server):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    code, errors = server.ended()
    assert code == 1
    assert "workers have died within a minute, the last with exit code -9: the server has stopped." in errors


def workers(server: Any) -> set[int]:
    """The processes that it has started and that are there."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return {int(pid) for pid in children.read_text().split() if is_there(int(pid))} if children.exists() else set()


def is_there(pid: int) -> bool:
    """Whether the process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
