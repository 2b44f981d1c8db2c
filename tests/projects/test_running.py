"""A project's run: opened by who starts it, joined by its program, and ended as that ends."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import runlake
from projecting import ECHO, TRAIN, commit_all, echoed, git, leftovers, repository, write_project
from runlake.errors import InvalidValue, RunlakeError, UnknownExperiment
from runlake.platform import host_name
from runlake.read import Run

NETS = """
    name: nets
    entry_points:
      main:
        parameters:
          alpha: float
          l1_ratio: {type: float, default: 0.1}
        command: "python train.py {alpha} {l1_ratio}"
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, by programs too."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that tells what it was given, in a file beside it."""
    monkeypatch.setenv("ECHOED", str(tmp_path / "echoed.json"))
    return write_project(tmp_path / "echo", echo_py=ECHO)


def runs_of(store: Path) -> list[Run]:
    """All of them; none where there is no store yet."""
    return runlake.read.open_store(store).runs() if store.exists() else []


@pytest.mark.parametrize("place", [pytest.param("{path}/nets", marks=pytest.mark.long), "file://{path}#nets"], ids=["folder", "address"])
def test_the_tutorials_project_is_one_run_with_all_that_is_known(
    store: Path, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Its params and metrics, what it ran on, where it came from, and the model."""
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    monkeypatch.setenv("RUNLAKE_STRICT", "0")
    path = tmp_path / "repository"
    write_project(path / "nets", MLproject=NETS, train_py=TRAIN)
    commit = repository(path)

    made = runlake.projects.run(place.format(path=path), parameters={"alpha": 1.0, "l1_ratio": "1.0"}, experiment_name="tutorial")

    (run,) = runs_of(store)
    assert (made.run_id, made.get_status(), made.wait()) == (run.info.run_id, "FINISHED", True)
    assert (run.info.status, run.params, sorted(run.data.metrics)) == ("FINISHED", {"alpha": 1.0, "l1_ratio": 1.0}, ["rmse"])
    assert run.info.run_name.startswith("nets-")
    assert runlake.get_experiment(run.info.experiment_id).name == "tutorial"
    known = {name: text for name, text in run.tags.items() if name.startswith(("mlflow.source", "mlflow.project", "runlake.project"))}
    assert known.pop("mlflow.source.git.branch", "main") == "main"
    known.pop("mlflow.source.git.repoURL", None)
    assert known == {
        "mlflow.source.name": place.format(path=path),
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": commit,
        "mlflow.project.entryPoint": "main",
        "mlflow.project.env": "local",
        "mlflow.project.backend": "local",
        "runlake.project.parameters": '{"alpha": "1.0", "l1_ratio": "1.0"}',
        "runlake.project.host": host_name(),
    }
    assert run.environment["command"][1:] == ["train.py", "1.0", "1.0"]
    assert {"environment.json", "model/MLmodel"} <= set(run.artifacts)
    assert leftovers(temporary) == []


def test_autologging_alone_is_recorded_in_the_run_too(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first training of the program is the run's."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    training = TRAIN.split("with ")[0] + "runlake.autolog()\nElasticNet(alpha=alpha, l1_ratio=l1_ratio).fit(data, target)\n"
    folder = write_project(tmp_path / "project", MLproject=NETS, train_py=training)

    made = runlake.projects.run(str(folder), parameters={"alpha": 0.5})

    (run,) = runs_of(store)
    assert (run.info.run_id, run.info.status) == (made.run_id, "FINISHED")
    assert {"alpha": 0.5, "l1_ratio": 0.1, "max_iter": 1000}.items() <= run.params.items()


def test_what_the_program_says_of_its_params_counts(store: Path, tmp_path: Path) -> None:
    """And is no conflict with what it was given."""
    folder = write_project(tmp_path / "p", train_py="import runlake, sys\nrunlake.log_param('alpha', sys.argv[2] + ' and more')")

    made = runlake.projects.run(str(folder), "train.py", parameters={"alpha": 1})

    assert (runlake.get_run(made.run_id).params, runlake.get_run(made.run_id).param_conflicts) == ({"alpha": "1 and more"}, {})


def test_the_program_runs_in_its_folder_with_our_python_and_without_secrets(
    store: Path, echo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is held back is named; a name that is let through is not."""
    given = {
        "HF_TOKEN": "short",
        "AWS_SECRET_ACCESS_KEY": "x" * 40,
        "MY_PASSWORD": "1234",
        "PLACE": "https://me:hunter22@example.com",
        "OTHER": "ghp_0123456789abcdefghij0123456789",
        "OPENAI_API_KEY": "let-through",
        "HARMLESS": "yes",
        "XDG_SESSION_ID": "c2",
        "RUNLAKE_TRACKING_URI": "elsewhere",
        "RUNLAKE_SILENT": "0",
    }
    held_back = ["AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "MY_PASSWORD", "OTHER", "PLACE"]
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    made = runlake.run(str(echo), "echo.py", env=["OPENAI_API_KEY"])

    found = echoed(tmp_path / "echoed.json")
    variables = found["environment"]
    assert (found["folder"], Path(found["python"]).parent, variables["PWD"]) == (str(echo), Path(sys.executable).parent, str(echo))
    assert variables["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert [name for name in [*held_back, "RUNLAKE_TRACKING_URI"] if name in variables] == []
    assert [variables[name] for name in ("OPENAI_API_KEY", "HARMLESS", "XDG_SESSION_ID")] == ["let-through", "yes", "c2"]
    assert (variables["RUNLAKE_RUN_ID"], variables["RUNLAKE_STORE"]) == (made.run_id, str(store))
    said = capsys.readouterr().err
    assert next(line for line in said.splitlines() if "does not get" in line).split("get ")[1].split(", which")[0].split(", ") == held_back
    assert not any(given[name] in said for name in held_back)


def test_a_variable_that_is_let_through_must_be_set(store: Path, echo: Path) -> None:
    """Or the program would miss it later."""
    with pytest.raises(InvalidValue, match="NOT_THERE_AT_ALL is to be let through"):
        runlake.run(str(echo), "echo.py", env=["NOT_THERE_AT_ALL"])
    assert runs_of(store) == []


@pytest.mark.parametrize(
    ("code", "status", "exit_code"),
    [
        ("pass", "FINISHED", None),
        ("raise SystemExit(3)", "FAILED", "3"),
        pytest.param("1 / 0", "FAILED", "1", marks=pytest.mark.long),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "KILLED", "137"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "FAILED", "139"),
    ],
)
def test_the_run_ends_as_the_program_does(
    store: Path, tmp_path: Path, temporary: Path, code: str, status: str, exit_code: str | None
) -> None:
    """With its exit code; what is killed from outside is killed, and what crashes has failed."""
    folder = write_project(tmp_path / "p", train_py=code)

    if exit_code is None:
        runlake.run(str(folder), "train.py")
    else:
        with pytest.raises(RunlakeError, match=f"ended {status}, with exit code {exit_code}"):
            runlake.run(str(folder), "train.py")

    (run,) = runs_of(store)
    assert (run.info.status, run.tags.get("runlake.exit_code"), leftovers(temporary)) == (status, exit_code, [])


def test_what_a_program_logged_before_it_was_killed_is_there(store: Path, tmp_path: Path) -> None:
    """As of any program."""
    code = "import os, runlake\nrunlake.log_metric('m', 1.5)\nrunlake.flush()\nos.kill(os.getpid(), 9)"
    folder = write_project(tmp_path / "p", train_py=code)

    with pytest.raises(RunlakeError):
        runlake.run(str(folder), "train.py")

    (run,) = runs_of(store)
    assert (run.info.status, run.data.metrics) == ("KILLED", {"m": 1.5})


def test_a_program_that_does_not_start_has_failed(store: Path, tmp_path: Path, temporary: Path) -> None:
    """What nobody could know before."""
    folder = write_project(tmp_path / "p", tool_sh="#!/no/such/interpreter\n", MLproject="entry_points: {main: {command: ./tool.sh}}")
    (folder / "tool.sh").chmod(0o755)

    with pytest.raises(RunlakeError, match=r"tool\.sh cannot be started: No such file or directory"):
        runlake.run(str(folder))

    assert ([run.info.status for run in runs_of(store)], leftovers(temporary)) == (["FAILED"], [])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "parameter": ({"parameters": {"alpha": "x"}}, "it is no float"),
    "missing parameter": ({}, "no value is given for alpha"),
    "entry point": ({"entry_point": "none"}, "has no entry point 'none'"),
    "program": ({"entry_point": "typo"}, "The program 'pyhton' cannot be started"),
    "script": ({"entry_point": "gone"}, "There is no file 'gone.py'"),
    "script outside": ({"entry_point": "outside"}, "leads out of"),
    "program outside": ({"entry_point": "above"}, "leads out of"),
    "given script outside": ({"entry_point": "given", "parameters": {"script": "../out.py"}}, "leads out of"),
    "link": ({"entry_point": "link"}, "leads out of"),
    "address": ({"uri": "https://127.0.0.1:9/x.git"}, "cannot be read. git says"),
    "version": ({"version": "v9", "parameters": {"alpha": "1"}}, "is in no git repository"),
    "experiment": ({"experiment_id": "77", "parameters": {"alpha": "1"}}, "77"),
    "both experiments": ({"experiment_id": "0", "experiment_name": "a", "parameters": {"alpha": "1"}}, "by its name or by its id"),
    "manager": ({"env_manager": "docker", "parameters": {"alpha": "1"}}, "no environment manager 'docker'"),
    "no environment": ({"env_manager": "virtualenv", "parameters": {"alpha": "1"}}, "nothing to install"),
    "backend": ({"backend": "kubernetes"}, "backend is 'local'"),
    "docker": ({"build_image": True}, "neither built nor run"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_no_run_and_no_folder(store: Path, tmp_path: Path, temporary: Path, name: str) -> None:
    """Nor an experiment."""
    arguments, what = REFUSED[name]
    commands = {
        "typo": "pyhton x",
        "gone": "python gone.py",
        "outside": "python ../out.py",
        "above": "../out.sh",
        "given": "python {script}",
    }
    more = "".join(f"  {name}: {{command: '{command}'}}\n" for name, command in (commands | {"link": "python link.py"}).items())
    (tmp_path / "out.py").touch()
    folder = write_project(tmp_path / "p", train_py="", MLproject=NETS.replace("\n    ", "\n") + more)
    (folder / "link.py").symlink_to(tmp_path / "out.py")

    with pytest.raises((RunlakeError, UnknownExperiment), match=what):
        runlake.projects.run(**({"uri": str(folder), "experiment_name": None if "experiment_id" in arguments else "made"} | arguments))

    assert (runs_of(store), leftovers(temporary), runlake.get_experiment_by_name("made")) == ([], [], None)


def test_docker_is_refused_unless_its_packages_are_here(store: Path, tmp_path: Path) -> None:
    """Which is what --env-manager local says."""
    folder = write_project(
        tmp_path / "p", train_py="", MLproject="docker_env: {image: python}\nentry_points: {main: {command: python train.py}}"
    )

    with pytest.raises(InvalidValue, match=r"the docker image 'python', and images are not run here.*--env-manager local"):
        runlake.run(str(folder))
    assert runlake.run(str(folder), env_manager="local").get_status() == "FINISHED"


def test_a_run_goes_on_in_its_own_time(store: Path, tmp_path: Path, temporary: Path) -> None:
    """In a thread of ours, and its id is known at once."""
    folder = write_project(tmp_path / "p", train_py="import sys\nwhile True:\n    if open(sys.argv[2]).read(): break")
    (tmp_path / "go").touch()
    made = runlake.run(str(folder), "train.py", parameters={"go": tmp_path / "go"}, synchronous=False)

    assert (made.get_status(), "runlake-project" in [thread.name for thread in threading.enumerate()]) == ("RUNNING", True)
    (tmp_path / "go").write_text("go")

    assert (made.wait(), made.get_status(), runs_of(store)[0].info.status, leftovers(temporary)) == (True, "FINISHED", "FINISHED", [])


def test_a_run_is_cancelled_with_all_that_it_started(store: Path, tmp_path: Path) -> None:
    """Its program's children too."""
    folder = write_project(tmp_path / "p", steps_sh="sleep 60 &\necho $! > pid\nwait\n")
    made = runlake.run(str(folder), "steps.sh", synchronous=False)
    while not (folder / "pid").exists() or not (folder / "pid").read_text().strip():
        time.sleep(0.01)

    made.cancel()

    assert (made.get_status(), made.wait(), runs_of(store)[0].tags["runlake.exit_code"]) == ("KILLED", False, "143")
    pid = int((folder / "pid").read_text())
    for _ in range(500):
        if not Path(f"/proc/{pid}").exists() or ") Z " in Path(f"/proc/{pid}/stat").read_text():
            break
        time.sleep(0.01)
    else:
        pytest.fail("the program's child goes on")


def test_an_interrupt_is_handed_on_and_raised_when_the_run_has_ended(store: Path, tmp_path: Path, temporary: Path) -> None:
    """The program puts away what it has to."""
    code = """
        import os, signal, sys, time
        signal.signal(signal.SIGINT, lambda *_: (open("told", "w"), sys.exit(5)))
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)
    """
    folder = write_project(tmp_path / "p", train_py=code)

    with pytest.raises(KeyboardInterrupt):
        runlake.run(str(folder), "train.py")

    (run,) = runs_of(store)
    assert ((folder / "told").exists(), run.info.status, run.tags["runlake.exit_code"], leftovers(temporary)) == (True, "KILLED", "5", [])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_ends_a_run_that_is_waited_for(store: Path, tmp_path: Path, temporary: Path) -> None:
    """Or it would go on with nobody to see it; what it left takes a while to be removed, and that is waited for too."""
    code = """
        import sys, time
        for number in range(1000):
            open(str(number), "w").close()
        open(sys.argv[2], "w").close()
        time.sleep(60)
    """
    path = write_project(tmp_path / "p", train_py=code)
    repository(path)
    made = runlake.run(path.as_uri(), "train.py", parameters={"ready": tmp_path / "ready"}, synchronous=False)
    while not (tmp_path / "ready").exists():
        time.sleep(0.01)

    interrupt = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        made.wait()

    assert (made.get_status(), [run.info.status for run in runs_of(store)], leftovers(temporary)) == ("KILLED", ["KILLED"], [])


def test_a_run_is_inside_of_the_one_that_the_environment_names(store: Path, echo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any run is."""
    with runlake.start_run() as parent:
        pass
    monkeypatch.setenv("RUNLAKE_PARENT_RUN_ID", parent.run_id)

    made = runlake.run(str(echo), "echo.py")

    assert runlake.get_run(made.run_id).info.parent_run_id == parent.run_id


def test_a_run_is_inside_of_the_active_one(store: Path, echo: Path) -> None:
    """As a step of a workflow is; unless it is gone on with."""
    with runlake.start_run() as before:
        pass
    with runlake.start_run() as active:
        step = runlake.run(str(echo), "echo.py")
        runlake.run(str(echo), "echo.py", run_id=before.run_id)
        assert runlake.active_run() is active
    later = runlake.run(str(echo), "echo.py")

    parents = [runlake.get_run(run_id).info.parent_run_id for run_id in (step.run_id, before.run_id, later.run_id)]
    assert parents == [active.run_id, None, None]


@pytest.mark.parametrize("name", ["-c1-9.py", "-.py", "-x.sh"])
def test_a_script_that_is_called_as_an_option_is_a_script(store: Path, tmp_path: Path, name: str) -> None:
    """Python would run what stands behind -c, and bash would look for another."""
    folder = write_project(tmp_path / "p")
    (folder / name).write_text("open('ran', 'w')" if name.endswith(".py") else "touch ran")

    runlake.run(str(folder), name)

    assert (folder / "ran").exists()


def test_a_run_is_called_as_its_project_without_what_a_terminal_would_obey(store: Path, tmp_path: Path) -> None:
    """Its name is printed often."""
    name = r'"näme of\e[31m \e]0;x\a it"'
    folder = write_project(tmp_path / "p", MLproject=f"name: {name}\nentry_points: {{a b: {{command: python a.py}}}}", a_py="")

    made = runlake.run(str(folder), "a b")

    assert runlake.get_run(made.run_id).info.run_name.startswith("näme-of-31m-0-x-it-a-b-")


def test_a_run_is_gone_on_with_by_its_id(store: Path, echo: Path) -> None:
    """As MLflow's argument says."""
    with runlake.start_run(run_name="mine") as before:
        pass

    made = runlake.run(str(echo), "echo.py", run_id=before.run_id)

    assert (made.run_id, [(run.info.run_name, run.info.status) for run in runs_of(store)]) == (before.run_id, [("mine", "FINISHED")])


def test_changes_since_the_commit_are_kept_with_the_run(store: Path, echo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a program that knows nothing of runlake, too."""
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    commit = repository(echo)
    (echo / "echo.py").write_text(ECHO + "# changed\n")
    (echo / "new.txt").touch()

    run = runlake.get_run(runlake.run(str(echo), "echo.py").run_id)

    assert (run.tags["mlflow.source.git.commit"], run.tags["mlflow.source.git.branch"]) == (commit, "main")
    assert run.tags["runlake.git.changes"] == "1 changed, 1 not tracked"
    assert "+# changed" in run.read_artifact("code.diff").decode()


def test_a_version_is_recorded_with_its_commit(store: Path, echo: Path, tmp_path: Path) -> None:
    """The branch may go on."""
    commit = repository(echo)
    git(echo, "tag", "v1")
    write_project(echo, echo_py="raise SystemExit(1)")
    commit_all(echo)

    tags = runlake.get_run(runlake.run(str(echo), "echo.py", "v1").run_id).tags

    assert (tags["mlflow.project.version"], tags["mlflow.source.git.commit"], tags["mlflow.source.name"]) == ("v1", commit, str(echo))
    assert json.loads(tags["runlake.project.parameters"]) == {}
    assert echoed(tmp_path / "echoed.json")["folder"] != str(echo)


@pytest.mark.parametrize("name", ["password", "token"])
@pytest.mark.parametrize("place", ["python echo.py", "python echo.py --it={%s}"])
def test_secrets_in_parameters_are_neither_recorded_nor_shown(
    store: Path, echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    """Though the program gets them."""
    monkeypatch.setenv("RUNLAKE_SILENT", "0")
    write_project(echo, MLproject=f"entry_points: {{main: {{command: '{place.replace('%s', name)}'}}}}")
    run = runlake.get_run(runlake.run(str(echo), parameters={name: "hunter22hunter22hunter"}).run_id)

    assert "hunter22hunter22hunter" in " ".join(echoed(tmp_path / "echoed.json")["argv"])
    assert "hunter22" not in str({**run.params, **run.tags}) + capsys.readouterr().err


def test_a_secret_in_a_place_of_the_command_is_not_in_what_the_program_says_of_itself(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only who started it knows that the word is one; its neighbours stay."""
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    project = write_project(
        tmp_path / "project",
        MLproject="entry_points: {main: {parameters: {password: string}, command: 'python train.py --pw={password} 7 {password}'}}",
        train_py="import runlake, sys\nassert sys.argv[3].startswith('hunter')\nrunlake.log_metric('a', 1.0)",
    )
    run = runlake.get_run(runlake.run(str(project), parameters={"password": "hunter22hunter22hunter"}).run_id)

    assert run.environment["command"][-3:] == ["<redacted:parameter:27>", "7", "<redacted:parameter:22>"]
