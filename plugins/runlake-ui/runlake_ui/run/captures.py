"""What was recorded by whom, what it cost, what was not recorded and why, and what is done later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from runlake.read import Run
from runlake_ui.run.opened import Parts, about_run

__all__ = ["ROUTES", "jobs_of"]

SKIPPED = "runlake.skipped."


def captures(request: Request, run: Run) -> dict[str, Any]:
    """All of that."""
    parts = Parts()
    told = parts.told("captures", lambda: _captures(run), [])
    return {
        "captures": told,
        "skipped": parts.told("tags", lambda: _skipped(run), []),
        "jobs": parts.told("jobs", lambda: jobs_of(run), []),
        "errors": parts.told("errors", lambda: run.errors, []),
        "plugins": sorted({each["plugin"] for each in told}),
        "problems": parts.problems,
    }


def _captures(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "plugin": each.plugin,
            "target": each.target,
            "state": "off" if each.is_off else "failed" if each.failures else "ok",
            "n": each.calls,
            "failures": each.failures,
            "cost_ms": each.cost_ns / 1e6,
            "why": each.why,
        }
        for each in run.captures
    ]


def _skipped(run: Run) -> list[dict[str, str]]:
    return [{"what": key.removeprefix(SKIPPED), "why": why} for key, why in sorted(run.tags.items()) if key.startswith(SKIPPED)]


def jobs_of(run: Run) -> list[dict[str, Any]]:
    """The jobs of a run, as they stand."""
    return [
        {"name": job.name, "state": str(job.state), "why": job.why, "seconds": None if job.cost_ms is None else job.cost_ms / 1000}
        for job in run.jobs.values()
    ]


ROUTES: Sequence[Route] = [Route("/runs/{run_id}/captures", about_run(captures), methods=["GET"])]
