"""Whatever is changed in the files of a model, they are refused or give a model that answers: the process never dies of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from runlake_torch.predicting import predicted
from runlake_torch.saving import loaded, saved
from torch import nn

from mutations import Case, as_json, attack, changed_tensors, files_of, mutation_tests, use

INPUTS = {
    "rows": np.ones((2, 6), np.float32),
    "pictures": np.ones((2, 2, 8, 8), np.float32),
    "words": np.array([[1, 2, 3], [4, 5, 6]]),
    "steps": np.ones((3, 2, 4), np.float32),
}
MODELS: dict[str, Callable[[], nn.Module]] = {
    "dense": lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 2), nn.Softmax(1)),
    "pictures": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.GroupNorm(2, 4),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(4, 4, 2, 2),
        nn.AvgPool2d(2),
        nn.PixelShuffle(2),
        nn.Upsample(scale_factor=2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    ),
    "words": lambda: nn.Sequential(nn.Embedding(8, 4, padding_idx=0), nn.LayerNorm(4), nn.GRU(4, 3, 2, batch_first=True)),
    "steps": lambda: nn.Sequential(nn.TransformerEncoderLayer(4, 2, 8), nn.LSTM(4, 3, bidirectional=True)),
    "patches": lambda: nn.Sequential(nn.Unfold(2), nn.Fold((8, 8), 2), nn.LocalResponseNorm(2), nn.Conv2d(2, 2, 3, groups=2, dilation=2)),
    "sums": lambda: nn.Sequential(nn.EmbeddingBag(8, 4), nn.ChannelShuffle(2)),
}


def of_model(name: str) -> Mapping[str, bytes]:
    """What it is saved as."""
    torch.manual_seed(0)
    return files_of(saved(MODELS[name](), 1 << 24))


def read(files: Mapping[str, bytes]) -> None:
    """Load and ask."""
    model = loaded(files, {})
    for given in INPUTS.values():
        use(partial(predicted, model, given, {}))


CASES: dict[str, Case] = {
    **{f"the tree of {name}": (partial(of_model, name), "model.json", as_json) for name in MODELS},
    **{f"the tensors of {name}": (partial(of_model, name), "model.safetensors", changed_tensors) for name in ("dense", "words")},
}


test_no_changed_file_of_some_ends_the_process, test_no_changed_file_ends_the_process = mutation_tests(__file__, CASES, 30)


if __name__ == "__main__":
    attack(CASES, read, sys.argv[1:])
