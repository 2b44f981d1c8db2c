"""Conditions on runs: what each says of a run, worked out value by value, and how somebody may type it."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from plain_runs import PlainRun
from typed_values import Number, Text, Value, cased, number_of, space

__all__ = ["And", "Between", "Comparison", "Condition", "Has", "In", "IsNull", "Like", "Not", "Or"]

SIGNS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

Truth = bool | None  # None is what SQL calls unknown


@dataclass(frozen=True)
class Comparison:
    """A value and a literal."""

    value: Value
    sign: str
    literal: Number | Text

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """Whether it is so."""
        if self.value.entity == "dataset" and isinstance(self.literal, Text):
            is_among = _of_data_sets(run, self.value.key, lambda text: text == self.literal.value)
            return is_among if self.sign == "=" else _denied(is_among)
        found = self.value.of(run, now_ms)
        return None if found is None else self._of_known(found)

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        sign = typist.choice({"=": ["=", "=="], "!=": ["!=", "<>"]}.get(self.sign, [self.sign]))
        return self.value.typed(typist) + space(typist) + sign + space(typist) + self.literal.typed(typist)

    def _of_known(self, found: float | str) -> Truth:
        if isinstance(self.literal, Text):
            wanted = self.literal.value
            if self.value == Value("attribute", "status", is_bare=self.value.is_bare):
                is_it = found == wanted.upper() or (wanted.upper(), found) == ("FAILED", "CRASHED")
            else:
                is_it = found == wanted
            return is_it if self.sign == "=" else not is_it
        number = number_of(found) if isinstance(found, str) else found
        if number is None:
            return {"=": False, "!=": True}.get(self.sign)
        if math.isnan(self.literal.value):
            return {"=": math.isnan(number), "!=": not math.isnan(number)}.get(self.sign, False)
        return bool(SIGNS[self.sign](number, self.literal.value))


@dataclass(frozen=True)
class In:
    """A value that is, or is not, one of several."""

    value: Value
    literals: Sequence[Number | Text]
    is_denied: bool

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """As if each stood there with OR between."""
        found = _any([Comparison(self.value, "=", literal).of(run, now_ms) for literal in self.literals])
        return _denied(found) if self.is_denied else found

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        listed = (space(typist) + "," + space(typist)).join(literal.typed(typist) for literal in self.literals)
        return f"{self.value.typed(typist)} {_maybe_not(self.is_denied, typist)}{cased('in', typist)}{space(typist)}({listed})"


@dataclass(frozen=True)
class Between:
    """A number within limits, both of them allowed, or not."""

    value: Value
    least: Number
    greatest: Number
    is_denied: bool

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """As two comparisons."""
        found = _all([Comparison(self.value, sign, end).of(run, now_ms) for sign, end in ((">=", self.least), ("<=", self.greatest))])
        return _denied(found) if self.is_denied else found

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        ends = f"{self.least.typed(typist)} {cased('and', typist)} {self.greatest.typed(typist)}"
        return f"{self.value.typed(typist)} {_maybe_not(self.is_denied, typist)}{cased('between', typist)} {ends}"


@dataclass(frozen=True)
class Like:
    """A text that is, or is not, like a pattern."""

    value: Value
    how: Literal["LIKE", "ILIKE", "~"]
    pattern: str
    is_denied: bool

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """Whether it is so."""
        if self.value.entity == "dataset":
            found: Truth = _of_data_sets(run, self.value.key, self._matches)
        else:
            text = self.value.of(run, now_ms)
            found = None if text is None else self._matches(str(text))
        return _denied(found) if self.is_denied else found

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        sign = self.how if self.how == "~" else f" {_maybe_not(self.is_denied, typist)}{cased(self.how, typist)} "
        return f"{self.value.typed(typist)}{sign}{Text(self.pattern).typed(typist)}"

    def _matches(self, text: str) -> bool:
        if self.how == "~":
            return re.search(self.pattern, text, re.ASCII) is not None  # RE2 knows ten digits
        pattern = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in self.pattern)
        return re.fullmatch(pattern, text, re.DOTALL | (re.IGNORECASE if self.how == "ILIKE" else 0)) is not None


@dataclass(frozen=True)
class IsNull:
    """A value that is, or is not, missing."""

    value: Value
    is_denied: bool

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """Never unknown."""
        return _is_there(self.value, run, now_ms) == self.is_denied

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        return f"{self.value.typed(typist)} {cased('is', typist)} {_maybe_not(self.is_denied, typist)}{cased('null', typist)}"


@dataclass(frozen=True)
class Has:
    """A value that is there."""

    value: Value

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """Never unknown."""
        return _is_there(self.value, run, now_ms)

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        return f"{cased('has', typist)}({space(typist)}{self.value.typed(typist)})"


@dataclass(frozen=True)
class Not:
    """What is not so."""

    part: Condition

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """What is unknown stays so."""
        return _denied(self.part.of(run, now_ms))

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        needs_them = isinstance(self.part, (And, Or))
        return f"{cased('not', typist)} {_inside(self.part, typist, needs_them=needs_them)}"


@dataclass(frozen=True)
class And:
    """Every one of these."""

    parts: Sequence[Condition]

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """False where one is, else unknown where one is."""
        return _all([part.of(run, now_ms) for part in self.parts])

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        return _joined(" and ", [_inside(part, typist, needs_them=isinstance(part, Or)) for part in self.parts], typist)


@dataclass(frozen=True)
class Or:
    """One of these."""

    parts: Sequence[Condition]

    def of(self, run: PlainRun, now_ms: int) -> Truth:
        """True where one is, else unknown where one is."""
        return _any([part.of(run, now_ms) for part in self.parts])

    def typed(self, typist: Random) -> str:
        """As somebody may write it: AND binds more strongly."""
        return _joined(" or ", [_inside(part, typist) for part in self.parts], typist)


Condition = Comparison | In | Between | Like | IsNull | Has | Not | And | Or


def _is_there(value: Value, run: PlainRun, now_ms: int) -> bool:
    return bool(run.data_sets) if value.entity == "dataset" else value.of(run, now_ms) is not None


def _of_data_sets(run: PlainRun, key: str, test: Callable[[str], bool]) -> Truth:
    return any(test(each[key]) for each in run.data_sets) if run.data_sets else None


def _denied(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _all(truths: Sequence[Truth]) -> Truth:
    return False if False in truths else None if None in truths else True


def _any(truths: Sequence[Truth]) -> Truth:
    return True if True in truths else None if None in truths else False


def _inside(part: Condition, typist: Random, *, needs_them: bool = False) -> str:
    """With parentheses, where it needs them, or now and then."""
    typed = part.typed(typist)
    return f"({space(typist)}{typed}{space(typist)})" if needs_them or typist.random() < 0.2 else typed


def _joined(word: str, parts: Sequence[str], typist: Random) -> str:
    found = parts[0]
    for part in parts[1:]:
        found += space(typist) + cased(word, typist) + part
    return found


def _maybe_not(is_denied: bool, typist: Random) -> str:
    return cased("not ", typist) if is_denied else ""
