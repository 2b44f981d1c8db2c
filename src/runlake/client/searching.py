"""Searches: runs as a frame, a list or a table, and experiments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from runlake.client.reading import current_store
from runlake.entities import Experiment, ViewType
from runlake.errors import InvalidValue, RunlakeError, UnknownExperiment
from runlake.read import Query
from runlake.recording.experiments import active_experiment_id, experiments

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PagedList", "query_of", "search_runs"]

MAX_RUNS = 100_000


class PagedList(list[Any]):
    """One page of a list; `token` asks for the next one, and is None on the last."""

    def __init__(self, items: Iterable[Any], token: str | None) -> None:
        super().__init__(items)
        self.token = token


def search_runs(
    experiment_ids: str | int | Sequence[str | int] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = MAX_RUNS,
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
    query = query_of(shelves, filter_string, run_view_type, max_results, order_by)
    store = current_store()
    found = store.search(query)
    if output_format == "list":
        return store.found(found)
    if output_format == "arrow":
        return found.table(columns)
    return _frame(found.table(columns, as_text=True))


def query_of(
    experiment_ids: Sequence[str] | None,
    filter_string: Any,
    view_type: Any,
    max_results: Any,
    order_by: Any,
    page_token: str | None = None,
) -> Query:
    """What is asked for, looked through."""
    if view_type not in set(ViewType):
        raise InvalidValue(f"run_view_type is one of {', '.join(f'ViewType.{view.name}' for view in ViewType)}, not {view_type!r}.")
    if not isinstance(max_results, int) or isinstance(max_results, bool) or max_results < 1:
        raise InvalidValue(f"max_results is how many runs are wanted, at least 1, not {max_results!r}.")
    orders = [order_by] if isinstance(order_by, str) else list(order_by or ())
    return Query(filter_string or "", orders, experiment_ids, ViewType(view_type), max_results, page_token or None)


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
