"""The run that a request is about, what may be done to it, and what is said where it, or a part of it, is broken."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

import runlake
from runlake.read import Run, open_artifact
from runlake_ui.answers import Problem, plain
from runlake_ui.served import served_by

__all__ = ["MOST_READ", "Parts", "about_run", "changing", "content", "problems", "refreshed", "run_of"]

MOST_READ = 64 << 20  # bytes of one artifact that is looked into

T = TypeVar("T")

# What somebody wrote into a store, or what became of it, may be anything: none of this is a fault of the server.
_BROKEN = (
    runlake.RunlakeError,
    pa.ArrowException,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    AssertionError,
    SyntaxError,  # of a forged literal
)


def run_of(request: Request, run_id: str | None = None) -> Run:
    """The run that the address names, or the one of this id. Raises Problem where there is none."""
    served = served_by(request)
    wanted = request.path_params["run_id"] if run_id is None else run_id
    try:
        return served.store.run(wanted)
    except runlake.UnknownRun:
        served.refresh()  # it may have begun just now
    try:
        return served.store.run(wanted)
    except runlake.UnknownRun as error:
        raise Problem(404, f"There is no run {wanted!r} in this store.", "`runlake ls` lists those that are there.") from error


def about_run(tell: Callable[[Request, Run], Any]) -> Callable[[Request], Response]:
    """The endpoint that answers what is told of the run that it is asked about."""

    @functools.wraps(tell)
    def endpoint(request: Request) -> Response:
        with problems():
            told = tell(request, run_of(request))
            return told if isinstance(told, Response) else plain(told)

    return endpoint


def changing(request: Request) -> runlake.RunlakeClient:
    """Who writes to the store. Raises Problem where nobody may."""
    served = served_by(request)
    if served.is_read_only:
        raise Problem(403, "This server is read-only: nothing is changed through it.", "Start `runlake ui` without --read-only.")
    return served.client


def refreshed(request: Request, run_id: str) -> Run:
    """The run as it is now that something was written."""
    served_by(request).touch()
    return run_of(request, run_id)


@contextmanager
def problems() -> Iterator[None]:
    """What goes wrong inside is a Problem with a sentence."""
    try:
        yield
    except Problem:
        raise
    except (runlake.UnknownRun, runlake.UnknownArtifact, runlake.UnknownModel, runlake.UnknownExperiment) as error:
        raise Problem(404, str(error)) from error
    except runlake.InvalidValue as error:
        raise Problem(422, str(error)) from error
    except _BROKEN as error:
        raise Problem(
            409, f"What the store holds of this cannot be read: {_in_words(error)}", "`runlake doctor` looks for what is damaged."
        ) from error


def content(run: Run, name: str, most: int = MOST_READ) -> bytes:
    """An artifact that is to be looked into. Raises InvalidValue for one that is too large for that."""
    with open_artifact(run, name) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise runlake.InvalidValue(f"{name!r} is larger than the {most:,} bytes that are looked into here.")
    return found


class Parts:
    """The parts of an answer: one that is broken is left out and said, and the others are told."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def told(self, what: str, tell: Callable[[], T], otherwise: Any) -> T:
        """What is told, or where that goes wrong the other thing."""
        try:
            return tell()
        except _BROKEN as error:
            self.problems.append(f"{what}: {_in_words(error)}")
            return otherwise  # type: ignore[no-any-return]  # empty, and of the same kind


def _in_words(error: BaseException) -> str:
    """The first line of what it says."""
    said = str(error).strip().splitlines()
    return (said[0] if said else type(error).__name__)[:500]
