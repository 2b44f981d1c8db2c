"""What a project says of itself, and what is found where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from projecting import write_project
from runlake.errors import InvalidValue
from runlake.projects.project_file import EntryPoint, Environment, Parameter, entry_point_named, read_project

FULL = """
    name: tutorial
    python_env: python_env.yaml
    entry_points:
      main:
        parameters:
          alpha: float
          l1_ratio: {type: float, default: 0.10}
          note:
            default: ''
          data: {type: path, default: data.csv}
        command: "python train.py {alpha} {l1_ratio}"
      check:
        command: "python check.py"
"""
WRONG = {
    "name": ("name: [a]\n", 1, "The name is text, not a list"),
    "entry_points": ("entry_points: [main]\n", 1, "entry_points is a mapping"),
    "no command": ("entry_points:\n  main:\n    parameters: {}\n", 3, "has no command"),
    "type": ("entry_points:\n  main:\n    parameters:\n      a: [int]\n    command: x\n", 4, "The type of 'a' is text, not a list"),
    "parameter": ("entry_points:\n  main:\n    parameters:\n      a b: int\n    command: x\n", 4, "'a b' is no name of a parameter"),
    "two environments": ("python_env: a\nconda_env: b\n", 2, "are both named"),
    "default": ("entry_points:\n  main:\n    parameters: {a: {default: [1]}}\n    command: x\n", 3, "The default of 'a' is text"),
    "image": ("docker_env: {volumes: []}\n", 1, "names no image"),
}


@pytest.mark.parametrize("name", ["MLproject", "mlproject", "MLPROJECT"])
def test_the_file_is_read_in_any_case(tmp_path: Path, name: str) -> None:
    """Defaults stay texts, as they are written."""
    write_project(tmp_path, **{name: FULL}, python_env_yaml="")
    parameters = {
        "alpha": Parameter("alpha", "float"),
        "l1_ratio": Parameter("l1_ratio", "float", "0.10"),
        "note": Parameter("note", "string", ""),
        "data": Parameter("data", "path", "data.csv"),
    }

    project = read_project(tmp_path)

    assert (project.name, project.environment) == ("tutorial", Environment("python_env", tmp_path / "python_env.yaml"))
    assert dict(project.entry_points) == {
        "main": EntryPoint("main", "python train.py {alpha} {l1_ratio}", parameters),
        "check": EntryPoint("check", "python check.py"),
    }


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    """And with what is known instead."""
    text, line, what = WRONG[name]
    write_project(tmp_path, MLproject=text)

    with pytest.raises(InvalidValue, match=f"^MLproject, line {line}: .*{what}"):
        read_project(tmp_path)


def test_unknown_keys_are_named_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Other programs may know them."""
    monkeypatch.setenv("RUNLAKE_SILENT", "0")
    write_project(tmp_path, MLproject="spark: x\nentry_points:\n  main: {command: python a.py, timeout: 5}\n")

    assert list(read_project(tmp_path).entry_points) == ["main"]
    assert capsys.readouterr().err.splitlines() == [
        "runlake: MLproject, line 1: 'spark' has no meaning for a project, and is passed over",
        "runlake: MLproject, line 3: 'timeout' has no meaning for the entry point 'main', and is passed over",
    ]


def test_a_type_that_is_none_is_named_and_taken_for_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Projects that MLflow runs have such."""
    monkeypatch.setenv("RUNLAKE_SILENT", "0")
    write_project(tmp_path, MLproject="entry_points:\n  main:\n    command: a\n    parameters: {a: bool, b: {type: str, default: True}}\n")

    found = read_project(tmp_path).entry_points["main"].parameters

    assert found == {"a": Parameter("a"), "b": Parameter("b", "string", "True")}
    first, _ = capsys.readouterr().err.splitlines()
    kinds = "string, float, int, path, uri"
    assert first == f"runlake: MLproject, line 4: 'bool', the type of the parameter 'a', is none of {kinds}, and is taken for string"


def test_two_files_are_one_too_many(tmp_path: Path) -> None:
    """Nobody knows which counts."""
    write_project(tmp_path, MLproject="name: a", mlproject="name: b")

    with pytest.raises(InvalidValue, match="MLproject and mlproject"):
        read_project(tmp_path)


@pytest.mark.parametrize(("name", "command"), [("train.py", "python"), ("steps.sh", "bash"), ("fit.R", "Rscript"), ("sub/a.py", "python")])
def test_a_script_is_an_entry_point_without_being_named(tmp_path: Path, name: str, command: str) -> None:
    """With the program that runs its kind."""
    (tmp_path / "sub").mkdir()
    (tmp_path / name).touch()

    assert entry_point_named(read_project(tmp_path), name) == EntryPoint(name, command, script=name)


def test_an_entry_point_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    """Named ones, and scripts."""
    write_project(tmp_path, MLproject="entry_points: {fit: {command: python a.py}}", train_py="", notes_txt="")

    with pytest.raises(InvalidValue, match=r"no entry point 'main'\. There are fit, train\.py: say which with -e"):
        entry_point_named(read_project(tmp_path), "main")
    with pytest.raises(InvalidValue, match=r"^The project in https://host/x#nets has no entry point"):  # not where it is checked out
        entry_point_named(read_project(tmp_path, "https://host/x#nets"), "main")


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "link.py", "sub/../../out.py"])
def test_an_entry_point_does_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    """Not by .., an absolute path or a link."""
    folder = write_project(tmp_path / "project")
    (tmp_path / "out.py").touch()
    (folder / "sub").mkdir()
    (folder / "link.py").symlink_to(tmp_path / "out.py")

    with pytest.raises(InvalidValue, match="leads out of"):
        entry_point_named(read_project(folder), name)


@pytest.mark.parametrize("file", ["../env.yaml", "/etc/passwd", "link.yaml"])
def test_an_environment_does_not_leave_the_folder(tmp_path: Path, file: str) -> None:
    """Nor does the project's file itself."""
    folder = write_project(tmp_path / "project", MLproject=f"python_env: {file}")
    (tmp_path / "env.yaml").touch()
    (folder / "link.yaml").symlink_to(tmp_path / "env.yaml")

    with pytest.raises(InvalidValue, match="leads out of"):
        read_project(folder)
    (folder / "MLproject").unlink()
    (folder / "MLproject").symlink_to(tmp_path / "env.yaml")
    with pytest.raises(InvalidValue, match="leads out of"):
        read_project(folder)


def test_environments_by_default_are_found_by_their_names(tmp_path: Path) -> None:
    """python_env.yaml comes first."""
    assert read_project(tmp_path).environment is None
    write_project(tmp_path, conda_yaml="")
    assert read_project(tmp_path).environment == Environment("conda_env", tmp_path / "conda.yaml")
    write_project(tmp_path, python_env_yaml="")
    assert read_project(tmp_path).environment == Environment("python_env", tmp_path / "python_env.yaml")
