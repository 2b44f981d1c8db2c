"""What tells two runs apart, as lines of a terminal: the two in columns, and below each other where they are long."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from runlake.display.apart import texts_apart
from runlake.display.comparison import ComparedRow, Section, same_in_words, sections_of, verdict_in_words
from runlake.display.statuses import with_word
from runlake.display.words import duration, moment, one_line, shortened
from runlake.read.comparing import Comparison

__all__ = ["code_page", "comparison_page"]

INDENT, GAP = "  ", "  "
WORD = len("▲ better")
LEAST, MOST = 12, 40  # cells of a value in its column
NARROW = 100  # cells of a terminal; below it says less of how far apart metrics are
SHORTEST_ID = 8  # letters of it, of which four would do
NOTHING = Text("·", "dim")


@dataclass(frozen=True)
class _Widths:
    """How wide the columns of all sections are."""

    room: int
    key: int
    value: int
    delta: int
    relative: int


def comparison_page(comparison: Comparison, now_ms: int, room: int, *, with_same: bool = False) -> Iterator[Text]:
    """The lines of the page."""
    yield from _head(comparison, now_ms, room)
    sections = list(sections_of(comparison, with_same=with_same))
    widths = _widths([row for section in sections for row in section.rows], room)
    for section in sections:
        yield Text()
        yield _title(section, widths, is_first=section is sections[0])
        for row in section.rows:
            yield from _lines_of(row, widths)
        if section.left:
            yield Text(f"{INDENT}and {section.left:,} more: --all", "dim")
        yield from (Text(INDENT + hint, "dim") for hint in _hints(comparison, section))
    yield Text()
    for line in _last_lines(comparison, with_same=with_same):
        yield from (Text(part, "dim") for part in textwrap.wrap(line, room))


def code_page(comparison: Comparison) -> Iterator[Text]:
    """The lines in which the changes of the code differ, as `diff` has them."""
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in comparison.code_diff():
        is_name = line.startswith(("+++", "---"))
        yield Text(
            "".join(each if each.isprintable() or each == "\t" else " " for each in line), "bold" if is_name else styles.get(line[:1], "")
        )


def _head(comparison: Comparison, now_ms: int, room: int) -> Iterator[Text]:
    """Which two they are, and which is better."""
    sides = (comparison.a, comparison.b)
    names = [shortened(one_line(side.info.run_name), max(LEAST, room // 3)) for side in sides]
    signs = [with_word(side.info.status) for side in sides]
    widest, most = max(map(cell_len, names)), max(cell_len(sign.plain) for sign in signs)
    ids = [side.info.run_id for side in sides]
    n_letters = next((n for n, (a, b) in enumerate(zip(*ids, strict=False)) if a != b), 0) + SHORTEST_ID
    for letter, side, name, sign in zip("AB", sides, names, signs, strict=True):
        facts = [f"in {one_line(side.experiment)}", f"started {moment(side.info.start_time, now_ms)}"]
        facts += [f"{'for' if side.info.end_time is None else 'took'} {duration(side.seconds)}"] if side.seconds is not None else []
        sign.pad_right(most - cell_len(sign.plain))
        line = Text.assemble((letter, "bold"), " ", sign, " ", (name, "bold"), " " * (widest - cell_len(name)), GAP)
        line.append(GAP.join([side.info.run_id[:n_letters], " · ".join(facts)]), "dim")
        line.truncate(room, overflow="ellipsis")
        yield line
    if comparison.a.info.run_id == comparison.b.info.run_id:
        yield Text("That is one run.", "dim")
    elif comparison.is_same:
        yield Text("Nothing differs that was logged, used or measured.", "dim")
    elif verdict := verdict_in_words(comparison):
        yield Text(verdict)


def _title(section: Section, widths: _Widths, *, is_first: bool) -> Text:
    """Its name; over the first one, also those of the columns."""
    line = Text(section.title.ljust(len(INDENT) + widths.key + len(GAP)), "bold")
    if is_first:
        line.append("A".ljust(widths.value + len(GAP)) + "B", "dim")
    line.rstrip()
    return line


def _widths(rows: Sequence[ComparedRow], room: int) -> _Widths:
    """As wide as what is short needs; what is longer stands on lines of its own."""
    scored = [row for row in rows if row.relative]
    delta = max((len(row.note) for row in scored), default=0) if room >= NARROW else 0
    relative = max((len(row.relative) for row in scored), default=0)
    note = max(
        WORD + (delta and delta + len(GAP)) + len(GAP) + relative if scored else 0, *(len(row.note) for row in rows if not row.relative), 0
    )
    key = max((cell_len(row.key) for row in rows), default=0)
    free = room - len(INDENT) - 3 * len(GAP) - note
    texts = [cell_len(text) for row in rows for text in (row.a, row.b) if text is not None]
    most = min(MOST, (free - min(key, room * 3 // 10)) // 2)
    value = max(LEAST, *(width for width in texts if width <= most), 0)
    return _Widths(room, max(LEAST, min(key, free - 2 * value)), value, delta, relative)


def _lines_of(row: ComparedRow, widths: _Widths) -> Iterator[Text]:
    style = "dim" if row.is_same else ""
    key = shortened(row.key, widths.key)
    line = Text.assemble(INDENT, (key, "dim"), " " * (widths.key - cell_len(key)), GAP)
    if any(text is not None and cell_len(text) > widths.value for text in (row.a, row.b)):
        yield from _stacked(row, line, widths, style)
        return
    for place, text in enumerate((row.a, row.b)):
        is_best = row.is_better is not None and row.is_better == bool(place)
        cell = NOTHING if text is None else Text(text, "bold" if is_best else style)
        line.append_text(cell)
        line.append(" " * (widths.value - cell_len(cell.plain)) + GAP)
    line.append_text(_note(row, widths))
    line.rstrip()
    yield line


def _stacked(row: ComparedRow, line: Text, widths: _Widths, style: str) -> Iterator[Text]:
    """One below the other, each alone behind its letter."""
    room = widths.room - cell_len(line.plain) - 2
    texts = texts_apart(row.a or "", row.b or "", room)
    if row.is_same:
        yield Text.assemble(line, (texts[0], style))
        return
    there = [(letter, text) for letter, text, was in zip("AB", texts, (row.a, row.b), strict=True) if was is not None]
    for n, (letter, text) in enumerate(there):
        yield Text.assemble(" " * cell_len(line.plain) if n else line, (f"{letter} ", "dim"), (text, style))
    if row.note:
        yield Text(" " * cell_len(line.plain) + row.note, "dim")


def _note(row: ComparedRow, widths: _Widths) -> Text:
    """How far apart, and for whom."""
    if row.is_same:
        return Text()
    if not row.relative and row.is_better is None:
        return Text(row.note, "dim")
    arrow = "▲" if row.note.startswith("+") else "▼" if row.note.startswith("-") else " "
    word = "" if row.is_better is None else "better" if row.is_better else "worse"
    said = [f"{arrow} {word}".ljust(WORD), *([row.note.rjust(widths.delta)] if widths.delta else []), row.relative.rjust(widths.relative)]
    return Text(GAP.join(said).rstrip(), "dim" if row.is_better is None else "green" if row.is_better else "red")


def _hints(comparison: Comparison, section: Section) -> Iterator[str]:
    if section.name != "code":
        return
    keys = {row.key for row in section.rows if not row.is_same}
    if "commit" in keys and comparison.a.code.commit and comparison.b.code.commit:
        yield f"what was committed between: git diff {comparison.a.code.commit[:10]} {comparison.b.code.commit[:10]}"
    if "uncommitted" in keys:
        yield "the lines: --code"


def _last_lines(comparison: Comparison, *, with_same: bool) -> Iterator[str]:
    lacking = [letter for letter, side in zip("AB", (comparison.a, comparison.b), strict=True) if not side.has_environment]
    if len(lacking) == 1:
        yield f"What {lacking[0]} ran on was not recorded."
    if not with_same and (same := same_in_words(comparison)):
        yield same
