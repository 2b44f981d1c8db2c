"""A project becomes a run: everything is looked at and made ready first, then the run is opened, and its program started."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runlake import config
from runlake.entities import Status
from runlake.entities.environments import CHANGES_TAG
from runlake.errors import InvalidValue, RunlakeError
from runlake.platform import host_name
from runlake.projects.commands import found_program, read_command
from runlake.projects.environments import made_ready, manager_for
from runlake.projects.git import WorkTree
from runlake.projects.let_through import environment_for
from runlake.projects.parameters import Value, parameters_of, texts_given, values_of
from runlake.projects.program import Program
from runlake.projects.project_file import entry_point_named, read_project
from runlake.projects.sources import Source, fetched
from runlake.recording.active import open_for_program
from runlake.recording.experiments import create_experiment, experiments, usable
from runlake.recording.opening import Wanted
from runlake.recording.run_names import new_run_name
from runlake.recording.runs import status_of
from runlake.recording.secrets import as_written
from runlake.recording.surroundings.changes import DIFF_FILE, Changes, changes_in
from runlake.recording.telling import say
from runlake.recording.turns import turns_of
from runlake.redaction import redacted, redacted_arguments

__all__ = [
    "ENTRY_POINT_TAG",
    "ENV_TAG",
    "HOST_TAG",
    "PARAMETERS_TAG",
    "Asked",
    "Launch",
    "Outcome",
    "Prepared",
    "changes_of_tree",
    "experiment_of",
    "prepared_project",
    "tags_of_commit",
]

ENTRY_POINT_TAG = "mlflow.project.entryPoint"
ENV_TAG = "mlflow.project.env"
VERSION_TAG = "mlflow.project.version"
PARAMETERS_TAG = "runlake.project.parameters"  # as they can be given again
HOST_TAG = "runlake.project.host"
EXIT_TAG = "runlake.exit_code"


@dataclass(frozen=True)
class Asked:
    """What somebody wants to be run."""

    uri: str
    entry_point: str = "main"
    version: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    env_manager: str | None = None
    let_through: Sequence[str] = ()
    storage: Path | None = None


@dataclass(frozen=True)
class Prepared:
    """A program that can be started, and what its run begins with."""

    argv: list[str]
    folder: Path
    variables: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int | float] = field(default_factory=dict)
    changes: Changes | None = None
    name: str = ""  # which the run's name begins with
    hidden: Mapping[str, str] = field(default_factory=dict)  # secrets among its words, and what is shown instead

    @property
    def shown(self) -> str:
        """The command, without secrets."""
        words = redacted_arguments(self.argv)
        for secret, instead in self.hidden.items():
            words = [word.replace(secret, instead) for word in words]
        return shlex.join(words)


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    run_id: str
    name: str
    exit_code: int
    status: Status
    told: int | None  # the signal that this process was told to stop with meanwhile


def prepared_project(asked: Asked, stack: ExitStack, source: Source | None = None) -> Prepared:
    """The program of a project's entry point. Raises RunlakeError; what was made for it goes with `stack`."""
    given = texts_given(asked.parameters)
    allowed = environment_for(asked.let_through)
    source = source or fetched(asked.uri, asked.version, stack)
    project = read_project(source.folder, source.address.shown)
    entry_point = entry_point_named(project, asked.entry_point)
    manager = manager_for(asked.env_manager, project.environment)
    command = read_command(entry_point)
    parameters = parameters_of(entry_point.parameters, command.words if command.has_places else [])
    values = values_of(parameters, given, source.folder, stack, asked.storage)
    argv = command.filled(values, source.folder)
    ready = made_ready(manager, project.environment, source.folder, allowed)
    argv = found_program(argv, source.folder, ready.variables["PATH"], ready.python)
    tags = _tags(source, entry_point.name, manager, values)
    params = {name: value.recorded for name, value in values.items()}
    words = [project.name or source.name, *([] if entry_point.name == "main" else [entry_point.name])]
    name = re.sub(r"[^\w.()-]+", "-", "-".join(words))
    hidden = {value.text: shown for name, value in values.items() if (shown := redacted(name, value.text)) != value.text}
    return Prepared(argv, source.folder, ready.variables, tags, params, changes_of_tree(source.tree), name, hidden)


def _tags(source: Source, entry_point: str, manager: str, values: Mapping[str, Value]) -> dict[str, str]:
    """What the run is of, as MLflow names it, and what it needs to be run again."""
    settings = config.load()
    again = {name: as_written(name, value.again, settings) for name, value in values.items() if value.again is not None}
    tags = {
        "mlflow.source.name": source.address.shown,
        "mlflow.source.type": "PROJECT",
        ENTRY_POINT_TAG: entry_point,
        ENV_TAG: manager,
        "mlflow.project.backend": "local",
        PARAMETERS_TAG: json.dumps(again, ensure_ascii=False),
    }
    tags |= {VERSION_TAG: source.version} if source.version else {}
    tags |= {HOST_TAG: host_name()} if settings.environment else {}  # of which the program may say nothing
    return tags | tags_of_commit(source.tree)


def tags_of_commit(tree: WorkTree | None) -> dict[str, str]:
    """Where the code comes from, as far as git knows."""
    if tree is None:
        return {}
    known = {"commit": tree.commit, "branch": tree.branch, "repoURL": tree.remote}
    return {f"mlflow.source.git.{name}": text for name, text in known.items() if text}


def changes_of_tree(tree: WorkTree | None) -> Changes | None:
    """What was changed since the commit."""
    settings = config.load()
    if tree is None or not settings.environment:
        return None
    return changes_in(tree.root, settings.store, redact=settings.redact)


def experiment_of(name: str | None, experiment_id: str | int | None, *, may_make: bool = True) -> str | None:
    """The experiment that is meant, made if it is named and not there; None for the one that new runs go to. Raises InvalidValue."""
    if name is not None and experiment_id is not None:
        raise InvalidValue("An experiment is said by its name or by its id, not by both.")
    if name is None:
        return None if experiment_id is None else usable(str(experiment_id)).experiment_id
    existing = experiments().named(name)
    if existing is None and not may_make:
        return None
    if existing is None:
        try:
            return create_experiment(name)
        except RunlakeError:  # another process made it meanwhile
            existing = experiments().named(name)
            if existing is None:
                raise
    return usable(existing.experiment_id).experiment_id


class Launch:
    """A run whose program runs or has run."""

    def __init__(self, prepared: Prepared, wanted: Wanted, stack: ExitStack, programs: list[Program]) -> None:
        """Open the run and start the program. What was made for it goes with `stack`, whatever happens."""
        self._stack = stack
        if wanted.run_name is None and wanted.run_id is None:
            wanted = replace(wanted, run_name=f"{prepared.name}-{new_run_name()}" if prepared.name else None)
        self.run = open_for_program(replace(wanted, tags={**prepared.tags, **(wanted.tags or {})}))
        self._stack.push(lambda kind, error, trace: self.run.end(status_of(error)))
        self._note(prepared)
        secret_words = [word for word in prepared.argv if any(secret in word for secret in prepared.hidden)]
        turns = self._stack.enter_context(turns_of(self.run.run_id, secret_words))
        self.program = Program(prepared.argv, prepared.folder, {**prepared.variables, **self.run.env(), **turns})
        say(f"runlake: {self.run.name} ({self.run.run_id}) runs {prepared.shown}")
        programs.append(self.program)
        try:
            self.program.start()
        except OSError as error:
            raise RunlakeError(f"{prepared.argv[0]} cannot be started: {error.strerror or error}.") from error
        self._stack.callback(self.program.stop)

    def outlive(self, stack: ExitStack) -> None:
        """What was made for it stays until it has ended, not until this stack has."""
        self._stack = stack.pop_all()

    def finish(self) -> Outcome:
        """Wait for the program, and say how the run ended."""
        with self._stack:
            code = self.program.wait()
            status = self.program.status()
            if code:
                self.run.set_tag(EXIT_TAG, str(code))
            self.run.end(status)
        how = "" if status == Status.FINISHED else f", with exit code {code}"
        say(f"runlake: {self.run.name} ({self.run.run_id}) {status}{how}")
        return Outcome(self.run.run_id, self.run.name, code, status, self.program.told)

    def _note(self, prepared: Prepared) -> None:
        """What the launcher knows is offered: what the program says itself counts."""
        self.run.offered.log_params(prepared.params)
        if prepared.changes is not None:
            self.run.offered.set_tag(CHANGES_TAG, prepared.changes.summary)
            if prepared.changes.diff:
                self.run.offered.log_text(prepared.changes.diff, DIFF_FILE)
