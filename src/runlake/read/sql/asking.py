"""Asks DuckDB: a database in memory that has the views of one store, sees no other file, and is gone afterwards."""

from __future__ import annotations

import difflib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from runlake.errors import InvalidValue, RunlakeError, StoreError
from runlake.read.sql.allowed import check_allowed
from runlake.read.sql.facts import quoted
from runlake.read.sql.folding import FOLDED
from runlake.read.sql.names import Named, with_all_below
from runlake.read.sql.parquet import literally
from runlake.read.sql.rows import BASES, Rows, rows_of
from runlake.read.sql.shown import MACROS, RUNS_AND_MORE
from runlake.read.stores import Store, open_store

if TYPE_CHECKING:
    import duckdb

__all__ = ["TIMEOUT", "sql"]

TIMEOUT = 60.0
MEMORY_SHARE = 0.5  # of the machine's, for one query
TRIES = 3

_MADE = (*FOLDED, *RUNS_AND_MORE, *MACROS)
_ALL = (*(Named(name, "") for name in BASES), *_MADE)
_NAMES = {each.name for each in _ALL}
_ANY_NAME = re.compile(r"\b(?:show|describe|summarize|query|query_table|information_schema|(?:duckdb|sqlite|pg)_\w+)\b", re.IGNORECASE)
_UNKNOWN = re.compile(r"(Table|Table Function) with name \"?(\S+?)\"? (?:does not exist|is not in the catalog)")


def sql(query: str, store: str | os.PathLike[str] | Store | None = None, timeout: float = TIMEOUT) -> pa.Table:
    """The answer to one SELECT over the runs of a store, as they are at this moment, with what was logged half a second ago.

    There are the views `runs`, `params`, `metrics`, `points`, `tags`, `artifacts`, `experiments`, `datasets` and `models`, and the macros
    `first_below`, `best_step`, `area_under` and `diverged`; `runlake sql` lists their columns. Times are in UTC. Of columns with the same
    name the second is called `name_1`. Nothing is written, and no other file is read.

    Raises InvalidValue for a query that cannot be answered, and RunlakeError for one that takes longer than `timeout` seconds or more
    than half of the machine's memory, or where DuckDB is not installed.
    """
    try:
        import duckdb  # late: it is an extra, and takes a while
    except ImportError as error:
        raise RunlakeError('SQL is answered by DuckDB, which is not installed: pip install "runlake[sql]"') from error
    opened = store if isinstance(store, Store) else open_store(store)
    names = _names_in(query)
    try:
        for _ in range(TRIES):
            with duckdb.connect(":memory:", config=_config()) as connection:
                check_allowed(connection, query)
                rows = rows_of(opened, {each.name for each in with_all_below(names, _ALL)})
                try:
                    _prepare(connection, rows, names)
                    with _interrupted_after(connection, timeout):
                        return _with_distinct_names(connection.sql(query).to_arrow_table())
                except duckdb.Error:
                    missing = [path for path in rows.files if not path.exists()]
                    if not missing:
                        raise
            opened.refresh()  # a file was merged into another one, and removed
        raise StoreError(f"{missing[0]} is not there. `runlake fsck` says what else is missing.")
    except duckdb.InterruptException as error:
        raise RunlakeError(f"The query took longer than {timeout:g} s. Narrow it with WHERE, or give it more time with timeout.") from error
    except duckdb.OutOfMemoryException as error:
        raise RunlakeError(
            f"The query needs more than {_memory_gib():.1f} GiB of memory, half of this machine's. Narrow it with WHERE."
        ) from error
    except duckdb.Error as error:
        raise InvalidValue(_in_a_line(str(error))) from error
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # which is how DuckDB tells of Ctrl-C
            raise KeyboardInterrupt from error
        raise


def _names_in(query: str) -> set[str]:
    """What of ours it may ask for; all where it asks what there is."""
    if not isinstance(query, str) or _ANY_NAME.search(query):
        return _NAMES
    return {word.lower() for word in re.findall(r"\w+", query)} & _NAMES


def _config() -> dict[str, str | bool | int | float | list[str]]:
    return {
        "allow_community_extensions": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,  # a variable of the caller is no table
        "temp_directory": "",
        "memory_limit": f"{_memory_gib():.2f}GiB",
    }


def _memory_gib() -> float:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 8 << 30
    return MEMORY_SHARE * total / (1 << 30)


def _prepare(connection: duckdb.DuckDBPyConnection, rows: Rows, names: set[str]) -> None:
    """Have it know these rows and the views of these names, and let go of everything else."""
    connection.execute("SET TimeZone = 'UTC'")
    allowed = {text for path in rows.files for text in (str(path), literally(path))}
    connection.execute(f"SET allowed_paths = [{', '.join(map(quoted, sorted(allowed)))}]")
    connection.execute("SET enable_external_access = false")
    for name, table in rows.tables.items():
        connection.register(name, table)
    for each in (*rows.views, *with_all_below(names, _MADE)):
        connection.execute(each.statement)
    connection.execute("SET lock_configuration = true")


@contextmanager
def _interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        is_over = done.wait(seconds)
        while not is_over:  # again and again: what is not under way yet is not interrupted
            connection.interrupt()
            is_over = done.wait(0.05)

    watcher = threading.Thread(target=watch, name="runlake-sql-timeout", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _with_distinct_names(table: pa.Table) -> pa.Table:
    names: list[str] = []
    for name in table.column_names:
        number, free = 0, name
        while free in names or (number and free in table.column_names):
            number += 1
            free = f"{name}_{number}"
        names.append(free)
    return table.rename_columns(names)


def _in_a_line(error: str) -> str:
    """What DuckDB says, without the place, and the nearest of our names for one that it does not know."""
    said = " ".join(error.partition("\n\nLINE ")[0].partition(": ")[2].split())
    if not (found := _UNKNOWN.search(said)):
        return f"The query cannot be answered: {said}"
    what, name = "view" if found[1] == "Table" else "macro", found[2]
    near = difflib.get_close_matches(name.lower(), sorted(_NAMES), 1)
    hint = f"did you mean {near[0]!r}?" if near else "`runlake sql` lists what there is."
    return f"There is no {what} {name!r}: {hint}"
