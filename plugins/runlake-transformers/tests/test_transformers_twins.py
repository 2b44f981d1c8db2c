"""A training is bit for bit what it is without us: what it logs, its weights, and every file of its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Seq2SeqTrainer, Trainer

import runlake
from trainers import SAMPLES, bert, trainer

TIMES = ("_runtime", "_per_second")
PICKLES = ("training_args.bin",)  # the arguments, in which the folder stands


def gpt() -> Any:
    """A model that writes, whose weights are shared at both ends."""
    torch.manual_seed(0)
    size: dict[str, Any] = {"n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16}
    return GPT2LMHeadModel(GPT2Config(vocab_size=32, bos_token_id=0, eos_token_id=0, **size))


def texts() -> Any:
    """What it learns to write."""
    return datasets.Dataset.from_list([{"input_ids": [number % 32] * 4, "labels": [number % 32] * 4} for number in range(16)])


def told(made: Any, folder: Path) -> dict[str, Any]:
    """All that a training leaves, but for times."""
    history = [{name: value for name, value in logged.items() if not name.endswith(TIMES)} for logged in made.state.log_history]
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in PICKLES)
    contents = {str(path.relative_to(folder)): _without_times(path, folder) for path in files}
    assert any(name.endswith("rng_state.pth") for name in contents)
    assert any(name.endswith("optimizer.pt") for name in contents)
    return {
        "history": history,
        "weights": {name: tensor.tolist() for name, tensor in made.model.state_dict().items()},
        "config": made.model.config.to_dict(),
        "files": contents,
        "random": torch.get_rng_state().tolist(),
    }


def _without_times(path: Path, folder: Path) -> Any:
    content = path.read_bytes()
    if path.name != "trainer_state.json":
        return content
    state = json.loads(content.replace(str(folder).encode(), b""))
    state["log_history"] = [{name: value for name, value in each.items() if not name.endswith(TIMES)} for each in state["log_history"]]
    return state


@pytest.mark.parametrize(
    ("model", "data", "kind", "given"),
    [
        (bert, lambda: SAMPLES, Trainer, {}),
        (bert, lambda: SAMPLES, Trainer, {"gradient_accumulation_steps": 2, "load_best_model_at_end": True, "eval_on_start": True}),
        (gpt, texts, Seq2SeqTrainer, {}),
    ],
    ids=["bert", "accumulation", "gpt"],
)
def test_a_training_is_what_it_is_without(
    runlake_store: Path, tmp_path: Path, model: Callable[[], Any], data: Callable[[], Any], kind: type[Trainer], given: dict[str, Any]
) -> None:
    """With the plugin of PyTorch at work, too."""
    outcomes = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        each = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2, **given}
        if kind is Seq2SeqTrainer:
            each.pop("eval_strategy")
        made = trainer(folder, model(), kind, train_dataset=data(), eval_dataset=data(), **each)
        made.train()
        outcomes.append(told(made, folder))
        runlake.autolog("transformers", "torch")
    runlake.disable_autolog()

    assert outcomes[0] == outcomes[1]
