"""Numbers, times, sizes and texts in as few letters as tell them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

__all__ = ["count", "date", "duration", "moment", "number", "numbers", "one_line", "shortened", "size", "value"]

DIGITS = 4
WEEK = 7 * 86_400
_STEPS = ((86_400, "day", "days"), (3600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def number(of: float) -> str:
    """Four digits of it that count."""
    if not math.isfinite(of):
        return "NaN" if of != of else "∞" if of > 0 else "-∞"
    if 9999.5 <= abs(of) < 1e9:
        return f"{of:,.0f}"
    return f"{of:.{DIGITS}g}".replace("e+0", "e+").replace("e-0", "e-")


def numbers(of: Sequence[float | None]) -> list[str]:
    """Numbers that stand below each other, with the same number of decimals where they are about as great; "" for None."""
    finite = [each for each in of if each is not None and math.isfinite(each)]
    greatness = sorted(math.floor(math.log10(abs(each))) for each in finite if each)
    if not greatness or greatness[0] < -4 or greatness[-1] > 5 or greatness[-1] - greatness[0] > DIGITS or _are_whole(finite):
        return ["" if each is None else number(each) for each in of]
    decimals = max(0, DIGITS - 1 - greatness[len(greatness) // 2])
    return ["" if each is None else f"{each:,.{decimals}f}" if math.isfinite(each) else number(each) for each in of]


def value(of: Any) -> str:
    """A param."""
    if isinstance(of, float):
        return number(of)
    return one_line(str(of))


def duration(seconds: float | None) -> str:
    """40us, 12ms, 3.4s, 11m 58s, 2h 05m, 3d 04h."""
    if seconds is None or seconds < 0:
        return ""
    if 0 < seconds < 0.0009995:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86_400:,}d {whole % 86_400 // 3600:02d}h"


def moment(ms: int, now_ms: int) -> str:
    """How long ago that was; the date where it was more than a week."""
    seconds = (now_ms - ms) // 1000
    if not -60 <= seconds < WEEK:
        return date(ms)[:10]
    for length, one, many in _STEPS:
        if seconds >= length:
            n = seconds // length
            return f"{n} {one if n == 1 else many} ago"
    return "just now"


def date(ms: int) -> str:
    """The time by the clock of this machine."""
    try:
        return f"{datetime.fromtimestamp(ms / 1000):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):  # a time that somebody made up
        return f"{ms} ms"


def size(in_bytes: float) -> str:
    """As disks are sold: 1 kB is 1000 bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if in_bytes < 999.5:
            return f"{in_bytes:.3g} {unit}"
        in_bytes /= 1000
    return f"{in_bytes:.3g} TB"


def count(n: int, one: str, many: str | None = None) -> str:
    """1 run, 2 runs."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def one_line(text: str) -> str:
    """The text with nothing in it that a terminal would obey."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shortened(text: str, room: int) -> str:
    """A text that fits into so many cells: of a long one the beginning and the end, which is where generated names differ."""
    if cell_len(text) <= room:
        return text
    tail = room // 3
    end = set_cell_size(text[::-1], tail)[::-1] if tail else ""
    return f"{set_cell_size(text, room - tail - 1).rstrip()}…{end.lstrip()}"


def _are_whole(found: Sequence[float]) -> bool:
    return all(each.is_integer() for each in found)
