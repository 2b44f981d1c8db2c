"""What there is to ask in SQL: views and macros, each with its columns, what it shows, and one question that it answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Named", "with_all_below"]

_SOURCE = re.compile(r"\b(?:FROM|JOIN) (\w+)")


@dataclass(frozen=True)
class Named:
    """A view, or a macro with arguments: the query that it stands for, and of one for people what it shows and an example."""

    name: str
    query: str
    columns: str = ""
    shows: str = ""
    example: str = ""
    arguments: str | None = None

    @property
    def signature(self) -> str:
        """The name as it is asked for."""
        return self.name if self.arguments is None else f"{self.name}({self.arguments})"

    @property
    def statement(self) -> str:
        """What makes it known to DuckDB."""
        if self.arguments is None:
            return f"CREATE OR REPLACE VIEW {self.name} AS\n{self.query}"
        return f"CREATE OR REPLACE MACRO {self.signature} AS TABLE\n{self.query}"

    @property
    def sources(self) -> set[str]:
        """What it stands on, and names of its own parts."""
        return set(_SOURCE.findall(self.query))


def with_all_below(names: Iterable[str], listed: Iterable[Named]) -> list[Named]:
    """Those of the list that have these names, and all that they stand on, which comes first there."""
    wanted, found = set(names), []
    for each in reversed(list(listed)):
        if each.name in wanted:
            wanted |= each.sources
            found.append(each)
    return found[::-1]
