"""What a check finds: how bad it is, where it is, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = ["Check", "Checked", "Grade", "Problem", "Tell"]

Tell = Callable[[str], None]  # what is being looked at, for who waits


class Grade(StrEnum):
    """How bad it is."""

    DAMAGED = "damaged"  # something is not what was written
    MISSING = "missing"  # something that was written is not there
    UNVERIFIED = "unverified"  # of another program: whether it is as it was written cannot be told
    NOTE = "note"  # ordinary, and good to know


@dataclass(frozen=True)
class Problem:
    """Something that was found; `offset` is where in the file, if it is known."""

    grade: Grade
    path: Path
    what: str
    offset: int | None = None

    @property
    def is_bad(self) -> bool:
        """Whether something is lost or wrong."""
        return self.grade in (Grade.DAMAGED, Grade.MISSING)


Check = Iterator[Problem]


@dataclass
class Checked:
    """What was looked at, and what was found."""

    logs: int = 0
    sealed: int = 0
    files: int = 0
    rows: int = 0
    contents: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing is damaged or missing."""
        return not any(problem.is_bad for problem in self.problems)
