"""What a run ran on: the command, the machine, the packages, and what was changed of its code; and how that of another run differs."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from runlake.read import Run
from runlake_ui.answers import Problem
from runlake_ui.asks import TEXT, Asks
from runlake_ui.rendering.code import code_html
from runlake_ui.run.opened import Parts, about_run, content, run_of
from runlake_ui.run.overview import ENVIRONMENT

__all__ = ["ASKS", "ROUTES"]

DIFF = "code.diff"
MOST_BYTES = 8 << 20
MOST_NAMED = 5000
MOST_LETTERS = 2000

_GIT = "mlflow.source.git."
_MACHINE = ("system", "machine", "cpus", "memory_bytes", "gpus")
_TOLD = {"command", "folder", "python", "implementation", "executable", "system", "host", "packages", "variables", *_MACHINE}


def environment(request: Request, run: Run) -> dict[str, Any]:
    """All of it; what was not noted is null or empty."""
    parts = Parts()
    found = parts.told("the environment", lambda: _environment(run), {})
    diff = parts.told("the changes of the code", lambda: _diff(run), None)
    words = found.get("command")
    others = {key: value for key, value in found.items() if key not in _TOLD}
    variables = _pairs(found.get("variables"))
    return {
        "command": shlex.join(map(str, words)) if isinstance(words, list) else _text(words),
        "directory": _text(found.get("folder")),
        "python": _text(found.get("python")),
        "implementation": _text(found.get("implementation")),
        "executable": _text(found.get("executable")),
        "platform": _text(found.get("system")),
        "host": _text(found.get("host")),
        "machine": [{"name": name, "value": value} for name, value in _machine(found)],
        "packages": [{"name": name, "version": version} for name, version in _pairs(found.get("packages")).items()],
        "git": parts.told("git", lambda: _git(run), None),
        "diff_html": None if diff is None else code_html(diff, "diff"),
        "diff_lines": 0 if diff is None else diff.count("\n") + (not diff.endswith("\n")),
        "other": {**{str(key): _text(value) for key, value in list(others.items())[:MOST_NAMED]}, **variables},
        "problems": parts.problems,
    }


def difference(request: Request, run: Run) -> dict[str, Any]:
    """What differs in another run, whose id is asked for as `other`."""
    wanted = request.query_params.get("other")
    if not wanted:
        raise Problem(422, "Say with which run: /environment/diff?other=<its id>.")
    other = run_of(request, wanted)
    (packages_a, other_a), (packages_b, other_b) = _sides(run), _sides(other)
    return {"packages": _differing(packages_a, packages_b), "other": _differing(other_a, other_b)}


def _environment(run: Run) -> dict[str, Any]:
    """As it was noted of the run, or of the one that it is inside of."""
    noted = next((each for each in run.outward() if ENVIRONMENT in each.artifacts), None)
    found = {} if noted is None else json.loads(content(noted, ENVIRONMENT, MOST_BYTES))
    return found if isinstance(found, dict) else {}


def _diff(run: Run) -> str | None:
    return content(run, DIFF, MOST_BYTES).decode("utf-8", "replace") if DIFF in run.artifacts else None


def _git(run: Run) -> dict[str, str] | None:
    found = {key.removeprefix(_GIT): text for key, text in sorted(run.tags.items()) if key.startswith(_GIT)}
    changes = run.tags.get("runlake.git.changes")
    return (found | ({} if changes is None else {"changes": changes})) or None


def _machine(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, key in (("system", "system"), ("machine", "machine"), ("processors", "cpus")):
        if found.get(key) is not None:
            yield name, _text(found[key]) or ""
    memory, gpus = found.get("memory_bytes"), found.get("gpus")
    if isinstance(memory, int) and 0 <= memory < 1 << 63:
        yield "memory", f"{memory / 1e9:.1f} GB"
    if isinstance(gpus, list):
        for name, n in Counter(map(str, gpus)).items():
            yield "GPU", f"{n} x {name}" if n > 1 else name


def _sides(run: Run) -> tuple[dict[str, str], dict[str, str]]:
    """The packages, and all the rest that is noted, as texts by names."""
    found = _environment(run)
    rest = {key: _text(value) or "" for key, value in found.items() if key not in ("packages", "variables", "process")}
    tags = {f"git {key}": text for key, text in (_git(run) or {}).items()}
    return _pairs(found.get("packages")), {**rest, **_pairs(found.get("variables")), **tags}


def _differing(a: Mapping[str, str], b: Mapping[str, str]) -> list[dict[str, str | None]]:
    names = sorted({*a, *b})
    return [{"name": name, "a": a.get(name), "b": b.get(name)} for name in names if a.get(name) != b.get(name)][:MOST_NAMED]


def _pairs(found: Any) -> dict[str, str]:
    if not isinstance(found, dict):
        return {}
    return {str(name): _text(value) or "" for name, value in list(found.items())[:MOST_NAMED]}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return ", ".join(str(each) for each in value[:MOST_NAMED])[:MOST_LETTERS]
    return (value if isinstance(value, str) else json.dumps(value))[:MOST_LETTERS]


ASKS = {difference: Asks(query={"other": TEXT})}
ROUTES: Sequence[Route] = [
    Route("/runs/{run_id}/environment", about_run(environment), methods=["GET"]),
    Route("/runs/{run_id}/environment/diff", about_run(difference), methods=["GET"]),
]
