"""Checks a whole store."""

from __future__ import annotations

from runlake.errors import StoreError
from runlake.store.check.contents import check_contents, check_small_files
from runlake.store.check.logs import check_logs, check_sealed
from runlake.store.check.problems import Check, Checked, Grade, Problem, Tell
from runlake.store.check.series import check_curves, check_series
from runlake.store.check.tables import check_table
from runlake.store.layout import Layout
from runlake.store.tables import TABLES
from runlake.store.view import View

__all__ = ["check_store"]


def check_store(layout: Layout, tell: Tell, *, with_summaries: bool = False) -> Checked:
    """Read everything. With summaries, every series is reckoned anew from its points."""
    checked = Checked(problems=list(check_small_files(layout)))
    for table in TABLES.values():
        checked.problems += check_table(layout, table, tell, checked)
    tell("sealed files")
    checked.problems += check_sealed(layout, checked)
    checked.problems += _with_a_view(layout, tell, checked, with_summaries=with_summaries)
    return checked


def _with_a_view(layout: Layout, tell: Tell, checked: Checked, *, with_summaries: bool) -> Check:
    """What needs the store as a whole, which cannot be had where a table's log is damaged."""
    try:
        tell("logs")
        view = View(layout)
        view.refresh()
        yield from check_logs(view, checked)
        yield from check_contents(view, tell, checked)
        if with_summaries:
            yield from check_series(view, tell)
            yield from check_curves(view, tell)
    except StoreError as error:
        if checked.is_good:  # else it is the same again
            yield Problem(Grade.DAMAGED, layout.root, str(error))
