"""Whoever registers or promotes is killed between any two steps: what is found is the old state or the new one, and all of it loads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from children import run_program

MODEL = """\
def double(model_input: list[int]) -> list[int]:
    return [2 * each for each in model_input]
"""

# Two versions, of which the first is the champion and stands at Production, as does none other.
LAYS_OUT = """
    import sys
    import runlake
    from doubling import double

    folder = sys.argv[1]
    runlake.pyfunc.save_model(folder, python_model=double)
    client = runlake.MlflowClient()
    for _ in range(2):
        runlake.register_model(folder, "doubling")
    client.set_registered_model_alias("doubling", "champion", 1)
    client.transition_model_version_stage("doubling", 1, "Production")
"""

DIES_EVERYWHERE = """
    import os, shutil, sys, traceback
    from pathlib import Path
    from click.testing import CliRunner
    import runlake
    from doubling import double
    from runlake.cli import cli

    work, template, folder, every, first = sys.argv[1], Path(sys.argv[3]), sys.argv[2], int(sys.argv[4]), int(sys.argv[5])
    store = Path(os.environ["RUNLAKE_STORE"])
    CALLS = ("write", "fsync", "fdatasync", "link", "rename", "replace", "unlink", "mkdir", "rmdir")

    def forked(what, *arguments):
        # Each is a process that has opened no store yet.
        pid = os.fork()
        if pid == 0:
            try:
                what(*arguments)
                runlake.flush()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def plant(number, after):
        calls = []
        def replace(name):
            real = getattr(os, name)
            def call(*arguments, **named):
                mine = len(calls)
                calls.append(name)
                if mine == number and not after:
                    os.kill(os.getpid(), 9)
                try:
                    return real(*arguments, **named)
                finally:
                    if mine == number:
                        os.kill(os.getpid(), 9)
            setattr(os, name, call)
        for name in CALLS:
            replace(name)

    def die(number, after):
        plant(number, after)
        WORKS[work]()

    def logs():
        with runlake.start_run():
            runlake.pyfunc.log_model(python_model=double, name="model", registered_model_name="doubling")

    def logs_another():
        with runlake.start_run():
            runlake.pyfunc.log_model(python_model=double, name="model", registered_model_name="new")

    def registers():
        runlake.register_model(folder, "doubling")

    def promotes():
        runlake.MlflowClient().transition_model_version_stage("doubling", 2, "Production", True)

    WORKS = {"logs": logs, "logs another": logs_another, "registers": registers, "promotes": promotes}

    def state():
        client = runlake.MlflowClient()
        versions = client.search_model_versions("name = 'doubling'")
        others = [(each.name, int(each.version)) for each in client.search_model_versions("name != 'doubling'")]
        stages = {int(each.version): str(each.current_stage) for each in versions}
        return stages, dict(client.get_registered_model("doubling").aliases), others

    def look():
        stages, aliases, others = state()
        old, new = {1: "Production", 2: "None"}, {
            "logs": {1: "Production", 2: "None", 3: "None"},
            "logs another": {1: "Production", 2: "None"},
            "registers": {1: "Production", 2: "None", 3: "None"},
            "promotes": {1: "Archived", 2: "Production"},
        }[work]
        assert stages in (old, new), stages
        assert aliases == {"champion": 1}, aliases
        assert others in ([], [("new", 1)] if work == "logs another" else []), others
        checked = CliRunner().invoke(cli, ["fsck"])
        assert checked.exit_code == 0, checked.output
        assert not checked.exception, checked.output
        addresses = [f"models:/doubling/{number}" for number in stages] + [f"models:/{name}/{number}" for name, number in others]
        for address in [*addresses, "models:/doubling@champion", "models:/doubling/Production", "models:/doubling/latest"]:
            consent = runlake.models.Consent(runlake.models.get_model_info(address).digest, "it is ours")
            assert runlake.pyfunc.load_model(address, allow_unsafe=consent).predict([1, 2]) == [2, 4]
        history = runlake.MlflowClient().get_registered_model_history("doubling")
        is_new = stages != old
        assert len(history) == 5 + is_new * (2 if work == "promotes" else 1), history

        assert runlake.register_model(folder, "doubling").version == len(stages) + 1
        promotes()
        assert state()[0] == {1: "Archived", 2: "Production", **{number: "None" for number in range(3, len(stages) + 2)}}
        if work == "logs another":
            logs_another()
            assert state()[2] == [("new", number) for number in range(len(others) + 1, 0, -1)]

    def anew():
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(template, store)

    points = 0
    for place in range(first, 100_000, every):
        number, after = divmod(place, 2)
        anew()
        code = forked(die, number, bool(after))
        said = f"{'after' if after else 'before'} call {number}"
        if code == 0:
            break
        points += 1
        if code != -9:
            print(f"{said}: not killed, {code}")
        if forked(look):
            print(f"{said}: not as before or as after")
    anew()
    assert forked(WORKS[work]) == 0 and forked(look) == 0
    print(points, "points")
"""


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the template of the store, the model, and its module."""
    folder = tmp_path_factory.mktemp("laid-out")
    (folder / "doubling.py").write_text(MODEL)
    finished = run_program(LAYS_OUT, folder / "template", str(folder / "model"), PYTHONPATH=modules_of(folder), RUNLAKE_JOBS="off")
    assert (finished.returncode, finished.stderr) == (0, "")
    return folder


def modules_of(folder: Path) -> str:
    """Where the programs find what they import."""
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def die_everywhere(store: Path, laid_out: Path, work: str, *, every: int, first: int = 0, timeout: int = 110) -> None:
    """Kill it at every n-th place, and look at what it leaves."""
    arguments = (work, str(laid_out / "model"), str(laid_out / "template"), str(every), str(first))
    settings = {"PYTHONPATH": modules_of(laid_out), "RUNLAKE_JOBS": "off", "RUNLAKE_EXIT_WAIT": "0"}
    finished = run_program(DIES_EVERYWHERE, store, *arguments, timeout=timeout, **settings)
    *wrong, count = finished.stdout.splitlines() or ["nothing"]
    assert (wrong, finished.stderr) == ([], ""), "\n".join([*wrong, finished.stderr[-3000:]])
    assert int(count.split()[0]) >= 2


EVERY = {"logs": 23, "logs another": 31, "registers": 13, "promotes": 7}  # of some tens of calls


@pytest.mark.parametrize("work", ["logs another", "registers", "promotes"])
def test_who_registers_may_die_at_any_call(store: Path, laid_out: Path, work: str) -> None:
    """Old or new, loadable, and the next one goes on; at some of the calls."""
    die_everywhere(store, laid_out, work, every=EVERY[work], first=3)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("work", EVERY)
def test_who_registers_may_die_at_every_call(store: Path, laid_out: Path, work: str) -> None:
    """The same at each of them, before it and after it."""
    die_everywhere(store, laid_out, work, every=1, timeout=1800)
