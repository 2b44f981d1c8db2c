"""`python -m runlake.serving FD SETTINGS`: a worker, which serves at a socket that another process holds open."""

from __future__ import annotations

import json
import socket
import sys

from runlake.errors import RunlakeError
from runlake.serving.server import serve_here
from runlake.serving.settings import ServeSettings
from runlake.serving.workers import READY


def main(fd: str, said: str) -> None:
    """Serve until told to stop, or until the process that started this one is gone."""
    listener = socket.socket(fileno=int(fd))
    try:
        serve_here(ServeSettings.from_json(said), listener, _tell, _await_end_of_parent)
    except RunlakeError as error:
        sys.exit(f"runlake: {error}")


def _tell(lines: list[str]) -> None:
    print(f"{READY}{json.dumps(lines)}", flush=True)


def _await_end_of_parent() -> None:
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
