"""Environments of projects: built once, by what their files say, and gone where they cannot be built."""

from __future__ import annotations

import os
import stat
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

import runlake
from projecting import leftovers, write_project
from runlake.cli import run as cli_run
from runlake.errors import InvalidValue, RunlakeError
from runlake.projects import pythons
from runlake.projects.environments import MANAGERS
from runlake.projects.kept import environment_of
from runlake.projects.pythons import python_for
from runlake.projects.requirements import read_conda_env, read_python_env

USES_IT = "import sys, tinything\nopen(sys.argv[2], 'w').write(f'{tinything.WORD} {sys.prefix}')"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where environments are kept; no network is asked for packages."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "cache" / "runlake" / "environments"


def wheel(folder: Path, word: str = "one") -> Path:
    """A package of one module."""
    path = folder / "tinything-1.0-py3-none-any.whl"
    info = "tinything-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tinything.py", f"WORD = {word!r}\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinything\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def built(folder: Path) -> list[str]:
    """The environments that are ready or begun."""
    return [name for name in leftovers(folder) if not name.endswith(".lock")] if folder.exists() else []


@pytest.mark.long
def test_packages_are_installed_once_and_used_again(
    store: Path, tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pip says is shown as it comes; the second time nothing is installed, and that is told.

    Files of the project that are called as what installs are not run in its place.
    """
    monkeypatch.setenv("RUNLAKE_SILENT", "0")
    project = write_project(tmp_path / "p", use_py=USES_IT, python_env_yaml="python: '3'\ndependencies: [-r requirements.txt]")
    write_project(project, requirements_txt="# ours\n./tinything-1.0-py3-none-any.whl\n")
    write_project(project, **dict.fromkeys(("venv_py", "ensurepip_py", "pip_py"), "raise SystemExit('not the real one')"))
    wheel(project)

    first = runlake.run(str(project), "use.py", parameters={"to": tmp_path / "said"})
    said = capfd.readouterr().err
    again = runlake.run(str(project), "use.py", parameters={"to": tmp_path / "said"})

    (name,) = built(cache)
    assert (tmp_path / "said").read_text() == f"one {cache / name}"
    assert (
        f"runlake: installing Python {'.'.join(map(str, sys.version_info[:3]))} with ./tinything-1.0-py3-none-any.whl into {cache / name}"
        in said
    )
    assert "Successfully installed tinything-1.0" in said
    said = capfd.readouterr().err
    assert ("Successfully" in said, "installing" in said, f"using the environment in {cache / name}" in said) == (False, False, True)
    assert {runlake.get_run(run.run_id).tags["mlflow.project.env"] for run in (first, again)} == {"virtualenv"}


def test_an_environment_that_cannot_be_built_is_gone(cache: Path) -> None:
    """Whatever stopped it; another attempt begins anew."""

    def build(folder: Path) -> None:
        (folder / "half").mkdir(parents=True)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        environment_of(["a"], "it", build)
    assert built(cache) == []
    assert leftovers(environment_of(["a"], "it", lambda folder: folder.mkdir())) == ["runlake-ready.json"]


@pytest.mark.long
def test_a_package_that_is_not_to_be_had_leaves_nothing(store: Path, tmp_path: Path, cache: Path) -> None:
    """No environment, no run, and pip's last lines."""
    project = write_project(tmp_path / "p", use_py="", python_env_yaml="dependencies: [tinything==9]")

    with pytest.raises(RunlakeError, match=r"cannot be installed; python ended with 1, and said last:(.|\n)*No matching distribution"):
        runlake.run(str(project), "use.py")
    assert (built(cache), store.exists()) == ([], False)


def test_two_at_once_build_one(cache: Path) -> None:
    """The other waits, and uses it."""
    begun: list[Path] = []
    found: list[Path] = []

    def build(folder: Path) -> None:
        begun.append(folder)
        time.sleep(0.2)  # the others come meanwhile
        folder.mkdir()

    threads = [Thread(target=lambda: found.append(environment_of(["same"], "it", build))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(begun), len(set(found)), len(found)) == (1, 1, 4)


def test_what_a_killed_process_left_half_built_is_thrown_away(cache: Path) -> None:
    """It was never said to be ready."""
    made = environment_of(["a"], "it", lambda folder: folder.mkdir())
    (made / "runlake-ready.json").unlink()
    (made / "half").touch()

    assert environment_of(["a"], "it", lambda folder: folder.mkdir()) == made
    assert leftovers(made) == ["runlake-ready.json"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "a requirement of a file": lambda project: (project / "requirements.txt").write_text("a==1\n"),
    "a file of a file": lambda project: (project / "more.txt").write_text("b==2\n"),
    "a constraint": lambda project: (project / "limits.txt").write_text("c<9\n"),
    "a wheel": lambda project: wheel(project, "two"),
    "what builds": lambda project: (project / "python_env.yaml").write_text(ENV.replace("setuptools", "hatchling")),
}
ENV = "python: 3.10\nbuild_dependencies: [setuptools]\ndependencies:\n- -r requirements.txt\n- -c limits.txt\n"


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_goes_in_makes_another_environment(tmp_path: Path, name: str) -> None:
    """Also what is in files of files."""
    project = write_project(tmp_path / "p", python_env_yaml=ENV, limits_txt="c<2\n", more_txt="b==1  # one\n")
    write_project(project, requirements_txt="a>=1 \\\n  ; python_version > '3'\n-r more.txt\n./tinything-1.0-py3-none-any.whl\n")
    wheel(project)
    before = read_python_env(project / "python_env.yaml", project)
    assert before.python == "3.10"
    assert (before.packages[1:], before.constraints, before.build) == (
        ["b==1", "./tinything-1.0-py3-none-any.whl"],
        ["c<2"],
        ["setuptools"],
    )
    assert before.parts == read_python_env(project / "python_env.yaml", project).parts

    CHANGES[name](project)

    assert read_python_env(project / "python_env.yaml", project).parts != before.parts


@pytest.mark.parametrize("line", ["-r ../out.txt", "-c /etc/passwd", "--requirement=../out.txt", "-r link.txt", "-r../out.txt"])
def test_files_of_requirements_lie_in_the_project(tmp_path: Path, line: str) -> None:
    """Also those that such a file names."""
    project = write_project(tmp_path / "p", python_env_yaml="dependencies: [-r a.txt]", a_txt=line)
    (tmp_path / "out.txt").touch()
    (project / "link.txt").symlink_to(tmp_path / "out.txt")

    with pytest.raises(InvalidValue, match="leads out of"):
        read_python_env(project / "python_env.yaml", project)


@pytest.mark.parametrize("line", ["--requirem ../out.txt", "--pre -r ../out.txt", "-i https://a -c ../out.txt", "--constrain=../out.txt"])
def test_an_option_that_could_name_other_files_is_refused(tmp_path: Path, line: str) -> None:
    """As pip takes shortened ones, and several in a line."""
    project = write_project(tmp_path / "p", python_env_yaml="dependencies: [-r a.txt]", a_txt=line)

    with pytest.raises(InvalidValue, match=r"it is not known which files that names\. Write one option in a line, in full"):
        read_python_env(project / "python_env.yaml", project)


def test_where_packages_come_from_is_passed_on_and_its_password_is_not_kept(tmp_path: Path) -> None:
    """It is among what the environment is of."""
    lines = ["--index-url https://me:hunter22@host/simple", "--extra-index-url=https://b", "-f wheels", "--pre", "--no-binary :all:"]
    project = write_project(tmp_path / "p", python_env_yaml="dependencies: [-r a.txt]", a_txt="\n".join(lines))
    wanted = read_python_env(project / "python_env.yaml", project)

    made = environment_of(wanted.parts, "it", lambda folder: folder.mkdir())

    assert wanted.packages == lines
    said = (made / "runlake-ready.json").read_text()
    assert ("host/simple" in said, "hunter22" in said) == (True, False)


@pytest.mark.parametrize("line", [".", "-e .", "./sub", "--editable=sub", "-e git+https://host/x.git"])
def test_a_folder_is_not_installed_from(tmp_path: Path, line: str) -> None:
    """An environment that is kept would not see what changes in it."""
    project = write_project(tmp_path / "p", python_env_yaml=f"dependencies: ['{line}']")
    (project / "sub").mkdir()

    with pytest.raises(InvalidValue, match="installs from a folder"):
        read_python_env(project / "python_env.yaml", project)


def test_another_python_is_looked_for_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, and asked which it is."""
    other = tmp_path / "python3.99"
    other.write_text(f"#!/bin/sh\necho {other}\necho 3.99.1\n")
    other.chmod(other.stat().st_mode | stat.S_IXUSR)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    monkeypatch.setattr(pythons, "ANSWER_SECONDS", 5.0)

    assert (python_for("3.99", variables).executable, python_for("3.99.7", variables).version) == (str(other), "3.99.1")
    assert python_for("", variables).executable == sys.executable
    with pytest.raises(InvalidValue, match=r"wants Python 3\.98, and there is no python3\.98 on the PATH; there is 3\..*3\.99\.1"):
        python_for("3.98", variables)


def test_of_an_environment_for_conda_pip_takes_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what it leaves out is named."""
    monkeypatch.setenv("RUNLAKE_SILENT", "0")
    text = "name: x\nchannels: [defaults]\ndependencies:\n- python=3.10\n- numpy=2\n- pip\n- cudatoolkit\n- pip:\n  - click\n"
    project = write_project(tmp_path / "p", conda_yaml=text)

    found = read_conda_env(project / "conda.yaml", project)

    assert (found.python, found.packages) == ("3.10", ["click"])
    assert capsys.readouterr().err.strip().endswith("leaves it out: numpy=2, cudatoolkit")


def stand_in(folder: Path, name: str) -> Path:
    """A program of conda's name that makes an environment with a Python of its own: it stands in for the real one."""
    folder.mkdir()
    program = folder / name
    python = f'#!/bin/sh\nSTANDS_IN=1 exec {sys.executable} "$@"\n'
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nprint('standing in for {name}:', *sys.argv[1:])\n"
        "place = sys.argv[sys.argv.index('--prefix') + 1]\nos.makedirs(place + '/bin')\n"
        f"open(place + '/bin/python', 'w').write({python!r})\nos.chmod(place + '/bin/python', 0o755)\n"
        "sys.exit('broken' in open(sys.argv[sys.argv.index('--file') + 1]).read())\n"
    )
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [("conda", "env create"), pytest.param("mamba", "env create", marks=pytest.mark.long), ("micromamba", "create --yes")],
)
def test_conda_makes_the_environment_where_it_is_there(
    store: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    """A program that stands in for it; the environment's programs come first on the PATH."""
    code = "import json, os, sys\njson.dump(dict(os.environ), open(sys.argv[2], 'w'))"
    project = write_project(tmp_path / "p", conda_yaml="dependencies: [numpy]", say_py=code)
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', name)}:/usr/bin:/bin")

    for _ in range(2):
        made = runlake.run(str(project), "say.py", parameters={"to": tmp_path / "said"})

    (folder,) = built(cache)
    said = (tmp_path / "said").read_text()
    assert ('"STANDS_IN": "1"' in said, f'"CONDA_PREFIX": "{cache / folder}"' in said, f'"PATH": "{cache / folder}/bin:' in said) == (
        True,
    ) * 3
    assert capfd.readouterr().err.count(f"standing in for {name}: {words} --prefix {cache / folder} --file {project}/conda.yaml") == 1
    assert runlake.get_run(made.run_id).tags["mlflow.project.env"] == "conda"


def test_conda_that_fails_leaves_nothing(store: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last lines are told."""
    project = write_project(tmp_path / "p", conda_yaml="dependencies: [broken]", say_py="")
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', 'conda')}:/usr/bin:/bin")

    with pytest.raises(RunlakeError, match="conda ended with 1, and said last:\n  standing in for conda"):
        runlake.run(str(project), "say.py")
    assert (built(cache), store.exists()) == ([], False)


def test_the_command_knows_every_manager() -> None:
    """It names them without loading what they need."""
    assert cli_run.MANAGERS == MANAGERS


def test_without_conda_it_says_what_to_do(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two other ways."""
    project = write_project(tmp_path / "p", conda_yaml="dependencies: [numpy]", say_py="")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    with pytest.raises(
        RunlakeError, match=r"None of conda, mamba, micromamba is on the PATH.*--env-manager virtualenv.*--env-manager local"
    ):
        runlake.run(str(project), "say.py")
    assert runlake.run(str(project), "say.py", env_manager="local").get_status() == "FINISHED"
