"""Reads the YAML that MLflow writes into its `meta.yaml`: keys with texts, and below some of them further keys with texts.

Texts are plain or in quotes, and may be folded over several lines. What is more than that, such as a list, is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from runlake.errors import InvalidValue

__all__ = ["Yaml", "read_yaml"]

Yaml = Mapping[str, "str | Yaml | None"]

_KEY = re.compile(r"""('(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^ \t'"].*?) *:(?:[ ]+(.*))?""", re.S)
_WHOLE = {"'": re.compile(r"'(?:[^']|'')*'[ ]*(?:#.*)?", re.S), '"': re.compile(r'"(?:[^"\\]|\\.)*"[ ]*(?:#.*)?', re.S)}
_QUOTED = {"'": re.compile(r"'((?:[^']|'')*)'", re.S), '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)}
_FOLD = re.compile("[ \t]*[\n\u2028\u2029][ \t\n\u2028\u2029]*")
_ESCAPE = re.compile(r"\\(\n[ \t]*|x..|u.{4}|U.{8}|.)|[ \t]*\n[ \t\n]*", re.S)
_LETTERS = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b"}
_LETTERS |= {"N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"}
_TYPE = re.compile(r"\A!\S+ +")  # Python 2 said of its texts that they are


def read_yaml(text: str) -> dict[str, str | Yaml | None]:
    """The keys and what they hold: a text as it is written without its quotes, None, or further keys. Raises InvalidValue.

    A last line without an end is taken for one that was being written, and left out.
    """
    lines = text.replace("\r\n", "\n").split("\n")[:-1]
    found, rest = _mapping(lines, 0, 0)
    if rest < len(lines):
        raise InvalidValue(f"line {rest + 1} is not what MLflow writes there: {lines[rest][:60]!r}")
    return found


def _mapping(lines: list[str], place: int, indent: int) -> tuple[dict[str, str | Yaml | None], int]:
    """What stands that far in, from this line on, and the line behind it."""
    found: dict[str, str | Yaml | None] = {}
    while place < len(lines):
        line = lines[place]
        if not line.strip(" \t\n") or line.lstrip(" ").startswith("#") or line == "---":
            place += 1
            continue
        if _depth(line) != indent or line.startswith("- ", indent):
            break
        key, first, place = _key(lines, place, indent)
        found[key], place = _value(lines, place, indent, first)
    return found, place


def _key(lines: list[str], place: int, indent: int) -> tuple[str, str, int]:
    """A key, what follows it in a line, and which line that is. A key too long for its value's line stands behind a question mark."""
    line = lines[place][indent:]
    if line.startswith("? "):
        text, place = _scalar(lines, place, indent, line[2:])
        behind = lines[place][indent:] if place < len(lines) else ""
        if behind[:1] == ":":
            return text or "", behind[1:].strip(" \t"), place
    elif match := _KEY.fullmatch(line):
        return _text(match[1]) or "", (match[2] or "").strip(" \t"), place
    raise InvalidValue(f"line {min(place, len(lines) - 1) + 1} is not what MLflow writes there: {line[:60]!r}")


def _value(lines: list[str], place: int, indent: int, first: str) -> tuple[str | Yaml | None, int]:
    first = _TYPE.sub("", first)
    if first:
        return _scalar(lines, place, indent, first)
    place += 1
    depth = _depth(lines[place]) if place < len(lines) else 0
    if place < len(lines) and lines[place].startswith("- ", depth):
        return None, _behind(lines, place, indent, "- ")
    return _mapping(lines, place, depth) if depth > indent else (None, place)


def _scalar(lines: list[str], place: int, indent: int, first: str) -> tuple[str | None, int]:
    """A text that begins so, and the line behind it."""
    quote = _WHOLE.get(first[:1])
    start, place = place, place + 1
    if quote is None:
        place = _behind(lines, place, indent, None)
    else:
        while not quote.fullmatch("\n".join([first, *lines[start + 1 : place]])):
            if place == len(lines):
                raise InvalidValue(f"line {start + 1} begins a text that does not end")
            place += 1
    return _text("\n".join([first, *lines[start + 1 : place]]).rstrip("\n")), place


def _behind(lines: list[str], place: int, indent: int, item: str | None) -> int:
    """The line behind those that are further in, or are items of a list."""
    while place < len(lines) and (
        _depth(lines[place]) > indent
        or (item is not None and lines[place].startswith(item, indent))
        or (not lines[place].strip(" \t\n") and place + 1 < len(lines) and _depth(lines[place + 1]) > indent)
    ):
        place += 1
    return place


def _text(written: str) -> str | None:
    """What is meant: without quotes, and unfolded."""
    if match := _QUOTED["'"].match(written):
        return _FOLD.sub(_unfolded, match[1]).replace("''", "'")
    if match := _QUOTED['"'].match(written):
        return _ESCAPE.sub(_unescaped, match[1])
    plain = _FOLD.sub(_unfolded, written.partition(" #")[0].strip(" \t\n"))
    return None if plain in ("null", "~", "", "[]", "{}") else plain


def _unfolded(match: re.Match[str]) -> str:
    """One end of a line is a space, of several the first is none; ends of other kinds are what they are."""
    first, *rest = [letter for letter in match[0] if letter not in " \t"]
    return first + "".join(rest) if first != "\n" else "".join(rest) or " "


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[1]
    if escaped is None:
        return _unfolded(match)
    if escaped[0] == "\n":
        return ""
    return chr(int(escaped[1:], 16)) if escaped[0] in "xuU" else _LETTERS.get(escaped, escaped)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
