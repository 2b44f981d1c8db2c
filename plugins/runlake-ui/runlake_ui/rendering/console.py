"""What was printed, as a terminal would show it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

__all__ = ["console_html"]

MOST_PRINTED = 300_000

_ESCAPE = re.compile(r"\x1b\[([0-9;:]{0,64})m|\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|\x1b")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_MARKS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF = {21: ("bold",), 22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


def console_html(text: str) -> str:
    """What was printed, its colours and weights as spans with the classes `ansi-red`, `ansi-on-red`, `ansi-bold` and the like."""
    shown = text[-MOST_PRINTED:].replace("\r\n", "\n")
    return f'<pre class="log">{"".join(_spans(_redrawn(shown)))}</pre>'


def _redrawn(text: str) -> str:
    """With lines as they were in the end that were written several times, as bars of progress are."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line for line in text.split("\n"))


def _spans(text: str) -> Iterator[str]:
    style: dict[str, str] = {}
    done = 0
    for found in _ESCAPE.finditer(text):
        yield _span(text[done : found.start()], style)
        done = found.end()
        if found[1] is not None:
            _set(style, found[1])
    yield _span(text[done:], style)


def _span(text: str, style: dict[str, str]) -> str:
    escaped = html.escape(_CONTROL.sub("", text))
    return f'<span class="{" ".join(style.values())}">{escaped}</span>' if style and escaped else escaped


def _set(style: dict[str, str], said: str) -> None:
    numbers = [int(each[:4]) if each else 0 for each in re.split("[;:]", said)]
    rest = iter(numbers)
    for number in rest:
        if number == 0:
            style.clear()
        elif number in _MARKS:
            style[_MARKS[number]] = f"ansi-{_MARKS[number]}"
        elif number in _OFF:
            for mark in _OFF[number]:
                style.pop(mark, None)
        elif number in (38, 48):
            _colour(style, "" if number == 38 else "on-", _named(rest))
        elif number in (39, 49):
            style.pop("colour" if number == 39 else "on-colour", None)
        else:
            _plain_colour(style, number)


def _plain_colour(style: dict[str, str], number: int) -> None:
    for first, under, kind in ((30, "", ""), (40, "on-", ""), (90, "", "bright-"), (100, "on-", "bright-")):
        if first <= number < first + 8:
            _colour(style, under, kind + _COLOURS[number - first])


def _colour(style: dict[str, str], under: str, name: str) -> None:
    if name:
        style[f"{under}colour"] = f"ansi-{under}{name}"


def _named(rest: Iterator[int]) -> str:
    """The nearest of the sixteen colours that have names."""
    how = next(rest, 0)
    if how == 5:
        number = next(rest, 0)
        if number < 16:
            return ("bright-" if number > 7 else "") + _COLOURS[number % 8]
        if number >= 232:
            return _nearest(*[(number - 232) * 10 + 8] * 3)
        place = number - 16
        return _nearest(place // 36 * 51, place // 6 % 6 * 51, place % 6 * 51)
    if how == 2:
        return _nearest(next(rest, 0), next(rest, 0), next(rest, 0))
    return ""


def _nearest(red: int, green: int, blue: int) -> str:
    bits = sum(1 << place for place, part in enumerate((red, green, blue)) if part > 100)
    return ("bright-" if max(red, green, blue) > 200 and bits else "") + _COLOURS[bits]
