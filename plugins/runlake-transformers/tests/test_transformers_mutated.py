"""Whatever is changed in the files of a model, they are refused or give a model that answers: the process never dies of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

import numpy as np
import transformers
from runlake_transformers import load_model, save_model
from runlake_transformers.predicting import predicted
from runlake_transformers.processing import remember_processing

from mutations import Case, as_json, attack, changed_tensors, files_of, mutation_tests, use
from trainers import bert, tokenizer


@cache
def files() -> Mapping[str, bytes]:
    """Of a small classifier with its tokenizer."""
    model = bert()
    remember_processing(model, tokenizer())
    return files_of(save_model(model, 1 << 28))


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


test_no_changed_file_of_some_ends_the_process, test_no_changed_file_ends_the_process = mutation_tests(__file__, CASES, 15)


if __name__ == "__main__":
    attack(CASES, read, sys.argv[1:])
