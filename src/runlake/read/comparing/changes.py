"""What two runs, `a` and `b`, say under the same keys: where it differs, and where it is the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

__all__ = ["ABSENT", "Absent", "Change", "Compared", "compared", "is_same", "without_absent"]


class Absent(Enum):
    """What stands where one of the two says nothing: that is not None, which is a value."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # of an object that only has a text: no two processes have the same


@dataclass(frozen=True)
class Change:
    """What both say under one key."""

    key: str
    a: Any = ABSENT
    b: Any = ABSENT

    def to_dict(self) -> dict[str, Any]:
        """Its key and its values; what is not there is left out."""
        return {"key": self.key, **without_absent({"a": self.a, "b": self.b})}


C = TypeVar("C")


@dataclass(frozen=True)
class Compared(Generic[C]):
    """The things of one kind: those that differ, in the order of what they matter, and those that are the same."""

    different: tuple[C, ...] = ()
    same: tuple[C, ...] = ()


def compared(a: Mapping[str, Any], b: Mapping[str, Any], same: Callable[[Any, Any], bool] | None = None) -> Compared[Change]:
    """What is in both and differs, then what only one of them has, each by its key."""
    equal = same or is_same
    changes = [Change(key, a.get(key, ABSENT), b.get(key, ABSENT)) for key in sorted(a.keys() | b.keys())]
    is_there = [change.a is not ABSENT and change.b is not ABSENT for change in changes]
    unchanged = [both and equal(change.a, change.b) for change, both in zip(changes, is_there, strict=True)]
    different = [change for change, is_so in zip(changes, unchanged, strict=True) if not is_so]
    in_order = sorted(different, key=lambda change: (change.b is ABSENT) + 2 * (change.a is ABSENT))
    return Compared(tuple(in_order), tuple(change for change, is_so in zip(changes, unchanged, strict=True) if is_so))


def is_same(a: Any, b: Any) -> bool:
    """Whether two values say the same: 1 and 1.0 do, and NaN and NaN, but not 1 and True, nor 1 and the text "1"."""
    if isinstance(a, str) and isinstance(b, str):
        return a == b or _ADDRESS.sub("", a) == _ADDRESS.sub("", b)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b) or (type(a) is type(b) and repr(a) == repr(b))  # the latter for NaN, wherever it stands


def without_absent(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are there."""
    return {key: value for key, value in values.items() if value is not ABSENT}
