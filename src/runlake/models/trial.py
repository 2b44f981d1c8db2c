"""Files that a library reads by code in C or C++, opened by a process that may crash: `python -m runlake.models.trial FORMAT SECONDS`.

It is done for files that others wrote, before this process reads them. What comes back is only whether the library read them.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import BinaryIO

from runlake import config, platform
from runlake.errors import InvalidModel, RunlakeError
from runlake.instrument.parts import load_part
from runlake.models.manifest import listed

__all__ = ["main", "try_apart"]

SECONDS = 60  # of a processor's time
MOST_WAITED = 300  # seconds
MEMORY = 16 << 30  # bytes, of which a library takes some by itself
PER_BYTE = 50  # that a file has


def try_apart(format_id: str, files: Mapping[str, bytes]) -> None:
    """Go on if another process could read them. Raises InvalidModel, with what became of that; of the same bytes once."""
    listing = listed(format_id, files).to_bytes()
    if listing not in _outcomes:
        _outcomes[listing] = _try(format_id, files)
    if why := _outcomes[listing]:
        raise InvalidModel(f"The model in the format {format_id} was not read, as {why}.")


_outcomes: dict[bytes, str] = {}  # what became of it, "" where all went well


def _try(format_id: str, files: Mapping[str, bytes]) -> str:
    """What became of it."""
    command = [sys.executable, "-P", "-m", "runlake.models.trial", format_id, str(SECONDS)]
    header = json.dumps([[name, len(content)] for name, content in files.items()]).encode() + b"\n"
    try:
        outcome = subprocess.run(
            command,
            input=b"".join([header, *files.values()]),
            env=config.environment_of_trials(),
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=MOST_WAITED,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidModel(
            f"The model in the format {format_id} was not read: it could not be tried in another process: {error}."
        ) from error
    return _words_of(outcome) if outcome.returncode else ""


def main(format_id: str, seconds: str, given: BinaryIO) -> None:
    """In that process: read the files from its input, confine it, and load them."""
    sizes = json.loads(given.readline())
    files = {name: given.read(size) for name, size in sizes}
    platform.confine(MEMORY + PER_BYTE * sum(map(len, files.values())), int(seconds))
    try:
        load_part(format_id, files)
    except RunlakeError as error:
        raise SystemExit(f"{error}") from error


def _words_of(outcome: subprocess.CompletedProcess[bytes]) -> str:
    if outcome.returncode < 0:
        return f"another process that read it was ended by {signal.Signals(-outcome.returncode).name}"
    lines = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"another process could not read it: {lines[-1].rstrip('.') if lines else f'exit {outcome.returncode}'}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.stdin.buffer)
