"""Values of runs, literals and orders: what each is of a run, and how somebody may type it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal

from plain_runs import PlainRun

__all__ = ["Number", "Order", "Text", "Value", "cased", "in_order", "moment", "number_of", "seconds", "space"]

AGGREGATES = ("last", "min", "max", "first", "mean")
PREFIXES = {
    "metric": ["metrics", "metric", "Metrics"],
    "param": ["params", "param", "parameter", "PARAMETERS"],
    "tag": ["tags", "tag"],
    "attribute": ["attributes", "attribute", "attr", "run"],
    "dataset": ["datasets", "dataset"],
}
MOMENTS = ("start_time", "end_time", "duration")
SPANS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Entity = Literal["metric", "param", "tag", "attribute", "dataset"]


@dataclass(frozen=True)
class Value:
    """A value that a run may have; of a metric what is wanted of it, and where one is `bare` its kind goes without saying."""

    entity: Entity
    key: str
    stat: str = "last"
    at: int | str | None = None
    is_bare: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is one whatever was logged."""
        return self.entity == "metric" or (self.key in MOMENTS and self.entity == "attribute")

    def of(self, run: PlainRun, now_ms: int) -> float | str | None:
        """What this run has."""
        if self.entity == "metric":
            return run.stat(self.key, self.stat) if self.at is None else run.at(self.key, self.at)
        if self.entity == "attribute":
            return run.moment(self.key, now_ms) if self.is_number else run.attributes.get(self.key)
        return (run.params if self.entity == "param" else run.tags).get(self.key)

    def typed(self, typist: Random) -> str:
        """As somebody may name it."""
        prefix = "" if self.is_bare else f"{typist.choice(PREFIXES[self.entity])}."
        is_like_a_stat = self.entity == "metric" and self.key.rpartition(".")[2] in AGGREGATES
        name = prefix + _key(self.key, typist, may_be_plain=not is_like_a_stat)
        if self.at is not None:
            at = str(self.at) if isinstance(self.at, int) else f"{cased('best', typist)}({_best(self.at, typist)})"
            return name + space(typist) + "@" + space(typist) + at
        if self.entity != "metric" or (self.stat == "last" and typist.random() < 0.7):
            return name
        if name.endswith(("`", '"')) or f"{self.key}.{self.stat}" != "loss.min":
            return f"{name}.{self.stat}"
        return f"{prefix}`{self.key}`.{self.stat}"  # there is a metric of that name


@dataclass(frozen=True)
class Number:
    """A number without quotes; for a duration or a time `text` is what is typed, a span or a day."""

    value: float
    text: str = ""

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        if self.text:
            return self.text
        if not math.isfinite(self.value):
            return cased(str(self.value), typist)
        whole = [str(int(self.value)), f"{int(self.value)}.", f"{int(self.value)}e0"] if self.value == int(self.value) else []
        return typist.choice([repr(self.value), f"{self.value:+}", f"{self.value:.17e}", *whole])


@dataclass(frozen=True)
class Text:
    """A text in quotes, or a word without."""

    value: str

    def typed(self, typist: Random) -> str:
        """In either kind of quotes."""
        is_word = re.fullmatch(r"(?!(nan|inf|infinity)$)[A-Za-z_]\w*", self.value, re.ASCII | re.IGNORECASE)
        if is_word and typist.random() < 0.3:
            return self.value
        quote = typist.choice("'\"")
        return quote + self.value.replace(quote, quote * 2) + quote


@dataclass(frozen=True)
class Order:
    """What runs are sorted by."""

    value: Value
    is_descending: bool

    def typed(self, typist: Random) -> str:
        """As somebody may write it."""
        ends = [cased(" desc", typist)] if self.is_descending else ["", cased(" asc", typist)]
        return self.value.typed(typist) + typist.choice(ends)


def in_order(runs: Sequence[PlainRun], orders: Sequence[Order], now_ms: int) -> list[PlainRun]:
    """Sorted by the last order first: numbers, then other texts, then NaN, then runs without a value; and these the newest first."""
    found = sorted(sorted(runs, key=lambda run: run.run_id), key=lambda run: -run.start_ms)
    for order in reversed(orders):
        values = {run.run_id: order.value.of(run, now_ms) for run in runs}
        as_number = order.value.entity in ("param", "tag")
        kinds: dict[int, list[PlainRun]] = {0: [], 1: [], 2: [], 3: []}
        keys: dict[str, float | str] = {}
        for run in found:
            kind, keys[run.run_id] = _sortable(values[run.run_id], as_number)
            kinds[kind].append(run)
        for kind in (0, 1):
            kinds[kind].sort(key=lambda run: keys[run.run_id], reverse=order.is_descending)  # which keeps the order of equal ones
        found = [run for kind in range(4) for run in kinds[kind]]
    return found


def _sortable(value: float | str | None, as_number: bool) -> tuple[int, float | str]:
    if value is None:
        return 3, 0
    number = value if not isinstance(value, str) else number_of(value) if as_number else None
    if number is None:
        return 1, value
    return (2, 0) if math.isnan(number) else (0, number)


def moment(text: str, now_ms: int) -> Number:
    """A day, or a span before now."""
    if text.startswith("-"):
        return Number(now_ms + seconds(text) * 1000, text)
    return Number(datetime.fromisoformat(text).timestamp() * 1000, text)


def seconds(text: str) -> float:
    """Of a span."""
    number, unit = re.fullmatch(r"(.*?)([a-z]+)", text).groups()  # type: ignore[union-attr]  # every text here has a number and a unit
    return float(number) * SPANS[unit]


def number_of(text: str) -> float | None:
    """The number that a text is, if it is one."""
    try:
        return float(text)
    except ValueError:
        return None


def cased(word: str, typist: Random) -> str:
    """In small letters or large ones."""
    return typist.choice([word.lower(), word.upper(), word.title()])


def space(typist: Random) -> str:
    """Of whatever length."""
    return typist.choice(["", " ", "  ", "\n\t"])


def _key(key: str, typist: Random, *, may_be_plain: bool) -> str:
    is_word = re.fullmatch(r"[^\s'\"`=!<>~@(),]+", key) and key.upper() not in ("NOT", "HAS", "IN", "BEST")
    if is_word and may_be_plain and typist.random() < 0.6:
        return key
    quote = typist.choice('`"')
    return quote + key.replace(quote, quote * 2) + quote


def _best(key: str, typist: Random) -> str:
    return f"{typist.choice(PREFIXES['metric'])}.{_key(key, typist, may_be_plain=key.rpartition('.')[2] not in AGGREGATES)}"
