"""The words of a filter: names, texts, numbers and signs, each with its place in what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from runlake.errors import InvalidFilter

__all__ = ["MAX_LENGTH", "Kind", "Token", "tokens"]

MAX_LENGTH = 8192

# A word is whatever no sign or quote ends, so that keys such as train/loss or val-acc need no quotes.
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<double>"(?:[^"]|"")*")
    | (?P<key>`(?:[^`]|``)*`)
    | (?P<sign>==|!=|<>|<=|>=|[=<>~@(),])
    | (?P<word>[^\s'"`=!<>~@(),]+)
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_HALF = re.compile("[\ud800-\udfff]")


class Kind(Enum):
    """What a token is: `DOUBLE` is a key or a text, as it stands left or right of a sign."""

    TEXT = auto()
    DOUBLE = auto()
    KEY = auto()
    SIGN = auto()
    WORD = auto()
    END = auto()


@dataclass(frozen=True)
class Token:
    """A word and where it stands; of one in quotes `text` is what they hold."""

    kind: Kind
    text: str
    start: int
    stop: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these words, in whatever case, or signs."""
        return self.kind in (Kind.WORD, Kind.SIGN) and self.text.upper() in words


def tokens(typed: str) -> list[Token]:
    """All of them, and an END behind. Raises InvalidFilter."""
    if len(typed) > MAX_LENGTH:
        raise InvalidFilter(f"A filter has at most {MAX_LENGTH:,} characters; this one has {len(typed):,}.")
    if half := _HALF.search(typed):
        raise InvalidFilter.at("Here is half a surrogate pair, which no text in a store holds.", typed, half.start(), half.end())
    return list(_tokens(typed))


def _tokens(typed: str) -> Iterator[Token]:
    place = 0
    while True:
        found = _TOKEN.match(typed, place)
        if found is None or found.lastgroup is None:
            start = place + len(typed[place:]) - len(typed[place:].lstrip())
            what = f"The quote {typed[start]} is not closed" if typed[start] in "'\"`" else f"{typed[start]!r} means nothing here"
            raise InvalidFilter.at(f"{what}.", typed, start, start + 1)
        kind, text, start = Kind[found.lastgroup.upper()], found[found.lastgroup], found.start(found.lastgroup)
        if kind in (Kind.TEXT, Kind.DOUBLE, Kind.KEY):
            text = text[1:-1].replace(text[0] * 2, text[0])
        yield Token(kind, text, start, found.end())
        if kind == Kind.END:
            return
        place = found.end()
