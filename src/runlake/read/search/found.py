"""The runs that a search found, in their order: as a table, or as what a run is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.entities import RunData, RunInfo, Scope
from runlake.entities.params import typed
from runlake.read.search.columns import Texts
from runlake.read.search.query import Outcome
from runlake.read.search.selected import Selected
from runlake.read.search.values import Attribute, DatasetText, Metric, Moment, Text, Value
from runlake.store.columns import as_array, as_numbers, text_scalar

__all__ = ["Found", "Row"]

_INFO: dict[str, Attribute | Moment] = {
    "run_id": Attribute("run_id"),
    "experiment_id": Attribute("experiment_id"),
    "status": Attribute("status"),
    "artifact_uri": Attribute("artifact_uri"),
    "start_time": Moment("start_time"),
    "end_time": Moment("end_time"),
}


@dataclass(frozen=True)
class Row:
    """What a search knows of one run."""

    info: RunInfo
    data: RunData
    inputs: str | None


class Found:
    """Some runs; `total` is how many the filter lets through, and `token` asks for those behind these, if there are any.

    `unknown` says of each key in the filter that no run has, and what may be meant.
    """

    def __init__(self, outcome: Outcome) -> None:
        self.total = outcome.total
        self.token = outcome.token
        self.unknown = outcome.unknown
        self._runs = outcome.chosen
        self._value_of = outcome.value_of

    def __len__(self) -> int:
        return len(self._runs.rows)

    def narrowed(self) -> Found:
        """The same, for one who wants to know most of what there is to know of few runs."""
        same = copy(self)
        same._runs = self._wide
        return same

    def ids(self) -> list[str]:
        """Their ids."""
        found: list[str] = self.run_ids().to_pylist()
        return found

    def run_ids(self) -> pa.Array:
        """The same, for one who has many of them and wants no list."""
        return self._runs.texts(Attribute("run_id")).to_arrow()

    def numbers(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """A column of numbers, and which runs have one, by a name as filters have it; None where it is one of texts. Raises InvalidFilter.

        Of a param or a tag these are the values that read as numbers; times are milliseconds.
        """
        value = self._value_of(name)
        if isinstance(value, (Attribute, DatasetText)):
            return None
        column = self._runs.numbers_in(value) if isinstance(value, Text) else self._runs.numbers(value)
        return column.values, column.known

    def texts(self, name: str) -> tuple[np.ndarray, pa.Array] | None:
        """A column of texts as codes, -1 where a run has none, and the distinct ones. Raises InvalidFilter.

        None where it is one of numbers.
        """
        value = self._value_of(name)
        if isinstance(value, DatasetText):
            column = self._runs.data_sets()
        elif isinstance(value, (Text, Attribute)):
            column = self._runs.texts(value)
        else:
            return None
        coded = column.distinct.dictionary_encode()  # a part may have a text that another has, too
        return column.by_run(as_numbers(coded.indices).astype(np.int64), -1).astype(np.int64), coded.dictionary

    def table(self, columns: Sequence[str] | None = None, *, as_text: bool = False) -> pa.Table:
        """The columns asked for, by default what MLflow shows: params typed where all of a kind, unless `as_text`, and times in UTC."""
        if columns is None:
            runs, named = self._wide, dict(self._all_columns())
        else:
            runs, named = self._runs, {name: self._value_of(name) for name in columns}
        return pa.Table.from_arrays([_array(runs, value, as_text) for value in named.values()], names=list(named))

    def rows(self) -> Iterator[Row]:
        """All that is known of each of them."""
        runs = self._wide
        infos = zip(*(_list(runs, value) for value in _OF_INFO.values()), strict=True)
        metrics = [(key, _list(runs, Metric(key))) for key in self.keys(Scope.METRIC)]
        tags = [(key, _list(runs, Text(Scope.TAG, key))) for key in self.keys(Scope.TAG)]
        params = [(key, runs.texts(Text(Scope.PARAM, key))) for key in self.keys(Scope.PARAM)]
        said = [(key, column.to_arrow().to_pylist(), column.kinds_by_run()) for key, column in params]
        inputs = runs.data_sets().to_arrow().to_pylist()
        for n, info in enumerate(infos):
            given = {key: (str(kinds[n]), words[n]) for key, words, kinds in said if words[n] is not None}
            data = RunData(
                metrics={key: values[n] for key, values in metrics if values[n] is not None},
                params={key: text for key, (_, text) in given.items()},
                tags={key: words[n] for key, words in tags if words[n] is not None},
                typed_params={key: typed(kind, text) for key, (kind, text) in given.items()},
            )
            yield Row(_info(dict(zip(_OF_INFO, info, strict=True))), data, inputs[n])

    def keys(self, scope: Scope) -> list[str]:
        """The keys of params, tags or metrics that some of them have."""
        maybe = sorted({key for frame, rows in self._wide.pieces for key in frame.keys_among(scope, rows)})
        if scope == Scope.METRIC:
            return [key for key in maybe if self._wide.numbers(Metric(key)).known.any()]
        return [key for key in maybe if self._wide.texts(Text(scope, key)).known.any()]

    @cached_property
    def _wide(self) -> Selected:
        return self._runs.narrowed()

    def _all_columns(self) -> Iterator[tuple[str, Value]]:
        yield from _INFO.items()
        yield from ((f"metrics.{key}", Metric(key)) for key in self.keys(Scope.METRIC))
        yield from ((f"params.{key}", Text(Scope.PARAM, key)) for key in self.keys(Scope.PARAM))
        yield from ((f"tags.{key}", Text(Scope.TAG, key)) for key in self.keys(Scope.TAG))


_OF_INFO: dict[str, Attribute | Moment] = {
    **_INFO,
    "run_name": Attribute("name"),
    "user_id": Attribute("user"),
    "lifecycle_stage": Attribute("lifecycle"),
    "parent_run_id": Attribute("parent_run_id"),
    "writer": Attribute("owner"),
}


def _array(runs: Selected, value: Value, as_text: bool) -> pa.Array:
    if isinstance(value, DatasetText):
        return runs.data_sets().to_arrow()
    if isinstance(value, (Text, Attribute)):
        column = runs.texts(value)
        return column.to_arrow() if as_text or column.kinds is None else _typed(column)
    numbers = runs.numbers(value)
    kind = pa.int64() if numbers.values.dtype == np.int64 else pa.float64()
    known = None if numbers.known.all() else pa.py_buffer(np.packbits(numbers.known, bitorder="little"))
    array = as_array(numbers.values, kind, known)
    return array.cast(pa.timestamp("ms", "UTC")) if isinstance(value, Moment) and kind == pa.int64() else array


def _list(runs: Selected, value: Text | Attribute | Moment | Metric) -> list[Any]:
    if isinstance(value, (Text, Attribute)):
        found: list[Any] = runs.texts(value).to_arrow().to_pylist()
        return found
    numbers = runs.numbers(value)
    return [each if known else None for each, known in zip(numbers.values.tolist(), numbers.known.tolist(), strict=True)]


def _info(said: dict[str, Any]) -> RunInfo:
    known = {name: value for name, value in said.items() if value is not None}
    return RunInfo(**{"experiment_id": "0", "run_name": said["run_id"], **known})


def _typed(column: Texts) -> pa.Array:
    """The values as what they were given as, where that is one kind for all of them; an integer is also a float."""
    values = column.to_arrow()
    kinds = set(column.kinds_by_run()) - {None, "none"}
    try:
        if kinds == {"bool"}:
            return pc.equal(values, text_scalar("True"))
        if kinds and kinds <= {"int", "float"}:
            return values.cast(pa.int64() if kinds == {"int"} else pa.float64())
    except pa.ArrowInvalid:  # an integer of more than 64 bits, a subclass that prints as a word
        pass
    return values
