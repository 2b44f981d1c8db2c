"""Whose a run is: the writer that opened or resumed it, or another one of those that are at work at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runlake.store.view import WriterState

__all__ = ["SHARED", "is_at_it", "owner_of", "said_at_work", "writers_at_work"]

SHARED = "shared"  # what is said of a run that several processes may be at
_AT_WORK = "at work "  # how it begins what a writer says of itself, there


def said_at_work(writer: str, *, is_at_work: bool) -> dict[str, str]:
    """What a writer says of such a run when it comes, and when it goes."""
    return {SHARED: "yes", f"{_AT_WORK}{writer}": "yes" if is_at_work else "no"}


def writers_at_work(said: Mapping[str, str]) -> Iterator[str]:
    """Those that came and have not gone, be they dead."""
    return (key.removeprefix(_AT_WORK) for key, text in said.items() if key.startswith(_AT_WORK) and text == "yes")


def is_at_it(writer: WriterState | None) -> bool:
    """Whether more may come of it."""
    return writer is not None and not writer.ended and not writer.is_gone


def owner_of(said: Mapping[str, str], writer_named: Callable[[str], WriterState | None]) -> WriterState | None:
    """The writer that a run goes on with: one that lives, if there is one among those that are at it."""
    owner = writer_named(said.get("owner", ""))
    if is_at_it(owner):
        return owner
    others = (writer_named(name) for name in writers_at_work(said))
    return next((writer for writer in others if is_at_it(writer)), owner)
