"""Programs that a project is fetched and built with: none through a shell, none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Done", "end_group", "shown_as_it_comes", "why_not_given", "with_deadline"]

LAST_LINES = 15
MOST_BYTES = 131_071  # of one word of a command, on Linux


@dataclass(frozen=True)
class Done:
    """How a program ended; `code` is None where it was given no more time."""

    code: int | None
    output: str
    errors: str


def why_not_given(word: str) -> str:
    """Why no program can be given this word of a command; nothing where one can."""
    if "\0" in word:
        return "it holds a zero byte, which no program can be given"
    try:
        n_bytes = len(os.fsencode(word))
    except UnicodeEncodeError:
        return "it holds half a surrogate pair, which no program can be given"
    if n_bytes > MOST_BYTES:
        return f"it has {n_bytes:,} bytes, and a program is given {MOST_BYTES:,} at most: put it into a file, and give its path"
    return ""


def with_deadline(argv: Sequence[str], environment: Mapping[str, str], folder: Path | None, seconds: float | None, given: str = "") -> Done:
    """Run it, with whatever it starts, for so long at most."""
    process = subprocess.Popen(
        argv,
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    code: int | None = None
    with process:
        try:
            output, errors = process.communicate(given.encode("utf-8", "surrogateescape"), timeout=seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            end_group(process, signal.SIGTERM)
            try:
                output, errors = process.communicate(timeout=2)
            except subprocess.TimeoutExpired:
                end_group(process)
                output, errors = process.communicate()
        finally:
            end_group(process)
    return Done(code, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))


def shown_as_it_comes(argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, list[str]]:
    """Run it, and pass on what it says to stderr; its exit code and its last lines."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    process = subprocess.Popen(
        argv,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                text = line.decode("utf-8", "replace").rstrip()
                print(text, file=sys.stderr)
                last.append(text)
            process.wait()
        finally:
            end_group(process)
    return process.returncode, list(last)


def end_group(process: subprocess.Popen[bytes], how: signal.Signals | None = None) -> None:
    """End a process that leads a group, with all of that, at once unless a signal is said; nothing where it has ended."""
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        os.killpg(process.pid, how or signal.SIGKILL)
    else:  # Windows
        process.kill()
