"""The first things that somebody types: `runlake`, `runlake --help`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

import runlake
from children import environment, run_program
from runlake.cli.commands import COMMANDS


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m runlake` in a folder, where nothing is set."""
    settings = environment(folder)
    del settings["RUNLAKE_STORE"]
    line = [sys.executable, "-m", "runlake", *arguments]
    return subprocess.run(line, env=settings, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with nothing in it, below one that no search leaves."""
    (tmp_path / "project" / ".git").mkdir(parents=True)
    return tmp_path / "project"


def train(store: Path) -> None:
    """A run there."""
    assert run_program("import runlake; runlake.start_run(run_name='one').end()", store).returncode == 0


def test_without_a_store_it_says_how_to_begin(project: Path) -> None:
    """What to put into a program, and what to type then; nothing is made."""
    ended = command(project)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[:3] == [
        f"No run is recorded in {project / 'lake'} yet. To record every training, put this at the top of your program:",
        "    import runlake; runlake.autolog()",
        "then run it, and list what was recorded with:  runlake ls",
    ]
    assert [path.name for path in project.iterdir()] == [".git"]


def test_stores_around_are_named(project: Path) -> None:
    """One in a folder above, one in a folder below: the settings look into neither."""
    train(project.parent / "lake")
    (project / "sub dir").mkdir()
    train(project / "sub dir" / "lake")

    assert command(project).stdout.splitlines()[3:5] == [
        f"Another store is there:  runlake ls --store '{project / 'sub dir' / 'lake'}'",
        f"Another store is there:  runlake ls --store {project.parent / 'lake'}",
    ]


def test_an_empty_store_is_as_none(project: Path) -> None:
    """Its folder is named."""
    assert run_program("import runlake; runlake.create_experiment('empty')", project / "lake").returncode == 0

    assert command(project).stdout.startswith(f"No run is recorded in {project / 'lake'} yet.")


def test_where_there_are_runs_it_shows_the_help(project: Path) -> None:
    """The same as `runlake --help`, which is the same in every folder."""
    train(project / "lake")

    assert command(project).stdout == command(project.parent, "--help").stdout
    assert command(project).stdout.startswith("Usage: runlake [OPTIONS]")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_of_each_command_what_its_own_help_says(name: str) -> None:
    """Although it does not import it."""
    command = COMMANDS[name].imported()

    assert isinstance(command, click.Command)
    assert (command.name, " ".join((command.help or "").split("\n\n")[0].split())) == (name, COMMANDS[name].help)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["completion", "zsh"]], ids=" ".join)
def test_what_reads_no_store_imports_nothing_that_does(tmp_path: Path, arguments: list[str]) -> None:
    """It answers at once."""
    program = f"""
        import contextlib, json, sys
        from runlake.cli import cli
        with contextlib.suppress(SystemExit):
            cli({arguments!r}, prog_name="runlake")
        print(json.dumps([name for name in ("numpy", "pyarrow", "rich", "pluggy") if name in sys.modules]))
    """

    assert json.loads(run_program(program, tmp_path).stdout.splitlines()[-1]) == []


def test_a_command_imports_no_other_one(tmp_path: Path) -> None:
    """Nor what only that one needs."""
    store = tmp_path / "lake"
    train(store)
    program = """
        import json, sys
        from runlake.cli import cli
        cli(["ls"], standalone_mode=False)
        print(json.dumps(sorted(name for name in sys.modules if name.startswith("runlake.cli.") or name == "deltalake")))
    """
    imported = json.loads(run_program(program, store).stdout.splitlines()[-1])

    assert "runlake.cli.ls" in imported
    assert not {"deltalake", "runlake.cli.demo", "runlake.cli.compact", "runlake.cli.show"} & set(imported)
    assert runlake.read.open_store(store).runs()[0].info.run_name == "one"
