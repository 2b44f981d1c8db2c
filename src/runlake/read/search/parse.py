"""Reads filters and orders: recursive descent over the tokens, and nothing is ever evaluated on the way."""

from __future__ import annotations

import re
from typing import Any as Anything
from typing import cast

from runlake.errors import InvalidFilter, InvalidValue
from runlake.read.search.tokens import Kind, Token, tokens
from runlake.read.search.tree import (
    AGGREGATES,
    All,
    Any,
    Compare,
    Comparison,
    Condition,
    Literal,
    Matches,
    Missing,
    Name,
    Not,
    OneOf,
    Order,
)

__all__ = ["parse_filter", "parse_name", "parse_order"]

MAX_DEPTH = 64

_ENTITIES = {
    **dict.fromkeys(("metrics", "metric"), "metric"),
    **dict.fromkeys(("params", "param", "parameters", "parameter"), "param"),
    **dict.fromkeys(("tags", "tag"), "tag"),
    **dict.fromkeys(("attributes", "attribute", "attr", "run"), "attribute"),
    **dict.fromkeys(("datasets", "dataset"), "dataset"),
}
_SIGNS = {"==": "=", "<>": "!="}
_QUOTED = (Kind.KEY, Kind.DOUBLE)
# Digits fit in one way only: in two, a long row of them would take its square in time.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)
_SPAN = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_filter(typed: Anything) -> Condition:
    """What the filter says; an empty one says nothing of a run. Raises InvalidFilter."""
    parser = _Parser(_checked(typed, "A filter"))
    if parser.token.kind == Kind.END:
        return All(())
    condition = parser.any_of()
    parser.end()
    return condition


def parse_order(typed: Anything) -> Order:
    """One value to sort by, with ASC or DESC behind. Raises InvalidFilter."""
    parser = _Parser(_checked(typed, "What runs are sorted by"))
    name = parser.name()
    is_descending = parser.token.says("DESC")
    if parser.token.says("ASC", "DESC"):
        parser.step()
    parser.end()
    return Order(name, is_descending)


def parse_name(typed: Anything) -> Name:
    """The name of one value. Raises InvalidFilter."""
    parser = _Parser(_checked(typed, "A column"))
    name = parser.name()
    parser.end()
    return name


def _checked(typed: Anything, what: str) -> str:
    if not isinstance(typed, str):
        raise InvalidValue(f"{what} is text, not {type(typed).__name__}.")
    return typed


class _Parser:
    """Where the reading stands."""

    def __init__(self, typed: str) -> None:
        self._typed = typed
        self._tokens = tokens(typed)
        self._place = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        """The next one."""
        return self._tokens[self._place]

    def step(self) -> Token:
        """Take it."""
        token = self.token
        self._place += token.kind != Kind.END
        return token

    def end(self) -> None:
        """Nothing may follow."""
        if self.token.kind != Kind.END:
            raise self._wrong("What follows here is not joined with AND or OR")

    def any_of(self) -> Condition:
        """Parts with OR between."""
        parts = [self._all_of()]
        while self.token.says("OR"):
            self.step()
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def name(self, *, may_be_at: bool = True) -> Name:
        """The name of a value, with its entity and what is wanted of it."""
        first = self.step()
        if first.kind not in (Kind.WORD, *_QUOTED):
            raise self._wrong("Here the name of a param, metric, tag or attribute is expected", first)
        if first.kind == Kind.KEY and first.text.lower() in _ENTITIES and self._is_glued() and self.token.text.startswith("."):
            first = Token(Kind.WORD, first.text + self.token.text, first.start, self.step().stop)  # as MLflow allows
        before, dot, rest = first.text.partition(".")
        entity = _ENTITIES.get(before.lower()) if dot and first.kind == Kind.WORD else None
        key, aggregate, is_quoted = (rest if entity else first.text), None, first.kind in _QUOTED
        if entity and not key:
            if self.token.kind not in _QUOTED or self.token.start != first.stop:
                raise self._wrong(f"Behind {first.text!r} a key is expected", first)
            key, is_quoted = self.step().text, True
        if is_quoted and self._is_glued() and self.token.kind == Kind.WORD:
            aggregate = self._aggregate()
        at = self._at() if may_be_at and self.token.says("@") else None
        if at is not None and aggregate:
            raise self._wrong(f".{aggregate} is of all steps, and @ of one: leave one of them out", self._tokens[self._place - 1])
        return Name(key, first.start, self._tokens[self._place - 1].stop, entity, aggregate, at, is_quoted)

    def _all_of(self) -> Condition:
        parts = [self._not()]
        while self.token.says("AND"):
            self.step()
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(f"More than {MAX_DEPTH} conditions stand inside each other")
        if self.token.says("NOT"):
            self.step()
            found: Condition = Not(self._not())
        elif self.token.says("("):
            self.step()
            found = self.any_of()
            self._take(")")
        elif self.token.says("HAS") and self._tokens[self._place + 1].says("("):
            self.step()
            self.step()
            found = Not(Missing(self.name()))
            self._take(")")
        else:
            found = self._condition()
        self._depth -= 1
        return found

    def _condition(self) -> Condition:
        name = self.name()
        is_denied = self.token.says("NOT")
        if is_denied:
            self.step()
        sign = self.step()
        if is_denied and not sign.says("IN", "LIKE", "ILIKE", "BETWEEN"):
            raise self._wrong("Behind this NOT, IN, LIKE, ILIKE or BETWEEN is expected", sign)
        found = self._said_of(name, sign)
        return Not(found) if is_denied else found

    def _said_of(self, name: Name, sign: Token) -> Condition:
        if sign.says("IS"):
            return self._is(name)
        if sign.says("IN"):
            return OneOf(name, self._literals())
        if sign.says("LIKE", "ILIKE", "~"):
            return Matches(name, cast("Anything", sign.text.upper()), self._literal())
        if sign.says("BETWEEN"):
            least = self._literal()
            self._take("AND")
            return All((Compare(name, ">=", least), Compare(name, "<=", self._literal())))
        if sign.kind != Kind.SIGN or sign.text in "~@(),":
            raise self._wrong("Behind the name of a value a comparison is expected: = != < <= > >= ~ IN LIKE BETWEEN IS", sign)
        return Compare(name, cast(Comparison, _SIGNS.get(sign.text, sign.text)), self._literal())

    def _is(self, name: Name) -> Condition:
        is_denied = self.token.says("NOT")
        if is_denied:
            self.step()
        self._take("NULL")
        return Not(Missing(name)) if is_denied else Missing(name)

    def _literals(self) -> tuple[Literal, ...]:
        self._take("(")
        found = [self._literal()]
        while self.token.says(","):
            self.step()
            found.append(self._literal())
        self._take(")")
        return tuple(found)

    def _literal(self) -> Literal:
        token = self.step()
        if token.kind in (Kind.TEXT, Kind.DOUBLE):
            return Literal(token.text, token.start, token.stop, is_quoted=True)
        if token.kind != Kind.WORD:
            raise self._wrong("Here a value is expected: a number, a word, or a text in quotes", token)
        span = _SPAN.fullmatch(token.text)
        seconds = float(span[1]) * _SECONDS[span[2]] if span else None
        number = float(token.text) if _NUMBER.fullmatch(token.text) else None
        return Literal(token.text, token.start, token.stop, number, seconds)

    def _aggregate(self) -> str:
        token = self.step()
        if token.text.removeprefix(".") not in AGGREGATES or not token.text.startswith("."):
            raise self._wrong(f"Behind a key in quotes comes .{', .'.join(AGGREGATES)}, or @ and a step", token)
        return token.text[1:]

    def _at(self) -> int | Name:
        self.step()
        token = self.step()
        if token.says("BEST") and self.token.says("("):
            self.step()
            name = self.name(may_be_at=False)
            self._take(")")
            return name
        if token.kind == Kind.WORD and re.fullmatch(r"[+-]?\d{1,19}", token.text) and -(2**63) <= int(token.text) < 2**63:
            return int(token.text)
        raise self._wrong("Behind @ comes a step, or best(a metric)", token)

    def _is_glued(self) -> bool:
        return self.token.start == self._tokens[self._place - 1].stop

    def _take(self, word: str) -> None:
        if not self.token.says(word):
            raise self._wrong(f"Here {word if word.isalpha() else repr(word)} is expected")
        self.step()

    def _wrong(self, what: str, token: Token | None = None) -> InvalidFilter:
        token = token or self.token
        if token.kind != Kind.END:
            return InvalidFilter.at(f"{what}.", self._typed, token.start, token.stop)
        if len(self._tokens) == 1:
            return InvalidFilter(f"{what}, and the text is empty.")
        last = self._tokens[-2]
        return InvalidFilter.at(f"{what}, and the text ends.", self._typed, last.start, last.stop)
