"""`runlake.projects.run`: a project is run from Python, and waited for or not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from runlake.entities import Status
from runlake.errors import InvalidValue, RunlakeError
from runlake.projects.launching import Asked, Launch, Outcome, experiment_of, prepared_project
from runlake.projects.program import listening
from runlake.recording.active import active_run
from runlake.recording.opening import Wanted
from runlake.recording.telling import name_unused

__all__ = ["SubmittedRun", "run", "run_to_end"]


class SubmittedRun:
    """A project's run that was started here."""

    def __init__(self, run_id: str, launch: Launch | None = None, outcome: Outcome | None = None) -> None:
        self._run_id = run_id
        self._launch = launch
        self._outcome = outcome
        self._has_ended = threading.Event()  # to join a thread again after Ctrl-C, as some Pythons have it, waits for nothing
        if launch is None:
            self._has_ended.set()
        else:
            threading.Thread(target=self._finish, args=(launch,), name="runlake-project").start()

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._run_id

    def get_status(self) -> str:
        """RUNNING, or how it ended: FINISHED, FAILED or KILLED."""
        return str(self._outcome.status if self._outcome else Status.RUNNING)

    def wait(self) -> bool:
        """Wait until it has ended; whether it did well. Ctrl-C ends both."""
        try:
            self._has_ended.wait()
        except KeyboardInterrupt:
            self.cancel()
            raise
        return self._outcome is not None and self._outcome.status == Status.FINISHED

    def cancel(self) -> None:
        """Stop it, and wait until it has."""
        if self._launch is not None:
            self._launch.program.stop()
        self.wait()

    def __repr__(self) -> str:
        return f"<SubmittedRun {self._run_id} {self.get_status()}>"

    def _finish(self, launch: Launch) -> None:
        try:
            self._outcome = launch.finish()
        finally:
            self._has_ended.set()


def run(
    uri: str,
    entry_point: str = "main",
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    docker_args: Any = None,
    experiment_name: str | None = None,
    experiment_id: str | int | None = None,
    backend: str = "local",
    backend_config: Any = None,
    storage_dir: str | Path | None = None,
    synchronous: bool = True,
    run_id: str | None = None,
    run_name: str | None = None,
    env_manager: str | None = None,
    build_image: bool = False,
    docker_auth: Any = None,
    *,
    env: Sequence[str] = (),
) -> SubmittedRun:
    """Run an entry point of a project: a folder, or a git repository, by its address. Raises RunlakeError where it fails.

    Its run is inside of the active one, where there is one.
    `env` are the environment variables that it gets although they look like secrets. Unless `synchronous`, it goes on in its own time,
    and the end of this process waits for it.
    """
    if backend != "local":
        raise InvalidValue(f"Projects are run on this machine, so backend is 'local', not {backend!r}. Start runlake where it should run.")
    if docker_args or build_image or docker_auth:
        raise InvalidValue("Docker images are neither built nor run here. Leave docker_args, build_image and docker_auth out.")
    name_unused("projects.run", backend_config=backend_config)
    storage = None if storage_dir is None else Path(storage_dir).absolute()
    asked = Asked(uri, entry_point, version, parameters or {}, env_manager, env, storage)
    outer = active_run() if run_id is None else None
    wanted = Wanted(run_id=run_id, run_name=run_name, parent_run_id=outer.run_id if outer else None)
    if synchronous:
        return _ended_well(run_to_end(asked, wanted, experiment_name, experiment_id))
    with listening() as programs, ExitStack() as stack:
        launch = _launched(asked, wanted, experiment_name, experiment_id, stack, [])
        launch.outlive(stack)
        programs.append(launch.program)
        return SubmittedRun(launch.run.run_id, launch)


def run_to_end(asked: Asked, wanted: Wanted, experiment_name: str | None, experiment_id: str | int | None) -> Outcome:
    """Run a project, and wait for it."""
    with listening() as programs, ExitStack() as stack:
        return _launched(asked, wanted, experiment_name, experiment_id, stack, programs).finish()


def _launched(
    asked: Asked, wanted: Wanted, experiment_name: str | None, experiment_id: str | int | None, stack: ExitStack, programs: list[Any]
) -> Launch:
    experiment_of(experiment_name, experiment_id, may_make=False)  # what is wrong with it is told before anything is fetched
    prepared = prepared_project(asked, stack)
    return Launch(prepared, replace(wanted, experiment_id=experiment_of(experiment_name, experiment_id)), stack, programs)


def _ended_well(outcome: Outcome) -> SubmittedRun:
    """The run, unless this process was told to stop, or the project failed."""
    if outcome.told == signal.SIGINT:
        raise KeyboardInterrupt
    if outcome.told is not None:
        signal.raise_signal(outcome.told)
    if outcome.status != Status.FINISHED:
        raise RunlakeError(
            f"The project's run {outcome.name} ({outcome.run_id}) ended {outcome.status}, with exit code {outcome.exit_code}. "
            "What it printed says why."
        )
    return SubmittedRun(outcome.run_id, outcome=outcome)
