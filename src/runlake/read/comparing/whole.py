"""All that tells two runs apart."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from runlake.entities import RunInfo, Status
from runlake.errors import UnknownExperiment
from runlake.read.comparing.changes import Change, Compared, compared
from runlake.read.comparing.files import (
    CODE_TAGS,
    Code,
    code_of,
    compared_artifacts,
    compared_data,
    compared_machines,
    compared_packages,
)
from runlake.read.comparing.scores import MetricChange, compared_metrics
from runlake.read.looks import looks_of
from runlake.store.experiments import Experiments
from runlake.store.layout import Layout

if TYPE_CHECKING:
    from runlake.read.run import Run

__all__ = ["ComparedRun", "Comparison", "compare"]

_SYSTEM = ("mlflow.", "runlake.")  # how tags begin that nobody set by hand
_NOTE = "mlflow.note.content"


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs: what it is, the name of its experiment, how long it took so far, and its code."""

    info: RunInfo
    experiment: str
    seconds: float | None
    code: Code
    has_environment: bool

    def to_dict(self) -> dict[str, Any]:
        """What identifies it, and how it ended."""
        info = self.info
        return {
            "run_id": info.run_id,
            "run_name": info.run_name,
            "experiment_id": info.experiment_id,
            "experiment_name": self.experiment,
            "status": info.status,
            "start_time": info.start_time,
            "end_time": info.end_time,
            "duration": self.seconds,
        }


@dataclass(frozen=True)
class Comparison:
    """What differs between the runs `a` and `b`, and what does not; each kind that first which matters most.

    Params and metrics come before the data, the code, the packages and the machine, and these before artifacts and tags. Shown, it is
    what `runlake diff` prints; in a notebook, a card.
    """

    a: ComparedRun
    b: ComparedRun
    metrics: Compared[MetricChange]
    params: Compared[Change]
    data: Compared[Change]
    code: Compared[Change]
    packages: Compared[Change]
    machine: Compared[Change]
    artifacts: Compared[Change]
    tags: Compared[Change]
    system_tags: Compared[Change]

    def sections(self) -> Iterator[tuple[str, Compared[Any]]]:
        """The kinds of things by their names, in the order of what they matter."""
        for each in fields(self)[2:]:
            yield each.name, getattr(self, each.name)

    @property
    def is_same(self) -> bool:
        """Whether nothing differs that either was given, used or measured."""
        return not any(found.different for name, found in self.sections() if name != "system_tags")

    def code_diff(self) -> Iterator[str]:
        """The lines in which what was changed since the commit differs."""
        a, b = self.a.code, self.b.code
        if a.diff == b.diff:
            return iter(())
        from_a, from_b = (f"{side.info.run_name}: changes since {side.code.commit[:8] or 'its commit'}" for side in (self.a, self.b))
        return difflib.unified_diff(a.diff.splitlines(), b.diff.splitlines(), from_a, from_b, lineterm="")

    def to_dict(self) -> dict[str, Any]:
        """Plain values: `a`, `b`, for each kind the list of what differs, and `same`, how many of each kind do not."""
        found = dict(self.sections())
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            **{name: [change.to_dict() for change in kind.different] for name, kind in found.items()},
            "same": {name: len(kind.same) for name, kind in found.items()},
        }

    def __str__(self) -> str:
        return str(looks_of("comparison_text", self))

    def __repr__(self) -> str:
        return f"<Comparison of {self.a.info.run_name!r} and {self.b.info.run_name!r}>"

    def _repr_html_(self) -> str:
        return str(looks_of("comparison_card", self))


def compare(a: Run, b: Run) -> Comparison:
    """What differs between two runs, of one store or of two."""
    own, theirs = _tags(a, is_system=False), _tags(b, is_system=False)
    code_a, code_b = code_of(a), code_of(b)
    return Comparison(
        a=_side(a, code_a),
        b=_side(b, code_b),
        metrics=compared_metrics(a.metrics, b.metrics, a.tags, b.tags),
        params=compared(a.params, b.params),
        data=compared_data(a, b),
        code=_compared_code(code_a, code_b),
        packages=compared_packages(a.environment, b.environment),
        machine=compared_machines(a.environment, b.environment),
        artifacts=compared_artifacts(a, b),
        tags=compared(own, theirs),
        system_tags=compared(_tags(a, is_system=True), _tags(b, is_system=True)),
    )


def _compared_code(a: Code, b: Code) -> Compared[Change]:
    """The same number of lines may be other lines."""
    said = compared(a.facts(), b.facts())
    if a.diff == b.diff or any(change.key == "uncommitted" for change in said.different):
        return said
    changed = [change for change in said.same if change.key == "uncommitted"]
    return Compared((*said.different, *changed), tuple(change for change in said.same if change not in changed))


def _side(run: Run, code: Code) -> ComparedRun:
    info = run.info
    until = time.time() * 1000 if info.status == Status.RUNNING else info.end_time
    seconds = None if until is None else (until - info.start_time) / 1000
    return ComparedRun(info, _experiment(run), seconds, code, bool(run.environment))


def _experiment(run: Run) -> str:
    try:
        return Experiments(Layout(run._store.path)).get(run.info.experiment_id).name
    except UnknownExperiment:  # it was deleted for good
        return run.info.experiment_id


def _tags(run: Run, *, is_system: bool) -> dict[str, str]:
    """A note is the user's own, and what is told of the code or in the name of the run is not told again."""
    told = {*CODE_TAGS, "mlflow.runName"}
    return {key: text for key, text in run.tags.items() if key not in told and (key.startswith(_SYSTEM) and key != _NOTE) == is_system}
