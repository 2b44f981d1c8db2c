"""What a filter says, as a tree: conditions on values of a run, and how they are joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOfThese

__all__ = ["AGGREGATES", "All", "Any", "Compare", "Condition", "Literal", "Matches", "Missing", "Name", "Not", "OneOf", "Order"]

AGGREGATES = ("last", "min", "max", "first", "mean")

Comparison = OneOfThese["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Name:
    """A value of a run as it was typed: `at` is a step, or the name whose best step is meant."""

    key: str
    start: int
    stop: int
    entity: str | None = None
    aggregate: str | None = None  # said behind a key in quotes; of a bare one it is the end of the key, until keys are looked at
    at: int | Name | None = None
    is_quoted: bool = False


@dataclass(frozen=True)
class Literal:
    """A value to compare with: its text, and the number or the seconds that it also is, unless it stood in quotes."""

    text: str
    start: int
    stop: int
    number: float | None = None
    seconds: float | None = None
    is_quoted: bool = False


@dataclass(frozen=True)
class Compare:
    """A value compared with another."""

    name: Name
    sign: Comparison
    literal: Literal


@dataclass(frozen=True)
class OneOf:
    """A value that is one of several."""

    name: Name
    literals: tuple[Literal, ...]


@dataclass(frozen=True)
class Matches:
    """A text like a pattern: of LIKE and ILIKE, or a regular expression."""

    name: Name
    how: OneOfThese["LIKE", "ILIKE", "~"]
    literal: Literal


@dataclass(frozen=True)
class Missing:
    """A value that a run does not have."""

    name: Name


@dataclass(frozen=True)
class Not:
    """What is not so. Of a run without the value neither a comparison is so nor what it denies."""

    part: Condition


@dataclass(frozen=True)
class All:
    """Every part is so; no part at all is so for every run."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Any:
    """Some part is so."""

    parts: tuple[Condition, ...]


Condition = Compare | OneOf | Matches | Missing | Not | All | Any


@dataclass(frozen=True)
class Order:
    """What runs are sorted by."""

    name: Name
    is_descending: bool
