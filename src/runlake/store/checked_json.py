"""Small JSON files that say what they must be: a bit that turned in a name or a number is told, not believed."""

from __future__ import annotations

import json
import zlib
from typing import Any

__all__ = ["checked_json", "object_of"]

_CHECK = "check"  # the last member


def checked_json(said: dict[str, Any]) -> bytes:
    """A file that holds this."""
    return json.dumps(said | {_CHECK: _sum_of(said)}, ensure_ascii=False, indent=2).encode() + b"\n"


def object_of(data: bytes) -> dict[str, Any]:
    """What a file holds, of another program's unchecked. Raises ValueError for what is no object, or not what was written."""
    said = json.loads(data)
    if not isinstance(said, dict):
        raise ValueError("it holds no object")
    check = said.pop(_CHECK, None)
    if check is not None and check != _sum_of(said):
        raise ValueError("it was changed since it was written")
    return said


def _sum_of(said: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(said, sort_keys=True).encode()):08x}"
