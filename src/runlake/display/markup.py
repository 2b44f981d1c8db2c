"""Elements of HTML for a notebook. Every cell says itself how it wants to look.

Notebooks put styles of their own on tables, and a style sheet of ours would reach the cells of other output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runlake.display.svg import FAINT, FONT, INK, escaped
from runlake.display.words import shortened
from runlake.entities import Status

__all__ = ["BAD", "CELL", "GOOD", "MONO", "RIGHT", "card", "folded", "short", "sign", "table", "td", "th", "tr"]

TEXT = 80  # letters of a value
GOOD, BAD = "#1E9E62", "#D6504A"
CELL = "text-align:left;padding:2px 12px 2px 0;border:0;border-bottom:1px solid #8883;white-space:nowrap"
RIGHT = f"{CELL};text-align:right;font-variant-numeric:tabular-nums"
MONO = "font-family:var(--jp-code-font-family, ui-monospace, monospace);font-size:12px"
_SIGNS: dict[str, tuple[str, str]] = {
    Status.FINISHED: ("✓", GOOD),
    Status.RUNNING: ("●", "#368AE9"),
    Status.FAILED: ("✕", BAD),
    Status.KILLED: ("■", "#C08A00"),
    Status.PRUNED: ("⊘", "#C08A00"),
    Status.CRASHED: ("†", BAD),
}


def folded(title: str, body: str) -> str:
    """What is seen once it is opened."""
    return f"<details style='margin-top:6px'><summary style='cursor:pointer;{FAINT}'>{escaped(title)}</summary>{body}</details>"


def sign(status: str) -> str:
    """How a run stands."""
    sign, colour = _SIGNS.get(status, ("?", "inherit"))
    return f"<span style='color:{colour}' title='{escaped(status.lower())}'>{sign}</span>"


def short(text: str, room: int = TEXT) -> str:
    """As much of it as a cell has room for, and all of it where one points at it."""
    shown = shortened(text, room)
    return escaped(text) if shown == text else f"<span title='{escaped(text[:2000])}'>{escaped(shown)}</span>"


def card(body: str) -> str:
    """The whole of an output."""
    return f'<div style="color:{INK};{FONT};overflow-x:auto">{body}</div>'


def table(titles: Sequence[str], rows: Iterable[str]) -> str:
    """Rows below their titles, if there are any."""
    head = f"<thead>{tr(titles)}</thead>" if titles else ""
    style = "border-collapse:collapse;border:0;margin:6px 0;font-size:13px;color:inherit"
    return f"<table style='{style}'>{head}<tbody>{''.join(rows)}</tbody></table>"


def tr(cells: Sequence[str]) -> str:
    """A row."""
    return f"<tr style='background:none'>{''.join(cells)}</tr>"


def th(title: str, *, right: bool = False) -> str:
    """A title."""
    return f"<th style='{RIGHT if right else CELL};font-weight:normal;{FAINT}'>{short(title, TEXT // 2)}</th>"


def td(body: str, *, right: bool = False, faint: bool = False, wraps: bool = False) -> str:
    """A cell; its body is HTML."""
    style = (RIGHT if right else CELL) + (f";{FAINT}" if faint else "") + (";white-space:normal;overflow-wrap:anywhere" if wraps else "")
    return f"<td style='{style}'>{body}</td>"
