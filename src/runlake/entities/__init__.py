"""The words of runlake, as data: no input, no output, nothing imported but errors."""

from runlake.entities.events import Event, Scope
from runlake.entities.status import Status

__all__ = ["Event", "Scope", "Status"]
