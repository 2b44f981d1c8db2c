"""A value of many runs as a column: texts as codes into the distinct ones, numbers beside what tells where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.store.columns import as_array, as_numbers, is_known
from runlake.store.columns import texts as as_texts

__all__ = ["Ids", "Numbers", "Texts", "coded_texts", "number_of"]


@dataclass(frozen=True)
class Numbers:
    """A number for each run that has one, where it is `known`."""

    values: np.ndarray
    known: np.ndarray

    @classmethod
    def none(cls, n: int, kind: type = np.float64) -> Numbers:
        """No run has one."""
        return cls(np.zeros(n, kind), np.zeros(n, bool))


@dataclass(frozen=True)
class Texts:
    """A text for each run that has one: the code of `distinct`, which may hold a text more than once, else -1; of a param its kind."""

    codes: np.ndarray
    distinct: pa.Array
    kinds: pa.Array | None = None

    @classmethod
    def none(cls, n: int) -> Texts:
        """No run has one."""
        return cls(np.full(n, -1, np.int32), as_texts([]))

    @property
    def known(self) -> np.ndarray:
        """Which runs have one."""
        return self.codes >= 0

    def by_run(self, of_distinct: np.ndarray, missing: bool | float = False) -> np.ndarray:
        """What is so of the distinct texts, for each run."""
        return np.asarray(np.append(of_distinct, missing)[self.codes])

    @cached_property
    def numbers(self) -> Numbers:
        """The numbers that the texts are, where they are numbers."""
        values, is_number = self.numbers_of_distinct
        return Numbers(self.by_run(values, 0.0), self.by_run(is_number))

    @cached_property
    def numbers_of_distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The same of the distinct texts, and which are numbers."""
        found = [number_of(text) for text in self.distinct.to_pylist()]
        values = np.array([0.0 if number is None else number for number in found], np.float64)
        return values, np.array([number is not None for number in found], bool)

    def filled(self, text: str) -> Texts:
        """The same, with this text for the runs that have none."""
        if self.known.all():
            return self
        codes = np.where(self.known, self.codes, np.int32(len(self.distinct)))
        return Texts(codes, pa.concat_arrays([self.distinct, as_texts([text])]))

    def taken(self, rows: np.ndarray) -> Texts:
        """Those of some runs."""
        codes = self.codes[rows]
        if len(rows) * 4 > len(self.distinct):
            return Texts(codes, self.distinct, self.kinds)
        used, again = np.unique(codes[codes >= 0], return_inverse=True)  # of many texts few are wanted
        codes[codes >= 0] = again
        chosen = as_array(used, pa.int32())
        return Texts(codes, self.distinct.take(chosen), self.kinds.take(chosen) if self.kinds is not None else None)

    def to_arrow(self) -> pa.Array:
        """The text of each run."""
        return self._by_run(self.distinct)

    def kinds_by_run(self) -> list[str | None]:
        """The kind of each run's param."""
        found: list[str | None] = [None] * len(self.codes) if self.kinds is None else self._by_run(self.kinds).to_pylist()
        return found

    def _by_run(self, of_distinct: pa.Array) -> pa.Array:
        known = self.known
        bits = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
        places = as_array(np.where(known, self.codes, 0).astype(np.int32), pa.int32(), bits)
        return (of_distinct if len(of_distinct) else as_texts([""])).take(places)


class Ids:
    """The ids of the runs that columns are of, ascending: where a run stands in them."""

    def __init__(self, ids: pa.Array) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, run_ids: pa.ChunkedArray) -> np.ndarray:
        """The place of each of these, given as codes; -1 for one that is not among ours."""
        coded = run_ids.unify_dictionaries().combine_chunks()
        of_distinct = self.places_of(coded.dictionary)
        return np.asarray(of_distinct[as_numbers(coded.indices)])

    def places_of(self, run_ids: pa.Array) -> np.ndarray:
        """The same, for ids as texts."""
        if run_ids.equals(self.ids):
            return np.arange(len(run_ids), dtype=np.int32)
        found = pc.index_in(run_ids, value_set=self.ids)
        return np.where(is_known(found), as_numbers(found), -1)


def coded_texts(n: int, places: np.ndarray, values: pa.Array, kinds: pa.Array | None = None) -> Texts:
    """The texts of the runs at these places; of `kinds` each value has one, as a code."""
    coded = values.dictionary_encode()
    codes, distinct, distinct_kinds = as_numbers(coded.indices), coded.dictionary, None
    if kinds is not None:
        which, codes = np.unique(codes.astype(np.int64) * len(kinds.dictionary) + as_numbers(kinds.indices), return_inverse=True)
        texts_at, kinds_at = np.divmod(which, max(1, len(kinds.dictionary)))
        distinct, distinct_kinds = distinct.take(as_array(texts_at, pa.int64())), kinds.dictionary.take(as_array(kinds_at, pa.int64()))
    column = np.full(n, -1, np.int32)
    column[places] = codes
    return Texts(column, distinct, distinct_kinds)


def number_of(text: str) -> float | None:
    """The number that a text is, as Python reads it; None for any other."""
    try:
        return float(text)
    except ValueError:
        return None
