"""What there is to say of what came from elsewhere: what was not carried, and what was broken there, each kind of it counted."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Remark", "Remarks"]


@dataclass
class Remark:
    """So often this was met, the first time there. What is broken is lost; of the rest runlake has no place for it."""

    what: str
    is_broken: bool
    count: int = 0
    example: str = ""


@dataclass
class Remarks:
    """Remarks by what they say, in the order in which they came up."""

    found: dict[str, Remark] = field(default_factory=dict)

    def left_out(self, what: str, example: object = "", count: int = 1) -> None:
        """Something that runlake has no place for, or that is not there."""
        self._add(what, str(example), count, is_broken=False)

    def broken(self, what: str, example: object = "", count: int = 1) -> None:
        """Something that could not be read."""
        self._add(what, str(example), count, is_broken=True)

    @property
    def is_anything_broken(self) -> bool:
        """Whether something is lost that was there once."""
        return any(remark.is_broken for remark in self.found.values())

    def _add(self, what: str, example: str, count: int, *, is_broken: bool) -> None:
        if count:
            remark = self.found.setdefault(what, Remark(what, is_broken, example=example))
            remark.count += count
