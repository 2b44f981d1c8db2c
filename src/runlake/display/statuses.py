"""How a run stands, as a sign and a word."""

from __future__ import annotations

from rich.text import Text

from runlake.entities import Status

__all__ = ["with_word"]

_SIGNS: dict[str, tuple[str, str]] = {
    Status.FINISHED: ("✓", "green"),
    Status.RUNNING: ("●", "cyan"),
    Status.FAILED: ("✕", "red"),
    Status.KILLED: ("■", "yellow"),
    Status.PRUNED: ("⊘", "yellow"),
    Status.CRASHED: ("†", "red"),
}


def with_word(status: str, said: str = "") -> Text:
    """The sign, and the word where the run did not simply finish; `said` instead of the word where there is more to say."""
    sign, style = _SIGNS.get(status, ("?", ""))
    word = said or ("" if status == Status.FINISHED else status.lower())
    return Text(f"{sign} {word}".rstrip(), style)
