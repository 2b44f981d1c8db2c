"""What only the first of a program's processes gets that asks for it: whoever starts the program for a run lays it out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from runlake import config

__all__ = ["is_program_of", "take_turn", "turns_of", "without_secret_words"]

Turn = Literal["surroundings", "training"]  # to note what the run ran on; to be recorded in the run itself, not inside it


@contextlib.contextmanager
def turns_of(run_id: str, secret_words: Iterable[str] = ()) -> Iterator[dict[str, str]]:
    """The environment variables with which a program that joins the run is treated as the one that opened it.

    Of the words of its command some hold secrets, as only who started it knows.
    """
    with tempfile.TemporaryDirectory(prefix="runlake-") as folder:
        for name in ("program", "surroundings", "training"):
            _file(folder, run_id, name).touch()
        _file(folder, run_id, "secrets").write_text("\n".join(map(_digest, secret_words)))
        yield {"RUNLAKE_TURNS": folder}


def is_program_of(run_id: str) -> bool:
    """Whether this process belongs to the program that was started for this run."""
    folder = config.given_turns()
    return folder is not None and _file(folder, run_id, "program").exists()


def take_turn(run_id: str, turn: Turn) -> bool:
    """Whether this process is the first to ask: a file can be removed once."""
    folder = config.given_turns()
    if folder is None:
        return False
    try:
        os.unlink(_file(folder, run_id, turn))
    except OSError:
        return False
    return True


def without_secret_words(command: Sequence[str]) -> list[str]:
    """The command of this program, without the words of which was said that they hold secrets."""
    folder, run_id = config.given_turns(), config.given_run()
    if folder is None or run_id is None:
        return list(command)
    try:
        secrets = _file(folder, run_id, "secrets").read_text().split()
    except OSError:  # who started it is gone
        return list(command)
    return [f"<redacted:parameter:{len(word)}>" if _digest(word) in secrets else word for word in command]


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).hexdigest()


def _file(folder: str, run_id: str, name: str) -> Path:
    return Path(folder) / f"{run_id}.{name}"
