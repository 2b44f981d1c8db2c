"""A model as a plugin saves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runlake.entities.signatures import ModelSignature

__all__ = ["Saved"]


@dataclass(frozen=True)
class Saved:
    """The format's id and the files; or why there are none. `notes` are what its users should know, under short names.

    A model that `needs_class` is of a class of the program's own: no other process can load it without. `flavors` are what `MLmodel` says
    of it to tools that know its library, by the library's name. `modules` are the libraries without which it cannot be loaded, as they are
    imported. A model that is asked otherwise than it was trained has a `signature` of its own.
    """

    format_id: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    why_not: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    needs_class: bool = False
    flavors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    modules: Sequence[str] = ()
    signature: ModelSignature | None = None
