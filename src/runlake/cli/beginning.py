"""`runlake` alone: how to begin, where nothing is recorded yet."""

from __future__ import annotations

from runlake import config
from runlake.cli.stores import no_runs, open_named
from runlake.entities import ViewType
from runlake.errors import StoreError
from runlake.store.layout import is_store

__all__ = ["how_to_begin"]


def how_to_begin() -> str:
    """What to put into a program and what to type then; nothing where there are runs."""
    path = config.find_store()
    if not is_store(path):
        return no_runs(path)
    from runlake.read import Query

    try:
        has_runs = open_named(path).search(Query(max_results=0, view_type=ViewType.ALL)).total
    except StoreError:  # one that cannot be read is told of by what reads it
        return ""
    return "" if has_runs else no_runs(path)
