"""What is recorded of data sets is what they say of themselves: no sample is read for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from runlake_transformers.data import dataset_of

import runlake
from trainers import SAMPLES, trainer


class Untouchable(torch.utils.data.Dataset[Any]):
    """Whoever takes a sample of it, or goes through it, fails."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, place: int) -> Any:
        raise AssertionError("a sample was taken")

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("it was gone through")


class Endless(torch.utils.data.IterableDataset[Any]):
    """It has no length."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("it was gone through")


def transformed(_: Any) -> Any:
    """What a data set does with its samples, which may draw random numbers."""
    raise AssertionError("a sample was transformed")


def columns_of(found: runlake.entities.Dataset) -> list[tuple[str, str]]:
    """Names and types."""
    return [(each["name"], each["type"]) for each in json.loads(found.schema)["columns"]]


def test_a_data_set_of_the_library_is_told_by_its_own_fingerprint() -> None:
    """And by its columns, whatever is done with its samples."""
    data = datasets.Dataset.from_list(SAMPLES)
    data.set_transform(transformed)

    found = dataset_of("train", data)

    profile = json.loads(found.profile)
    assert (profile["num_rows"], profile["fingerprint"], found.digest) == (16, data._fingerprint, data._fingerprint[:16])
    assert ("labels", "int64") in columns_of(found)


@pytest.mark.parametrize(
    ("data", "rows", "columns"),
    [
        (SAMPLES, 16, [("input_ids", "list"), ("attention_mask", "list"), ("labels", "int")]),
        ([], 0, []),
        (Untouchable(), 7, []),
        (Endless(), None, []),
        (datasets.Dataset.from_list(SAMPLES).to_iterable_dataset(), None, None),
    ],
)
def test_any_other_is_told_by_its_class_and_size(data: Any, rows: int | None, columns: Any) -> None:
    """The same in every process."""
    found = dataset_of("train", data)

    assert json.loads(found.profile) == {"num_rows": rows, "class": f"{type(data).__module__}.{type(data).__qualname__}"}
    assert columns is None or columns_of(found) == columns
    assert found == dataset_of("train", data)


def test_a_training_names_what_it_trains_on_and_what_it_judges_by(runs: Any, tmp_path: Path) -> None:
    """Each of several by its name."""
    runlake.autolog("transformers")
    data = datasets.Dataset.from_list(SAMPLES)

    trainer(tmp_path, train_dataset=data, eval_dataset={"a": data, "b": SAMPLES[:4]}, max_steps=1).train()

    (run,) = runs()
    noted = [(each.dataset.name, each.tags[0].value, json.loads(each.dataset.profile)["num_rows"]) for each in run.inputs.dataset_inputs]
    assert noted == [("train", "train", 16), ("eval_a", "eval", 16), ("eval_b", "eval", 4)]
