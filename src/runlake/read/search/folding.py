"""Folds the rows of one key into a column: what `store.fold` says of a run, said of all runs at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from runlake.entities import Scope
from runlake.read.search.columns import Ids, Numbers, Texts, coded_texts
from runlake.store.columns import as_array, as_numbers, is_known, texts
from runlake.store.selection import has_text
from runlake.store.summaries import Summary
from runlake.store.summary_rows import SummaryRow, SummaryRows, merged
from runlake.store.tables import sortable
from runlake.store.view import LateSummary

__all__ = ["STATS", "fold_integers", "fold_series", "fold_texts"]

STATS = {**dict.fromkeys(("last", "min", "max", "first", "mean"), np.float64), **dict.fromkeys(("min_step", "max_step"), np.int64)}

_Waiting = tuple[SummaryRows, list[tuple[str, str, Summary]]]


def fold_texts(scope: str, rows: pa.Table, ids: Ids) -> Texts:
    """The text that counts of each run, of events of one key."""
    places, rows = _counting(scope, rows, ids)
    kinds = rows["type"].unify_dictionaries().combine_chunks() if scope == Scope.PARAM else None
    return coded_texts(len(ids), places, rows["str"].combine_chunks(), kinds)


def fold_integers(scope: str, rows: pa.Table, ids: Ids) -> Numbers:
    """The integer that counts of each run, of events of one key."""
    places, rows = _counting(scope, rows, ids)
    column = Numbers.none(len(ids), np.int64)
    column.values[places], column.known[places] = as_numbers(rows["int"]), is_known(rows["int"])
    for row in np.flatnonzero(~is_known(rows["int"])).tolist():  # given as a text
        column.values[places[row]], column.known[places[row]] = int(rows["str"][row].as_py()), True
    return column


def fold_series(rows: pa.Table, said: Sequence[SummaryRow], late: Sequence[LateSummary], ids: Ids) -> dict[str, Numbers]:
    """What is to be said of one series of each run: from the table, and from what is not published yet."""
    n = len(ids)
    columns = {stat: Numbers.none(n, kind) for stat, kind in STATS.items()}
    if not n:
        return columns
    places = ids.places(rows["run_id"])
    waiting = _by_place(said, late, ids)
    is_alone = (np.bincount(places[places >= 0], minlength=n) == 1) & ~_mask(n, waiting)
    _take_alone(columns, rows, places, np.flatnonzero((places >= 0) & is_alone[places]))
    several = np.flatnonzero((places >= 0) & ~is_alone[places])
    for place, published in _rows_by_place(rows, places, several).items():
        waiting.setdefault(place, (SummaryRows(), []))[0].take(published)
    for place, (written, points) in waiting.items():
        for summary in merged(written, points).values():
            _put(columns, place, summary)
    return columns


def _counting(scope: str, rows: pa.Table, ids: Ids) -> tuple[np.ndarray, pa.Table]:
    """The rows that count, one for a run, and the places of their runs."""
    places = ids.places(rows["run_id"])
    is_offer, is_gone = has_text(rows["op"], "offer"), has_text(rows["op"], "delete")
    if (places[1:] > places[:-1]).all() and (places[:1] >= 0).all() and not is_gone.any():
        return places, rows  # each run once, as it nearly always is
    order = np.lexsort([sortable(rows["seq"]), sortable(rows["writer"]), sortable(rows["hlc"]), places])
    which = order[_winners(scope, places[order], is_offer[order], is_gone[order])]
    return places[which], rows.take(as_array(which, pa.int64()))


def _winners(scope: str, places: np.ndarray, is_offer: np.ndarray, is_gone: np.ndarray) -> np.ndarray:
    """Of rows by run and time, the numbers of those that count: of what was given the last, of a param the first; else the last offer."""
    if not len(places):
        return np.empty(0, np.int64)
    numbers = np.arange(len(places))
    starts = np.flatnonzero(np.r_[True, places[1:] != places[:-1]])
    if scope == Scope.PARAM:
        given = np.minimum.reduceat(np.where(is_offer, len(places), numbers), starts)
        given[given == len(places)] = -1
        offered = np.minimum.reduceat(np.where(is_offer, numbers, len(places)), starts)
        offered[offered == len(places)] = -1
        found = np.where(given >= 0, given, offered)
    else:
        given = np.maximum.reduceat(np.where(is_offer, -1, numbers), starts)
        offered = np.maximum.reduceat(np.where(is_offer, numbers, -1), starts)
        is_deleted = (given >= 0) & is_gone[given]
        found = np.where(is_deleted, np.where(offered > given, offered, -1), np.where(given >= 0, given, offered))
    found = found[found >= 0]
    return np.asarray(found[places[found] >= 0])


def _take_alone(columns: Mapping[str, Numbers], rows: pa.Table, places: np.ndarray, alone: np.ndarray) -> None:
    """The runs of which there is one row only, which are nearly all."""
    where = places[alone]
    for stat, column in columns.items():
        if stat != "mean":
            column.values[where], column.known[where] = as_numbers(rows[stat])[alone], is_known(rows[stat])[alone]
    counted = (as_numbers(rows["n"]) - as_numbers(rows["n_nan"]))[alone]
    columns["mean"].values[where] = as_numbers(rows["sum"])[alone] / np.maximum(counted, 1)
    columns["mean"].known[where] = counted > 0


def _put(columns: Mapping[str, Numbers], place: int, summary: Summary) -> None:
    counted = summary.n - summary.n_nan
    said = {**summary._asdict(), "mean": summary.sum / counted if counted else None}
    for stat, column in columns.items():
        if said[stat] is not None:
            column.values[place], column.known[place] = said[stat], True


def _by_place(said: Sequence[SummaryRow], late: Sequence[LateSummary], ids: Ids) -> dict[int, _Waiting]:
    if not said and not late:
        return {}
    place_of = _places_by_id({row[0] for row in said} | {each[0] for each in late}, ids)
    found: dict[int, _Waiting] = defaultdict(lambda: (SummaryRows(), []))
    for row in said:
        found[place_of[row[0]]][0].add(row)
    for run_id, writer, key, summary in late:
        found[place_of[run_id]][1].append((writer, key, summary))
    found.pop(-1, None)
    return dict(found)


def _places_by_id(run_ids: set[str], ids: Ids) -> dict[str, int]:
    listed = sorted(run_ids)
    return dict(zip(listed, ids.places_of(texts(listed)).tolist(), strict=True))


def _rows_by_place(rows: pa.Table, places: np.ndarray, several: np.ndarray) -> dict[int, pa.Table]:
    if not len(several):
        return {}
    several = several[np.argsort(places[several], kind="stable")]
    starts = np.flatnonzero(np.r_[True, places[several][1:] != places[several][:-1]])
    parts: Sequence[np.ndarray] = np.split(several, starts[1:])
    return {int(places[part[0]]): rows.take(as_array(part, pa.int64())) for part in parts}


def _mask(n: int, places: Iterable[int]) -> np.ndarray:
    mask = np.zeros(n, bool)
    mask[list(places)] = True
    return mask
