"""From the bytes of a body to what the model is asked with: the forms of MLflow's server, and those of its first versions."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from reprlib import repr as shortly
from typing import Any

from runlake.entities.column_types import DataType
from runlake.entities.signatures import ModelSignature, Schema
from runlake.errors import InvalidValue
from runlake.models.signatures import Enforcement
from runlake.models.signatures.from_json import check_width, columns_of_records, data_of, frame_of_columns, frame_of_split
from runlake.serving.content import Form
from runlake.serving.refusals import Refusal, bad_request
from runlake.serving.strict_json import parsed_json

__all__ = ["Asked", "Reading", "csv_types", "parsed_value", "typed_texts"]

KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CHAT_KEYS = ("messages", "prompt", "input")  # a body with one of these is itself what the model is asked with
MOST_HEAD_BYTES = 4 << 20  # of CSV, in which the names of the columns stand
MOST_GROWTH = 16  # times the bytes that a body may have, that what it holds may take

_CSV_TYPES = {
    DataType.boolean: ("bool", "boolean"),
    DataType.integer: ("int32", "Int32"),
    DataType.long: ("int64", "Int64"),
    DataType.float: ("float32", "float32"),
    DataType.double: ("float64", "float64"),
    DataType.string: ("str", "str"),
    DataType.binary: ("str", "str"),
    DataType.datetime: ("str", "str"),
}


@dataclass(frozen=True)
class Asked:
    """What the model is asked with; `is_bare` where the answer is to be nothing but its predictions."""

    data: Any
    params: dict[str, Any] | None = None
    is_bare: bool = False


class Reading:
    """Reads the bodies for one model."""

    def __init__(self, signature: ModelSignature | None, max_body_bytes: int) -> None:
        self._signature = signature
        self._schema = None if signature is None else signature.inputs
        self._enforced = None if self._schema is None else Enforcement(self._schema)
        self._max_body_bytes = max_body_bytes

    def asked(self, body: bytes, form: Form) -> Asked:
        """What is asked, as the signature has it. Raises Refusal for what is nothing that the model could be asked with."""
        try:
            asked = self._parsed(body, form)
            return asked if self._enforced is None else replace(asked, data=self._enforced(asked.data))
        except InvalidValue as error:
            raise bad_request(str(error)) from None
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            raise bad_request(f"The data cannot become what the model takes: {shortly(str(error))}.") from None

    def _parsed(self, body: bytes, form: Form) -> Asked:
        if form == Form.CSV:
            return Asked(_of_csv(body, self._schema))
        if form == Form.PARQUET:
            return Asked(_of_parquet(body, MOST_GROWTH * self._max_body_bytes))
        return parsed_value(parsed_json(body), form, self._signature)


def parsed_value(value: Any, form: Form, signature: ModelSignature | None) -> Asked:
    """What a value of JSON asks. Raises Refusal or InvalidValue."""
    schema = None if signature is None else signature.inputs
    if form == Form.SPLIT or (isinstance(value, dict) and value.keys() >= {"columns", "data"}):
        return Asked(_split(value, schema), is_bare=True)
    if form == Form.RECORDS or (isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)):
        return Asked(_records(value, schema), is_bare=True)
    if not isinstance(value, dict):
        raise bad_request(f"The body is an object with one of {', '.join(KEYS)}, or a list of objects.")
    keys = [key for key in KEYS if key in value]
    if not keys and any(key in value for key in CHAT_KEYS):
        known = [] if signature is None or signature.params is None else [spec.name for spec in signature.params]
        beside = {name: value[name] for name in known if name in value}
        return Asked({name: each for name, each in value.items() if name not in beside}, beside or None, is_bare=True)
    if len(keys) != 1 or value.keys() - {*keys, "params"}:
        raise bad_request(f"The body has exactly one of {', '.join(KEYS)}, and may have params beside it, and nothing else.")
    params = value.get("params")
    if params is not None and not isinstance(params, dict):
        raise bad_request("The params are an object: values by their names.")
    return Asked(_READERS[keys[0]](value[keys[0]], schema), params)


def csv_types(schema: Schema | None) -> dict[str, str]:
    """How pandas reads the columns of a text: as the schema has them, those that may be missing as types that know that."""
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return {}
    return {str(each.name): _CSV_TYPES[each.type][not each.required] for each in schema.inputs if isinstance(each.type, DataType)}


def _split(value: Any, schema: Schema | None) -> Any:
    if not isinstance(value, dict) or "data" not in value or value.keys() - {"columns", "data", "index"}:
        raise bad_request("A split frame is an object with data, a list of rows, and with columns and index where they are needed.")
    return frame_of_split(value, schema)


def _records(value: Any, schema: Schema | None) -> Any:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise bad_request("The records of a frame are a list of objects, one for each row.")
    return frame_of_columns(columns_of_records(value), schema)


def _instances(value: Any, schema: Schema | None) -> Any:
    if not isinstance(value, list):
        raise bad_request("The instances are a list: an item for each row.")
    return data_of(value, schema, by_rows=True)


def _inputs(value: Any, schema: Schema | None) -> Any:
    return data_of(value, schema)


_READERS: dict[str, Callable[[Any, Schema | None], Any]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _of_csv(body: bytes, schema: Schema | None) -> Any:
    import pandas as pd

    try:
        check_width(_csv_width(body), schema)
        frame = pd.read_csv(io.BytesIO(body), dtype=csv_types(schema), encoding="utf-8")
    except InvalidValue:
        raise
    except (ValueError, OverflowError, csv.Error) as error:  # those of pandas' parser are ValueErrors, too
        raise bad_request(f"The body is not CSV with a header, as the model takes it: {error}.") from None
    return typed_texts(frame, schema)


def _csv_width(body: bytes) -> int:
    """How many columns pandas would make: of the names, or of a first row that has more values than there are names."""
    lines = io.StringIO(body[:MOST_HEAD_BYTES].decode("utf-8", "replace"), newline="")
    rows = (row for row in csv.reader(lines) if any(map(str.strip, row)) or len(row) > 1)
    return max(map(len, itertools.islice(rows, 2)), default=0)


def typed_texts(frame: Any, schema: Schema | None) -> Any:
    """A frame of CSV whose columns of times and bytes, which came as texts, are such."""
    named = {} if schema is None else {str(each.name): each.type for each in schema.inputs}
    texts = [name for name in frame.columns if named.get(name) in (DataType.datetime, DataType.binary)]
    if texts:
        typed = frame_of_columns({name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in texts}, schema)
        for name in texts:
            frame[name] = typed[name].array
    return frame


def _of_parquet(body: bytes, most_bytes: int) -> Any:
    """Batch by batch: a small file may hold very much, and must not take all of the memory before that is known."""
    import pyarrow as pa
    import pyarrow.dataset as pa_dataset

    try:
        fragment = pa_dataset.ParquetFileFormat().make_fragment(pa.BufferReader(body))
        batches, n_bytes = [], 0
        for batch in fragment.to_batches(batch_size=1024, batch_readahead=1):
            n_bytes += batch.nbytes
            if n_bytes > most_bytes:
                raise Refusal("REQUEST_TOO_LARGE", "The file is small and its rows are not: send fewer of them.")
            batches.append(batch)
        return pa.Table.from_batches(batches, fragment.physical_schema).to_pandas()
    except (pa.ArrowException, ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise bad_request(f"The body is not a Parquet file that can be read: {str(error).partition(chr(10))[0]}.") from None
