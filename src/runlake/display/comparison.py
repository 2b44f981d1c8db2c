"""What tells two runs apart, in words: sections of rows, which a terminal and a notebook lay out each in its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runlake.display.apart import numbers_apart, values_apart
from runlake.display.metrics import ARROWS
from runlake.display.words import count, number, one_line, size, value
from runlake.read.comparing import Comparison
from runlake.read.comparing.changes import ABSENT, Change
from runlake.read.comparing.scores import MetricChange

__all__ = ["ComparedRow", "Section", "same_in_words", "sections_of", "verdict_in_words"]

MOST_ROWS = {"params": 40, "artifacts": 12, "packages": 12, "metrics": 40}  # that are shown of a kind; of others all

COMMIT = 10  # letters of one

_TITLES = {"data": "data sets", "system_tags": "system tags"}
_ONE = {
    "metrics": "metric",
    "params": "param",
    "data": "data set",
    "code": "fact of the code",
    "packages": "package",
    "machine": "fact of the machine",
    "artifacts": "artifact",
    "tags": "tag",
    "system_tags": "system tag",
}
_MANY = {"code": "facts of the code", "machine": "facts of the machine"}


@dataclass(frozen=True)
class ComparedRow:
    """What both runs say of one thing, None where one does not; how far apart that is, and whether `b` is better."""

    key: str
    a: str | None
    b: str | None
    note: str = ""
    relative: str = ""
    is_better: bool | None = None
    is_same: bool = False


@dataclass(frozen=True)
class Section:
    """Rows of one kind, and how many more there are that are not shown."""

    name: str
    title: str
    rows: Sequence[ComparedRow]
    left: int = 0


def sections_of(comparison: Comparison, *, with_same: bool = False) -> Iterator[Section]:
    """The kinds of things that differ; `with_same` also those that do not, and the tags that nobody set by hand."""
    for name, found in comparison.sections():
        if name == "system_tags" and not with_same:
            continue
        rows = [_ROWS.get(name, _row)(change) for change in found.different]
        shown = rows if with_same else rows[: MOST_ROWS.get(name, len(rows))]
        if with_same:
            shown = [*shown, *(_as_same(_ROWS.get(name, _row)(change)) for change in found.same)]
        if shown:
            yield Section(name, _TITLES.get(name, name), shown, len(rows) - len(shown) if not with_same else 0)


def verdict_in_words(comparison: Comparison) -> str:
    """In how many metrics the second run is better."""
    told = [change.better for change in comparison.metrics.different if change.better is not None]
    same = sum(change.goal is not None for change in comparison.metrics.same)
    if not told:
        return ""
    better, worse = told.count("b"), told.count("a")
    said = [f"better in {better:,}" if better else "", f"worse in {worse:,}" if worse else "", f"equal in {same:,}" if same else ""]
    return f"B is {', '.join(filter(None, said))} of {count(len(told) + same, 'metric')} that both have."


def same_in_words(comparison: Comparison) -> str:
    """How much of everything is the same."""
    found = {name: len(kind.same) for name, kind in comparison.sections() if name != "system_tags"}
    whole = {name for name, kind in comparison.sections() if name in _MANY and kind.same and not kind.different}
    said = [f"the {name}" if name in whole else count(n, _ONE[name], _MANY.get(name)) for name, n in found.items() if n]
    return f"The same: {', '.join(said)}." if said else ""


def _metric(change: MetricChange) -> ComparedRow:
    a, b = (ABSENT if value is None else value for value in (change.a, change.b))
    texts = _both(a, b, numbers_apart, number)
    name = f"{one_line(change.key)} {ARROWS[change.goal]}" if change.goal else one_line(change.key)
    is_better = None if change.better is None else change.better == "b"
    if change.a == change.b and change.last_a is not None and change.last_b is not None and not change.is_same:
        return ComparedRow(name, *texts, note=f"last {' → '.join(numbers_apart(change.last_a, change.last_b))}")
    if change.delta is None or change.is_same:
        return ComparedRow(name, *texts, is_better=is_better)
    return ComparedRow(name, *texts, _signed(change.delta), _percent(change.relative), is_better)


def _signed(of: float) -> str:
    return f"+{number(of)}" if of > 0 else number(of)


def _percent(relative: float | None) -> str:
    """How much more or less; where that is many times as much, how many times."""
    if relative is None:
        return ""
    if relative >= 9:
        return f"{number(relative + 1)} times"
    return f"{relative * 100:+.{0 if abs(relative) >= 0.0995 else 1}f} %" if abs(relative) >= 0.00095 else f"{relative * 100:+.1g} %"


def _row(change: Change) -> ComparedRow:
    return ComparedRow(one_line(change.key), *_both(change.a, change.b, values_apart, value))


def _data(change: Change) -> ComparedRow:
    return ComparedRow(one_line(change.key), *_both(change.a, change.b, lambda a, b: (_facts(a), _facts(b)), _facts))


def _facts(of: Mapping[str, Any]) -> str:
    sizes = [count(of[name], name.removesuffix("s")) for name in ("rows", "columns") if name in of]
    return one_line(", ".join([f"digest {of['digest']}", *sizes]))


def _package(change: Change) -> ComparedRow:
    return ComparedRow(one_line(change.key), *_both(change.a, change.b, lambda a, b: (value(a), value(b)), value))


def _code(change: Change) -> ComparedRow:
    def shown(text: str) -> str:
        return one_line(text[:COMMIT] if change.key == "commit" else text)

    texts = _both(change.a, change.b, lambda a, b: (shown(a), shown(b)), shown)
    return ComparedRow(change.key, *texts, note="other lines" if change.key == "uncommitted" and texts[0] == texts[1] else "")


def _file(change: Change) -> ComparedRow:
    texts = _both(change.a, change.b, lambda a, b: (size(a["bytes"]), size(b["bytes"])), lambda of: size(of["bytes"]))
    return ComparedRow(one_line(change.key), *texts, note="other content" if texts[0] == texts[1] else "")


def _both(a: Any, b: Any, both: Callable[[Any, Any], tuple[str, str]], one: Callable[[Any], str]) -> tuple[str | None, str | None]:
    """The texts of both, or of the one that is there."""
    if a is not ABSENT and b is not ABSENT:
        return both(a, b)
    return (None if a is ABSENT else one(a)), (None if b is ABSENT else one(b))


def _as_same(row: ComparedRow) -> ComparedRow:
    return replace(row, is_same=True)


_ROWS: dict[str, Callable[[Any], ComparedRow]] = {
    "metrics": _metric,
    "data": _data,
    "code": _code,
    "packages": _package,
    "artifacts": _file,
}
