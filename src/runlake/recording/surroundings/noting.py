"""Notes the surroundings of the runs that begin in this process: each is looked at once, and shared by all of its runs."""

from __future__ import annotations

import functools
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runlake import platform
from runlake.config import Config
from runlake.entities.environments import CHANGES_TAG, ENVIRONMENT_FILE
from runlake.guard import guarded
from runlake.recording.listeners import run_ending
from runlake.recording.recorders import before_exit
from runlake.recording.surroundings import changes, commit, console, environment, load
from runlake.redaction import redacted_text

if TYPE_CHECKING:
    from runlake.recording.runs import ActiveRun

__all__ = ["note_surroundings"]

ABOUT_BYTES = 4096


def note_surroundings(run: ActiveRun, *, is_new: bool = True, wants_load: bool | None = None) -> None:
    """Note what there is to be noted of a run that begins, or goes on, and see to what is to be noted of it later."""
    settings = run.recorder.flusher.config
    with guarded("noting the surroundings of a run"):
        noted = _Noted()
        if settings.environment and is_new:
            noted.modules = len(sys.modules)
            _keep_environment(run, settings)
            _changes.note(run, settings)
        if settings.console:
            noted.console = console.Console()
        if settings.system_metrics if wants_load is None else wants_load:
            noted.load = load.load_of(run, settings.system_metrics_seconds)
        _open[run] = noted


@dataclass(eq=False)
class _Noted:
    """What is under way for a run until it ends."""

    modules: int | None = None  # how many were imported when the environment was noted
    console: console.Console | None = None
    load: load.Load | None = None


_open: dict[ActiveRun, _Noted] = {}


def _finish(run: ActiveRun) -> None:
    noted = _open.pop(run, None)
    if noted is None:
        return
    if noted.load is not None:
        noted.load.stop()
    if noted.console is not None:
        text = noted.console.stop()
        run.offered.log_made(functools.partial(_console_bytes, text, run.recorder.flusher.config), console.CONSOLE_FILE, len(text))
    if noted.modules not in (None, len(sys.modules)):
        _keep_environment(run, run.recorder.flusher.config)


def _console_bytes(text: str, settings: Config) -> bytes:
    return (redacted_text(text) if settings.redact else text).encode("utf-8", "replace")


def _keep_environment(run: ActiveRun, settings: Config) -> None:
    """It is made by the thread that writes."""
    run.offered.log_made(functools.partial(environment.environment_bytes, settings), ENVIRONMENT_FILE, ABOUT_BYTES)


@dataclass(eq=False)
class _ChangesOnce:
    """Asks git in a thread of its own, and tells every run that waits for it."""

    found: changes.Changes | None = None
    is_asked: bool = False
    is_over: bool = False
    waiting: list[ActiveRun] = field(default_factory=list)
    thread: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, run: ActiveRun, settings: Config) -> None:
        """Note the changes of the code with this run, now or when they are known."""
        with self.lock:
            if not self.is_over:
                self.waiting.append(run)
            if not self.is_asked:
                self._ask(settings)
        if self.is_over:
            self._tell(run)

    def wait(self) -> None:
        """At exit: git is given its time, and not more."""
        if self.thread is not None:
            self.thread.join(changes.SECONDS + 0.5)

    def _ask(self, settings: Config) -> None:
        self.is_asked = True
        at = commit.commit_of_program()
        if at is None:
            self.is_over = True
            self.waiting.clear()
            return
        self.thread = threading.Thread(target=self._find, args=(at.root, settings), name="runlake-git", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:  # the system gives no more threads
            self.thread, self.is_over = None, True

    def _find(self, root: Path, settings: Config) -> None:
        with guarded("asking git what was changed"):
            self.found = changes.changes_in(root, settings.store, redact=settings.redact)
        with self.lock:
            self.is_over = True
            waiting, self.waiting = self.waiting, []
        for run in waiting:
            self._tell(run)

    def _tell(self, run: ActiveRun) -> None:
        found = self.found
        if found is None:
            return
        with guarded("noting what was changed"):
            tags = {CHANGES_TAG: found.summary} | ({"mlflow.source.git.repoURL": found.remote} if found.remote else {})
            run.offered.set_tags(tags)
            if found.diff:
                run.offered.log_text(found.diff, changes.DIFF_FILE)


_changes = _ChangesOnce()


def _in_forked_child() -> None:
    global _changes
    was = _changes
    _open.clear()
    _changes = _ChangesOnce(was.found, was.is_asked and was.is_over, was.is_over)  # the thread that asks is not here


run_ending.append(_finish)
before_exit.append(lambda: _changes.wait())
platform.on_fork(in_child=_in_forked_child)
