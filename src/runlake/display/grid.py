"""Columns side by side, as many as the room lets: a line for each row, never broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from runlake.display.words import shortened

__all__ = ["Column", "in_columns", "lines"]

GAP = "  "
FEW = 6  # that stand below each other, however much room there is
WIDE = 40  # cells of a value that stands beside others


@dataclass(frozen=True)
class Column:
    """Cells below a title. Where there is no room a column is left out, but one that is needed is cut to `least` cells, if it has any.

    It is at first at most `most` cells wide, and wider where room is left when all have theirs.
    """

    title: Text
    cells: Sequence[Text]
    is_right: bool = False
    is_needed: bool = False
    least: int | None = None
    most: int = 24

    @property
    def natural(self) -> int:
        """As wide as its widest cell."""
        return _widest((self.title, *self.cells))


def lines(columns: Sequence[Column], room: int | None) -> Iterator[Text]:
    """The title line and the rows, each at most `room` cells wide; without a `room` nothing is cut or left out."""
    widths = _widths(columns, room) if room is not None else [column.natural for column in columns]
    shown = [(column, width) for column, width in zip(columns, widths, strict=True) if width]
    for row in zip(*((column.title, *column.cells) for column, _ in shown), strict=True):
        line = Text()
        for cell, (column, width) in zip(row, shown, strict=True):
            _append(line, cell, width, is_right=column.is_right)
        line.rstrip()
        if room is not None:
            line.truncate(room, overflow="ellipsis")
        yield line


def in_columns(pairs: Sequence[tuple[Text, Text]], room: int) -> Iterator[Text]:
    """Names with their values, from above to below; of many, in as many columns as the room lets."""
    if not pairs:
        return
    n_lines = next((n for n in range(1, len(pairs)) if _fits(_blocks(pairs, n), room)), len(pairs)) if len(pairs) > FEW else len(pairs)
    blocks = _blocks(pairs, n_lines)
    widths = [_widths_of(block) for block in blocks]
    if len(blocks) == 1:
        name = min(widths[0][0], room // 2)
        widths = [(name, room - name - len(GAP))]
    for row in zip_longest(*blocks):
        line = Text()
        for pair, (name, value) in zip(row, widths, strict=True):
            if pair:
                _append(line, pair[0], name)
                _append(line, pair[1], value)
                line.append(GAP)
        line.rstrip()
        yield line


def _blocks(pairs: Sequence[tuple[Text, Text]], n_lines: int) -> list[Sequence[tuple[Text, Text]]]:
    return [pairs[start : start + n_lines] for start in range(0, len(pairs), n_lines)]


def _fits(blocks: Sequence[Sequence[tuple[Text, Text]]], room: int) -> bool:
    return sum(sum(_widths_of(block)) for block in blocks) + len(GAP) * (3 * len(blocks) - 2) <= room


def _widths_of(block: Sequence[tuple[Text, Text]]) -> tuple[int, int]:
    return _widest(name for name, _ in block), min(WIDE, _widest(value for _, value in block))


def _widest(texts: Iterable[Text]) -> int:
    return max(cell_len(text.plain) for text in texts)


def _widths(columns: Sequence[Column], room: int) -> list[int]:
    """How wide each column is; 0 for one that is left out."""
    naturals = [column.natural for column in columns]
    widths = [min(natural, column.most) if column.is_needed else 0 for column, natural in zip(columns, naturals, strict=True)]
    while _taken(widths) > room:
        spare = [0 if column.least is None else width - column.least for column, width in zip(columns, widths, strict=True)]
        if max(spare) <= 0:
            break
        widths[spare.index(max(spare))] -= 1
    for n, column in enumerate(columns):
        width = min(naturals[n], column.most)
        if not column.is_needed and _taken(widths) + width + len(GAP) <= room:
            widths[n] = width
    for n, natural in enumerate(naturals):
        if widths[n]:
            widths[n] += max(0, min(natural - widths[n], room - _taken(widths)))
    return widths


def _taken(widths: Sequence[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + len(GAP) * (len(shown) - 1)


def _append(line: Text, cell: Text, width: int, *, is_right: bool = False) -> None:
    """Put a cell behind what is there, cut where it is too wide, and a gap."""
    spare = width - cell_len(cell.plain)
    if spare < 0:
        cell, spare = Text(shortened(cell.plain, width), cell.style), 0
    line.append(" " * spare if is_right else "")
    line.append_text(cell)
    line.append(GAP if is_right else " " * spare + GAP)
