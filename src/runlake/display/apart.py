"""Two values, written so that one sees where they differ."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len

from runlake.display.words import number, one_line, shortened, value

__all__ = ["numbers_apart", "texts_apart", "values_apart"]

MOST_DIGITS = 17  # that tell any two doubles apart
BEFORE = 8  # letters that are left before the first that differs


def numbers_apart(a: float, b: float) -> tuple[str, str]:
    """With four digits that count, or as many as it takes."""
    texts = number(a), number(b)
    digits = 5
    while texts[0] == texts[1] and a != b and digits <= MOST_DIGITS:
        texts = f"{a:.{digits}g}", f"{b:.{digits}g}"
        digits += 1
    return texts


def values_apart(a: Any, b: Any) -> tuple[str, str]:
    """Values of a param: a text that reads as a number has its quotes where the other one is that number."""
    if all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (a, b)):
        whole = all(isinstance(each, int) for each in (a, b))
        return (str(a), str(b)) if whole else numbers_apart(a, b)
    said = value(a), value(b)
    return said if said[0] != said[1] or type(a) is type(b) else (one_line(repr(a)), one_line(repr(b)))


def texts_apart(a: str, b: str, room: int) -> tuple[str, str]:
    """Texts that fit into so many cells: where both are too long, what they begin with alike is left out."""
    if cell_len(a) <= room or cell_len(b) <= room:
        return shortened(a, room), shortened(b, room)
    same = next((n for n, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b))) - BEFORE
    return (shortened(f"…{a[same:]}", room), shortened(f"…{b[same:]}", room)) if same > 1 else (shortened(a, room), shortened(b, room))
