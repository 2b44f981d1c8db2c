"""Whatever is changed in the files of a model, they are refused or give a model that answers: the process never dies of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import transformers
from runlake_transformers import load_model, save_model
from runlake_transformers.predicting import predicted
from runlake_transformers.processing import remember_processing

from mutations import Case, as_json, attack, changed_tensors, died, use
from trainers import bert, tokenizer


@cache
def files() -> Mapping[str, bytes]:
    """Of a small classifier with its tokenizer."""
    model = bert()
    remember_processing(model, tokenizer())
    found = save_model(model, 1 << 28)
    assert found is not None
    return found.files


def read(given: Mapping[str, bytes]) -> None:
    """Load and ask."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers has no types there
    model = load_model("transformers/1", given, {})
    use(lambda: predicted(model, ["1 2 3", "4"], {}))
    use(lambda: predicted(model, np.ones((2, 3), np.int64), {}))


CASES: dict[str, Case] = {
    "the configuration": (files, "config.json", as_json),
    "what it is": (files, "model.json", as_json),
    "the tensors": (files, "model.safetensors", changed_tensors),
    "the tokenizer": (files, "tokenizer.json", as_json),
    "the settings of the tokenizer": (files, "tokenizer_config.json", as_json),
}


def test_no_changed_file_of_some_ends_the_process(tmp_path: Path) -> None:
    """A few of the changes that the long test makes."""
    assert died(__file__, tmp_path, list(CASES), 15) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CASES)
def test_no_changed_file_ends_the_process(name: str, tmp_path: Path) -> None:
    """Five hundred changes of each file."""
    assert died(__file__, tmp_path, [name], 500) == []


if __name__ == "__main__":
    attack(CASES, read, sys.argv[1:])
