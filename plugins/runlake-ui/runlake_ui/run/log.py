"""What a program printed while its run was open, as far as that was kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from runlake.read import Run
from runlake_ui.asked import number_of
from runlake_ui.asks import NUMBER, Asks
from runlake_ui.rendering.console import console_html
from runlake_ui.run.opened import about_run, content

__all__ = ["ASKS", "ROUTES"]

CONSOLE = "console.txt"
MOST_LINES = 20_000
USUAL_LINES = 2000


def log(request: Request, run: Run) -> dict[str, Any]:
    """The last lines of it."""
    n = number_of(request, "n", USUAL_LINES, MOST_LINES)
    if CONSOLE not in run.artifacts:
        return {"html": "", "n_lines": 0, "is_cut": False, "path": None}
    text = content(run, CONSOLE).decode("utf-8", "replace")
    lines = text.split("\n")
    n_lines = len(lines) - (lines[-1] == "")
    shown = lines[-(n + (lines[-1] == "")) :] if n else []
    return {"html": console_html("\n".join(shown)), "n_lines": n_lines, "is_cut": n < n_lines, "path": CONSOLE}


ASKS = {log: Asks(query={"n": NUMBER})}
ROUTES: Sequence[Route] = [Route("/runs/{run_id}/log", about_run(log), methods=["GET"])]
