"""What a model says, written answer by answer: as a server answers, or as a table; what is broken off leaves no file."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from runlake.cli.row_writers import row_writer
from runlake.errors import InvalidValue
from runlake.serving.answers import as_json
from runlake.serving.files import STANDARD
from runlake.serving.tables import as_table

__all__ = ["write_answers"]

Told = Callable[[int], None]


def write_answers(answers: Iterator[Any], target: Path, form: str, told: Told) -> None:
    """Write them to a file, which is there when all are written, or to the standard output; `told` hears of how many rows each was."""
    if form == "json":
        with _text_file(target) as file:
            for text in _predictions(answers, told):
                file.write(text)
        return
    tables = map(as_table, answers)
    first = next(tables, None)
    if first is None:
        raise InvalidValue("The file has no rows, so that the model says nothing: there is no table to write.")
    with row_writer(None if target == STANDARD else target, form, first.schema) as rows:
        for table in itertools.chain([first], tables):
            try:
                rows.write(table.cast(first.schema))
            except ValueError as error:  # of Arrow
                raise InvalidValue(f"What the model says of later rows does not go with what it says of the first: {error}.") from None
            told(table.num_rows)


@contextmanager
def _text_file(target: Path) -> Iterator[IO[str]]:
    if target == STANDARD:
        yield sys.stdout
        return
    draft = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    try:
        with draft.open("w", encoding="ascii") as file:
            yield file
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _predictions(answers: Iterator[Any], told: Told) -> Iterator[str]:
    """The lists of all answers as the one list that a server answers with; an answer that is no list stands alone."""
    first: Any = next(answers, [])
    said = as_json(first)
    yield '{"predictions": '
    if not isinstance(said, list):
        if next(answers, None) is not None:
            raise InvalidValue("The model gives one answer for all of the rows: have it asked for all at once, by a larger --chunk.")
        yield json.dumps(said, allow_nan=False) + "}\n"
        told(1)
        return
    yield "["
    between = ""
    for each in itertools.chain([said], map(as_json, answers)):
        if each:
            yield between + json.dumps(each, allow_nan=False)[1:-1]
            between = ", "
        told(len(each))
    yield "]}\n"
