"""Where the lines of a scale stand, and what is written there: round numbers, round times."""

from __future__ import annotations

import math
from datetime import datetime

from runlake.display.words import number

__all__ = ["Tick", "log_ticks", "number_ticks", "span_ticks", "step_ticks", "time_ticks"]

Tick = tuple[float, str]  # where, and what is written there

_SPANS = (
    *(n * unit for unit, each in ((1, (1, 2, 5, 10, 15, 30)), (60, (1, 2, 5, 10, 15, 30)), (3600, (1, 2, 3, 6, 12))) for n in each),
    *(n * 86_400 for n in (1, 2, 5, 10, 30, 60, 90, 180, 365)),
)


def number_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Multiples of 1, 2 or 5 times a power of ten, with as many decimals as that has."""
    if not low < high:
        return [(low, number(low))]
    step = _round_step(high / max(1, most) - low / max(1, most))  # the difference may be more than a double holds
    places = _multiples(low, high, step)
    decimals = max(0, -math.floor(math.log10(step)))
    is_short = decimals <= 5 and max(abs(low), abs(high)) < 1e7
    return [(place, f"{place:,.{decimals}f}" if is_short else number(place)) for place in places]


def step_ticks(low: float, high: float, most: int) -> list[Tick]:
    """The same of whole numbers, large ones in thousands or millions."""
    step = max(1.0, _round_step((high - low) / max(1, most)))
    unit, letter = next(
        ((unit, letter) for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if step >= unit / 10 and high >= 10 * unit), (1, "")
    )
    return [(place, f"{place / unit:,.10g}{letter if place else ''}") for place in _multiples(low, high, step)]


def log_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Powers of ten; where these are few, twice and five times these as well; where there are none, round numbers. All are above zero."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1,), (1, 3), (1, 2, 5)):
        places = [float(f"{factor}e{power}") for power in range(first, last + 1) for factor in factors]
        found = [place for place in places if low <= place <= high]
        if len(found) >= min(3, most):
            every = -(-len(found) // max(1, most))
            return [(place, number(place)) for place in found[::every]]
    return [(place, text) for place, text in number_ticks(low, high, most) if place > 0]


def span_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Seconds since something began."""
    if high - low < 2:
        return [(place, f"{text}s") for place, text in number_ticks(low, high, most)]
    step = _time_step((high - low) / max(1, most))
    return [(place, _span(place, step)) for place in _multiples(low, high, step)]


def time_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Seconds since 1970, by the clock of this machine."""
    step = _time_step((high - low) / max(1, most))
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"
    offset = datetime.fromtimestamp(low).astimezone().utcoffset()
    ahead = offset.total_seconds() if offset else 0.0
    places = [place - ahead for place in _multiples(low + ahead, high + ahead, step)]
    return [(place, f"{datetime.fromtimestamp(place):{form}}") for place in places]


def _span(seconds: float, step: float) -> str:
    """Such as 40s, 5m, 1h 30m, 2d."""
    units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")]
    left, said = round(seconds), list[str]()
    for length, letter in units:
        n, left = divmod(left, length)
        if n or (not said and length <= step):
            said.append(f"{n}{letter}")
    return " ".join(said[:2]) if seconds else "0"


def _round_step(rough: float) -> float:
    """The next greater of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _time_step(rough: float) -> float:
    return next((span for span in _SPANS if span >= rough), _round_step(rough))


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]
