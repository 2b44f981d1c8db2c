"""A command is split once, and a value is never more than what it was: one word, or a part of one."""

from __future__ import annotations

import shlex
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlake.errors import InvalidValue
from runlake.projects.templates import filled, names_in, words_of

SHELLS = {
    "pipe": "python a.py | tee log",
    "background": "python a.py &",
    "and": "cd x && python a.py",
    "semicolon": "python a.py; rm x",
    "redirection": "python a.py > log",
    "input": "python a.py < data",
    "variable": "python a.py $HOME",
    "braced variable": "python a.py ${HOME}",
    "substitution": "python a.py $(date)",
    "back-tick": "python a.py `date`",
    "variable in quotes": 'python a.py "$HOME"',
    "back-tick in quotes": 'python a.py "`date`"',
    "glob": "python a.py *.csv",
    "one letter": "python a.py data?.csv",
    "class of letters": "python a.py [ab].csv",
    "home": "python a.py ~/data",
    "comment": "python a.py # really",
    "lines": "python a.py\npython b.py",
    "subshell": "(python a.py)",
    "assignment": "SEED=1 python a.py",
}


@pytest.mark.parametrize("name", SHELLS)
def test_what_needs_a_shell_is_an_error_that_says_what_to_do(name: str) -> None:
    """Put it into a script."""
    with pytest.raises(InvalidValue, match=r"needs a shell, for .*Put it into a script"):
        words_of(SHELLS[name])


@pytest.mark.parametrize("command", ["python a.py {{alpha}}", "python a.py '{{ 7*7 }}'", "python a.py {{}}"])
def test_doubled_braces_mean_nothing_and_are_an_error(command: str) -> None:
    """Some would expect a value, and some braces."""
    with pytest.raises(InvalidValue, match="doubled braces mean nothing"):
        words_of(command)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python a.py {alpha} --b={b}", ["python", "a.py", "{alpha}", "--b={b}"]),
        ("python 'a b.py' '{alpha}' \"{b} c\"", ["python", "a b.py", "{alpha}", "{b} c"]),
        ("python a.py \\\n  --alpha {alpha}\n", ["python", "a.py", "--alpha", "{alpha}"]),
        ("python a\\ b.py '' \"\"", ["python", "a b.py", "", ""]),
        (r'python "a\"b" "c\d" a"b"c', ["python", 'a"b', r"c\d", "abc"]),
        ("python '$HOME' '*' a~b x#y '{\"a\": 1}'", ["python", "$HOME", "*", "a~b", "x#y", '{"a": 1}']),
        ("  python   a.py  ", ["python", "a.py"]),
    ],
)
def test_words_are_those_that_a_shell_would_make(command: str, words: list[str]) -> None:
    """By its rules of quoting."""
    assert words_of(command) == words == shlex.split(command.replace("\\\n", ""))


@pytest.mark.parametrize("command", ["python 'a.py", 'python "a.py', "python a.py \\", "", "  \n"])
def test_a_command_that_is_none_is_an_error(command: str) -> None:
    """An open quote, or nothing."""
    with pytest.raises(InvalidValue, match=r"opened and not closed|is empty"):
        words_of(command)


@given(st.text(), st.text())
def test_any_value_is_one_word_and_is_not_looked_at_again(value: str, other: str) -> None:
    """Whatever it holds, names of other parameters too."""
    words = words_of("python a.py {a} '{b}' --both={a}{b} \"{a}\"")

    assert [filled(word, {"a": value, "b": other}) for word in words] == ["python", "a.py", value, other, f"--both={value}{other}", value]


@given(st.text(alphabet=string.printable))
def test_no_command_is_read_otherwise_than_a_shell_reads_it(command: str) -> None:
    """What is not refused is split as `shlex` splits it."""
    try:
        words = words_of(command)
    except InvalidValue:
        return
    if "\\\n" not in command:  # which it has its own mind about
        assert words == shlex.split(command)


def test_a_place_is_named_once_and_a_variable_in_quotes_is_none() -> None:
    """`${name}` within '...' stays as it is."""
    assert names_in(words_of("python a.py {a} {a-b.c} {a} '${d}' '{1}' '{}'")) == ["a", "a-b.c"]
    assert filled("${d}", {"d": "no"}) == "${d}"
