"""Which queries are answered: one statement that only reads, as DuckDB itself tells what a statement is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runlake.errors import InvalidValue

if TYPE_CHECKING:
    import duckdb

__all__ = ["check_allowed"]

MAX_LENGTH = 1_000_000

_EXPLAIN = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\s+(?:ANALYZE\s+)?(?:\([^()]*\)\s*(?=\w))?", re.IGNORECASE | re.DOTALL)
_HOW = "Ask one SELECT, or EXPLAIN one: nothing else is done here, and nothing is ever written."


def check_allowed(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise InvalidValue for what is not one SELECT, nor EXPLAIN of one; duckdb.Error for what is no SQL."""
    if not isinstance(query, str):
        raise InvalidValue(f"A query is a text, not {type(query).__name__}.")
    if len(query) > MAX_LENGTH:
        raise InvalidValue(f"A query has at most {MAX_LENGTH:,} characters; this one has {len(query):,}.")
    if unusable := re.search("[\0\ud800-\udfff]", query):
        raise InvalidValue(f"The query holds {unusable[0]!r} at character {unusable.start() + 1}, which no SQL does.")
    kinds = _kinds(connection, query)
    explained = _EXPLAIN.match(query) if kinds == ["EXPLAIN"] else None
    if explained:
        kinds = _kinds(connection, query[explained.end() :])
        if kinds != ["SELECT"]:
            raise InvalidValue(f"{_named(kinds)} is not explained. {_HOW}")
    if not kinds:
        raise InvalidValue(f"The query is empty. {_HOW}")
    if len(kinds) > 1:
        raise InvalidValue(f"These are {len(kinds)} statements. {_HOW}")
    if kinds == ["MULTI"]:
        raise InvalidValue(
            "PIVOT needs the names of its columns here: PIVOT params ON key IN ('lr', 'depth') USING first(value) GROUP BY run_id."
        )
    if kinds != ["SELECT"]:
        raise InvalidValue(f"{_named(kinds)} is not allowed. {_HOW}")


def _kinds(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [statement.type.name for statement in connection.extract_statements(query)]


def _named(kinds: list[str]) -> str:
    return " and ".join(kind.replace("_", " ") for kind in kinds) or "Nothing"
