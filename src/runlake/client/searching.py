"""Searches: runs as a frame, a list or a table, and experiments; whole, or page by page."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runlake.client.reading import current_store
from runlake.entities import Experiment, ViewType
from runlake.entities.registered import ModelVersion, RegisteredModel
from runlake.errors import InvalidValue, RunlakeError, UnknownExperiment
from runlake.read import Query
from runlake.read.search.listed import Thing, search_listed
from runlake.read.search.order import Order
from runlake.read.search.query import Kind
from runlake.read.search.values import Attribute, Moment, Words
from runlake.recording.experiments import active_experiment_id, experiments
from runlake.recording.registry import registry

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PagedList", "page_of_experiments", "page_of_models", "page_of_runs", "page_of_versions", "search_experiments", "search_runs"]

MAX_RUNS = 100_000

_TEXTS = ("experiment_id", "name", "lifecycle_stage", "artifact_location")
_MOMENTS = ("creation_time", "last_update_time")
_CHANGES = {"creation_timestamp": "creation_timestamp", "last_updated_timestamp": "last_updated_timestamp"}
_MODELS = Kind(
    Words("registered model", {"name": "name", "description": "description"}, _CHANGES, {"creation_time": "creation_timestamp"}),
    (Order(Attribute("name"), False),),
)
_OF_VERSIONS = ("name", "run_id", "source", "description", "current_stage", "status", "user_id", "digest")
_VERSIONS = Kind(
    Words(
        "model version",
        {each: each for each in _OF_VERSIONS},
        {"version_number": "version", "version": "version", **_CHANGES},
        {"source_path": "source", "stage": "current_stage"},
    ),
    (Order(Attribute("name"), False), Order(Moment("version"), True)),
)
_EXPERIMENTS = Kind(
    Words("experiment", dict(zip(_TEXTS, _TEXTS, strict=True)), dict(zip(_MOMENTS, _MOMENTS, strict=True))),
    (Order(Moment("number"), True),),
)


class PagedList(list[Any]):
    """One page of a list; `token` asks for the next one, and is None on the last."""

    def __init__(self, items: Iterable[Any], token: str | None) -> None:
        super().__init__(items)
        self.token = token


def search_runs(
    experiment_ids: str | int | Sequence[str | int] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = MAX_RUNS,
    order_by: str | Sequence[str] | None = None,
    output_format: str = "pandas",
    search_all_experiments: bool = False,
    experiment_names: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> Any:
    """The runs that a filter lets through: a pandas frame with MLflow's columns, a "list" of runs, or an "arrow" table.

    Without experiments, of the one that new runs go to. `columns` names what is wanted, in the words of the filter.
    """
    if output_format not in ("pandas", "list", "arrow"):
        raise InvalidValue(f"output_format is 'pandas', 'list' or 'arrow', not {output_format!r}.")
    if output_format == "list" and columns is not None:
        raise InvalidValue("columns= is for 'pandas' and 'arrow': a list is of whole runs.")
    shelves = _shelves(experiment_ids, experiment_names, search_all_experiments)
    query = _query(shelves, filter_string, run_view_type, max_results, order_by)
    store = current_store()
    found = store.search(query)
    for text in found.unknown:
        warnings.warn(text, stacklevel=2)
    if output_format == "list":
        return store.found(found)
    if output_format == "arrow":
        return found.table(columns)
    return _frame(found.table(columns, as_text=True))


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: str | Sequence[str] | None = None,
) -> list[Experiment]:
    """The experiments that a filter lets through, at these stages: the newest first, unless `order_by` says else."""
    return list(page_of_experiments(view_type, max_results, filter_string, order_by, None))


def page_of_runs(
    experiment_ids: Any, filter_string: Any, view_type: Any, max_results: Any, order_by: Any, page_token: Any, store: Path
) -> PagedList:
    """A page of runs, of the experiments with these ids."""
    if not (shelves := _listed(experiment_ids)):
        raise InvalidValue("Give the ids of the experiments to search.")
    opened = current_store(store)
    found = opened.search(_query(shelves, filter_string, view_type, max_results, order_by, page_token))
    for text in found.unknown:
        warnings.warn(text, stacklevel=3)
    return PagedList(opened.found(found), found.token)


def page_of_experiments(
    view_type: Any, max_results: Any, filter_string: Any, order_by: Any, page_token: Any, store: Path | None = None
) -> PagedList:
    """A page of experiments."""
    query = _query(None, filter_string, view_type, max_results, order_by, page_token)
    there = [each for each in experiments(store).all() if query.view_type.shows(each.lifecycle_stage)]
    return PagedList(*search_listed(there, _described, _EXPERIMENTS, query))


def page_of_models(filter_string: Any, max_results: Any, order_by: Any, page_token: Any = None, store: Path | None = None) -> PagedList:
    """A page of registered models."""
    query = _query(None, filter_string, ViewType.ALL, max_results, order_by, page_token)
    return PagedList(*search_listed(registry(store).all(), functools.partial(_thing, _MODELS), _MODELS, query))


def page_of_versions(filter_string: Any, max_results: Any, order_by: Any, page_token: Any = None, store: Path | None = None) -> PagedList:
    """A page of versions of registered models."""
    query = _query(None, filter_string, ViewType.ALL, max_results, order_by, page_token)
    return PagedList(*search_listed(registry(store).versions(), functools.partial(_thing, _VERSIONS), _VERSIONS, query))


def _thing(kind: Kind, registered: RegisteredModel | ModelVersion) -> Thing:
    return Thing(
        {name: getattr(registered, name) for name in set(kind.words.texts.values())},
        {name: int(getattr(registered, name)) for name in set(kind.words.moments.values())},
        registered.tags,
    )


def _query(shelves: list[str] | None, filter_string: Any, view_type: Any, max_results: Any, order_by: Any, page_token: Any = None) -> Query:
    if view_type not in set(ViewType):
        raise InvalidValue(f"view_type is one of {', '.join(f'ViewType.{view.name}' for view in ViewType)}, not {view_type!r}.")
    if max_results is not None and (not isinstance(max_results, int) or isinstance(max_results, bool) or max_results < 1):
        raise InvalidValue(f"max_results is how many are wanted, at least 1, not {max_results!r}.")
    orders = [order_by] if isinstance(order_by, str) else list(order_by or ())
    filter_string = "" if filter_string is None else filter_string
    return Query(filter_string, orders, shelves, ViewType(view_type), max_results, page_token or None)


def _described(experiment: Experiment) -> Thing:
    return Thing(
        {name: getattr(experiment, name) for name in _EXPERIMENTS.words.texts},
        {name: getattr(experiment, name) for name in _EXPERIMENTS.words.moments} | {"number": int(experiment.experiment_id)},
        experiment.tags,
    )


def _shelves(ids: Any, names: Any, everywhere: bool) -> list[str]:
    """The experiments to search. Raises InvalidValue where they are given twice, and UnknownExperiment for a name."""
    given, named = _listed(ids), _listed(names)
    if (bool(given) + bool(named) + everywhere) > 1:
        raise InvalidValue("Give experiment_ids, experiment_names or search_all_experiments, one of the three.")
    if everywhere:
        return [experiment.experiment_id for experiment in experiments().all() if ViewType.ACTIVE_ONLY.shows(experiment.lifecycle_stage)]
    if named:
        return [_named(name).experiment_id for name in named]
    return given or [active_experiment_id()]


def _named(name: str) -> Experiment:
    found = experiments().named(name)
    if found is None:
        there = ", ".join(repr(experiment.name) for experiment in experiments().all()[-5:])
        raise UnknownExperiment(f"There is no experiment named {name!r}; there are {there}.")
    return found


def _listed(given: Any) -> list[str]:
    """'1', 1, ['1'] and [1] all mean the same."""
    if given is None:
        return []
    each = [given] if isinstance(given, (str, int)) else list(given)
    for one in each:
        if not isinstance(one, (str, int)) or isinstance(one, bool):
            raise InvalidValue(f"An experiment is given by its id or name, not by {one!r}.")
    return [str(one) for one in each]


def _frame(table: pa.Table) -> Any:
    try:
        import pandas  # noqa: F401 - the error is ours to word
    except ImportError as error:
        raise RunlakeError(
            "search_runs gives a pandas data frame: pip install pandas, or ask for output_format='arrow' or 'list'."
        ) from error
    return table.to_pandas()
