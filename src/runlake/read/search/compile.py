"""Makes of a filter what tells, of all runs of a frame at once, for which it is so and for which it is not.

A comparison with what a run does not have is neither, as in SQL. A text is compared once, however many runs have it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.entities import Status
from runlake.errors import InvalidFilter
from runlake.read.search import tree
from runlake.read.search.columns import Numbers, Texts
from runlake.read.search.frames import Columns, Frame
from runlake.read.search.scan import data_sets
from runlake.read.search.values import Attribute, Catalog, DatasetText, Moment, Text, Value
from runlake.store.columns import text_scalar, texts

__all__ = ["Answer", "Question", "compiled"]

_SIGNS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MAX_PATTERN = 1000  # to look for one in a text takes the product of their lengths, at worst
_STATUSES = [*Status, "SCHEDULED"]


@dataclass(frozen=True)
class Answer:
    """For which runs something is so, and for which it is not."""

    yes: np.ndarray
    no: np.ndarray


Question = Callable[[Columns, Frame], Answer]
OfTexts = Callable[[pa.Array], np.ndarray]  # what is so of distinct texts


def compiled(condition: tree.Condition, catalog: Catalog) -> Question:
    """What asks the runs. Raises InvalidFilter for what cannot be asked."""
    match condition:
        case tree.All(parts):
            return _all([compiled(part, catalog) for part in parts])
        case tree.Any(parts):
            return _not(_all([_not(compiled(part, catalog)) for part in parts]))
        case tree.Not(part):
            return _not(compiled(part, catalog))
        case tree.Missing(name):
            return _not(_has(catalog.value(name, may_be_unknown=True)))
        case tree.Compare(name, sign, literal):
            return _Comparing(catalog, name, literal).compared(sign)
        case tree.OneOf(name, literals):
            return _not(_all([_not(_Comparing(catalog, name, literal).compared("=")) for literal in literals]))
        case tree.Matches(name, how, literal):
            return _Comparing(catalog, name, literal).matched(how)


def _all(parts: Sequence[Question]) -> Question:
    def ask(scan: Columns, frame: Frame) -> Answer:
        answers = [part(scan, frame) for part in parts]
        nothing, everything = np.zeros(len(frame.ids), bool), np.ones(len(frame.ids), bool)
        yes = np.logical_and.reduce([everything, *(answer.yes for answer in answers)])
        return Answer(yes, np.logical_or.reduce([nothing, *(answer.no for answer in answers)]))

    return ask


def _not(part: Question) -> Question:
    def ask(scan: Columns, frame: Frame) -> Answer:
        answer = part(scan, frame)
        return Answer(answer.no, answer.yes)

    return ask


def _has(value: Value) -> Question:
    def ask(scan: Columns, frame: Frame) -> Answer:
        if isinstance(value, DatasetText):
            known = scan.data_sets(frame).known
        elif isinstance(value, (Text, Attribute)):
            known = scan.texts(value, frame).known
        else:
            known = scan.numbers(value, frame).known
        return Answer(known, ~known)

    return ask


class _Comparing:
    """A value and the literal that it is compared with."""

    def __init__(self, catalog: Catalog, name: tree.Name, literal: tree.Literal) -> None:
        self._typed = catalog.typed
        self._value = catalog.value(name)
        self._literal = literal

    def compared(self, sign: str) -> Question:
        """By a sign."""
        value, literal = self._value, self._literal
        if isinstance(value, Text) and literal.number is not None:
            return _text_or_number(value, sign, literal.text, literal.number)
        if isinstance(value, (Text, Attribute, DatasetText)):
            if sign not in ("=", "!="):
                self._wrong(f"{sign} compares numbers, and {literal.text!r} is {'a text' if literal.is_quoted else 'none'}")
            asked = _of_texts(value, _equals(self._status(literal.text) if value == Attribute("status") else [literal.text]))
            return asked if sign == "=" else _not(asked)
        if isinstance(value, Moment):
            return _moment(value, sign, self._moment(value))
        if literal.number is None or literal.is_quoted:
            self._wrong(f"A metric is a number, and {literal.text!r} is none")
        return _number(value, sign, literal.number)

    def matched(self, how: str) -> Question:
        """By a pattern."""
        value, pattern = self._value, self._literal.text
        if not isinstance(value, (Text, Attribute, DatasetText)):
            self._wrong(f"{how} compares texts, and this is a number")
        if len(pattern) > MAX_PATTERN:
            self._wrong(f"A pattern has at most {MAX_PATTERN:,} characters; this one has {len(pattern):,}")
        expression = pattern if how == "~" else _expression(pattern, ignore_case=how == "ILIKE")

        def test(distinct: pa.Array) -> np.ndarray:
            return _bools(pc.match_substring_regex(distinct, pattern=expression))

        try:
            test(texts([""]))
        except pa.ArrowInvalid as error:
            self._wrong(f"{pattern!r} is no regular expression: {str(error).removeprefix('Invalid regular expression: ')}")
        return _of_texts(value, test)

    def _status(self, text: str) -> list[str]:
        """The statuses that are meant: a run that failed may have had no time to say so."""
        if text.upper() not in _STATUSES:
            self._wrong(f"No run is ever {text!r}; a status is {', '.join(_STATUSES[:-1])}")
        return [text.upper(), Status.CRASHED] if text.upper() == Status.FAILED else [text.upper()]

    def _moment(self, value: Moment) -> Callable[[Columns], float]:
        literal = self._literal
        if value.name == "duration":
            seconds = literal.number if literal.seconds is None else literal.seconds
            if seconds is None:
                self._wrong(f"A duration is 90s, 10m, 2h or 1d, or a number of seconds, not {literal.text!r}")
            return lambda scan: seconds
        if literal.seconds is not None:
            ago = literal.seconds * 1000
            if ago > 0:
                self._wrong(f"{literal.text} is to come; -{literal.text.lstrip('+')} is that long ago")
            return lambda scan: scan.now_ms + ago
        if literal.number is not None:
            milliseconds = literal.number
            return lambda scan: milliseconds
        try:
            when = datetime.fromisoformat(literal.text).timestamp() * 1000
        except (ValueError, OverflowError, OSError):
            self._wrong(f"A time is -7d, '2026-01-31', '2026-01-31 18:30' or milliseconds since 1970, not {literal.text!r}")
        return lambda scan: when

    def _wrong(self, what: str) -> NoReturn:
        raise InvalidFilter.at(f"{what}.", self._typed, self._literal.start, self._literal.stop)


def _number(value: Any, sign: str, number: float) -> Question:
    def ask(scan: Columns, frame: Frame) -> Answer:
        return _compared(scan.numbers(value, frame), sign, number)

    return ask


def _moment(value: Moment, sign: str, at: Callable[[Columns], float]) -> Question:
    return lambda scan, frame: _compared(scan.numbers(value, frame), sign, at(scan))


def _compared(column: Numbers, sign: str, number: float) -> Answer:
    if np.isnan(number):  # nothing equals NaN, so what is asked is which are
        is_so = np.isnan(column.values) if sign == "=" else ~np.isnan(column.values) if sign == "!=" else np.zeros(len(column.values), bool)
    else:
        is_so = _SIGNS[sign](column.values, number)
    return Answer(column.known & is_so, column.known & ~is_so)


def _text_or_number(value: Text, sign: str, text: str, number: float) -> Question:
    """As numbers where both are, else as texts, of which none is less than another."""

    def ask(scan: Columns, frame: Frame) -> Answer:
        column = scan.texts(value, frame)
        as_number = _compared(column.numbers, sign, number)
        if sign not in ("=", "!="):
            return as_number
        is_text = column.known & ~column.numbers.known
        nothing = np.zeros(len(column.codes), bool)
        yes, no = (nothing, is_text) if sign == "=" else (is_text, nothing)
        return Answer(as_number.yes | yes, as_number.no | no)

    return ask


def _of_texts(value: Text | Attribute | DatasetText, test: OfTexts) -> Question:
    def ask(scan: Columns, frame: Frame) -> Answer:
        if isinstance(value, DatasetText):
            column = scan.data_sets(frame)
            is_so = column.by_run(_of_data_sets(column, value.name, test))
        else:
            column = scan.texts(value, frame)
            is_so = column.by_run(test(column.distinct))
        return Answer(is_so, column.known & ~is_so)

    return ask


def _of_data_sets(column: Texts, name: str, test: OfTexts) -> np.ndarray:
    """Whether one of the data sets is so."""
    found = [[said[name] for said in data_sets(text)] for text in column.distinct.to_pylist()]
    is_so = test(texts([text for each in found for text in each]))
    ends = np.cumsum([len(each) for each in found], dtype=np.int64)
    return np.array([bool(is_so[end - len(each) : end].any()) for end, each in zip(ends.tolist(), found, strict=True)], bool)


def _expression(pattern: str, *, ignore_case: bool) -> str:
    """What a pattern of LIKE is as a regular expression."""
    # Not pc.match_like: what a backslash means there depends on where the signs stand, and MLflow knows none.
    inside = "".join({"%": ".*", "_": "."}.get(letter) or re.escape(letter) for letter in pattern.strip("%"))
    begin, end = "" if pattern.startswith("%") else "^", "" if pattern.endswith("%") else "$"
    return f"(?s{'i' if ignore_case else ''}){begin}{inside}{end}"


def _equals(wanted: Sequence[str]) -> OfTexts:
    def test(distinct: pa.Array) -> np.ndarray:
        return np.asarray(np.logical_or.reduce([_bools(pc.equal(distinct, text_scalar(text))) for text in wanted]))

    return test


def _bools(column: pa.BooleanArray) -> np.ndarray:
    bits = column.buffers()[1]
    if bits is None:
        return np.zeros(len(column), bool)
    found = np.unpackbits(np.frombuffer(bits, np.uint8), count=column.offset + len(column), bitorder="little")
    return np.asarray(found[column.offset :].view(bool))
