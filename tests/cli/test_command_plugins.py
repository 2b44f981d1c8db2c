"""Commands of plugins: listed with ours, imported when they are given, and harmless where they are broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GOOD = '''
import click, sys
print("imported", file=sys.stderr)

@click.command()
@click.option("--loud", is_flag=True)
def wave(loud):
    """Wave at whoever looks. Then go."""
    click.echo("HELLO" if loud else "hello")
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of installed plugins: one that works, and four that are broken in four ways."""
    (tmp_path / "wavers.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "broken.py").write_text("raise OSError('no such\\nboard')", encoding="utf-8")
    (tmp_path / "leaver.py").write_text("raise SystemExit(7)", encoding="utf-8")
    entries = [
        "wave = wavers:wave",
        "shout = broken:shout",
        "leave = leaver:leave",
        "gone = nowhere:gone",
        "plain = wavers:sys",
        "ls = broken:ls",
    ]
    information = tmp_path / "runlake_wavers-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: runlake-wavers\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text("\n".join(["[runlake.commands]", *entries, ""]), encoding="utf-8")
    return tmp_path


def runlake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, which finds what is installed there."""
    code = "import sys; sys.path.append(sys.argv.pop(1)); from runlake.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, str(folder), *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_command_of_a_plugin_is_a_command(folder: Path) -> None:
    """With its options and its help."""
    done, helped, wrong = runlake(folder, "wave", "--loud"), runlake(folder, "wave", "--help"), runlake(folder, "wave", "--quiet")

    assert (done.returncode, done.stdout) == (0, "HELLO\n")
    assert helped.stdout.startswith("Usage: runlake wave [OPTIONS]")
    assert (wrong.returncode, "No such option" in wrong.stderr) == (2, True)


def test_help_lists_them_with_their_sentences(folder: Path) -> None:
    """Among ours, by name; of a broken one it says that it is."""
    listed = runlake(folder, "--help")
    commands = listed.stdout.partition("Commands:\n")[2]
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in commands.splitlines() if " " in line.strip()}

    assert listed.returncode == 0
    assert lines["wave"] == "Wave at whoever looks."
    assert lines["shout"] == "Cannot be loaded: `runlake shout` says why."
    assert lines["ls"].startswith("List the runs")
    names = [line.split()[0] for line in commands.splitlines() if line.startswith("  ") and line[2] != " "]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("shout", "OSError: no such board"),
        ("leave", "SystemExit: 7"),
        ("gone", "ModuleNotFoundError: No module named 'nowhere'"),
        ("plain", "wavers:sys is no command of click"),
    ],
)
def test_a_broken_one_is_named_in_one_line_when_it_is_asked_for(folder: Path, name: str, why: str) -> None:
    """No traceback, and exit code 1."""
    done = runlake(folder, name)

    assert (done.returncode, done.stdout) == (1, "")
    said = [line for line in done.stderr.splitlines() if line != "imported"]
    assert said == [f"runlake: The command {name} of the plugin runlake-wavers cannot be loaded: {why}"]


@pytest.mark.parametrize("arguments", [["--version"], ["ls", "--help"], ["plugin", "--help"], ["nothing"]], ids=" ".join)
def test_nothing_else_imports_a_plugin(folder: Path, arguments: list[str]) -> None:
    """Also no plugin takes the name of a command of ours."""
    done = runlake(folder, *arguments)

    assert "imported" not in done.stderr
    assert "board" not in done.stderr
    assert done.returncode == (2 if arguments == ["nothing"] else 0)
