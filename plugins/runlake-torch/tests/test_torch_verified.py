"""A digest of a module is of every tensor in it, and `runlake verify` finds loops unchanged by the plugin."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from runlake_torch import model_digest, random_states

from children import run_program
from verifying import digest_elsewhere, verdicts_of, verified

MODEL = """
    import torch
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1).to(torch.bfloat16))
"""
DEMO = """
    import runlake_torch
    import torch

    def main():
        torch.manual_seed(0)
        inputs, model = torch.randn(16, 3), torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True))
            loss.backward()
            optimizer.step()
        print(loss.item())

    runlake_torch.demo()
    main()
"""


def made() -> torch.nn.Module:
    """The module of the program above."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1).to(torch.bfloat16))


def test_models_alike_have_one_digest_whatever_process_made_them() -> None:
    """Whatever kind of number their tensors hold."""
    assert model_digest(made()) == digest_elsewhere(MODEL, "runlake_torch")


def test_another_number_or_mode_is_another_digest() -> None:
    """Of a parameter, of a buffer, and of whether it trains."""
    model = made()
    digests = {model_digest(model), model_digest(model.eval())}
    with torch.no_grad():
        model.state_dict()["1.num_batches_tracked"] += 1
        digests.add(model_digest(model))
        model.state_dict()["0.weight"][0, 0] += 1e-6

    assert len(digests | {model_digest(model)}) == 4


def test_what_has_learned_nothing_has_none() -> None:
    """A loss without parameters, a tensor, an optimizer, what is not PyTorch's."""
    optimizer = torch.optim.SGD(made().parameters())

    assert [model_digest(each) for each in (torch.nn.MSELoss(), torch.ones(2), optimizer, "model", None)] == [None] * 5


def test_the_state_of_the_generator_is_told_and_not_changed() -> None:
    """It is another one after a number is drawn, and only then."""
    before, again = random_states(), random_states()
    torch.rand(1)

    assert torch.equal(before["torch"], again["torch"])
    assert not torch.equal(before["torch"], random_states()["torch"])


@pytest.mark.long
def test_the_demo_and_a_program_with_a_main_function_are_not_changed(tmp_path: Path) -> None:
    """Every weight, what dropout drew, and the loss that is printed."""
    found = verified(tmp_path, DEMO)

    assert found["is_same"], found["findings"]
    assert [verdicts_of(found)[about] for about in ("stdout", "stderr", "models")] == ["same"] * 3
    assert "torch" in next(each["what"] for each in found["findings"] if each["about"] == "random")
    assert (found["recorded"]["runs"], found["recorded"]["errors"]) == (2, [])


def test_a_library_that_comes_after_autologging_is_captured_whole(tmp_path: Path) -> None:
    """What is patched while PyTorch is on its way in finds half of it."""
    program = """
        import runlake
        given = runlake.autolog("torch")
        import torch
        print([(row.target, row.why) for row in given.report() if row.state not in ("in place", "waiting") and row.plugin == "torch"])
        weights = torch.nn.Parameter(torch.ones(4))
        weights.sum().backward()
        print(torch.nn.utils.clip_grad_norm_([weights], 1.0).item())
    """
    done = run_program(program, tmp_path / "lake")

    assert (done.stdout, done.stderr) == ("[]\n2.0\n", "")
