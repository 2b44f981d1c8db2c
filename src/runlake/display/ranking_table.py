"""The best runs by a metric: how far each is from the first, when it was that good, and what varies among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from runlake.display.grid import Column, lines
from runlake.display.metrics import ARROWS
from runlake.display.statuses import with_word
from runlake.display.words import moment, numbers, one_line, shortened, value
from runlake.read.choosing import telling_params
from runlake.read.direction import Goal

__all__ = ["Ranked", "ranking_table", "varying_params"]

NARROW = 100  # cells of a terminal
KEY = 20  # cells of a key in a title
NOTHING = Text("·", "dim")


@dataclass(frozen=True)
class Ranked:
    """A run and its rank: those with equal values have the same. `distance` is how much worse than the best it is."""

    rank: int
    run_id: str
    name: str
    experiment: str
    status: str
    start_ms: int
    value: float
    distance: float
    step: int | None
    params: Mapping[str, Any]


def ranking_table(ranked: Sequence[Ranked], title: str, goal: Goal, now_ms: int, room: int) -> Iterator[Text]:
    """The title line and a line for each run, as wide as the room."""
    sign = "+" if goal == "min" else "-"
    away = [f"{sign}{text}" if text else "" for text in numbers([each.distance if each.distance > 0 else None for each in ranked])]
    steps = ["" if each.step is None else f"{each.step:,}" for each in ranked]
    shelves = [one_line(each.experiment) for each in ranked]
    columns = [
        Column(Text(), [Text(f"{each.rank}", "dim") for each in ranked], is_right=True, is_needed=True),
        Column(Text(), [with_word(each.status) for each in ranked], is_needed=True),
        Column(
            _title("run"),
            [Text(one_line(each.name), "bold") for each in ranked],
            is_needed=True,
            least=12,
            most=20 if room < NARROW else 40,
        ),
    ]
    if len(set(shelves)) > 1:
        columns.append(Column(_title("experiment"), [Text(name) for name in shelves], is_needed=room >= NARROW, least=6, most=24))
    columns += [
        Column(_title(f"{shortened(one_line(title), 2 * KEY)} {ARROWS[goal]}"), _values(ranked), is_right=True, is_needed=True),
        Column(_title("from best"), [Text(text, "dim") for text in away], is_right=True, is_needed=True),
    ]
    if any(steps):
        columns.append(Column(_title("at step"), [Text(text, "dim") for text in steps], is_right=True, is_needed=True))
    columns += [_param(key, [each.params.get(key) for each in ranked]) for key in varying_params(ranked)]
    columns.append(Column(_title("started"), [Text(moment(each.start_ms, now_ms), "dim") for each in ranked]))
    return lines(columns, room)


def varying_params(ranked: Sequence[Ranked]) -> list[str]:
    """The params that tell these runs apart, those first that tell most; at the end those that only name or number a run."""
    keys = sorted({key for each in ranked for key in each.params})
    telling, naming = telling_params({key: [value(each.params[key]) if key in each.params else None for each in ranked] for key in keys})
    return [*telling, *naming]


def _values(ranked: Sequence[Ranked]) -> list[Text]:
    texts = numbers([each.value for each in ranked])
    apart = {each.value for each in ranked}
    if len(set(texts)) < len(apart):  # four digits do not tell them apart
        texts = [f"{each.value:.7g}" for each in ranked]
    return [Text(text, "bold green" if each.rank == 1 else "") for each, text in zip(ranked, texts, strict=True)]


def _param(key: str, values: Sequence[Any]) -> Column:
    is_number = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values if each is not None)
    cells = [NOTHING if each is None else Text(value(each)) for each in values]
    return Column(_title(shortened(one_line(key), KEY)), cells, is_right=is_number)


def _title(text: str) -> Text:
    return Text(text, "dim")
