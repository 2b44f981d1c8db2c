"""Things that become files: dictionaries, figures, images and tables, as the bytes that their file name asks for."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from runlake.errors import InvalidValue

__all__ = ["append_rows", "columns_of", "dict_bytes", "distinct", "figure_bytes", "image_bytes", "rows_of", "table_bytes"]

_PNG = b"\x89PNG\r\n\x1a\n"
_WORDS = {bool, int, float, str, type(None)}
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> grey, grey with alpha, colour, colour with alpha


def dict_bytes(document: Any, name: str) -> bytes:
    """JSON, indented; for `.yml` and `.yaml` YAML, as which JSON serves where that has no word for something."""
    as_json = _json(document, name, indent=2)  # first, as it refuses what has no end
    if PurePosixPath(name).suffix in (".yml", ".yaml"):
        import yaml  # late: it takes a while

        with contextlib.suppress(
            yaml.YAMLError, UnicodeEncodeError, RecursionError
        ):  # it has no word for arrays; JSON, which is YAML too, has
            return bytes(yaml.safe_dump(document, default_flow_style=False, allow_unicode=True, sort_keys=False), "utf-8")
    return as_json.encode()


def figure_bytes(figure: Any, name: str, options: Mapping[str, Any]) -> bytes:
    """A figure in the format of its file name: whatever has `savefig`, or `to_html` and `to_image`."""
    suffix = PurePosixPath(name).suffix.lstrip(".")
    if hasattr(figure, "savefig"):
        sink = io.BytesIO()
        figure.savefig(sink, **{"format": suffix or "png", **options})
        return sink.getvalue()
    if hasattr(figure, "to_html") and suffix in ("html", "htm"):
        return str(figure.to_html(**options)).encode()
    if hasattr(figure, "to_image"):
        return bytes(figure.to_image(**{"format": suffix or "png", **options}))
    raise InvalidValue(f"log_figure takes a figure of matplotlib or plotly, not {type(figure).__name__}.")


def image_bytes(image: Any, name: str) -> bytes:
    """A picture: one that can save itself, in the format of its name, or an array of grey, RGB or RGBA pixels as PNG."""
    if hasattr(image, "save"):
        sink = io.BytesIO()
        suffix = PurePosixPath(name).suffix.lstrip(".").lower() or "png"
        image.save(sink, format={"jpg": "jpeg"}.get(suffix, suffix))
        return sink.getvalue()
    if not hasattr(image, "__array__"):
        raise InvalidValue(f"log_image takes an array or a picture, not {type(image).__name__}.")
    return _png(_pixels(image))


def rows_of(data: Any) -> dict[str, list[Any]]:
    """The columns of a table as a copy in JSON's words: of a data frame, or a dict of lists, arrays and single values."""
    if hasattr(data, "columns") and (hasattr(data, "items") or hasattr(data, "get_columns")):
        given = [(name, column.to_list()) for name, column in columns_of(data)]
    elif isinstance(data, Mapping):
        given = _as_lists(data)
    else:
        raise InvalidValue(f"log_table takes a dict of columns or a data frame, not {type(data).__name__}.")
    names = distinct(name for name, _ in given)
    lengths = {name: len(column) for name, (_, column) in zip(names, given, strict=True)}
    if len(set(lengths.values())) > 1:
        raise InvalidValue(f"The columns of a table have one length; these have {lengths}.")
    return {name: _in_words(column) for name, (_, column) in zip(names, given, strict=True)}


def columns_of(frame: Any) -> list[tuple[Any, Any]]:
    """The names and columns of a data frame of pandas or Polars by their places, for names may repeat."""
    return list(frame.items()) if hasattr(frame, "items") else [(column.name, column) for column in frame.get_columns()]


def distinct(names: Iterable[Any]) -> list[str]:
    """The names as text; one that repeats another gets a number behind, as in `a`, `a.1`."""
    texts = [str(name) for name in names]
    given, used = set(texts), dict[str, None]()
    for text in texts:
        numbered = (f"{text}.{n}" for n in range(1, len(texts) + 1))
        used[text if text not in used else next(name for name in numbered if name not in used and name not in given)] = None
    return list(used)


def table_bytes(columns: dict[str, list[Any]]) -> bytes:
    """A table as JSON: its columns' names, and its rows."""
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return _json({"columns": list(columns), "data": rows}, "The table").encode()


def append_rows(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The rows of both, one below the other; a column that one lacks is empty there."""
    n_before, n_after = (len(next(iter(table.values()), [])) for table in (before, after))
    return {key: before.get(key, [None] * n_before) + after.get(key, [None] * n_after) for key in {**before, **after}}


def _in_words(column: list[Any]) -> list[Any]:
    if set(map(type, column)) <= _WORDS:
        return column
    copy: list[Any] = json.loads(_json(column, "The table"))  # a cell that is changed later must not change the rows before it
    return copy


def _json(document: Any, name: str, indent: int | None = None) -> str:
    try:
        text = json.dumps(document, indent=indent, default=_plain, ensure_ascii=False)
        return text if _has_bytes(text) else json.dumps(document, indent=indent, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:  # of what holds itself, or is too deep
        raise InvalidValue(f"{name} cannot be written as JSON: {error}.") from error


def _has_bytes(text: str) -> bool:
    """Half a surrogate pair has none, and needs to be escaped."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    """What JSON has no word for: arrays and their numbers as lists and numbers, what is missing as null, the rest as text."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return None
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _as_lists(table: Mapping[Any, Any]) -> list[tuple[Any, list[Any]]]:
    """Single values stand beside columns in each of their rows; alone they are one row."""
    columns = {key: _as_list(value) for key, value in table.items()}
    n_rows = next((len(column) for column in columns.values() if column is not None), 1)
    return [(key, [table[key]] * n_rows if column is None else column) for key, column in columns.items()]


def _as_list(value: Any) -> list[Any] | None:
    if hasattr(value, "to_list"):
        return list(value.to_list())
    if isinstance(value, (list, tuple, range)):
        return list(value)
    return list(value.tolist()) if hasattr(value, "tolist") and getattr(value, "shape", None) else None


def _pixels(image: Any) -> Any:
    import numpy as np

    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in _COLOR_TYPES or 0 in pixels.shape:
        raise InvalidValue(f"An image has the shape (height, width) or (height, width, 1 to 4), not {tuple(np.shape(image))}.")
    if pixels.dtype.kind not in "biuf":
        raise InvalidValue(f"The pixels of an image are numbers, not {pixels.dtype}.")
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    if np.issubdtype(pixels.dtype, np.floating):
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise InvalidValue(f"The pixels of a float image are 0 to 1; these are {pixels.min():g} to {pixels.max():g}.")
        return np.round(pixels * 255).astype(np.uint8)
    if not (pixels.min() >= 0 and pixels.max() <= 255):
        raise InvalidValue(f"The pixels of an image are 0 to 255; these are {pixels.min()} to {pixels.max()}.")
    return pixels.astype(np.uint8)


def _png(pixels: Any) -> bytes:
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
