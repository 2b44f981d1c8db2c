"""The store that a command is about: the option that names it, and what there is around where none is found."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runlake import config
from runlake.entities import Experiment
from runlake.errors import StoreError
from runlake.store.experiments import Experiments
from runlake.store.layout import Layout, is_store

if TYPE_CHECKING:
    from runlake.read import Store

__all__ = ["experiments_of", "no_runs", "open_named", "store_option", "stores_around"]

F = TypeVar("F", bound=Callable[..., Any])

MOST_FOLDERS = 1000  # looked into for a store
MOST_NAMED = 3


def store_option(command: F) -> F:
    """`--store PATH`."""
    option = click.option("--store", type=click.Path(path_type=Path), help="The store, if not the one that the settings name.")
    return option(command)


def open_named(store: Path | None) -> Store:
    """The store, to read. Raises StoreError, which names stores around where there is none."""
    from runlake.read import open_store  # late, as it takes a while: not what asks for help

    try:
        return open_store(store)
    except StoreError as error:
        path = store or config.find_store()
        around = [] if path.exists() else stores_around(path)
        if not around:
            raise
        raise StoreError(f"{error} There is one at {' and at '.join(map(str, around))}.") from error


def stores_around(but: Path) -> list[Path]:
    """Stores named `lake` in this folder, in those right below it, and in those above."""
    here = Path.cwd()
    places = [here / "lake", *(folder / "lake" for folder in _folders(here)), *(folder / "lake" for folder in here.parents)]
    found = (place for place in [here, *here.parents, *places] if place != but and _is_store(place))
    return [place for place, _ in zip(found, range(MOST_NAMED), strict=False)]


def experiments_of(path: Path) -> list[Experiment]:
    """The experiments of a store, deleted ones too."""
    return Experiments(Layout(path)).all()


def no_runs(path: Path) -> str:
    """What to do where nothing is recorded yet."""
    around = stores_around(path)
    said = [
        f"No run is recorded in {path} yet. To record every training, put this at the top of your program:",
        "    import runlake; runlake.autolog()",
        "then run it, and list what was recorded with:  runlake ls",
    ]
    return "\n".join([*said, *(f"Another store is there:  runlake ls --store {shlex.quote(str(place))}" for place in around)])


def _folders(here: Path) -> Iterator[Path]:
    try:
        with os.scandir(here) as found:
            yield from (Path(entry.path) for entry, _ in zip(found, range(MOST_FOLDERS), strict=False) if entry.is_dir())
    except OSError:  # we may not look
        return


def _is_store(path: Path) -> bool:
    try:
        return is_store(path)
    except OSError:
        return False
