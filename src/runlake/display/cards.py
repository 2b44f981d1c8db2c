"""Runs, series and comparisons as pieces of HTML for a notebook: no script, nothing from elsewhere, seen on light and on dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from runlake.display.comparison import ComparedRow, Section, same_in_words, sections_of, verdict_in_words
from runlake.display.markup import BAD, CELL, GOOD, MONO, RIGHT, card, folded, short, sign, table, td, th, tr
from runlake.display.metrics import ARROWS
from runlake.display.plot import plot_of_series
from runlake.display.svg import FAINT, escaped, spark
from runlake.display.words import count, date, duration, number, numbers, size, value
from runlake.read import Run, Series
from runlake.read.choosing import by_weight, telling_params
from runlake.read.comparing import Comparison
from runlake.read.comparing.whole import ComparedRun
from runlake.read.direction import GOAL_TAG, direction, has_direction

__all__ = ["comparison_card", "run_card", "runs_card", "series_card"]

MOST_METRICS, MOST_PARAMS = 12, 12  # of a run that are seen at once
MOST_FOLDED = 100  # of each kind that are there at all
MOST_RUNS, MOST_COLUMNS = 20, 5
LONG = 160  # letters of a value that may go on in another line
SPARK = 120  # pieces of a curve


def run_card(run: Run) -> str:
    """A run: how it stands, its metrics with their curves, its params, and the rest to be opened."""
    info = run.info
    keys = _metrics_of(run)
    tags = {key: text for key, text in sorted(run.tags.items()) if not key.startswith(("mlflow.", "runlake."))}
    note = run.tags.get("mlflow.note.content")
    took = f"took {duration(info.duration)}" if info.duration is not None else ""
    facts = [str(run.liveness).lower(), f"started {date(info.start_time)}", took, f"by {info.user_id}" if info.user_id else ""]
    parts = [
        f"<div>{sign(info.status)} <b>{escaped(info.run_name)}</b> <span style='{MONO};{FAINT}'>{escaped(info.run_id)}</span></div>",
        f"<div style='{FAINT}'>{escaped(' · '.join(filter(None, facts)))}</div>",
        f"<div style='font-style:italic'>{escaped(note)}</div>" if note else "",
        "".join(f"<div style='color:{BAD}'>{escaped(error)}</div>" for error in run.errors[:5]),
        _metric_table(run, keys[:MOST_METRICS]),
        _more_metrics(run, keys[MOST_METRICS:]),
        _pairs_section("param", run.params),
        _pairs_section("tag", tags),
        _pairs_section("artifact", {name: size(n) for name, n in run.artifacts.items()}, most=0),
    ]
    return card("".join(parts))


def runs_card(runs: Sequence[Run]) -> str:
    """Runs as a table: how they stand, the metrics that they are compared by, and the params that tell them apart."""
    shown = list(runs)[:MOST_RUNS]
    if not shown:
        return card(f"<span style='{FAINT}'>no runs</span>")
    goals = {tag: text for run in shown for tag, text in run.tags.items() if tag.startswith(GOAL_TAG)}
    known = [key for run in shown for key in run.data.metrics]
    metrics = by_weight({key: known.count(key) for key in known}, [tag.removeprefix(GOAL_TAG) for tag in goals])[:MOST_COLUMNS]
    params = sorted({key for run in shown for key in run.params})
    texts = {key: [value(run.params[key]) if key in run.params else None for run in shown] for key in params}
    telling, naming = telling_params(texts)
    varying = [*telling, *naming][: 2 * MOST_COLUMNS]
    titles = [th(""), th("run"), th("started"), th("took", right=True)]
    titles += [th(f"{key} {ARROWS[direction(key, goals)]}", right=True) for key in metrics] + [th(key) for key in varying]
    columns = [_best_bold([run.data.metrics.get(key) for run in shown], direction(key, goals)) for key in metrics]
    rows = []
    for n, run in enumerate(shown):
        info = run.info
        cells = [td(sign(info.status)), td(f"<b>{short(info.run_name)}</b>"), td(date(info.start_time)[:16], faint=True)]
        cells += [td(duration(info.duration), right=True, faint=True), *(td(column[n], right=True) for column in columns)]
        cells += [td(short(texts[key][n] or "·")) for key in varying]
        rows.append(tr(cells))
    more = f"<div style='{FAINT}'>{len(shown):,} of {count(len(runs), 'run')}</div>" if len(runs) > len(shown) else ""
    return card(table(titles, rows) + more)


def series_card(series: Series) -> str:
    """A series: its picture, and what there is to say of it in a line."""
    (picture,) = plot_of_series(series).svgs()
    said = f"{count(len(series), 'point')} · last {number(series.last)} · least {number(series.min)} · greatest {number(series.max)}"
    return card(f"{picture}<div style='{FAINT}'>{escaped(said)}</div>")


def comparison_card(comparison: Comparison) -> str:
    """What tells two runs apart; what does not differ is summed up."""
    sides = "".join(_side(letter, side) for letter, side in zip("AB", (comparison.a, comparison.b), strict=True))
    verdict = verdict_in_words(comparison) or ("" if not comparison.is_same else "Nothing differs that was logged, used or measured.")
    sections = [_section(section) for section in sections_of(comparison)]
    same = same_in_words(comparison)
    return card(
        f"{table([], [sides])}<div style='margin:6px 0'>{escaped(verdict)}</div>"
        f"{table([th(''), th('A'), th('B'), th(''), th('')], [row for rows in sections for row in rows]) if sections else ''}"
        f"<div style='{FAINT};margin-top:6px'>{escaped(same)}</div>"
    )


def _side(letter: str, side: ComparedRun) -> str:
    info = side.info
    took = duration(side.seconds) if side.seconds is not None else ""
    facts = " · ".join([f"in {side.experiment}", f"started {date(info.start_time)}", *([f"took {took}"] if took else [])])
    name = f"<b>{short(info.run_name)}</b>"
    return tr(
        [
            td(f"<b>{letter}</b>"),
            td(sign(info.status)),
            td(name),
            td(f"<span style='{MONO}'>{escaped(info.run_id)}</span>", faint=True),
            td(escaped(facts), faint=True),
        ]
    )


def _section(section: Section) -> Iterable[str]:
    """The rows of a kind, below its name."""
    title = f"<td colspan='5' style='{CELL};padding-top:10px'><b>{escaped(section.title)}</b></td>"
    left = f"<td colspan='5' style='{CELL};{FAINT}'>and {section.left:,} more</td>"
    return [
        f"<tr style='background:none'>{title}</tr>",
        *(_row(row) for row in section.rows),
        *([f"<tr>{left}</tr>"] if section.left else []),
    ]


def _row(row: ComparedRow) -> str:
    colour = "" if row.is_better is None else f";color:{GOOD if row.is_better else BAD}"
    arrow = "▲" if row.note.startswith("+") else "▼" if row.note.startswith("-") else ""
    word = "" if row.is_better is None else "better" if row.is_better else "worse"
    cells = [
        td(short(row.key), faint=True),
        *(td(short("·" if text is None else text, LONG), wraps=True) for text in (row.a, row.b)),
        f"<td style='{CELL}{colour}'>{arrow} {word}</td>",
        f"<td style='{RIGHT}{colour or ';' + FAINT}'>{escaped(' '.join(filter(None, (row.note, row.relative))))}</td>",
    ]
    return tr(cells)


def _more_metrics(run: Run, keys: Sequence[str]) -> str:
    """What there is no room for at once."""
    shown = keys[:MOST_FOLDED]
    return folded(count(len(keys), "more metric"), _metric_table(run, shown) + _left(len(keys) - len(shown))) if keys else ""


def _metric_table(run: Run, keys: Sequence[str]) -> str:
    if not keys:
        return ""
    rows = []
    for key in keys:
        series = run.metrics[key]
        is_ranked, is_curve = has_direction(key, run.tags), len(series) > 1
        step = f" at {series.best_step:,}" if series.best_step is not None else ""
        best = f"{number(series.best)}<span style='{FAINT}'>{step}</span>" if is_ranked and is_curve else ""
        drawn = spark(_means(series)) if is_curve else ""
        arrow = f" {ARROWS[series.goal]}" if is_ranked else ""
        name = f"{short(key)}<span style='{FAINT}'>{arrow}</span>"
        rows.append(tr([td(name), td(f"<b>{number(series.last)}</b>", right=True), td(best), td(drawn)]))
    return table([th("metric"), th("last", right=True), th("best"), th("")], rows)


def _means(series: Series) -> np.ndarray:
    """What a small curve is drawn through."""
    return np.asarray(series.curve("step", None, SPARK)["mean"].to_pylist(), float)


def _metrics_of(run: Run) -> list[str]:
    goals = [tag.removeprefix(GOAL_TAG) for tag in run.tags if tag.startswith(GOAL_TAG)]
    return by_weight(dict.fromkeys(run.metrics, 1), goals)


def _pairs_section(what: str, values: Mapping[str, Any], most: int = MOST_PARAMS) -> str:
    """Names with their values; many are folded away."""
    if not values:
        return ""
    rows = [
        tr([td(short(key), faint=True), td(short(text if isinstance(text, str) else repr(text)), wraps=True)])
        for key, text in sorted(values.items())[:MOST_FOLDED]
    ]
    title = count(len(values), what)
    if len(rows) > most:
        return folded(title, table([], rows) + _left(len(values) - len(rows)))
    return f"<div style='margin-top:8px'><b>{title}</b></div>{table([], rows)}"


def _left(n: int) -> str:
    """How many there are that are not shown."""
    return f"<div style='{FAINT}'>and {n:,} more</div>" if n else ""


def _best_bold(values: Sequence[float | None], goal: str) -> list[str]:
    """Numbers of a column, the best of them bold."""
    known = [each for each in values if each is not None and each == each]
    best = (min(known) if goal == "min" else max(known)) if known else None
    texts = numbers(values)
    return [
        f"<b>{text}</b>" if value == best and value is not None and len(known) > 1 else text or "·"
        for value, text in zip(values, texts, strict=True)
    ]
