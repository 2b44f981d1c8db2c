"""A model as a plugin saves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Saved"]


@dataclass(frozen=True)
class Saved:
    """The format's id and the files; or why there are none. `notes` are what its users should know, under short names.

    A model that `needs_class` is of a class of the program's own: no other process can load it without.
    """

    format_id: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    why_not: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    needs_class: bool = False
