"""What does a model that is served cost to ask, how many ask at once, and how long until it is there?

A logistic regression of scikit-learn on ten columns, one worker, asked for one row as `dataframe_split` over connections that are kept: by
one client, and by 16 at once, all threads of one other process on the same machine. *ready* is from the start of the command until `/ping`
answers. p50 and p99 in milliseconds, as a client sees them; requests a second over the whole run. MLflow stands beside where MLFLOW_PYTHON
names an interpreter that has it. One thread of BLAS for both; the servers are asked in turns, and the median of the rounds is told.

    MLFLOW_PYTHON=/path/to/python python -m benchmarks.serve [rounds 3] [seconds 5]
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from benchmarks.report import quantile, report

NAME = "benchmarks.serve"
CLIENTS = (1, 16)
WARM_SECONDS = 1.0
COLUMNS = [f"feature_{place}" for place in range(10)]
BODY = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [[place / 7 for place in range(10)]]}})
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

SAVE = """
import sys
import numpy as np, pandas as pd, {library} as tracker, {library}.sklearn
from sklearn.linear_model import LogisticRegression

dice = np.random.default_rng(0)
rows = pd.DataFrame(dice.normal(size=(2_000, 10)), columns=[f"feature_{{place}}" for place in range(10)])
model = LogisticRegression().fit(rows, (rows["feature_0"] > 0).astype(int))
signature = tracker.models.infer_signature(rows, model.predict(rows))
tracker.sklearn.save_model(model, sys.argv[1], signature=signature{more})
"""


def saved(python: str, library: str, folder: Path) -> Path:
    """The model, as one of both keeps it."""
    more = "" if library == "runlake" else ', serialization_format="cloudpickle"'
    subprocess.run([python, "-c", SAVE.format(library=library, more=more), str(folder)], check=True, capture_output=True)
    return folder


@contextmanager
def served(command: list[str], port: int) -> Iterator[float]:
    """A server, and the seconds that it took until it answered."""
    began = time.perf_counter()
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow looks there for uvicorn
    with tempfile.TemporaryFile() as log:
        environment = {**os.environ, **ONE_THREAD, "PATH": path}
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            while not is_there(port):
                if server.poll() is not None or time.perf_counter() - began > 120:
                    log.seek(0)
                    sys.exit(f"{' '.join(command)} does not serve:\n{log.read().decode()[-3000:]}")
                time.sleep(0.005)
            yield time.perf_counter() - began
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def is_there(port: int) -> bool:
    """Whether it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def asked(port: int, n_clients: int, seconds: float) -> dict[str, float]:
    """What so many clients saw: runs in a process of its own."""
    took: list[list[float]] = [[] for _ in range(n_clients)]
    threads = [threading.Thread(target=ask, args=(port, seconds, each)) for each in took]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = sorted(one for each in took for one in each)
    wall = time.perf_counter() - began - WARM_SECONDS
    return {"p50": 1000 * quantile(ordered, 0.5), "p99": 1000 * quantile(ordered, 0.99), "rate": len(ordered) / wall}


def ask(port: int, seconds: float, took: list[float]) -> None:
    """One client, over one connection: as little of its own as can be, since it shares the processors with the server."""
    head = f"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = (head + BODY).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + WARM_SECONDS + seconds
        first = end - seconds
        while (began := time.perf_counter()) < end:
            connection.sendall(request)
            receive(connection)
            if began >= first:
                took.append(time.perf_counter() - began)


def receive(connection: socket.socket) -> None:
    """A whole answer, which must be a good one."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += connection.recv(65_536)
    head, _, body = said.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(said.decode())
    length = next(int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < length:
        body += connection.recv(65_536)


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def measured(command: list[str], seconds: float) -> dict[str, float]:
    """One start of a server, and what its clients saw."""
    port = free_port()
    with served([*command, "-p", str(port)], port) as ready:
        found = {"ready": ready}
        for n_clients in CLIENTS:
            client = [sys.executable, "-m", NAME, "ask", str(port), str(n_clients), str(seconds)]
            said = json.loads(subprocess.run(client, check=True, capture_output=True, text=True).stdout)
            found |= {f"{n_clients} {what}": value for what, value in said.items()}
    return found


def main(arguments: list[str]) -> None:
    """Serve with each of both in turns, and ask."""
    if arguments[:1] == ["ask"]:
        print(json.dumps(asked(int(arguments[1]), int(arguments[2]), float(arguments[3]))))
        return
    rounds, seconds = int([*arguments, "3"][0]), float([*arguments[1:], "5"][0])
    mlflow = os.environ.get("MLFLOW_PYTHON")
    with tempfile.TemporaryDirectory() as folder:
        ours = str(saved(sys.executable, "runlake", Path(folder, "runlake")))
        commands = {"runlake": [sys.executable, "-m", "runlake", "models", "serve", "-m", ours]}
        if mlflow:
            theirs = str(saved(mlflow, "mlflow", Path(folder, "mlflow")))
            commands["mlflow"] = [mlflow, "-m", "mlflow", "models", "serve", "-m", theirs, "--env-manager", "local"]
        found: dict[str, list[dict[str, float]]] = {tool: [] for tool in commands}
        for _ in range(rounds):
            for tool, command in commands.items():
                found[tool].append(measured(command, seconds))
    rows = []
    for tool, times in found.items():
        middle = {what: median(each[what] for each in times) for what in times[0]}
        for n_clients in CLIENTS:
            p50, p99, rate = (middle[f"{n_clients} {what}"] for what in ("p50", "p99", "rate"))
            rows.append((tool, n_clients, p50, p99, rate, middle["ready"]))
    columns = ("tool", "clients", "p50 ms", "p99 ms", "requests/s", "ready s")
    report("What does a model that is served cost to ask?", columns, rows, packages=("scikit-learn", "starlette", "uvicorn"))


if __name__ == "__main__":
    main(sys.argv[1:])
