"""The command line of an entry point: the words of its command or script, with its parameters in them or behind them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runlake.errors import InvalidValue
from runlake.projects.inside import file_inside
from runlake.projects.parameters import Value
from runlake.projects.project_file import INTERPRETERS, EntryPoint
from runlake.projects.templates import filled, words_of

__all__ = ["Command", "found_program", "read_command"]

_PYTHONS = ("python", "python3")
_RUNS_A_FILE = (*_PYTHONS, "bash", "sh", "Rscript")


@dataclass(frozen=True)
class Command:
    """An entry point's words, which values are put into."""

    words: list[str]
    files: Sequence[int]  # which of them name what is run: these stay in the folder
    has_places: bool = True

    def filled(self, values: Mapping[str, Value], folder: Path) -> list[str]:
        """The command line. Raises InvalidValue where what it runs is not in the folder."""
        texts = {name: value.text for name, value in values.items()}
        argv = [filled(word, texts) for word in self.words] if self.has_places else list(self.words)
        for place in self.files:
            file_inside(folder, argv[place], "what the entry point runs")
        for name, value in values.items():
            argv += [] if value.is_named else [f"--{name}", value.text]
        return argv


def read_command(entry_point: EntryPoint) -> Command:
    """The command of an entry point. Raises InvalidValue for one that only a shell would understand."""
    if entry_point.script is not None:
        script = entry_point.script if not entry_point.script.startswith("-") else f"./{entry_point.script}"  # or it would be an option
        return Command([entry_point.command, script], [1], has_places=False)
    words = words_of(entry_point.command)
    return Command(words, list(_files(words)))


def _files(words: list[str]) -> list[int]:
    """Which words name what is run: a script by its ending, the program where it is no name alone, and what an interpreter is given."""
    scripts = {place for place, word in enumerate(words) if Path(word).suffix in INTERPRETERS and not word.startswith("-")}
    program = {0} if "/" in words[0] or "\\" in words[0] else set()
    is_file = len(words) > 1 and words[0] in _RUNS_A_FILE and not words[1].startswith("-")
    return sorted(scripts | program | ({1} if is_file else set()))


def found_program(argv: Sequence[str], folder: Path, path: str, python: Path) -> list[str]:
    """The command line with its program found on the PATH of its environment. Raises InvalidValue where it is not there."""
    program = argv[0]
    if program in _PYTHONS:
        return [str(python), *argv[1:]]
    if "/" in program:
        found = shutil.which(str(folder / program))
        return [found, *argv[1:]] if found else _not_there(program, f"{folder / program} is no file that may be executed")
    found = shutil.which(program, path=path)
    return [found, *argv[1:]] if found else _not_there(program, f"it is not on the PATH, which is {path}")


def _not_there(program: str, why: str) -> list[str]:
    raise InvalidValue(f"The program {program!r} cannot be started: {why}. Install it, or name another in the entry point's command.")
