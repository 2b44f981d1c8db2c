"""No program is started through a shell: a value that somebody gives would be a command there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import runlake

SRC = Path(runlake.__file__).parent
SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish", "cmd", "cmd.exe", "powershell", "pwsh"}
ALLOWED = {
    "testing/failing.py": {"/bin/sh -c"}
}  # of the kit for authors of plugins: it limits a program, whose words are no part of the text
CALLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}


def shells_in(text: str) -> set[str]:
    """What in this source would start one."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            is_of_platform = (
                isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "platform"
            )  # it asks which it is
            found |= set() if is_of_platform else {name} & CALLS
            found |= {"shell=" for word in node.keywords if word.arg == "shell" and getattr(word.value, "value", True) is not False}
        if isinstance(node, (ast.List, ast.Tuple)):
            found |= set(_command_lines(node.elts))
    return found


def _command_lines(words: Sequence[ast.expr]) -> Iterator[str]:
    said = [word.value if isinstance(word, ast.Constant) and isinstance(word.value, str) else "" for word in words]
    for place, word in enumerate(said):
        if word.rpartition("/")[2] in SHELLS and any(option.lower() in ("-c", "/c", "-command") for option in said[place + 1 :]):
            yield f"{word} -c"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_no_file_starts_a_shell(path: Path) -> None:
    """But for the one that is listed."""
    assert shells_in(path.read_text(encoding="utf-8")) == ALLOWED.get(path.relative_to(SRC).as_posix(), set())


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=asked)",
        "os.system(text)",
        "from os import popen; popen(text)",
        "subprocess.run(['bash', '-c', text])",
        "Popen(('/bin/sh', '-e', '-c', text))",
        "run(['cmd.exe', '/C', text])",
    ],
)
def test_each_way_to_start_one_is_seen(line: str) -> None:
    """By its name, by an argument, or as a program."""
    assert shells_in(line)


@pytest.mark.parametrize(
    "line", ["subprocess.run(['bash', script])", "platform.system()", "subprocess.run(words, shell=False)", "['python', '-c', code]"]
)
def test_what_is_no_shell_is_none(line: str) -> None:
    """A script that a user names is run by its interpreter."""
    assert not shells_in(line)
