"""What a module says of arrays and frames: asked as it is meant to be, and as it was afterwards, in this process and in another."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from runlake_torch import FORMAT, load_model, predict, save_model
from scipy.sparse import csr_array
from torch import nn

import runlake
from fresh import put_down, said_elsewhere

ROWS = np.arange(12, dtype=np.float64).reshape(4, 3) / 10
PLENTY = 1 << 26


def net() -> nn.Sequential:
    """It drops and counts while it is trained, but for one part."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.9), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model[3].eval()
    return model


def kept(model: Any, *told: Any) -> runlake.Saved:
    """What it is saved as."""
    found = save_model(model, PLENTY, *told)
    assert found is not None
    return found


def expected(model: nn.Module, rows: torch.Tensor) -> Any:
    """What it says when it is asked."""
    with torch.no_grad():
        return model.eval()(rows).numpy()


def test_a_frame_gives_a_frame_with_its_index() -> None:
    """Of the precision of the parameters."""
    rows = pd.DataFrame(ROWS, index=list("abcd"))

    said = predict(net(), rows, {})

    assert (list(said.index), said.to_numpy().dtype) == (list("abcd"), np.float32)
    np.testing.assert_array_equal(said.to_numpy(), expected(net(), torch.tensor(ROWS, dtype=torch.float32)))
    assert predict(nn.Linear(3, 1, dtype=torch.float64), rows, {}).dtypes.tolist() == [np.float64]


def test_the_module_is_as_it_was() -> None:
    """Each part in the mode that it had, its counts and the random numbers untouched, no gradient kept; also where it raises."""
    model = net()
    modes, state = [part.training for part in model.modules()], torch.get_rng_state()
    before = {name: held.clone() for name, held in model.state_dict().items()}

    first, second = predict(model, ROWS, {}), predict(model, ROWS, {})
    with pytest.raises(RuntimeError):
        predict(model, ROWS[:, :2], {})

    np.testing.assert_array_equal(first, second)
    assert [part.training for part in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(held, before[name]) for name, held in model.state_dict().items())


def test_whole_numbers_of_arrays_stay_whole() -> None:
    """An embedding takes nothing else; numbers with a point have the precision of the parameters."""
    words = np.array([[1, 2, 0]])

    assert predict(nn.Embedding(5, 2), words, {}).shape == (1, 3, 2)
    assert predict(nn.Embedding(5, 2), words.tolist(), {}).shape == (1, 3, 2)
    assert predict(nn.Linear(3, 1), ROWS, {}).dtype == np.float32
    assert predict(nn.Linear(3, 1), csr_array(ROWS), {}).shape == (4, 1)
    assert predict(nn.Linear(3, 1), torch.ones(2, 3), {}).shape == (2, 1)
    assert predict(nn.Linear(3, 1, dtype=torch.bfloat16), ROWS, {}).dtype == np.float32
    assert predict("no module", ROWS, {}) is None


class Sums(nn.Module):
    """As a program has its own."""

    def forward(self, left: torch.Tensor, right: torch.Tensor | None = None, *, scale: float = 1.0) -> dict[str, Any]:
        """Two arrays by their names."""
        total = left if right is None else left + right
        return {"sum": total * scale, "parts": (left, right), "scale": scale}


def test_arrays_go_by_the_names_of_forward_and_params_with_them() -> None:
    """What it gives is arrays again, wherever they are."""
    ones = np.ones(2)

    said = predict(Sums(), {"left": ones, "right": ones}, {"scale": 3.0})

    np.testing.assert_array_equal(said["sum"], [6.0, 6.0])
    assert [type(each) for each in said["parts"]] == [np.ndarray, np.ndarray]
    assert said["scale"] == 3.0
    with pytest.raises(runlake.InvalidValue, match="left, right, scale; there is no middle"):
        predict(Sums(), {"left": ones, "middle": ones}, {})
    with pytest.warns(UserWarning, match="takes no temperature"):
        predict(Sums(), ones, {"temperature": 1})


MODELS: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "dense": (net, ROWS),
    "pictures": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten()), np.ones((2, 1, 8, 8), np.float32)),
    "words": (lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2)), np.array([[1, 2, 3], [4, 5, 6]])),
    "attention": (lambda: nn.TransformerEncoderLayer(4, 2, 8), np.ones((3, 2, 4), np.float32)),
    "precise": (lambda: nn.Linear(3, 2, dtype=torch.float64), ROWS),
}


def test_another_process_says_the_same(tmp_path: Path) -> None:
    """Every kind of module, to the last digits, by the files alone."""
    made = {name: make() for name, (make, _) in MODELS.items()}
    for name, model in made.items():
        found = save_model(model, PLENTY)
        assert found is not None
        put_down(tmp_path / "models" / name, found, MODELS[name][1], ["hook"])

    said = said_elsewhere(tmp_path / "models", "torch")

    for name, model in made.items():
        np.testing.assert_allclose(said[f"{name}/hook"], predict(model, MODELS[name][1], {}), rtol=1e-6)
    assert {name.partition("/")[0] for name in said} == set(MODELS)


def test_what_tools_of_mlflow_are_told() -> None:
    """Of tensors in a format that is not theirs; of a class of the program's own also where that is from."""
    found = kept(net())

    about = {"model_data": "model.safetensors", "pytorch_version": str(torch.__version__), "serialization_format": "safetensors"}
    assert (found.flavors, found.modules) == ({"pytorch": about}, ("torch", "safetensors"))
    assert kept(Sums()).modules == ("torch", "safetensors", Sums.__module__.partition(".")[0])


class Payload:
    """What a pickle would run."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


def test_a_file_of_torch_save_is_no_safetensors(tmp_path: Path) -> None:
    """A zip with a pickle, an old file with a pickle, a bare one and an array of objects: under the name of the tensors, or another."""
    canary, files = tmp_path / "canary", dict(kept(net()).files)
    payloads = []
    for is_zip in (True, False):
        held = io.BytesIO()
        torch.save({"weight": Payload(canary)}, held, _use_new_zipfile_serialization=is_zip)
        payloads.append(held.getvalue())
    held = io.BytesIO()
    np.save(held, np.array([Payload(canary)], object), allow_pickle=True)
    payloads += [held.getvalue(), f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()]

    for payload in payloads:
        for name in ("model.safetensors", "model.json"):
            with pytest.raises(runlake.InvalidModel):
                load_model(FORMAT, {**files, name: payload}, {})
        assert load_model(FORMAT, {**files, "model.bin": payload, "model.pt": payload}, {}) is not None
    assert not canary.exists()
