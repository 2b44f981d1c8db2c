"""What a model is asked with beside what its schema says: the params of its signature, or the features of a model without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from reprlib import repr as shortly
from typing import Any

from runlake.entities.model_params import ParamSchema, param_value
from runlake.errors import InvalidValue
from runlake.guard import log
from runlake.instrument.rows import kind_of
from runlake.models.signatures.columns import listed

__all__ = ["enforced_params", "matched"]


def enforced_params(params: Mapping[str, Any] | None, schema: ParamSchema | None) -> dict[str, Any]:
    """A value for every param of the schema: what was given, if its type fits, or the default. Others are left out, with a warning."""
    if params is not None and not isinstance(params, Mapping):
        raise InvalidValue(f"The params of a model are a dictionary of values by their names, not {shortly(params)}.")
    given = {str(name): value for name, value in (params or {}).items()}
    specs = {} if schema is None else {spec.name: spec for spec in schema}
    if unknown := [name for name in given if name not in specs]:
        takes = f"it takes {listed(list(specs))}" if specs else "its signature has none"
        log.warning("The model does not take the %s %s, left out: %s.", "param" if len(unknown) == 1 else "params", listed(unknown), takes)
    return {name: param_value(given[name], spec) if name in given else spec.default for name, spec in specs.items()}


def matched(data: Any, names: Sequence[str]) -> Any:
    """The data with the columns that a model without a signature knows, in its order; data whose columns have no names is given back.

    Raises InvalidValue where it lacks some.
    """
    if isinstance(data, Mapping):
        _check(list(data), names)
        return {name: data[name] for name in names}
    columns = list(data.column_names if kind_of(data) == "arrow" else getattr(data, "columns", ()))
    if not columns or not names or columns == list(names) or not all(isinstance(name, str) for name in columns):
        return data
    _check(columns, names)
    return data.select(list(names)) if kind_of(data) in ("polars", "arrow") else data[list(names)]


def _check(given: Sequence[Any], names: Sequence[str]) -> None:
    known = set(given)
    if missing := [name for name in names if name not in known]:
        extra = [name for name in given if name not in set(names)]
        beside = f"; what it has beside is {listed(extra)}" if extra else ""
        raise InvalidValue(
            f"The model learned from {'a column' if len(missing) == 1 else 'columns'} {listed(missing)}, which the data lacks{beside}."
        )
