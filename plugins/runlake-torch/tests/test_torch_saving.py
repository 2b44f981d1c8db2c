"""A model that a loop trained is kept in a safe form, and comes back without any code of the program where that can be."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from runlake_torch import FORMAT, load_model, model_digest, save_model
from torch import nn

import runlake
from children import run_program

Runs = Callable[[], list[runlake.read.Run]]

PLENTY = 1 << 28


class Net(nn.Module):
    """As a program has its own."""

    def __init__(self, hidden: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(3, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """One hidden layer."""
        outputs: torch.Tensor = self.last(torch.relu(self.first(inputs)))
        return outputs


def trained(model: nn.Module, steps: int = 3, *, is_circular: bool = False) -> tuple[dict[str, torch.Tensor], list[Any]]:
    """A training in a function that returns, as most are: the weights at its end, and weak references to what it held."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if is_circular:
        vars(optimizer)["itself"] = optimizer
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(4, 3)).pow(2).mean().backward()
        optimizer.step()
    return {name: held.clone() for name, held in model.state_dict().items()}, [weakref.ref(model), weakref.ref(optimizer)]


def sequential() -> nn.Sequential:
    """Of modules of PyTorch alone."""
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.1), nn.Linear(4, 1, bias=False))


def again(model: nn.Module, **options: Any) -> Any:
    """Saved, and loaded."""
    saved = save_model(model, PLENTY)
    assert saved is not None
    assert saved.why_not == ""
    return load_model(FORMAT, saved.files, options)


def tied() -> nn.Module:
    """Two modules that share a parameter."""
    model = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7, bias=False))
    model[1].weight = model[0].weight
    return model


def shared() -> nn.Module:
    """One module at two places."""
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def frozen() -> nn.Module:
    """One that is not trained as a whole."""
    model = sequential().eval()
    model[0].requires_grad_(False)
    return model


def overlapping() -> nn.Module:
    """Parameters that are parts of one tensor, and not contiguous."""
    whole, model = torch.randn(6, 4), nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 4))
    model[0].weight, model[1].weight, model[2].weight = (nn.Parameter(part) for part in (whole[:3], whole[1:4], whole[:3].t()))
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {
    "sequential": sequential,
    "tied": tied,
    "shared": shared,
    "frozen": frozen,
    "overlapping": overlapping,
    "conv": lambda: nn.Sequential(nn.Conv2d(1, 4, 3, padding="same", stride=1), nn.MaxPool2d(2), nn.Flatten(), nn.Softmax(1)),
    "lstm": lambda: nn.LSTM(3, 4, 2, batch_first=True, dropout=0.3, bidirectional=True),
    "gru": lambda: nn.ModuleDict({"gru": nn.GRU(3, 4), "rnn": nn.RNN(3, 4, nonlinearity="relu")}),
    "attention": lambda: nn.MultiheadAttention(8, 2, add_bias_kv=True, kdim=4, vdim=5),
    "encoder": lambda: nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, norm_first=True), nn.RMSNorm(8)]),
    "bfloat16": lambda: nn.Linear(3, 4, dtype=torch.bfloat16),
    "float64": lambda: nn.Linear(3, 4, dtype=torch.float64),
}


@pytest.mark.parametrize("name", MODELS)
def test_modules_of_pytorch_come_back_as_they_were(name: str) -> None:
    """To the bit, with what is shared and what is frozen; and no random number is drawn."""
    model = MODELS[name]()
    before = torch.get_rng_state()
    found = again(model)

    assert torch.equal(torch.get_rng_state(), before)
    assert repr(found) == repr(model)
    assert model_digest(found) == model_digest(model)
    assert {key: held.dtype for key, held in found.state_dict().items()} == {key: held.dtype for key, held in model.state_dict().items()}
    assert [(key, held.requires_grad) for key, held in found.named_parameters()] == [
        (key, held.requires_grad) for key, held in model.named_parameters()
    ]


def test_a_model_that_a_function_trained_is_kept_as_it_was_when_that_returned(runs: Runs) -> None:
    """Though nobody held it any more: its optimizer and it are let go of together, and by us too."""
    runlake.autolog("torch")
    weights, references = trained(sequential())

    assert [reference() for reference in references] == [None, None]
    (run,) = runs()
    found = runlake.pytorch.load_model(f"runs:/{run.info.run_id}/model")
    assert all(torch.equal(held, weights[name]) for name, held in found.state_dict().items())


def test_a_model_whose_optimizer_is_in_a_circle_is_kept_when_that_is_found(runs: Runs) -> None:
    """By the garbage collector."""
    runlake.autolog("torch")
    weights, references = trained(sequential(), is_circular=True)
    gc.collect()

    assert [reference() for reference in references] == [None, None]
    (run,) = runs()
    found = runlake.torch.load_model(f"runs:/{run.info.run_id}/model")
    assert torch.equal(found[0].weight, weights["0.weight"])


def test_a_model_that_is_let_go_of_inside_our_own_code_is_kept_by_another_thread(runs: Runs) -> None:
    """Where the garbage is collected while something is logged, which may hold a lock."""

    class Value:
        def __float__(self) -> float:
            gc.collect()
            return 1.0

    runlake.autolog("torch")
    gc.disable()
    try:
        weights, references = trained(sequential(), is_circular=True)
        assert references[0]() is not None
        runlake.log_metric("value", Value())
    finally:
        gc.enable()
    for thread in threading.enumerate():
        if thread.name == "runlake-model":
            thread.join(30)

    assert [reference() for reference in references] == [None, None]
    (run,) = runs()
    assert torch.equal(runlake.torch.load_model(f"runs:/{run.info.run_id}/model")[0].weight, weights["0.weight"])


def test_what_is_done_to_a_model_after_its_training_is_not_in_it(runs: Runs) -> None:
    """Its optimizer is gone before that."""
    runlake.autolog("torch")
    model = sequential()
    weights, _ = trained(model)
    with torch.no_grad():
        next(model.parameters()).zero_()
    runlake.disable_autolog()

    (run,) = runs()
    assert torch.equal(runlake.torch.load_model(f"runs:/{run.info.run_id}/model")[0].weight, weights["0.weight"])


def test_a_class_of_the_program_is_wanted_for_its_model(runs: Runs) -> None:
    """Nothing else can make one; the error says what to pass."""
    runlake.autolog("torch")
    weights, _ = trained(Net(5))
    (run,) = runs()
    uri = f"runs:/{run.info.run_id}/model"

    with pytest.raises(runlake.RunlakeError, match=r"Net, a class of the program .* model_class=.* weights_only=True"):
        runlake.torch.load_model(uri)
    with pytest.raises(runlake.RunlakeError, match=r"first.weight has the shape \[5, 3\], not \[6, 3\]"):
        runlake.torch.load_model(uri, model_class=Net, hidden=6)
    found = runlake.torch.load_model(uri, model_class=Net, hidden=5)
    assert all(torch.equal(held, weights[name]) for name, held in found.state_dict().items())
    assert runlake.torch.load_model(uri, weights_only=True).keys() == weights.keys()


def test_what_has_no_safe_form_says_so() -> None:
    """Nothing is copied before that is known."""
    models = {"lazy": nn.LazyLinear(3), "meta": nn.Linear(2, 2, device="meta"), "large": nn.Linear(100, 100)}
    said = {name: save_model(model, 1000) for name, model in models.items()}

    assert {name: saved and (saved.why_not, saved.files) for name, saved in said.items()} == {
        "lazy": ("weight has no shape yet", {}),
        "meta": ("weight holds no numbers", {}),
        "large": ("it takes more than 1,000 bytes", {}),
    }
    assert save_model("no model", 1000) is None
    assert load_model("sklearn/1", {}, {}) is None


def forged() -> Mapping[str, Mapping[str, bytes]]:
    """Files that somebody changed."""
    saved = save_model(nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 1)), PLENTY)
    assert saved is not None
    about = json.loads(saved.files["model.json"])

    def with_node(place: str, **changed: Any) -> dict[str, bytes]:
        children = about["tree"]["children"] | {place: about["tree"]["children"][place] | changed}
        return {**saved.files, "model.json": json.dumps(about | {"tree": about["tree"] | {"children": children}}).encode()}

    linear, recurrent = about["tree"]["children"]["1"]["arguments"], about["tree"]["children"]["0"]["arguments"]
    return {
        "no JSON": {**saved.files, "model.json": b"{"},
        "no dictionary": {**saved.files, "model.json": b"[]"},
        "deep": {**saved.files, "model.json": b'{"a":' * 100_000},
        "no tensors": {"model.json": saved.files["model.json"]},
        "cut off": {**saved.files, "model.safetensors": saved.files["model.safetensors"][:-1]},
        "unknown class": with_node("1", **{"class": "os:system", "arguments": {"command": "true"}}),
        "hidden class": with_node("1", **{"class": "torch.nn.modules.module:Module", "arguments": {}}),
        "huge": with_node("1", arguments=linear | {"in_features": 10**12, "out_features": 10**6}),
        "endless": with_node("0", arguments=recurrent | {"num_layers": 10**9}),
        "wrong shape": with_node("1", arguments=linear | {"out_features": 2}),
        "wrong type": with_node("1", arguments=linear | {"out_features": "2"}),
        "unknown argument": with_node("1", arguments=linear | {"device": "cpu"}),
        "circle": with_node("1", same_as=""),
    }


@pytest.mark.parametrize("name", forged())
def test_a_forged_file_is_an_error_of_ours(name: str) -> None:
    """Nothing outside the list is looked up, and nothing large is made."""
    with pytest.raises(runlake.RunlakeError, match="no model of PyTorch"):
        load_model(FORMAT, forged()[name], {})


EXIT = """
    import os, sys, torch, runlake
    runlake.autolog("torch")

    def train():
        model = torch.nn.Sequential(torch.nn.Linear(2, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            model(torch.ones(2, 2)).mean().backward()
            optimizer.step()
            if sys.argv[0] is None:
                break
        if os.fork() == 0:
            return
        os.wait()
        {end}

    train()
"""


@pytest.mark.parametrize(("end", "status"), [("return", "FINISHED"), ("raise ValueError('wrong')", "FAILED"), ("sys.exit(3)", "FINISHED")])
def test_a_model_is_kept_once_however_its_function_ends(end: str, status: str, tmp_path: Path) -> None:
    """By the program, not by a child that it forked meanwhile."""
    finished = run_program(EXIT.replace("{end}", end), tmp_path / "lake", RUNLAKE_JOBS="off")

    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert "runlake" not in finished.stderr
    assert (run.info.status, "model/model.json" in run.artifacts, run.errors) == (status, True, [])
