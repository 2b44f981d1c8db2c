"""What is worth a column: the metric that runs are compared by, and the params that tell them apart."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from runlake.read.direction import direction
from runlake.read.outcomes import is_aside, is_of_validation, words_of

__all__ = ["by_weight", "telling_params"]

RARE = 3  # what fewer than one run in so many has is not what they are compared by
WIDE = 24  # cells; wider columns are cut

_CHANCE = set("seed random".split())


def by_weight(n_runs: Mapping[str, int], goals: Iterable[str]) -> list[str]:
    """Metrics, that first which runs are compared by: one with a goal, of validation, of an outcome, that most runs have."""
    told, most = set(goals), max(n_runs.values(), default=0)

    def weight(key: str) -> tuple[object, ...]:
        is_rare = n_runs[key] * RARE < most
        is_wanted = key in told and not is_rare
        is_later = is_rare or not is_of_validation(key)
        return (not is_wanted, is_aside(key), is_later, -n_runs[key], direction(key) == "min", len(set(words_of(key))), key)

    return sorted(n_runs, key=weight)


def telling_params(columns: Mapping[str, Sequence[str | None]]) -> tuple[list[str], list[str]]:
    """The params that differ among runs, those first that tell most in the least room; apart, those that only name or number a run."""
    varying = {key: column for key, column in columns.items() if len(set(column)) > 1}
    in_order = sorted(varying, key=lambda key: (-_told(key, varying[key]), key))
    names = {key for key in in_order if _is_name(key, varying[key])}
    return [key for key in in_order if key not in names], [key for key in in_order if key in names]


def _told(key: str, column: Sequence[str | None]) -> float:
    """Bits for a cell of the terminal, or so, by how many runs have it."""
    counts, known = Counter(column), [text for text in column if text is not None]
    bits = -sum(n / len(column) * math.log2(n / len(column)) for n in counts.values())
    width = max(_width(text) for text in (key, *known))
    return bits * len(known) / len(column) / math.sqrt(min(width, WIDE))


def _width(text: str) -> int:
    """Of a text in cells of a terminal."""
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(letter) in "FW" else 1 for letter in text)


def _is_name(key: str, column: Sequence[str | None]) -> bool:
    """Whether it is as good as different in every run without meaning more or less: a seed, a path."""
    if _CHANCE & set(words_of(key)):
        return True
    known = [text for text in column if text is not None]
    return len(known) > 3 and len(set(known)) > 0.9 * len(known) and not all(map(_is_number, known))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
