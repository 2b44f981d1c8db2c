"""`runlake artifacts`: what runs keep, listed and copied out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import runlake
from runlake.cli import cli
from terminal import command

FILES = {"notes.txt": "hello", "model/weights.bin": "w" * 2000, "model/meta/info.json": "{}", "model.txt": "not in the folder"}


@pytest.fixture
def run_id(store: Path) -> str:
    """A run that keeps some files."""
    with runlake.start_run(run_name="otter") as run:
        for name, text in FILES.items():
            runlake.log_text(text, name)
    runlake.flush()
    return str(run.run_id)


def artifacts(*arguments: str) -> Result:
    """The command."""
    return CliRunner().invoke(cli, ["artifacts", *arguments])


def kept(folder: Path) -> dict[str, str]:
    """The files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("run_id")
def test_files_are_listed_as_a_tree_with_their_sizes() -> None:
    """A folder has that of all below it."""
    assert (
        artifacts("ls", "otter").stdout
        == """\
model/         2 kB
  meta/         2 B
    info.json   2 B
  weights.bin  2 kB
model.txt      17 B
notes.txt       5 B
4 files, 2.02 kB
"""
    )
    assert artifacts("ls", "@last", "model/meta").stdout.splitlines()[-2:] == ["    info.json  2 B", "1 file, 2 B"]


@pytest.mark.usefixtures("run_id")
def test_json_and_csv_have_paths_and_bytes() -> None:
    """Of those below a path, if one is given: a folder whose name only begins so is another one."""
    listed = json.loads(artifacts("ls", "otter", "model", "--json").stdout)
    rows = list(csv.reader(artifacts("ls", "otter", "--csv").stdout.splitlines()))

    assert listed == [{"path": "model/meta/info.json", "bytes": 2}, {"path": "model/weights.bin", "bytes": 2000}]
    assert rows == [
        ["path", "bytes"],
        ["model.txt", "17"],
        ["model/meta/info.json", "2"],
        ["model/weights.bin", "2000"],
        ["notes.txt", "5"],
    ]


@pytest.mark.usefixtures("store")
def test_a_run_that_keeps_nothing_says_so() -> None:
    """Where nothing is asked for by its name that is no error."""
    with runlake.start_run(run_name="bare"):
        pass
    runlake.flush()

    assert artifacts("ls", "bare").stdout == "It keeps nothing.\n"


@pytest.mark.usefixtures("run_id")
def test_a_file_and_a_folder_are_copied_as_cp_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a folder that is there, else under the name that is given."""
    here = tmp_path / "here"
    (here / "there").mkdir(parents=True)
    monkeypatch.chdir(here)
    model = {"weights.bin": FILES["model/weights.bin"], "meta/info.json": "{}"}

    assert artifacts("get", "otter", "model/meta/info.json").stdout == "info.json  2 B\n"
    assert artifacts("get", "otter", "notes.txt", "-o", "renamed.txt").stdout == "renamed.txt  5 B\n"
    assert artifacts("get", "otter", "model", "-o", "there").stdout == "there/model/  2 files, 2 kB\n"
    assert artifacts("get", "otter", "model/", "-o", "new/named").stdout == "new/named/  2 files, 2 kB\n"
    assert kept(here) == {
        "info.json": "{}",
        "renamed.txt": "hello",
        **{f"there/model/{name}": text for name, text in model.items()},
        **{f"new/named/{name}": text for name, text in model.items()},
    }


def test_all_is_copied_to_a_folder_named_by_the_run(run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless another name is given."""
    monkeypatch.chdir(tmp_path)
    artifacts("get", "otter")
    artifacts("get", "otter", "-o", "all")

    assert kept(tmp_path / run_id) == kept(tmp_path / "all") == FILES


@pytest.mark.usefixtures("run_id")
def test_what_is_there_stays_unless_forced(tmp_path: Path) -> None:
    """The error says how."""
    target = tmp_path / "notes.txt"
    target.write_text("mine")
    refused = command(tmp_path / "lake", "artifacts", "get", "otter", "notes.txt", "-o", str(target))
    before = target.read_text()
    artifacts("get", "otter", "notes.txt", "-o", str(target), "--force")

    assert (refused.returncode, before, target.read_text()) == (1, "mine", "hello")
    assert refused.stderr == f"runlake: {target} is there already: name another place with -o, or write over it with --force.\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".runlake")] == []


@pytest.mark.usefixtures("store")
def test_a_file_is_printed_byte_for_byte(tmp_path: Path) -> None:
    """Whatever is in it."""
    content = bytes(range(256)) * 3 + b"\r\n"
    (tmp_path / "x.bin").write_bytes(content)
    with runlake.start_run(run_name="otter"):
        runlake.log_artifact(str(tmp_path / "x.bin"))
    runlake.flush()

    assert artifacts("get", "otter", "x.bin", "-o", "-").stdout_bytes == content


@pytest.mark.usefixtures("run_id")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ls", "otter", "mode"], "The run 'otter' keeps nothing at 'mode'; it has model.txt, model/meta/info.json,"),
        (["get", "otter", "nothing"], "The run 'otter' keeps nothing at 'nothing'; it has"),
        (["get", "otter", "model", "-o", "-"], "Only a file goes to the standard output, and model is a folder: name a file in it."),
        (["get", "otter", "../x"], "The run 'otter' keeps nothing at '../x'; it has"),
        (["ls", "fox"], "No run of"),
    ],
)
def test_what_is_not_there_is_told(arguments: list[str], says: str) -> None:
    """With what is."""
    ended = artifacts(*arguments)

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert str(ended.exception).startswith(says)
