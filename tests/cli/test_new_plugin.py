"""`runlake plugin new`: a whole plugin, or a clear word and nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from children import environment


def new(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """The command, given in this folder."""
    command = [sys.executable, "-m", "runlake", "plugin", "new", name, "--folder", str(folder)]
    return subprocess.run(command, env=environment(folder / "lake"), capture_output=True, text=True, timeout=60, check=False)


def test_every_file_is_written_and_says_the_name(tmp_path: Path) -> None:
    """In a folder that is made, with nothing beside it."""
    ended = new(tmp_path / "below", "brave_boost")
    written = tmp_path / "below" / "runlake-brave_boost"

    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"Wrote {written}." in ended.stdout
    assert all(f"  {step}\n" in ended.stdout for step in (f"pytest {written}", f"pytest -rs {written}", "runlake plugins --targets"))
    assert [path.name for path in (tmp_path / "below").iterdir()] == [written.name]
    files = sorted(str(path.relative_to(written)) for path in written.rglob("*") if path.is_file())
    assert files == ["README.md", "pyproject.toml", "runlake_brave_boost.py", "tests/test_brave_boost.py"]
    assert [name for name in files if "brave_boost" not in (written / name).read_text() or "${" in (written / name).read_text()] == []


def test_its_names_agree_and_every_place_to_change_is_marked(tmp_path: Path) -> None:
    """The distribution, the module and the entry point; pyproject.toml, the module, the test and the README."""
    new(tmp_path, "brave")
    written = tmp_path / "runlake-brave"
    project = tomllib.loads((written / "pyproject.toml").read_text())["project"]
    text = "".join(path.read_text() for path in written.rglob("*") if path.is_file())

    assert (project["name"], project["entry-points"]) == ("runlake-brave", {"runlake.plugins": {"brave": "runlake_brave"}})
    assert [text.count(f"CHANGE {number}:") for number in range(1, 7)] == [1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("name", ["", "My", "my-lib", "1st", "class", "../up", "a.b", "ä", "client", "autolog", "guard"])
def test_a_name_that_no_plugin_can_have_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is written."""
    ended = new(tmp_path, name)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{name!r} cannot be the name of a plugin" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Be it a folder, a file or a link that leads nowhere."""
    (tmp_path / "runlake-brave").symlink_to("nowhere")
    ended = new(tmp_path, "brave")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "is there already, and nothing was written" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runlake-brave"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """And is said in a line."""
    (tmp_path / "file").write_text("a file")
    ended = new(tmp_path / "file" / "below", "brave")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("runlake: ")
    assert len(ended.stderr.splitlines()) == 1
