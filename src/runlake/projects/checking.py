"""Whether two runs came to the same: the last values of all their metrics, but for those of the machine."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["Difference", "compared"]

OF_MACHINE = "system/"


@dataclass(frozen=True)
class Difference:
    """A metric that is not the same in both; None where one does not have it."""

    key: str
    then: float | None
    now: float | None


def compared(
    then: Mapping[str, float], now: Mapping[str, float], tolerance: float, ignored: Collection[str]
) -> tuple[int, list[Difference]]:
    """How many metrics were compared, and which differ by more than the tolerance, relative to the greater one, or are missing."""
    keys = sorted(key for key in {*then, *now} if not key.startswith(OF_MACHINE) and key not in ignored)
    found = (Difference(key, then.get(key), now.get(key)) for key in keys)
    return len(keys), [each for each in found if not _is_same(each.then, each.now, tolerance)]


def _is_same(then: float | None, now: float | None, tolerance: float) -> bool:
    if then is None or now is None:
        return False
    return (math.isnan(then) and math.isnan(now)) or math.isclose(then, now, rel_tol=tolerance)
