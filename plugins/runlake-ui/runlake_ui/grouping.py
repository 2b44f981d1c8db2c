"""Runs in groups: one row for those that are equal in some columns, with what their numbers come to."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.read import Found
from runlake_ui.columns import in_few_forms, table_of

__all__ = ["grouped"]

NAMED = 200  # runs of a group

_ORDER = re.compile(r"(.*?)(?:\s+(asc|desc))?\s*", re.IGNORECASE | re.DOTALL)


def grouped(
    found: Found, group: Sequence[str], columns: Sequence[str], sort: Sequence[str], offset: int, limit: int
) -> tuple[pa.Table, int]:
    """Some of the groups, in order, and how many there are. Raises InvalidFilter."""
    orders = [(match[1].strip(), (match[2] or "asc").lower()) for match in (_ORDER.fullmatch(each) for each in sort) if match]
    wanted = [name for name in dict.fromkeys([*columns, *(name for name, _ in orders)]) if name not in (*group, "n")]
    number, n_groups, firsts = _numbers(found, group)
    keys = found.table(list(dict.fromkeys(group)))
    rows = {name: in_few_forms(keys[name]).take(pa.array(firsts)) for name in keys.column_names}
    n = np.bincount(number, minlength=n_groups)
    rows["n"] = pa.array(n.astype(np.float64))
    for name in wanted:
        rows |= _come_to(found, name, number, n_groups)
    places = _in_order(rows, orders or [("n", "desc")])[offset : offset + limit]
    shown = {name: column.take(places) for name, column in rows.items() if name.partition("|")[0] in (*group, *columns, "n")}
    ids = _ids_of(found, number, places)
    named = {name: shown.pop(name) for name in [*dict.fromkeys(group), "n"]}
    return table_of({**named, "run_ids": pa.array(ids, pa.string()), **shown}), n_groups


def _numbers(found: Found, group: Sequence[str]) -> tuple[np.ndarray, int, np.ndarray]:
    """Of each run the number of its group, how many groups there are, and a run of each."""
    code = np.zeros(len(found), np.int64)
    for name in group:
        column = found.texts(name)
        if column is not None:
            codes = column[0]
        else:
            values, known = found.numbers(name) or (np.empty(0), np.empty(0, bool))
            codes = np.where(known, np.unique(values, return_inverse=True)[1], -1)
        code = code * (int(codes.max(initial=-1)) + 2) + codes + 1
        code = np.unique(code, return_inverse=True)[1]  # or many columns would be more than fit into a number
    _, firsts, number = np.unique(code, return_index=True, return_inverse=True)
    return number, len(firsts), firsts


def _come_to(found: Found, name: str, number: np.ndarray, n_groups: int) -> dict[str, pa.Array]:
    """The column of each group, and where it is one of numbers what these spread over."""
    column, texts = found.numbers(name), found.texts(name)
    if column is None or (texts is not None and not column[1].any()):
        return {name: _said_by_all(texts, number, n_groups)}
    values, known = column
    known = known & ~np.isnan(values)
    of_group, values = number[known], values[known].astype(np.float64)
    n = np.bincount(of_group, minlength=n_groups)
    some = n > 0
    with np.errstate(all="ignore"):
        means = np.bincount(of_group, values, n_groups) / n
        spread = np.sqrt(np.bincount(of_group, (values - means[of_group]) ** 2, n_groups) / n)
    least, most = np.full(n_groups, np.inf), np.full(n_groups, -np.inf)
    np.minimum.at(least, of_group, values)
    np.maximum.at(most, of_group, values)
    found_of = {"": means, "|std": spread, "|min": least, "|max": most}
    return {f"{name}{end}": pa.array(column, pa.float64(), mask=~some) for end, column in found_of.items()}


def _said_by_all(texts: tuple[np.ndarray, pa.Array] | None, number: np.ndarray, n_groups: int) -> pa.Array:
    """The text of each group whose runs all have the same."""
    if texts is None:
        return pa.nulls(n_groups, pa.string())
    codes, distinct = texts
    least, most = np.full(n_groups, len(distinct)), np.full(n_groups, -1)
    np.minimum.at(least, number, codes)
    np.maximum.at(most, number, codes)
    is_one = (least == most) & (least >= 0)
    return distinct.take(pa.array(np.where(is_one, least, -1), mask=~is_one))


def _in_order(rows: dict[str, Any], orders: Sequence[tuple[str, str]]) -> pa.Array:
    asked = [*((name, f"{way}ending") for name, way in orders if name in rows), ("n", "descending")]
    table = pa.table({str(place): rows[name] for place, (name, _) in enumerate(asked)})
    return pc.sort_indices(table, sort_keys=[(str(place), way, "at_end") for place, (_, way) in enumerate(asked)])


def _ids_of(found: Found, number: np.ndarray, places: pa.Array) -> list[str]:
    """The first runs of each of these groups, as JSON."""
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(int(number.max(initial=-1)) + 2))
    run_ids = found.run_ids()
    asked = [order[starts[place] : min(starts[place + 1], starts[place] + NAMED)] for place in places.to_pylist()]
    return [json.dumps(run_ids.take(pa.array(rows)).to_pylist()) for rows in asked]
