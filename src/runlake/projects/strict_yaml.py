"""Reads the small YAML files of a project: plain mappings, lists and texts, and nothing that makes or repeats other things.

A text stays as it is written: `python: 3.10` is not 3.1, and a default of 1e-3 is what its author typed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runlake.errors import InvalidValue

__all__ = ["Node", "SourceFile", "read_yaml"]

MOST_BYTES = 256 * 1024
DEEPEST = 12
_NOTHING = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True)
class SourceFile:
    """A file that a person wrote, to name in what is wrong with it."""

    path: Path
    shown: str  # how it is named to them

    def wrong(self, line: int, what: str) -> InvalidValue:
        """The error for this line."""
        return InvalidValue(f"{self.shown}, line {line}: {what}")


@dataclass(frozen=True)
class Node:
    """What stands at a place of the file: text, nothing, a list, or a mapping."""

    file: SourceFile
    line: int
    value: str | list[Node] | dict[str, Node] | None

    def wrong(self, what: str) -> InvalidValue:
        """The error for this place."""
        return self.file.wrong(self.line, what)

    def text(self, what: str) -> str:
        """The text that is meant to stand here."""
        if not isinstance(self.value, str):
            raise self.wrong(f"{what} is text, not {_kind(self.value)}. Write it behind the colon.")
        return self.value

    def items(self, what: str) -> list[Node]:
        """The list that is meant to stand here; nothing is an empty one."""
        if self.value is not None and not isinstance(self.value, list):
            raise self.wrong(f"{what} is a list, not {_kind(self.value)}. Write each item in a line that begins with `- `.")
        return self.value or []

    def mapping(self, what: str) -> dict[str, Node]:
        """The mapping that is meant to stand here; nothing is an empty one."""
        if self.value is not None and not isinstance(self.value, dict):
            raise self.wrong(f"{what} is a mapping of names, not {_kind(self.value)}. Write `name: value` lines, indented below it.")
        return self.value or {}


def read_yaml(path: Path, shown: str) -> Node:
    """What the file says. Raises InvalidValue, with file and line."""
    import yaml  # late: who runs no project needs none

    file = SourceFile(path, shown)
    events = yaml.parse(_text(file), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        return _document(file, events, yaml)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"this is no YAML: {error.problem or error.context}. Look at the indentation, the colons and the quotes there."
        raise file.wrong(mark.line + 1 if mark else 1, what) from error
    except yaml.YAMLError as error:
        raise file.wrong(1, f"this is no YAML: {str(error).splitlines()[0]}. Take that out.") from error


def _text(file: SourceFile) -> str:
    try:
        with file.path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidValue(f"{file.shown} cannot be read: {error.strerror}. Say which file is meant, or see to it.") from error
    if len(data) > MOST_BYTES:
        raise file.wrong(1, f"the file is longer than {MOST_BYTES // 1024} KiB. Keep what is so long in a file of its own.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise file.wrong(data[: error.start].count(b"\n") + 1, "this is not UTF-8. Save the file as UTF-8.") from error


def _document(file: SourceFile, events: Iterator[Any], yaml: Any) -> Node:
    found: Node | None = None
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            line = event.start_mark.line + 1
            if found is not None:
                raise file.wrong(line, "a second document begins. Leave one, and take out the `---` before it.")
            if event.tags:
                raise file.wrong(line, "a %TAG directive has no meaning here. Take it out.")
            found = _node(file, next(events), events, yaml, 1)
    return found or Node(file, 1, None)


def _node(file: SourceFile, event: Any, events: Iterator[Any], yaml: Any, depth: int) -> Node:
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent):
        raise file.wrong(line, f"*{event.anchor} repeats another place. Write out what is meant.")
    if event.anchor is not None:
        raise file.wrong(line, f"&{event.anchor} is an anchor, which has no use here. Take it out.")
    if event.tag is not None:
        raise file.wrong(line, f"{event.tag} is a tag, and nothing is made of what a file says. Take it out.")
    if depth > DEEPEST:
        raise file.wrong(line, f"this is more than {DEEPEST} levels deep. No project needs so many.")
    if isinstance(event, yaml.ScalarEvent):
        is_nothing = event.implicit[0] and event.value in _NOTHING  # which it is where it stands without quotes
        return Node(file, line, None if is_nothing else event.value)
    if isinstance(event, yaml.SequenceStartEvent):
        return Node(file, line, [_node(file, each, events, yaml, depth + 1) for each in _until(events, yaml.SequenceEndEvent)])
    pairs: dict[str, Node] = {}
    for each in _until(events, yaml.MappingEndEvent):
        key = _node(file, each, events, yaml, depth + 1)
        if not isinstance(key.value, str):
            raise key.wrong(f"a name is text, not {_kind(key.value)}. Put it into quotes, or take it out.")
        if key.value == "<<":
            raise key.wrong("`<<` would merge another place into this one. Write out what is meant.")
        if key.value in pairs:
            raise key.wrong(f"{key.value!r} is there twice, first in line {pairs[key.value].line}. Leave one of them.")
        pairs[key.value] = _node(file, next(events), events, yaml, depth + 1)
    return Node(file, line, pairs)


def _until(events: Iterator[Any], end: type[Any]) -> Iterator[Any]:
    for event in events:
        if isinstance(event, end):
            return
        yield event


def _kind(value: object) -> str:
    names: dict[type[object], str] = {str: f"the text {value!r:.60}", list: "a list", dict: "a mapping"}
    return names.get(type(value), "nothing")
