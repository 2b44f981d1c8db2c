"""The README is true: its program runs and prints what it says, and every command stands in it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import runlake
from children import run_program
from runlake.cli import cli
from runlake.instrument import hookspecs
from runlake.instrument.options import DEFAULTS

README = (Path(runlake.__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_first_program_prints_what_it_says(tmp_path: Path) -> None:
    """Copied out and run as it stands."""
    program = re.search(r"```python\n(.*?)```", README, re.S)
    printed = re.search(r"```text\n(.*?)```", README, re.S)
    assert program
    assert printed
    finished = run_program(program[1], tmp_path / "lake")

    assert (finished.stdout, finished.stderr, finished.returncode) == (printed[1], "", 0)


def test_every_command_stands_in_the_readme() -> None:
    """Nobody has to guess."""
    assert [name for name in cli.commands if f"runlake {name}" not in README] == []


def test_every_verb_stands_in_the_readme() -> None:
    """The functions that people call."""
    verbs = [name for name in runlake.__all__ if inspect.isfunction(getattr(runlake, name))]

    assert [name for name in verbs if f"{name}(" not in README] == []


def test_every_hook_stands_in_the_readme() -> None:
    """With its real arguments."""
    hooks = [(name, inspect.signature(hook)) for name, hook in vars(hookspecs).items() if hasattr(hook, "runlake_spec")]

    assert hooks
    assert [name for name, signature in hooks if f"`{name}({', '.join(signature.parameters)})`" not in README] == []


def test_every_option_of_autolog_is_named_where_it_is_documented() -> None:
    """In the docstring of the function."""
    assert [name for name in DEFAULTS if f"`{name}`" not in (runlake.autolog.__doc__ or "") and name != "exclude_flavors"] == []
