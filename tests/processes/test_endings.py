"""Who ends a run and who does not, in every order of owner and workers; and what a worker is told of a run that it does not find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment, let_go_together, run_program, start_program
from faults import go_on, hear, program
from processes.programs import Recorded, command_of, launched, recorded, values
from reading import series

LATE = """
import runlake
runlake.log_metric("early", 1.0)
assert runlake.flush()
print("ready")
input()
for n in range(20):
    runlake.log_metric("late", float(n))
runlake.end_run()
"""


def test_a_worker_goes_on_when_the_owner_has_ended_the_run(store: Path) -> None:
    """So does one that begins only then: what they log is there, and the run ended when its owner said so."""
    with runlake.start_run() as run:
        worker = start_program(LATE, store, **run.env())
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    ended = runlake.get_run(run.run_id).info
    _, complaints = worker.communicate("\n", timeout=60)
    began_late = run_program("import runlake\nwith runlake.start_run(): runlake.log_metric('last', 1.0)", store, **run.env())
    now = runlake.get_run(run.run_id).info

    assert (complaints, began_late.stderr) == ("", "")
    assert ended.status == "FINISHED"
    assert now == ended
    assert series(run.run_id, "late") == [(n, float(n)) for n in range(20)]
    assert series(run.run_id, "last") == [(0, 1.0)]


def test_the_run_of_a_killed_owner_is_crashed_while_its_workers_write_on(tmp_path: Path) -> None:
    """None of them may say how it ended."""
    store = tmp_path / "lake"
    owning = """
        import os, subprocess, sys, runlake
        runlake.start_run(run_name="mine")
        worker = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=os.environ | runlake.active_run().env(), stdout=sys.stderr)
        print(worker.pid)
        input()
    """
    with program(owning.replace("sys.argv[1]", repr(LATE)), store) as owner:
        assert int(hear(owner))
        assert owner.stderr is not None
        assert owner.stderr.readline() == "ready\n"  # the worker, which reads what the owner does
        owner.kill()
        owner.wait(30)
        crashed = recorded(store)["mine"].status
        go_on(owner)
        owner.communicate(timeout=60)

    assert crashed == "CRASHED"
    assert recorded(store) == {"mine": Recorded("CRASHED", None, {"early": 1, "late": 20}, 1)}


def test_a_worker_that_is_killed_in_the_midst_leaves_its_training_crashed_and_the_run_open(store: Path) -> None:
    """What was written is there, in order and once."""
    toiling = """
        import itertools, runlake
        with runlake.start_run():
            with runlake.start_run(run_name="its own", nested=True):
                for n in itertools.count():
                    runlake.log_metric("n", float(n))
                    runlake.log_metric("n", float(n), run_id=RUN)
                    if n == 5000:
                        assert runlake.flush()
                        print("flushed")
    """
    with runlake.start_run(run_name="mine") as run:
        with program(toiling.replace("RUN)", f"{run.run_id!r})"), store, RUNLAKE_FLUSH_SECONDS="0.01", **run.env()) as worker:
            assert hear(worker) == "flushed"
            worker.kill()
            worker.communicate(timeout=30)
        meanwhile = recorded(store)

    for name in ("mine", "its own"):
        n_points = meanwhile[name].n_points["n"]
        assert n_points > 5000
        assert values(store, name, "n") == [(n, float(n)) for n in range(n_points)]
    assert {name: run.status for name, run in meanwhile.items()} == {"mine": "RUNNING", "its own": "CRASHED"}
    assert {name: run.status for name, run in recorded(store).items()} == {"mine": "FINISHED", "its own": "CRASHED"}


def test_of_a_param_that_two_fix_at_once_one_value_counts_and_the_other_is_shown(store: Path) -> None:
    """Neither knows of the other; it is no error."""
    fixing = """
        import sys, runlake
        runlake.start_run()
        print("ready")
        sys.stdin.readline()
        runlake.log_params({"lr": sys.argv[1], "same": 1})
    """
    with runlake.start_run() as run:
        workers = [start_program(fixing, store, value, **run.env()) for value in ("0.1", "0.2")]
        let_go_together(workers)
        assert [worker.communicate(timeout=60)[1] for worker in workers] == ["", ""]
    found = runlake.get_run(run.run_id)

    assert sorted([found.params["lr"], *found.param_conflicts["lr"]]) == ["0.1", "0.2"]
    assert (found.params["same"], list(found.param_conflicts)) == (1, ["lr"])


def test_a_worker_finds_the_run_in_the_store_however_seldom_the_owner_writes(tmp_path: Path) -> None:
    """Who asks for the environment of a run is about to start somebody who looks for it."""
    launching = """
        import os, subprocess, sys, runlake
        with runlake.start_run(run_name="earlier"):
            runlake.log_metric("here", 1.0)
        with runlake.start_run(run_name="mine") as run:
            worker = [sys.executable, "-c", "import runlake; runlake.log_metric('there', 1.0)"]
            sys.exit(subprocess.run(worker, env=os.environ | run.env()).returncode)
    """
    done = run_program(launching, tmp_path / "lake", RUNLAKE_FLUSH_SECONDS="60")

    assert (done.returncode, done.stderr) == (0, "")
    assert recorded(tmp_path / "lake")["mine"].n_points == {"there": 1}


def test_a_relative_store_is_found_from_another_folder(tmp_path: Path) -> None:
    """Since `env()` names it in full; the id alone is not enough, and the error names where it was looked for."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    launching = """
import os, subprocess, sys, runlake
worker = [sys.executable, "-c", "import runlake; runlake.log_metric('there', 1.0)"]
with runlake.start_run(run_name="mine") as run:
    for env in (run.env(), {"RUNLAKE_RUN_ID": run.run_id}):
        done = subprocess.run(worker, env=os.environ | env, cwd="../there", capture_output=True, text=True)
        print(done.returncode, done.stderr.strip().rpartition("\\n")[2].replace(run.run_id, "ID"))
"""
    done = launched(command_of(tmp_path, launching), tmp_path / "lake", tmp_path / "here", RUNLAKE_STORE="lake")
    expected = f"There is no run 'ID' in {tmp_path / 'there' / 'lake'}."

    assert done.stdout == f"0 \n1 runlake.errors.UnknownRun: {expected}\n"
    assert recorded(tmp_path / "here" / "lake")["mine"].n_points == {"there": 1}
    assert not (tmp_path / "there" / "lake").exists()


@pytest.mark.parametrize("variable", ["RUNLAKE_RUN_ID", "RUNLAKE_PARENT_RUN_ID"])
def test_a_run_that_is_not_there_is_an_error_of_verbs_and_costs_no_training_its_record(tmp_path: Path, variable: str) -> None:
    """A training is recorded as inside it, and that is said once."""
    training = """
import runlake
from sklearn.linear_model import Ridge
runlake.autolog("sklearn")
for verb in (runlake.start_run, lambda: runlake.log_metric("loss", 1.0)):
    try:
        verb()
    except runlake.UnknownRun as error:
        print(error)
for alpha in (1, 2):
    Ridge(alpha=alpha).fit([[1.0], [2.0]], [1.0, 2.0])
"""
    store = tmp_path / "lake"
    done = launched(command_of(tmp_path, training), store, None, RUNLAKE_SILENT="0", **{variable: "beef"})
    unknown = f"There is no run 'beef' in {store}."

    assert done.stdout == f"{unknown}\n" * 2
    assert done.stderr.count(unknown) == 1
    assert sorted((run.status, run.inside) for run in recorded(store).values()) == [("FINISHED", "beef")] * 2
    listed = subprocess.run(
        [sys.executable, "-m", "runlake", "ls"], env=environment(store), capture_output=True, text=True, timeout=60, check=False
    )
    assert (listed.returncode, listed.stdout.count("Ridge")) == (0, 2)


@pytest.mark.long
def test_a_loop_and_what_the_program_says_beside_it_are_apart_in_a_joined_run(tmp_path: Path) -> None:
    """Whether it said something before the loop began or only while that is under way."""
    looping = """
import sys, torch, runlake
runlake.autolog("torch")
torch.set_num_threads(1)
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
if sys.argv[1] == "before":
    runlake.log_metric("mine", 0.0)
for step in range(3):
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    runlake.log_metric("mine", float(step))
"""
    with_env = """
import os, subprocess, sys, runlake
with runlake.start_run(run_name="mine") as run:
    for when in ("before", "after"):
        subprocess.run([sys.executable, "program_of_worker.py", when], env=os.environ | run.env(), check=True)
"""
    (tmp_path / "program_of_worker.py").write_text(looping)
    launched(command_of(tmp_path, with_env), tmp_path / "lake", tmp_path)
    found = recorded(tmp_path / "lake")

    assert found == {
        "mine": Recorded("FINISHED", None, {"mine": 7}, 2),
        "Linear": Recorded("FINISHED", "mine", {"train/loss": 3, "train/lr": 1}, 1),
        "Linear 2": Recorded("FINISHED", "mine", {"train/loss": 3, "train/lr": 1}, 1),
    }
