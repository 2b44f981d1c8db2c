"""A look into a file that a run keeps: the beginning of it as text, a table, or what a browser shows by itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from starlette.requests import Request
from starlette.routing import Route

import runlake
from runlake.read import Run, open_artifact
from runlake_ui.answers import Problem
from runlake_ui.asks import TEXT, Asks
from runlake_ui.rendering.code import LANGUAGES, code_html, json_html
from runlake_ui.rendering.console import console_html
from runlake_ui.rendering.markdown import markdown_html
from runlake_ui.rendering.tables import Number, table_html
from runlake_ui.run.artifacts import checked_path, ending, raw_address, type_of
from runlake_ui.run.opened import about_run
from runlake_ui.run.tables import beginning_of

__all__ = ["ASKS", "ROUTES"]

MOST_READ = 1_000_000
MOST_ROWS = 500
MOST_COLUMNS = 100
MOST_CELLS = 20_000

_SEPARATORS = ",;\t|"
_LANGUAGE_OF = {"MLmodel": "yaml", "Dockerfile": "bash", "Makefile": "bash"}
_JSON = {"json", "jsonl", "ndjson", "ipynb"}


@dataclass(frozen=True)
class _Look:
    """What is seen of a file."""

    kind: str
    html: str | None = None
    is_cut: bool = False
    stats: dict[str, Any] = field(default_factory=dict)


def preview(request: Request, run: Run) -> dict[str, Any]:
    """What is seen of the file at a path."""
    path = request.query_params.get("path")
    if not path:
        raise Problem(422, "Say of which file: /preview?path=model/MLmodel.")
    checked_path(run, path)
    with open_artifact(run, path) as file:
        head = file.read(MOST_READ + 1)
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        look = _look(run, path, head) if head else _Look("empty")
        if look.kind == "table" and look.html is None:
            try:
                look = _parquet(beginning_of(file, MOST_ROWS, MOST_COLUMNS))
            except (runlake.RunlakeError, pa.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
                look = _Look(
                    "binary",
                    stats={"why": f"It is no readable Parquet file: {str(error).splitlines()[0][:300] if str(error) else error!r}"},
                )
    address = raw_address(run, path)
    return {
        "path": path,
        "kind": look.kind,
        "html": look.html,
        "size": size,
        "is_cut": look.is_cut,
        "raw": address,
        "stats": look.stats or None,
    }


def _look(run: Run, path: str, head: bytes) -> _Look:
    end, kind = ending(path), type_of(path).partition("/")[0]
    if kind in ("image", "audio", "video"):
        return _Look(kind)
    if type_of(path).startswith("text/html"):
        return _Look("html", is_cut=False)
    if end in ("parquet", "pq"):
        return _Look("table")
    is_cut = len(head) > MOST_READ
    text = _text(head[:MOST_READ], is_cut=is_cut)
    return _Look("binary") if text is None else _of_text(run, path, text, is_cut=is_cut)


def _of_text(run: Run, path: str, text: str, *, is_cut: bool) -> _Look:
    end, name = ending(path), path.rpartition("/")[2]
    stats = {"lines": text.count("\n") + (not text.endswith("\n"))}
    if end in ("csv", "tsv"):
        return _separated(text, is_cut=is_cut)
    if end in _JSON:
        table = None if is_cut or end != "json" else _logged_table(text)
        return table or _Look("json", json_html(text), is_cut, stats)
    if end in ("md", "markdown"):
        folder = path.rpartition("/")[0]
        return _Look("markdown", markdown_html(text, raw_address(run, folder).rstrip("/")), is_cut, stats)
    if "\x1b[" in text:
        return _Look("text", console_html(text), is_cut, stats)
    return _Look("text", code_html(text, LANGUAGES.get(end, _LANGUAGE_OF.get(name, ""))), is_cut, stats)


def _text(head: bytes, *, is_cut: bool) -> str | None:
    """What it says; None where it is no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    if b"\0" in head[:65536]:
        return None
    text = head.decode("utf-8-sig", "replace")
    if text.count("�") > max(3, len(text) // 100):
        return None
    return text.rstrip("�") if is_cut else text


def _separated(text: str, *, is_cut: bool) -> _Look:
    """A table whose cells are told apart by the sign that its first line has most of."""
    first = text[: text.find("\n")] if "\n" in text else text
    separator = max(_SEPARATORS, key=first.count)
    lines = text.splitlines()[: -1 if is_cut and "\n" in text else None]
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=separator):
            rows.append(row[:MOST_COLUMNS])
            if len(rows) == 1:
                n_columns = len(row)
            if len(rows) > MOST_ROWS:
                break
    except csv.Error:
        return _Look("text", code_html(text), is_cut)
    if not rows:
        return _Look("text", code_html(text), is_cut)
    shown = _room(len(rows[0]))
    n_rows = len(lines) - 1 if len(rows) > shown or is_cut else len(rows) - 1
    names, body = rows[0], [row + [""] * (len(rows[0]) - len(row)) for row in rows[1 : shown + 1]]
    stats = {"rows": None if is_cut else n_rows, "columns": n_columns, "shown_rows": len(body), "shown_columns": len(names)}
    return _Look(
        "table",
        table_html(names, [[_number(cell) for cell in row] for row in body]),
        is_cut or len(body) < n_rows or n_columns > len(names),
        stats,
    )


def _room(n_columns: int) -> int:
    """How many rows are shown of so many columns."""
    return max(10, min(MOST_ROWS, MOST_CELLS // max(1, n_columns)))


def _number(cell: str) -> Any:
    try:
        float(cell if len(cell) < 40 else "")
    except ValueError:
        return cell
    return Number(cell)


def _logged_table(text: str) -> _Look | None:
    """What `log_table` keeps: columns, and rows of as many values."""
    try:
        said = json.loads(text)
        names, rows = said["columns"], said["data"]
        is_table = (
            isinstance(names, list) and isinstance(rows, list) and all(isinstance(row, list) and len(row) == len(names) for row in rows)
        )
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    if not is_table or not names:
        return None
    shown = names[:MOST_COLUMNS]
    body = [row[: len(shown)] for row in rows[: _room(len(shown))]]
    stats = {"rows": len(rows), "columns": len(names), "shown_rows": len(body), "shown_columns": len(shown)}
    return _Look("table", table_html([str(name) for name in shown], body), len(body) < len(rows) or len(shown) < len(names), stats)


def _parquet(found: Any) -> _Look:
    rows = found.rows[: _room(len(found.names))]
    stats = {
        "rows": found.n_rows,
        "columns": found.n_columns,
        "shown_rows": len(rows),
        "shown_columns": len(found.names),
        "types": found.types,
    }
    is_cut = len(rows) < found.n_rows or len(found.names) < found.n_columns
    return _Look("table", table_html(found.names, rows), is_cut, stats)


ASKS = {preview: Asks(query={"path": TEXT})}
ROUTES: Sequence[Route] = [Route("/runs/{run_id}/preview", about_run(preview), methods=["GET"])]
