"""What a data set is, as far as that can be told without a look at its samples: its class, its size, its columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any

from runlake import entities
from runlake_transformers.describing import name_of

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["dataset_of", "log_data", "log_data_of"]


def log_data_of(run: OfferedRun, trainer: Any) -> None:
    """What a Trainer trains on, and what it judges by."""
    log_data(run, trainer.train_dataset, "train", "train")
    log_data(run, trainer.eval_dataset, "eval", "eval")


def log_data(run: OfferedRun, data: Any, name: str, context: str) -> None:
    """One data set, or several by their names."""
    for each_name, each in _named(name, data):
        run.log_input(dataset_of(each_name, each), context)


def dataset_of(name: str, data: Any) -> entities.Dataset:
    """A data set of the library `datasets` has a fingerprint of its own; any other is told by its class and size."""
    rows = len(data) if isinstance(data, Sized) else None
    columns = list(_columns(data))
    fingerprint = getattr(data, "_fingerprint", None)
    told = json.dumps([name_of(type(data)), rows, columns])
    profile = {"num_rows": rows, "class": name_of(type(data))} | ({"fingerprint": fingerprint} if fingerprint else {})
    return entities.Dataset(
        name=name,
        digest=str(fingerprint or hashlib.sha256(told.encode()).hexdigest())[:16],
        source=_source(data),
        schema=json.dumps({"columns": [{"name": column, "type": kind} for column, kind in columns]}),
        profile=json.dumps(profile),
    )


def _named(name: str, data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        yield from ((f"{name}_{key}", each) for key, each in data.items())
    elif data is not None and not isinstance(data, str):
        yield name, data


def _columns(data: Any) -> Iterator[tuple[str, str]]:
    """What the library `datasets` says of them; of a list the names that its first sample has."""
    features = getattr(data, "features", None)
    if isinstance(features, Mapping):
        yield from ((str(name), _kind(feature)) for name, feature in features.items())
    elif type(data) in (list, tuple) and data and isinstance(data[0], Mapping):
        yield from ((str(name), type(value).__name__) for name, value in data[0].items())


def _kind(feature: Any) -> str:
    """The type of a column: of values their numbers, of anything else as the library writes it."""
    return str(getattr(feature, "dtype", None) or feature) if type(feature).__name__ == "Value" else repr(feature)[:200]


def _source(data: Any) -> str:
    info = getattr(data, "info", None)
    parts = [getattr(info, "builder_name", None), getattr(info, "config_name", None), getattr(data, "split", None)]
    return "/".join(str(part) for part in parts if part)
