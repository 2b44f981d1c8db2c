"""The three runs of a program, in its own folder and with its own settings, but for a store that is thrown away."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runlake import config
from runlake.errors import InvalidValue, RunlakeError
from runlake.instrument.plugins import find_plugins, implements, load
from runlake.verify import observer

__all__ = ["Observed", "Recorded", "named_signal", "observed"]

PATIENCE_SECONDS = 2.0
RUNS = ("as it is", "as it is, once more", "with autolog")


@dataclass(frozen=True)
class Observed:
    """What one run of the program came to; `report` is None where its end was not told."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    report: Mapping[str, Any] | None


@dataclass(frozen=True)
class Recorded:
    """How much is in the store of the run that was recorded, and what could not be recorded, in words.

    `own_runs` is how many the program records of itself, in a run without autolog.
    """

    runs: int
    models: int
    metrics: int
    errors: list[str] = field(default_factory=list)
    own_runs: int = 0


def observed(command: Sequence[str], say: Callable[[str], object], *, is_watched: bool = True) -> tuple[list[Observed], Recorded]:
    """Run the command twice as it is and once with autolog; `say` hears what is under way. Unless watched, globals alone are looked at.

    Raises InvalidValue for a command that is none, and RunlakeError for a program that says nothing about autologging.
    """
    words = _words(command)
    found = []
    with tempfile.TemporaryDirectory(prefix="runlake-verify-", ignore_cleanup_errors=True) as folder:
        for number, what in enumerate(RUNS):
            say(f"{number + 1} of {len(RUNS)}: {what}")
            asked = _asked() | {"is_recorded": number == len(RUNS) - 1, "is_watched": is_watched}
            found.append(_run(words, Path(folder) / str(number), asked))
            _check(found)
        return found, _recorded(Path(folder) / str(len(RUNS) - 1) / "lake", Path(folder) / "0" / "lake")


def named_signal(exit_code: int) -> str:
    """The signal that ended a process, by its name; nothing where none did."""
    if exit_code >= 0:
        return ""
    return signal.Signals(-exit_code).name if -exit_code in {each.value for each in signal.Signals} else f"signal {-exit_code}"


def _words(command: Sequence[str]) -> list[str]:
    """The command as it is started: a script is run by this Python."""
    first = command[0]
    if first.endswith(".py"):
        if not Path(first).is_file():
            raise InvalidValue(f"There is no file {first}.")
        return [sys.executable, *command]
    if shutil.which(first) is None:
        raise InvalidValue(f"There is no command {first!r}, neither here nor on the PATH. A script's name ends in .py.")
    return list(command)


def _run(words: Sequence[str], folder: Path, asked: Mapping[str, Any]) -> Observed:
    watching = folder / "watching"
    watching.mkdir(parents=True)
    shutil.copyfile(str(observer.__file__), watching / "sitecustomize.py")
    (watching / "asked.json").write_text(json.dumps(asked))
    environment = config.environment_of_verified(folder / "lake", watching, is_recorded=asked["is_recorded"])
    started = time.monotonic()
    with (
        (folder / "stdout").open("wb") as stdout,
        (folder / "stderr").open("wb") as stderr,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment) as process,
    ):
        exit_code = _end_of(process)
    seconds = time.monotonic() - started
    report = json.loads((watching / "report.json").read_text()) if (watching / "report.json").exists() else None
    if report is not None:
        seconds = report["ended"] - started  # what is found out after the end takes time too
    texts = [(folder / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr")]
    return Observed(exit_code, texts[0], texts[1], seconds, report)


def _end_of(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:  # a terminal has sent it to the program, too, which may have something to put away
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_SECONDS)
        process.kill()
        process.wait()
        raise


def _asked() -> dict[str, Any]:
    """The top modules of the libraries that plugins are for, and the plugins that know of random generators."""
    there = [plugin for plugin in find_plugins().values() if not plugin.is_service and load(plugin)]
    return {
        "libraries": sorted({library for plugin in there for library in plugin.libraries}),
        "generators": sorted(plugin.name for plugin in there if implements(plugin, "random_states")),
    }


def _check(found: Sequence[Observed]) -> None:
    """That there is something to compare with."""
    last = found[-1]
    if last.report is not None and last.report["problem"]:
        raise RunlakeError(f"This program cannot be verified: {last.report['problem']}.")
    if len(found) < len(RUNS) and named_signal(last.exit_code):
        raise RunlakeError(
            f"Without autologging the program was ended by {named_signal(last.exit_code)}, so there is nothing to compare with."
        )


def _recorded(store: Path, own: Path) -> Recorded:
    from runlake.read import open_store  # late: it needs Arrow, and the program's runs come first

    runs = open_store(store).runs() if store.exists() else []
    models = [run for run in runs if any(name.startswith("model/") for name in run.artifacts)]
    errors = [error for run in runs for error in run.errors]
    own_runs = len(open_store(own).runs()) if own.exists() else 0
    return Recorded(len(runs), len(models), sum(len(run.metrics) for run in runs), errors, own_runs)
