"""What was recorded of two runs besides what they logged: their code, the packages and the machine, data sets and artifacts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from runlake.entities.environments import CHANGES_TAG, ENVIRONMENT_FILE
from runlake.entities.models import MANIFEST, MLMODEL
from runlake.read.comparing.changes import Change, Compared, compared

if TYPE_CHECKING:
    from runlake.read.run import Run

__all__ = ["CODE_TAGS", "Code", "code_of", "compared_artifacts", "compared_data", "compared_machines", "compared_packages"]

CODE_FILE = "code.diff"
CODE_TAGS = {"mlflow.source.git.commit", "mlflow.source.git.branch", "mlflow.source.git.repoURL", "mlflow.source.name", CHANGES_TAG}

_CONTEXT = "mlflow.data.context"
_MACHINE = ("python", "implementation", "system", "machine", "host", "cpus", "memory_bytes", "gpus", "executable", "folder", "user")


@dataclass(frozen=True)
class Code:
    """What a run's code was: "" for what is not known. `diff` is what was changed since the commit, as git says it."""

    commit: str = ""
    branch: str = ""
    program: str = ""
    command: str = ""
    changes: str = ""
    diff: str = ""

    @property
    def added(self) -> int:
        """How many lines the changes add."""
        return sum(line.startswith("+") and not line.startswith("+++") for line in self.diff.splitlines())

    @property
    def removed(self) -> int:
        """How many they take away."""
        return sum(line.startswith("-") and not line.startswith("---") for line in self.diff.splitlines())

    def facts(self) -> dict[str, str]:
        """What is to be compared, in words."""
        lines = f"{self.changes or 'yes'}, +{self.added:,} -{self.removed:,} lines" if self.diff else self.changes
        told = {"commit": self.commit, "branch": self.branch, "program": self.program, "command": self.command, "uncommitted": lines}
        return {name: text for name, text in told.items() if text}


def code_of(run: Run) -> Code:
    """Its code, or that of the run that it is inside of, where only that recorded it."""
    tags = run.tags
    return Code(
        commit=tags.get("mlflow.source.git.commit", ""),
        branch=tags.get("mlflow.source.git.branch", ""),
        program=tags.get("mlflow.source.name", ""),
        command=_command(run.environment),
        changes=tags.get(CHANGES_TAG, ""),
        diff=_diff_of(run),
    )


def compared_packages(a: Mapping[str, Any], b: Mapping[str, Any]) -> Compared[Change]:
    """The versions of what was imported, by two environments; nothing where one was not recorded."""
    return compared(a.get("packages", {}), b.get("packages", {})) if a and b else Compared()


def compared_machines(a: Mapping[str, Any], b: Mapping[str, Any]) -> Compared[Change]:
    """Interpreter, system, processors, folder, and the environment variables that were asked for."""
    return compared(_machine(a), _machine(b)) if a and b else Compared()


def compared_data(a: Run, b: Run) -> Compared[Change]:
    """Data sets by what they were used for and their names: the values are their digests, with their rows and columns."""
    return compared(_data_of(a), _data_of(b), lambda one, other: bool(one["digest"] == other["digest"]))


def compared_artifacts(a: Run, b: Run) -> Compared[Change]:
    """Files by name; the values are their sizes, but what is compared is the content. Environment and code are told of elsewhere."""
    return compared(_files_of(a), _files_of(b))


def _command(environment: Mapping[str, Any]) -> str:
    """What was typed; a kernel is started by a notebook, under a file name that is new each time."""
    words = [str(word) for word in environment.get("command", ())]
    return "" if any("ipykernel" in word for word in words) else " ".join(words)


def _diff_of(run: Run) -> str:
    """Of the run that recorded the environment: without a diff nothing was changed there."""
    recorded = next((each for each in run.outward() if {CODE_FILE, ENVIRONMENT_FILE} & each.artifacts.keys()), None)
    return recorded.read_artifact(CODE_FILE).decode("utf-8", "replace") if recorded and CODE_FILE in recorded.artifacts else ""


def _machine(environment: Mapping[str, Any]) -> dict[str, Any]:
    variables = environment.get("variables") or {}
    known = {name: environment[name] for name in _MACHINE if environment.get(name) not in (None, [], "")}
    return known | {f"${name}": value for name, value in variables.items()}


def _data_of(run: Run) -> dict[str, dict[str, Any]]:
    found = {}
    for used in run.inputs.dataset_inputs:
        contexts = [tag.value for tag in used.tags if tag.key == _CONTEXT]
        rows, columns = _said(used.dataset.profile).get("num_rows"), _said(used.dataset.schema).get("columns")
        facts = {"rows": rows, "columns": len(columns) if isinstance(columns, list) else None}
        known = {name: n for name, n in facts.items() if isinstance(n, int)}
        found[" ".join([used.dataset.name, *(f"({context})" for context in contexts)])] = {"digest": used.dataset.digest, **known}
    return found


def _said(text: str) -> dict[str, Any]:
    """What a data set says of itself: whatever somebody wrote there."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _files_of(run: Run) -> dict[str, dict[str, Any]]:
    kept = run._state.artifacts
    models = {name.removesuffix(MANIFEST) for name in kept if PurePosixPath(name).name == MANIFEST}
    left_out = {
        ENVIRONMENT_FILE,
        CODE_FILE,
        *(f"{folder}{name}" for folder in models for name in (MLMODEL, MANIFEST)),
    }  # which name the run
    return {name: {"sha256": sha, "bytes": size} for name, (sha, size) in kept.items() if name not in left_out}
