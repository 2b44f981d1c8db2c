"""A plugin's code as it is run: guarded, timed, watched, and off once it has failed too often."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from runlake.guard import attempt, contained, guarded
from runlake.instrument import trace, watchdog

__all__ = ["MAX_FAILURES", "Work", "described"]

MAX_FAILURES = 3

_hung: set[tuple[str, str]] = set()  # plugin and target of what did not come back in time


def described(error: BaseException) -> str:
    """The error in words, be it one that cannot say what it is."""
    text = attempt(lambda: f"{type(error).__name__}: {error}")
    return text if isinstance(text, str) else type(error).__name__


@dataclass
class Work:
    """What one capture or hook of a plugin does: how often, at what cost, what went wrong."""

    plugin: str
    target: str
    calls: int = 0
    failures: int = 0
    cost_ns: int = 0
    why: str = ""
    is_off: bool = False
    on_failure: Callable[[Work, str], None] | None = None

    def __post_init__(self) -> None:
        self.is_off = (self.plugin, self.target) in _hung

    def do(self, doing: str, context: Context, function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[bool, Any]:
        """Call it; whether it came back, and with what. Nothing but KeyboardInterrupt leaves here."""
        trace.tell(self.plugin, doing, self.target)
        watched = watchdog.begun(self, doing)
        try:
            value, error = contained(("the plugin", self.plugin, "was", doing, self.target), context.run, function, *args, **kwargs)
        finally:
            self.cost_ns += watchdog.over(watched)
        if error is None:
            return True, value
        self.failed(f"{doing} it raised {described(error)}")
        return False, None

    def glance(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call what is called a thousand times a second: guarded, and no more than that; None where it failed, or is off."""
        if self.is_off:
            return None
        self.calls += 1
        value, error = contained(("the plugin", self.plugin, "was glancing at", self.target), function, *args, **kwargs)
        if error is not None:
            self.failed(f"glancing it raised {described(error)}")
        return value

    def failed(self, why: str) -> None:
        """Count a failure and tell whoever keeps the record."""
        self.failures += 1
        self.why = why
        self.is_off = self.is_off or self.failures >= MAX_FAILURES
        if self.on_failure is not None:
            with guarded("recording a failure"):
                self.on_failure(self, why)

    def hung(self, doing: str, seconds: float) -> None:
        """It has not come back: once it does, it is not called again, here or in another training."""
        self.is_off = True
        _hung.add((self.plugin, self.target))
        self.failed(f"{doing} it did not come back for {seconds:.1f} seconds")
