"""What is missing of a run's surroundings, or is other than it was, before it is run again."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from runlake.platform import host_name, user_name
from runlake.projects.launching import HOST_TAG
from runlake.read import Run
from runlake.recording.surroundings.changes import DIFF_FILE

__all__ = ["REDACTED", "changes_of_code", "differences", "ran_elsewhere"]

UNTRACKED, LEFT_OUT, CUT_OFF = "# not tracked: ", "# left out, as ", "# cut off, "
REDACTED = "<redacted:"


def differences(run: Run, *, with_packages: bool) -> list[str]:
    """A line for each, that first which matters most."""
    recorded = run.environment
    return [*_of_code(run), *(_of_packages(recorded) if with_packages and recorded else ()), *_of_machine(recorded)]


def ran_elsewhere(run: Run) -> str:
    """Who ran it where, unless this user did, on this machine; nobody knows where a run ran that does not say so."""
    user, host = run.info.user_id, str(run.environment.get("host") or run.tags.get(HOST_TAG, ""))
    if user == user_name() and host == host_name():
        return ""
    return f"{user or 'somebody'} on {host or 'a machine that is not recorded'}"


def changes_of_code(diff: str) -> tuple[str, list[str]]:
    """The changes that can be made again, and what is missing among them, in words."""
    first, *sections = f"\n{diff}".split("\ndiff --git ")
    missing = []
    for line in first.splitlines():
        if line.startswith(UNTRACKED):
            missing.append(f"files that git did not track are not recorded: {line.removeprefix(UNTRACKED)}")
        elif line.startswith(LEFT_OUT):
            missing.append(f"changes of files that are too big are not recorded: {line.rpartition(': ')[2]}")
        elif line.startswith(CUT_OFF):
            missing.append("the record of the changes ends at 4 MB")
    binary = [section.partition("\n")[0] for section in sections if "\nBinary files " in section or "\nGIT binary patch" in section]
    missing += [f"the change of a file that is no text is not recorded: {names}" for names in binary]
    if any(REDACTED in section for section in sections):
        missing.append("secrets were taken out of the recorded changes")
    kept = [section for section in sections if section.partition("\n")[0] not in binary]
    return "".join(f"diff --git {section.rstrip(chr(10))}\n" for section in kept), missing


def _of_code(run: Run) -> Iterator[str]:
    if not run.tags.get("mlflow.source.git.commit"):
        yield "no commit is recorded: the code is as it is now, and may have been another"
    if DIFF_FILE in run.artifacts:
        yield from changes_of_code(run.read_artifact(DIFF_FILE).decode("utf-8", "replace"))[1]


def _of_packages(recorded: Mapping[str, Any]) -> Iterator[str]:
    python = platform.python_version()
    if recorded.get("python") not in (None, python):
        yield f"Python was {recorded['python']}, and is {python}"
    packages = recorded.get("packages")
    for name, version in sorted(packages.items()) if isinstance(packages, dict) else ():
        now = _installed(str(name))
        if now is None:
            yield f"{name} {version} is not installed"
        elif now != version:
            yield f"{name} was {version}, and is {now}"


def _of_machine(recorded: Mapping[str, Any]) -> Iterator[str]:
    if recorded.get("host") not in (None, host_name()):
        yield f"it ran on {recorded['host']}, and this is {host_name()}"
    system = platform.uname()
    for what, now in (("machine", system.machine), ("cpus", os.cpu_count())):
        if recorded.get(what) not in (None, now):
            yield f"{what}: {recorded[what]}, and here {now}"
    was = str(recorded.get("executable") or sys.executable)
    if os.path.dirname(was) != os.path.dirname(sys.executable):
        yield f"it was run by {was}, and will be by {sys.executable}"


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # what is recorded may be no name
        return None
