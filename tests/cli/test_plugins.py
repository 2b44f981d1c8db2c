"""`runlake plugins`: what is installed, and what it captures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from children import environment

TOYS = Path(__file__).parent.parent / "instrument" / "toys"


def run_plugins(store: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, where the toy library's plugin is installed."""
    path = f"{TOYS / 'library'}:{TOYS / 'plugin'}"
    return subprocess.run(
        [sys.executable, "-m", "runlake", "plugins", *arguments],
        env=environment(store, PYTHONPATH=path, **settings),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_plugin_is_listed_with_its_state(tmp_path: Path) -> None:
    """Its distribution and version, and from which version of its library on it was tested."""
    lines = run_plugins(tmp_path).stdout.splitlines()
    toy = next(line.split() for line in lines if "toylib" in line)

    assert lines[0].split() == ["plugin", "distribution", "version", "state", "libraries"]
    assert toy == ["toylib", "runlake-toylib", "1.2", "usable", "toylib", ">=", "3.0"]


def test_the_targets_are_shown_with_their_reasons(tmp_path: Path) -> None:
    """Nobody has to guess what is patched."""
    shown = run_plugins(tmp_path, "--targets").stdout

    assert "toylib: toylib.core:train (fit): the function that trains" in shown


def test_the_settings_that_leave_a_plugin_out_show(tmp_path: Path) -> None:
    """In JSON for machines, too."""
    found = json.loads(run_plugins(tmp_path, "--json", RUNLAKE_DISABLE="toylib").stdout)

    assert {plugin["plugin"]: plugin["state"] for plugin in found}["toylib"] == "left out by the settings"


def test_looking_imports_no_library(tmp_path: Path) -> None:
    """Only the plugins themselves."""
    code = "import sys, runlake.cli as c; c.cli(['plugins', '--json'], standalone_mode=False); print('toylib' in sys.modules)"
    path = f"{TOYS / 'library'}:{TOYS / 'plugin'}"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path, PYTHONPATH=path), capture_output=True, text=True, check=False
    )

    assert ended.stdout.splitlines()[-1] == "False"
