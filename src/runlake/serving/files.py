"""Files of rows, chunk by chunk, and what a model says of each: of CSV, Parquet and JSON lines no more than a chunk is in memory."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from runlake.entities.signatures import ModelSignature, Schema
from runlake.errors import InvalidValue
from runlake.models.signatures.from_json import columns_of_records, frame_of_columns
from runlake.serving.bodies import Asked, csv_types, parsed_value, typed_texts
from runlake.serving.content import Form
from runlake.serving.refusals import Refusal
from runlake.serving.strict_json import parsed_json

__all__ = ["FORMS", "STANDARD", "answers_of", "asked_chunks", "form_of_file"]

STANDARD = Path("-")  # the standard input or output
FORMS = {"json": "json", "jsonl": "jsonl", "csv": "csv", "parquet": "parquet"}
_BY_TYPE = {**FORMS, "pq": "parquet", Form.JSON.value: "json", Form.CSV.value: "csv", Form.PARQUET.value: "parquet"}


def form_of_file(path: Path, said: str | None, default: str | None = None) -> str:
    """As is said, by a word or a content type, or as the file's name ends. Raises InvalidValue where that is none."""
    word = (said or path.suffix.removeprefix(".")).lower()
    form = _BY_TYPE.get(word, default if path == STANDARD and said is None else None)
    if form is None:
        raise InvalidValue(f"{path.name!r} is of no form that is known: give one of {', '.join(FORMS)}.")
    return form


def asked_chunks(path: Path, form: str, signature: ModelSignature | None, n_rows: int) -> Iterator[Asked]:
    """What the model is to be asked with, for at most so many rows at once; JSON as it is sent to a server is one chunk.

    Raises InvalidValue for what a server would refuse.
    """
    schema = None if signature is None else signature.inputs
    readers = {"csv": _csv_chunks, "jsonl": _line_chunks, "parquet": _parquet_chunks}
    try:
        with _opened(path) as file:
            if form == "json":
                yield parsed_value(parsed_json(file.read()), Form.JSON, signature)
            else:
                yield from (Asked(frame) for frame in readers[form](file, schema, n_rows))
    except Refusal as refusal:
        raise InvalidValue(refusal.message.replace("The body", str(path))) from None


def answers_of(model: Any, chunks: Iterator[Asked]) -> Iterator[Any]:
    """What the model says of each chunk."""
    for asked in chunks:
        yield model.predict(asked.data, asked.params)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path == STANDARD:
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file


def _csv_chunks(file: IO[bytes], schema: Schema | None, n_rows: int) -> Iterator[Any]:
    import pandas as pd

    try:
        with pd.read_csv(file, dtype=csv_types(schema), encoding="utf-8", chunksize=n_rows) as chunks:
            for frame in chunks:
                yield typed_texts(frame.reset_index(drop=True), schema)
    except InvalidValue:
        raise
    except (ValueError, OverflowError) as error:
        raise InvalidValue(f"The file is not CSV with a header, as the model takes it: {error}.") from None


def _line_chunks(file: IO[bytes], schema: Schema | None, n_rows: int) -> Iterator[Any]:
    lines = (line for line in file if line.strip())
    while chunk := [parsed_json(line) for line in itertools.islice(lines, n_rows)]:
        if not all(isinstance(each, dict) for each in chunk):
            raise InvalidValue("Each line of JSON lines is an object: the values of a row by their names.")
        yield frame_of_columns(columns_of_records(chunk), schema)


def _parquet_chunks(file: IO[bytes], schema: Schema | None, n_rows: int) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.dataset as pa_dataset

    source = pa.PythonFile(file, "r") if file.seekable() else pa.BufferReader(file.read())  # its end stands first
    try:
        fragment = pa_dataset.ParquetFileFormat().make_fragment(source)
        read = pa_dataset.ParquetFragmentScanOptions(use_buffered_stream=True, pre_buffer=False)
        for batch in fragment.to_batches(batch_size=n_rows, batch_readahead=1, fragment_scan_options=read, use_threads=False):
            if batch.num_rows:
                yield pa.Table.from_batches([batch]).to_pandas().reset_index(drop=True)
    except pa.ArrowException as error:
        raise InvalidValue(f"The file is not a Parquet file that can be read: {str(error).partition(chr(10))[0]}.") from None
