"""How what was read looks to people: drawn by a room above this one, which is asked by its name when somebody looks.

A notebook asks the object itself, so the object has to know whom to ask; a reader that nobody looks at never loads it.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["looks_of"]

_ROOM = "runlake.display.notebook"


def looks_of(form: str, *read: Any, **wanted: Any) -> Any:
    """What was read in one of its forms, such as "run_card"."""
    return getattr(importlib.import_module(_ROOM), form)(*read, **wanted)
