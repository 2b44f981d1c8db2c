"""What is served, in a few words."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import runlake
from runlake_ui.answers import plain
from runlake_ui.served import Served, served_by

__all__ = ["ROUTES", "shown_path"]


def health(request: Request) -> Response:
    """Whether the server is there."""
    return plain({"status": "ok"})


def meta(request: Request) -> Response:
    """Which store is served, how much it holds, and what can be done with it."""
    served = served_by(request)
    opened = served.opened
    n_runs, n_running = served.kept("counts", served.counts)
    said = {
        "version": runlake.__version__,
        "store": str(served.path),
        "store_shown": shown_path(served.path),
        "read_only": served.is_read_only,
        "snapshot": served.snapshot,
        "is_there": opened is not None,
        "n_runs": n_runs,
        "n_running": n_running,
        "n_experiments": 0 if opened is None else len(served.client.search_experiments()),
        "sql": importlib.util.find_spec("duckdb") is not None,
        "found_elsewhere": [] if n_runs else [str(path) for path in _stores_around(served)],
    }
    return plain(said)


def shown_path(path: Path) -> str:
    """As people write it."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _stores_around(served: Served) -> list[Path]:
    """Stores beside one that is empty: most likely one of them is meant."""
    folders = [served.path.parent, *served.path.parent.parents][:4]
    found = (folder / "lake" for folder in folders)
    return [path for path in found if path != served.path and (path / "STORE.json").is_file()]


ROUTES = [Route("/health", health), Route("/meta", meta)]
