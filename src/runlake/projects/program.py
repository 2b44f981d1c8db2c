"""The program of a project while it runs: what this process is told to do, Ctrl-C or SIGTERM, it is told too, and is waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from runlake.entities import Status
from runlake.recording.recorders import before_exit

__all__ = ["Program", "listening"]

PATIENCE_SECONDS = 10.0
_STOPS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM), getattr(signal, "SIGHUP", signal.SIGTERM)}

_running: dict[Program, None] = {}


class Program:
    """One that is about to run, runs, or has ended. Its input and outputs are those of this process."""

    def __init__(self, argv: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
        self.argv = argv
        self.told: int | None = None  # the signal that it was told to stop with
        self._folder = folder
        self._variables = {**variables, "PWD": str(folder)}
        self._shares_terminal = _owns_terminal()  # which tells all of its group what is typed
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Raises OSError."""
        group = None if self._shares_terminal or sys.platform == "win32" else 0
        self._process = subprocess.Popen(self.argv, cwd=self._folder, env=self._variables, process_group=group)
        _running[self] = None
        if self.told is not None:
            self._send(self.told)

    def tell(self, signum: int) -> None:
        """Hand a signal on."""
        self.told = signum
        if self._process is not None and not (self._shares_terminal and signum == signal.SIGINT):
            self._send(signum)

    def wait(self) -> int:
        """Its exit code, once it has ended; 128 and the number of the signal where one ended it, as shells say it."""
        assert self._process is not None
        code = self._process.wait()
        _running.pop(self, None)
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """Have it end: it is asked, and after a while not asked any more."""
        if self._process is None or self._process.poll() is not None:
            return
        self.tell(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._send(getattr(signal, "SIGKILL", signal.SIGTERM))
            self._process.wait()

    def status(self) -> Status:
        """How it ended: killed where it was told to stop, or somebody else stopped it."""
        code = None if self._process is None else self._process.returncode
        if code is None:
            return Status.RUNNING
        if self.told is not None or (code < 0 and -code in _STOPS):
            return Status.KILLED
        return Status.FAILED if code else Status.FINISHED

    def _send(self, signum: int) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._shares_terminal or sys.platform == "win32":
                self._process.send_signal(signum)
            else:
                os.killpg(self._process.pid, signum)


@contextlib.contextmanager
def listening() -> Iterator[list[Program]]:
    """What this process is told meanwhile ends what is under way; once a program is in the list, it is told, and nothing ends before it."""
    programs: list[Program] = []
    if threading.current_thread() is not threading.main_thread():  # which alone hears
        yield programs
        return

    def hear(signum: int, frame: FrameType | None) -> None:
        if programs:
            programs[-1].tell(signum)
        elif signum == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            sys.exit(128 + signum)

    before = {}
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) != signal.SIG_IGN:
            before[each] = signal.signal(each, hear)
    try:
        yield programs
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)


def _owns_terminal() -> bool:
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except (OSError, AttributeError):  # it is closed; Windows
        return False


def _stop_all() -> None:
    """At exit, where a run in a thread was not waited for because of an error or Ctrl-C."""
    for program in list(_running):
        program.stop()


before_exit.append(_stop_all)
