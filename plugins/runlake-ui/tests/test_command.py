"""`runlake ui` as a user starts it: the link, the ports, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runlake_ui import launch

from children import environment, run_program
from paging import API, some_runs

RUNLAKE = [sys.executable, "-m", "runlake"]


@contextmanager
def started(lake: Path, *arguments: str, command: str = "ui", **settings: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command, and the two lines that it prints."""
    program = subprocess.Popen(
        [*RUNLAKE, command, *arguments], env=environment(lake, **settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    try:
        yield program, [program.stdout.readline().strip() for _ in range(2)]
    finally:
        program.kill()
        program.communicate()


def refused(lake: Path, *arguments: str) -> str:
    """What is said where nothing is started."""
    done = subprocess.run([*RUNLAKE, "ui", *arguments], env=environment(lake), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode in (1, 2), done.stdout) == (True, "")
    return done.stderr


def asked(link: str, path: str) -> dict[str, object]:
    """What the server of a printed link answers."""
    base, _, token = link.partition("/?t=")
    headers = {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(base + path, headers=headers), timeout=20) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def test_the_link_is_printed_and_lets_in(tmp_path: Path) -> None:
    """With the store behind it; Ctrl-C ends the server and nothing is left to be said."""
    lake = some_runs(tmp_path / "lake", 2)
    with started(lake, "--port", "0", "--no-browser") as (program, (link, said)):
        meta = asked(link, f"{API}/meta")
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=20)

    assert link.startswith("http://127.0.0.1:")
    assert said == f"The page of {lake}. Ctrl-C stops it."
    assert (meta["n_runs"], meta["store"]) == (2, str(lake))
    assert (program.returncode, out, err) == (0, "", "")


def test_it_ends_while_somebody_listens(tmp_path: Path) -> None:
    """A page that is open does not keep it."""
    with started(some_runs(tmp_path / "lake", 1), "--port", "0", "--no-token") as (program, (link, _)):
        host = link.split("/")[2]
        listener = socket.create_connection(("127.0.0.1", int(host.partition(":")[2])), 20)
        listener.sendall(f"GET {API}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert b"200 OK" in listener.recv(4096)
        program.send_signal(signal.SIGTERM)
        out, err = program.communicate(timeout=20)
        listener.close()

    assert (out, err) == ("", "")


def test_it_starts_before_there_is_a_store(tmp_path: Path) -> None:
    """And makes none."""
    lake = tmp_path / "lake"
    with started(lake, "--port", "0", "--no-browser", "--read-only") as (_, (link, said)):
        meta = asked(link, f"{API}/meta")

    assert said == f"The page of {lake}, where nothing is recorded yet; nothing can be changed. Ctrl-C stops it."
    assert (meta["is_there"], meta["read_only"], lake.exists()) == (False, True, False)


def test_a_port_that_is_given_is_that_or_an_error(tmp_path: Path) -> None:
    """Which names it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = refused(tmp_path / "lake", "--port", str(port))

    assert said.startswith(f"runlake: Nothing can listen at 127.0.0.1, port {port}: ")
    assert "--port" in said


def test_without_one_the_next_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 5000 on; here from one that is known to be taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(launch, "DEFAULT_PORT", port)

        with launch.bound("127.0.0.1", None) as found:
            assert port < found.getsockname()[1] < port + launch.TRIED_PORTS


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_this_machine_the_token_is_a_must(tmp_path: Path, host: str) -> None:
    """Nothing is started without."""
    assert f"At {host} others reach the store" in refused(tmp_path / "lake", "--host", host, "--no-token")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Before a link is printed that leads nowhere."""
    (tmp_path / "thesis.tex").touch()

    assert "'thesis.tex' and is no store" in refused(tmp_path / "lake", "--store", str(tmp_path))


def test_the_server_is_the_same_without_a_browser(tmp_path: Path) -> None:
    """For where nobody sits."""
    with started(tmp_path / "lake", "--port", "0", command="server", DISPLAY=":99") as (_, (link, _)):
        assert asked(link, f"{API}/health") == {"status": "ok"}


@pytest.mark.parametrize(
    ("given", "is_one"),
    [
        ({}, sys.platform in ("darwin", "win32")),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, False),
    ],
    ids=str,
)
def test_a_browser_opens_where_somebody_sees_it(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], is_one: bool) -> None:
    """Not over SSH, where it would open on the other machine."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert launch.is_desktop() == is_one


HEAVY = {"pyarrow", "numpy", "starlette"}
EARLY = f"""
    import sys, uvicorn
    from runlake_ui import command, launch
    launch.launch = lambda wanted: print(launch.server_of(wanted, 1, "token") and {HEAVY} & set(sys.modules))
    command.ui.main(["--no-browser"], standalone_mode=False)
"""
LATE = """
    import sys
    from runlake_ui.app import ROOMS
    print(len(ROOMS) > 9 and {"pandas", "deltalake", "duckdb", "torch"} & set(sys.modules))
"""


@pytest.mark.parametrize("program", [EARLY, LATE], ids=["to listen", "to answer"])
def test_nothing_is_loaded_that_takes_long_and_is_not_needed_yet(tmp_path: Path, program: str) -> None:
    """The link is there before Arrow is; and nothing ever loads what compacts, nor pandas."""
    done = run_program(program, tmp_path / "lake")

    assert (done.stdout, done.stderr) == ("set()\n", "")
