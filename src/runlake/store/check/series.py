"""Checks what is said of series against their points: each summary, and each bucket of a curve, is reckoned anew."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from runlake.store.check.problems import Check, Grade, Problem, Tell
from runlake.store.curves import buckets_by_file
from runlake.store.lod import rows_for
from runlake.store.selection import rows_of_file
from runlake.store.summaries import Summary
from runlake.store.summary_rows import SummaryRow, SummaryRows, merged, summaries_by
from runlake.store.tables import TABLES, in_order, plain
from runlake.store.view import View

__all__ = ["check_curves", "check_series"]

POINTS_AT_ONCE = 4_000_000

_Late = dict[str, dict[str, list[tuple[str, str, Summary]]]]  # by key and run


def check_series(view: View, tell: Tell) -> Check:
    """Every series whose points or whose summary is there."""
    waiting: dict[str, list[SummaryRow]] = defaultdict(list)
    for row in view.waiting_summaries():
        waiting[row[2]].append(row)
    late: _Late = defaultdict(lambda: defaultdict(list))
    for run_id, writer, key, summary in view.late_summaries():
        late[key][run_id].append((writer, key, summary))
    keys = sorted(view.tables["points"].keys() | view.tables["metrics"].keys() | waiting.keys() | late.keys())
    for number, key in enumerate(keys, 1):
        tell(f"summaries: metric {number:,} of {len(keys):,}")
        yield from _check_key(view, key, waiting[key], late[key])


def check_curves(view: View, tell: Tell) -> Check:
    """The buckets of long series against the points that they speak of."""
    view.lod.refresh()
    table, points = TABLES["lod"], view.tables["points"].log.files
    spoken_of = buckets_by_file(view.lod.log)
    for number, (name, file) in enumerate(spoken_of.items(), 1):
        tell(f"curves: file {number:,} of {len(spoken_of):,}")
        if name not in points:
            continue
        with contextlib.suppress(FileNotFoundError):  # rewritten meanwhile
            found = rows_of_file(file.path, table, {})
            if not plain(table, found).equals(plain(table, in_order(rows_for(name, points[name]), table.order))):
                yield Problem(Grade.DAMAGED, file.path, f"its buckets are not those of the points in {points[name].path.name}")


def _check_key(view: View, key: str, waiting: list[SummaryRow], late: dict[str, list[tuple[str, str, Summary]]]) -> Check:
    rows: dict[str, SummaryRows] = defaultdict(SummaryRows)
    published = SummaryRows()
    published.take(view.tables["metrics"].rows({"key": key}))
    for row in [*published, *waiting]:
        rows[row[0]].add(row)
    said = {run_id: merged(rows[run_id], late.get(run_id, ()))[key] for run_id in rows.keys() | late.keys()}
    path = view.layout.root / "metrics"
    for run_ids in _together(said):
        points = view.points((run_ids[0], run_ids[-1]), key)
        found = {run_id: summary for (run_id,), summary in summaries_by(points, ("run_id",))}
        for run_id in sorted(found.keys() | set(run_ids)):
            if run_id not in found:
                what = f"a summary tells of {said[run_id].n:,} points, and none is there"
            elif run_id not in said:
                what = f"{found[run_id].n:,} points are there that no summary tells of"
            elif wrong := _differing(said[run_id], found[run_id]):
                what = f"the summary is not that of the points: {wrong}"
            else:
                continue
            yield Problem(Grade.DAMAGED, path, f"{key!r} of the run {run_id}: {what}")


def _together(said: dict[str, Summary]) -> Iterator[list[str]]:
    """The runs in order, so many at a time that their points fit into memory."""
    some: list[str] = []
    n = 0
    for run_id in sorted(said):
        if some and n + said[run_id].n > POINTS_AT_ONCE:
            yield some
            some, n = [], 0
        some.append(run_id)
        n += said[run_id].n
    if some:
        yield some


def _differing(said: Summary, found: Summary) -> str:
    """In words, what is not the same; sums in another order differ in their last digits."""
    pairs = zip(Summary._fields, said, found, strict=True)
    return ", ".join(f"{name} {a!r} instead of {b!r}" for name, a, b in pairs if not _is_same(name, a, b, found))


def _is_same(name: str, said: float | None, found: float | None, summary: Summary) -> bool:
    if said is None or found is None or name != "sum":
        return said == found or (said is not None and found is not None and math.isnan(said) and math.isnan(found))
    if not math.isfinite(found):
        return not math.isfinite(said)
    size = summary.n * max(abs(summary.min or 0.0), abs(summary.max or 0.0))
    return abs(said - found) <= max(size, np.finfo(np.float64).tiny) * 1e-9
