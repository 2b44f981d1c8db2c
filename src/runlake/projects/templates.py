"""A command with places for parameters becomes the words of a program. No shell is asked, so that a value is one word, or a part of one.

The command is split once, by the rules of quoting that shells have; what stands for `{name}` is put in afterwards, as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from runlake.errors import InvalidValue

__all__ = ["filled", "names_in", "words_of"]

_PLACE = re.compile(r"(?<!\$)\{([A-Za-z_][\w.-]*)\}", re.ASCII)
_DOUBLED = re.compile(r"\{\{[^{}]*\}\}")
_FOR_SHELLS = set("|&;<>$()`*?[]~#!\n")
_BLANK = " \t\r"
_EXPANDED = set("$`")  # within double quotes, too
_ESCAPED = set('"\\$`\n')  # by a backslash within double quotes
_ASSIGNMENT = re.compile(r"\w+=", re.ASCII)


def words_of(command: str) -> list[str]:
    """The words of a command, with their places still empty. Raises InvalidValue for what only a shell understands."""
    if found := _DOUBLED.search(command):
        raise InvalidValue(
            f"The command has {found[0]}, and doubled braces mean nothing here: a parameter is {{name}}, and nothing is computed. "
            f"The command is: {command}"
        )
    words = _Splitter(command.strip(_BLANK + "\n")).words()
    if not words:
        raise InvalidValue("The command is empty. Name the program that the entry point starts.")
    if _ASSIGNMENT.match(words[0]):
        raise _for_a_shell(command, f"{words[0]!r} before the program")
    return words


def names_in(words: list[str]) -> list[str]:
    """The parameters that have a place in these words, each once."""
    return list(dict.fromkeys(name for word in words for name in _PLACE.findall(word)))


def filled(word: str, values: Mapping[str, str]) -> str:
    """The word with the values in its places; what a value holds is not looked at again."""
    return _PLACE.sub(lambda found: values[found[1]], word)


class _Splitter:
    """Reads a command letter by letter."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._words: list[str] = []
        self._word: str | None = None  # the one that is being read; it may be empty, as '' is

    def words(self) -> list[str]:
        """All of them."""
        letters = iter(self._command)
        for letter in letters:
            if letter == "'":
                self._add(self._quoted(letters))
            elif letter == '"':
                self._add(self._double_quoted(letters))
            elif letter == "\\":
                escaped = next(letters, "")
                if not escaped:
                    raise self._unfinished("backslash")
                self._add("" if escaped == "\n" else escaped, begins=escaped != "\n")
            elif letter in _FOR_SHELLS and not (letter in "~#!" and self._word is not None):
                raise _for_a_shell(self._command, "a line break" if letter == "\n" else letter)
            elif letter in _BLANK:
                self._end()
            else:
                self._add(letter)
        self._end()
        return self._words

    def _quoted(self, letters: Iterator[str]) -> str:
        read: list[str] = []
        for letter in letters:
            if letter == "'":
                return "".join(read)
            read.append(letter)
        raise self._unfinished("'")

    def _double_quoted(self, letters: Iterator[str]) -> str:
        read: list[str] = []
        for letter in letters:
            if letter == '"':
                return "".join(read)
            if letter in _EXPANDED:
                raise _for_a_shell(self._command, f'{letter} within "..."')
            if letter == "\\":
                escaped = next(letters, "")
                letter = escaped if escaped in _ESCAPED else f"\\{escaped}"
                letter = "" if letter == "\n" else letter
            read.append(letter)
        raise self._unfinished('"')

    def _unfinished(self, quote: str) -> InvalidValue:
        return InvalidValue(f"A {quote} is opened and not closed, or has nothing behind it, in the command: {self._command}")

    def _add(self, text: str, *, begins: bool = True) -> None:
        if begins or self._word is not None:
            self._word = (self._word or "") + text

    def _end(self) -> None:
        if self._word is not None:
            self._words.append(self._word)
            self._word = None


def _for_a_shell(command: str, what: str) -> InvalidValue:
    return InvalidValue(
        f"The command needs a shell, for {what}, and none is started: values could then become commands. "
        f"Put it into a script of the project, and have the command name that, as in `bash steps.sh {{alpha}}`; or put it into '...' "
        f"if it is meant as it stands. The command is: {command}"
    )
