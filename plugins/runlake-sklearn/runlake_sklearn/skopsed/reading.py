"""Reading: the archive and every name in it are looked at first, and what skops then makes goes through the own form."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np

from runlake import InvalidValue, RunlakeError
from runlake_sklearn.form import InvalidForm, NoSafeForm, TooLarge, decode, encode
from runlake_sklearn.form.checks import check
from runlake_sklearn.form.names import INSTANCES, class_name
from runlake_sklearn.skopsed.archive import ARRAYS, MAX_BYTES, members_of
from runlake_sklearn.skopsed.types import strangers_in, types_in

__all__ = ["Untrusted", "read", "skops_io"]

SCHEMA = "schema.json"

_WRONG = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)


class Untrusted(InvalidForm):
    """The file holds types that are neither in the closed list nor trusted by the user."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"The file holds what is not in the closed list: {', '.join(names)}. Nothing of it was made. "
            f"If you know where the file is from, and what these do, load_model(uri, trusted={names!r}) makes them."
        )
        self.names = names


def skops_io() -> Any:
    """Its module for files. Raises RunlakeError where it is not installed."""
    try:
        import skops.io  # type: ignore[import-untyped]  # late: it takes seconds
    except ImportError as error:
        raise RunlakeError("Models in the format of skops need that library: `pip install 'runlake-sklearn[skops]'`.") from error
    return skops.io


def read(data: bytes, trusted: Iterable[Any] = ()) -> Any:
    """The estimator. Raises InvalidForm for a file that holds what is not in the closed list, and is not `trusted` by its name.

    With something that is trusted so the object is as skops makes it, once all of the list in it was found to be sound.
    """
    allowed = _names(trusted)
    io = skops_io()
    members = members_of(data, (SCHEMA, ".bin", *ARRAYS))
    try:
        found = types_in(json.loads(members[SCHEMA], object_pairs_hook=_unique))
        strangers = {name.replace(":", ".") for name in strangers_in(found)}
        if strangers - allowed:
            raise Untrusted(sorted(strangers - allowed))
        made = io.loads(data, trusted=sorted({name.replace(":", ".") for _, name in found}))
        if strangers:
            _check_inside(made)
            return made
        form = encode(made, MAX_BYTES)
        return decode(form.tree, form.buffers)
    except (NoSafeForm, TooLarge) as error:
        raise InvalidForm(f"The file is none of a model that can be checked: {error}") from error
    except InvalidForm:
        raise
    except _WRONG as error:
        raise InvalidForm(f"The file is not one that skops writes of an estimator: {type(error).__name__}: {error}"[:500]) from error


def _names(trusted: Iterable[Any]) -> set[str]:
    if isinstance(trusted, str) or not hasattr(trusted, "__iter__"):
        raise InvalidValue(f"trusted is a list of the types that you know, each by its name, not {trusted!r:.80}.")
    named = [each if isinstance(each, str) else f"{each.__module__}.{each.__qualname__}" for each in trusted]
    return set(named)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise InvalidForm("A name stands twice in one object of the schema.")
    return read


def _check_inside(value: Any) -> None:
    """All that is of the list, wherever it lies in what the user knows."""
    seen: set[int] = set()
    kept, waiting = [], [value]
    while waiting:
        held = waiting.pop()
        kind = type(held)
        if id(held) in seen or kind in (str, bytes, bool, int, float):
            continue
        seen.add(id(held))
        kept.append(held)
        name = class_name(kind)
        if name is not None and name not in INSTANCES:
            form = encode(held, MAX_BYTES)
            decode(form.tree, form.buffers)
        elif name is not None:
            check(held)
        waiting.extend(_inside(held))


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if type(value) is np.ndarray:
        return value.ravel().tolist() if value.dtype == object else ()
    return vars(value).values() if hasattr(value, "__dict__") and not isinstance(value, type) else ()
