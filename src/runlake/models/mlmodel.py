"""`MLmodel`: what a model is, in YAML under MLflow's keys, so that its tools can read it; and back, from what is written here alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from runlake.entities.models import MLMODEL
from runlake.errors import InvalidModel

__all__ = ["read_mlmodel", "written_mlmodel"]

MOST_DEPTH = 16

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*")
_WORDS = {"null": None, "true": True, "false": False}
_TAKEN = {*_WORDS, "yes", "no", "on", "off", "y", "n"}  # which YAML takes for something else than texts
_LINE = re.compile(r"""( *)("(?:[^"\\]|\\.)*"|[A-Za-z_][\w./+-]*):(?: (.+))?""")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_WIDE = re.compile(r"\\(U[0-9a-f]{8}|.)", re.S)


def written_mlmodel(about: Mapping[str, Any]) -> bytes:
    """A mapping of mappings, texts, numbers and lists as YAML, a key a line."""
    return "".join(f"{line}\n" for line in _lines(about, 0)).encode()


def read_mlmodel(content: bytes, where: str) -> dict[str, Any]:
    """What was written so. Raises InvalidModel."""
    try:
        lines = content.decode().split("\n")
        if lines.pop():
            raise ValueError("its last line has no end")
        found, rest = _mapping(lines, 0, 0)
        if rest < len(lines):
            raise ValueError(f"line {rest + 1} is {lines[rest][:60]!r}")
        return found
    except (ValueError, RecursionError) as error:
        raise InvalidModel(f"The {MLMODEL} of the model at {where} is not as runlake writes one: {error}") from error


def _lines(about: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key, value in sorted(about.items()):
        name = f"{'  ' * depth}{_text(key)}:"
        if isinstance(value, Mapping) and value and depth < MOST_DEPTH and all(isinstance(each, str) for each in value):
            yield name
            yield from _lines(value, depth + 1)
        else:
            yield f"{name} {_text(value) if isinstance(value, str) else _flow(value)}"


def _text(value: str) -> str:
    """A text, in quotes where it needs them: in single ones where it has double ones, as JSON in it does."""
    if _PLAIN.fullmatch(value) and value.lower() not in _TAKEN:
        return value
    if '"' in value and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return _flow(value)


def _flow(value: Any) -> str:
    """JSON, which is YAML too once what cannot be printed is escaped as that does."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return "".join(
        letter if letter.isprintable() else f"\\u{ord(letter):04x}" if letter < "\U00010000" else f"\\U{ord(letter):08x}" for letter in text
    )


def _mapping(lines: list[str], place: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while place < len(lines):
        match = _LINE.fullmatch(lines[place])
        if match is None:
            raise ValueError(f"line {place + 1} is {lines[place][:60]!r}")
        if len(match[1]) != 2 * depth:
            break
        key, place = _value(match[2]), place + 1
        if key in found or depth > MOST_DEPTH:
            raise ValueError(f"{key!r} is there twice, or too deep")
        if match[3] is not None:
            found[key] = _value(match[3])
        else:
            found[key], place = _mapping(lines, place, depth + 1)
    return found, place


def _value(written: str) -> Any:
    if match := _QUOTED.fullmatch(written):
        return match[1].replace("''", "'")
    if _PLAIN.fullmatch(written):
        return _WORDS.get(written, written)
    return json.loads(_WIDE.sub(_narrowed, written))


def _narrowed(match: re.Match[str]) -> str:
    """JSON writes a letter of eight digits as two halves."""
    return json.dumps(chr(int(match[1][1:], 16)))[1:-1] if len(match[1]) > 1 else match[0]
