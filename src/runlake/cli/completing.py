"""What the shell offers when a word is completed: runs, experiments, and what filters name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from runlake.cli.stores import experiments_of
from runlake.errors import RunlakeError

if TYPE_CHECKING:
    from runlake.read import Store

__all__ = ["complete_experiment", "complete_filter", "complete_run"]

MOST = 200  # offered
ATTRIBUTES = ("run_name", "status", "start_time", "end_time", "duration", "user", "experiment_id", "parent_run_id")

_PLAIN = re.compile(r"[\w./:+-]+")  # a word to every shell
_LAST = re.compile(r"[^,\s(]*\Z")


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of runs, the newest first; the ids of those whose names are not one word, or not theirs alone."""
    return _completed(context, lambda store: _runs(store, incomplete))


def complete_experiment(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of experiments."""
    return _completed(context, lambda store: _experiments(store, incomplete))


def complete_filter(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the last word of a filter, an order or a list of columns may name."""
    return _completed(context, lambda store: _named_in_filters(store, incomplete))


def _completed(context: click.Context, find: Callable[[Store], Iterable[CompletionItem]]) -> list[CompletionItem]:
    """Nothing where there is no store: a shell that waits for a word is no place for an error."""
    from runlake.read import open_store

    try:
        return list(find(open_store(context.params.get("store"))))[:MOST]
    except (RunlakeError, OSError):
        return []


def _runs(store: Store, incomplete: str) -> Iterable[CompletionItem]:
    from collections import Counter

    from runlake.read import Query

    found = store.search(Query(max_results=5000))
    ids, names = found.ids(), found.table(["run_name"]).column(0).to_pylist()
    counts = Counter(names)
    for run_id, name in zip(ids, names, strict=True):
        is_usable = name and counts[name] == 1 and _PLAIN.fullmatch(name)
        word = name if is_usable else run_id
        if word.startswith(incomplete):
            yield CompletionItem(word, help=None if is_usable else name)
        elif incomplete and run_id.startswith(incomplete):
            yield CompletionItem(run_id, help=name)


def _experiments(store: Store, incomplete: str) -> Iterable[CompletionItem]:
    for experiment in experiments_of(store.path):
        word = experiment.name if _PLAIN.fullmatch(experiment.name) else experiment.experiment_id
        if word.startswith(incomplete):
            yield CompletionItem(word, help=experiment.name if word != experiment.name else None)


def _named_in_filters(store: Store, incomplete: str) -> Iterable[CompletionItem]:
    from runlake.entities import Scope
    from runlake.read import Query

    last = _LAST.search(incomplete)
    begun = last[0] if last else ""
    before = incomplete[: len(incomplete) - len(begun)]
    found = store.search(Query())
    keys = {scope: [key for key in found.keys(scope) if _PLAIN.fullmatch(key)] for scope in (Scope.METRIC, Scope.PARAM, Scope.TAG)}
    words = [f"{scope}s.{key}" for scope in keys for key in keys[scope]]
    words += ATTRIBUTES
    words += [key for scope in (Scope.METRIC, Scope.PARAM) for key in keys[scope] if begun]
    yield from (CompletionItem(before + word) for word in words if word.startswith(begun))
