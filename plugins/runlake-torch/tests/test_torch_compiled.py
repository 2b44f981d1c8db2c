"""What torch.compile makes is recorded at every step, and is compiled as it is without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import runlake
from children import run_program
from reading import series

Runs = Callable[[], list[runlake.read.Run]]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, from its own code


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_loop_that_is_compiled_whole_is_recorded_at_every_step(runs: Runs, backend: str) -> None:
    """Though its step was compiled before `autolog()`."""
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weights], lr=0.5)

    @torch.compile(backend=backend)
    def step(factor: torch.Tensor) -> None:
        optimizer.zero_grad()
        (weights.sum() * factor).backward()  # type: ignore[no-untyped-call]  # torch has no types there
        optimizer.step()

    step(torch.tensor(0.0))
    runlake.autolog("torch")
    for _ in range(3):
        step(torch.tensor(1.0))
    runlake.disable_autolog()
    step(torch.tensor(1.0))

    assert [series(run.info.run_id, "train/loss") for run in runs()] == [[(0, 2.0), (1, 1.0), (2, 0.0)]]
    assert torch.equal(weights.detach(), torch.tensor([-1.0, -1.0]))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model_in_a_loop_is_recorded_and_named(runs: Runs, backend: str) -> None:
    """By the class of the user."""
    model = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    compiled: Any = torch.compile(model, backend=backend)
    optimizer = torch.optim.SGD(compiled.parameters(), lr=0.5)
    runlake.autolog("torch")
    for _ in range(3):
        optimizer.zero_grad()
        compiled(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    runlake.disable_autolog()

    (run,) = runs()
    assert (run.info.run_name, run.params["model_name"], run.errors) == ("Linear", "Linear", [])
    assert series(run.info.run_id, "train/loss") == [(0, 2.0), (1, 1.0), (2, 0.0)]


def test_what_compiles_whole_does_so_while_it_is_recorded(runs: Runs) -> None:
    """A function of the user's in which something is called that we stand around."""
    weights = [torch.nn.Parameter(torch.ones(3))]
    weights[0].grad = torch.ones(3)
    model = torch.nn.Linear(3, 1)
    scaler = torch.amp.GradScaler("cpu")
    functions: list[Callable[[], Any]] = [
        lambda: torch.nn.utils.clip_grad_norm_(weights, 1.0),
        lambda: model(torch.ones(2, 3)).sum(),
        lambda: scaler.scale(weights[0].sum()),
        lambda: torch.optim.SGD(weights, lr=0.1).param_groups[0]["lr"],
    ]

    def compiles(function: Callable[[], Any]) -> bool:
        torch._dynamo.reset()
        try:
            torch.compile(function, backend="eager", fullgraph=True)()
        except torch._dynamo.exc.TorchDynamoException:
            return False
        return True

    without = [compiles(function) for function in functions]
    runlake.autolog("torch")

    assert [compiles(function) for function in functions] == without
    assert without[:2] == [True, True]


def test_a_step_that_clips_is_compiled_and_recorded(runs: Runs) -> None:
    """The norm is heard of where the loop clips by itself, and not from within a compiled function."""
    weights = torch.nn.Parameter(torch.ones(4))
    optimizer = torch.optim.SGD([weights], lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        weights.sum().backward()  # type: ignore[no-untyped-call]  # torch has no types there
        torch.nn.utils.clip_grad_norm_([weights], 1.0)
        optimizer.step()

    compiled = torch.compile(step, backend="eager")
    runlake.autolog("torch")
    compiled()
    step()
    runlake.disable_autolog()

    (run,) = runs()
    assert (len(series(run.info.run_id, "train/loss")), run.errors) == (2, [])
    assert dict(series(run.info.run_id, "train/grad_norm"))[1] == pytest.approx(2.0)


def test_what_is_compiled_is_not_compiled_anew(runs: Runs) -> None:
    """Neither when recording begins, nor from step to step, nor when it ends."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    compiled: Any = torch.compile(model, backend="eager")
    optimizer = torch.optim.Adam(model.parameters())

    def train() -> int:
        for _ in range(3):
            optimizer.zero_grad()
            compiled(torch.ones(2, 2)).sum().backward()
            optimizer.step()
        return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])

    torch._dynamo.utils.counters.clear()
    before = train()
    runlake.autolog("torch")
    during = train()
    runlake.disable_autolog()

    assert before == during == train() > 0
    assert [len(run.metrics["train/loss"]) for run in runs()] == [3]


def test_the_compiler_is_left_as_it_was(runs: Runs) -> None:
    """It passes over what records while that is on, and over nothing else."""
    from torch._dynamo import trace_rules

    before = list(trace_rules.SKIP_DIRS), trace_rules.SKIP_DIRS_RE.pattern
    runlake.autolog("torch")
    during = [place for place in trace_rules.SKIP_DIRS if place not in before[0]]
    runlake.disable_autolog()

    assert [Path(place).name for place in during] == ["runlake", "runlake_torch"]
    assert (list(trace_rules.SKIP_DIRS), trace_rules.SKIP_DIRS_RE.pattern) == before


WARNS = """
    import warnings, torch
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("error", UserWarning)
    import runlake
    runlake.autolog("torch")
    model = torch.nn.Linear(2, 1)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    optimizer = torch.optim.SGD(compiled.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        compiled(torch.ones(2, 2)).sum().backward()
        optimizer.step()
    print(torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


def test_a_program_that_compiles_is_told_nothing(tmp_path: Path) -> None:
    """Enabled before PyTorch's compiler is imported, which enabling does not do."""
    finished = run_program(WARNS, tmp_path / "lake", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1")

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "1\n", "")
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert len(run.metrics["train/loss"]) == 3


WHOLE_BETWEEN = """
    import torch
    import runlake

    runlake.autolog("torch")
    model, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for step in range(2):
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        if step == 0:
            torch.compile(other, backend="eager", fullgraph=True)(torch.ones(1, 2))
"""


def test_what_is_compiled_whole_between_two_steps_is(tmp_path: Path) -> None:
    """Where a hook waits for the model's next pass, which the compiler meets in every module."""
    finished = run_program(WHOLE_BETWEEN, tmp_path / "lake", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1", PYTHONWARNINGS="ignore")

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
