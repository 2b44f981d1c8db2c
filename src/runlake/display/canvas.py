"""A drawing made of letters: of braille, where each has two by four dots, or of plain letters, one to a cell."""

from __future__ import annotations

import numpy as np
from rich.text import Text

__all__ = ["BRAILLE", "LETTERS", "Canvas", "Grain"]

Grain = tuple[int, int]  # dots of a cell, across and down
BRAILLE: Grain = (2, 4)
LETTERS: Grain = (1, 1)

_FIRST = 0x2800  # the braille letter without dots
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.int64)


class Canvas:
    """Dots, counted from the upper left, and by whom each cell was drawn last: `marks` are their letters, `styles` their colours."""

    def __init__(self, width: int, height: int, grain: Grain, marks: str, styles: list[str]) -> None:
        self.dots_across, self.dots_down = width * grain[0], height * grain[1]
        self._grain = grain
        self._marks = marks
        self._styles = styles
        self._dots = np.zeros((self.dots_down, self.dots_across), bool)
        self._drawn_by = np.full((height, width), -1)

    def column(self, x: int, top: int, bottom: int, who: int) -> None:
        """All dots from one to the other."""
        self._set(np.arange(top, bottom + 1), np.full(bottom + 1 - top, x), who)

    def line(self, x0: int, y0: int, x1: int, y1: int, who: int) -> None:
        """The dots nearest to a straight line."""
        n = max(abs(x1 - x0), abs(y1 - y0)) + 1
        xs, ys = np.rint(np.linspace(x0, x1, n)).astype(int), np.rint(np.linspace(y0, y1, n)).astype(int)
        self._set(ys, xs, who)

    def lines(self) -> list[Text]:
        """What was drawn, from above to below."""
        across, down = self._grain
        height, width = self._drawn_by.shape
        cells = self._dots.reshape(height, down, width, across)
        codes = np.einsum("hdwa,da->hw", cells, _BITS[:down, :across])
        return [self._row(codes[row], self._drawn_by[row]) for row in range(height)]

    def _row(self, codes: np.ndarray, drawn_by: np.ndarray) -> Text:
        line = Text()
        for code, who in zip(codes.tolist(), drawn_by.tolist(), strict=True):
            letter = " " if not code else chr(_FIRST + code) if self._grain == BRAILLE else self._marks[who % len(self._marks)]
            line.append(letter, self._styles[who % len(self._styles)] if code else "")
        return line

    def _set(self, ys: np.ndarray, xs: np.ndarray, who: int) -> None:
        is_inside = (ys >= 0) & (ys < self.dots_down) & (xs >= 0) & (xs < self.dots_across)
        ys, xs = ys[is_inside], xs[is_inside]
        self._dots[ys, xs] = True
        self._drawn_by[ys // self._grain[1], xs // self._grain[0]] = who
