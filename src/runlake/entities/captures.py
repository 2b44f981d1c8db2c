"""What one capture of a plugin did in a run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

__all__ = ["CaptureRecord"]


@dataclass(frozen=True)
class CaptureRecord:
    """How often it was called, what it took of the caller's time, and what went wrong last, if anything did."""

    plugin: str
    target: str
    calls: int = 0
    failures: int = 0
    cost_ns: int = 0
    why: str = ""
    is_off: bool = False

    @property
    def key(self) -> str:
        """Under which it is stored."""
        return f"{self.plugin} {self.target}"

    def to_text(self) -> str:
        """What is stored there."""
        return json.dumps({name: value for name, value in asdict(self).items() if name not in ("plugin", "target")})

    @classmethod
    def from_row(cls, key: str, text: str) -> CaptureRecord:
        """As it is stored; what later versions add is passed over."""
        plugin, _, target = key.partition(" ")
        known = {each.name for each in fields(cls)}
        return cls(plugin, target, **{name: value for name, value in json.loads(text).items() if name in known})
