"""Everything about one run, a section for each kind of thing; a section of which there is nothing is left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.text import Text

from runlake.display.asking import asking_lines
from runlake.display.grid import Column, in_columns, lines
from runlake.display.metrics import ARROWS
from runlake.display.runs_table import Asked, Curves, runs_table
from runlake.display.schemas import schema_in_words
from runlake.display.sections import INDENT, section
from runlake.display.sparkline import sparkline
from runlake.display.statuses import with_word
from runlake.display.words import count, date, duration, moment, number, one_line, size
from runlake.entities import DatasetInput, JobState, LifecycleStage
from runlake.entities.described import DescribedModel
from runlake.entities.environments import CHANGES_TAG
from runlake.entities.tags import MODEL_TAG, MODELS_TAG, SKIPPED_TAG
from runlake.read import Run, Series
from runlake.read.direction import has_direction
from runlake.read.listing import Listing

__all__ = ["About", "asking_section", "run_page"]

MOST_FILES = 40  # listed
CURVE = 24  # cells

_SYSTEM = ("mlflow.", "runlake.")  # how tags begin that nobody set by hand
_CONTEXT = "mlflow.data.context"
_JOB_STYLES = {JobState.DONE: "green", JobState.FAILED: "red", JobState.GIVEN_UP: "red"}


@dataclass(frozen=True)
class About:
    """A run, and what is known of it elsewhere: the names of its experiment and its parent, the runs inside it, its curves, its models.

    `store` is the path of its store, where the settings name another.
    """

    run: Run
    seconds: float | None
    experiment: str
    parent: str = ""
    inside: Listing | None = None
    statuses_inside: Sequence[str] = ()
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)
    curves_inside: Curves = lambda key, run_ids: {}
    models: Sequence[DescribedModel] = ()
    store: str | None = None


def run_page(about: About, now_ms: int, room: int, *, with_system_tags: bool = False) -> Iterator[Text]:
    """The lines of the page."""
    run = about.run
    yield from _head(about, now_ms, room)
    yield from section("params", in_columns([_pair(key, value) for key, value in sorted(run.params.items())], room - len(INDENT)))
    yield from section("metrics", _metrics(run, about.curves, room - len(INDENT)))
    tags = {key: text for key, text in sorted(run.tags.items()) if with_system_tags or not key.startswith(_SYSTEM)}
    yield from section("tags", in_columns([_pair(key, text) for key, text in tags.items()], room - len(INDENT)))
    yield from section("data sets", map(_dataset, run.inputs.dataset_inputs))
    yield from section("model", _model(run))
    for model in about.models:
        yield from asking_section(model, model.info.model_uri, about.store)
    yield from section("not recorded", _skipped(run.tags))
    yield from section("ran on", _environment(run))
    yield from section("artifacts", _artifacts(run.artifacts, room - len(INDENT)))
    yield from section(_title_inside(about), _inside(about, now_ms, room - len(INDENT)))
    yield from section("jobs", _jobs(run))
    yield from section("captures", _captures(run))
    yield from section("errors", (Text(one_line(error), "red") for error in run.errors))
    yield from section("params given again, and differently", _conflicts(run))


def _head(about: About, now_ms: int, room: int) -> Iterator[Text]:
    run, info = about.run, about.run.info
    yield Text("  ").join(
        [with_word(info.status, str(run.liveness).lower()), Text(one_line(info.run_name), "bold"), Text(info.run_id, "dim")]
    )
    ago = moment(info.start_time, now_ms)
    facts = [
        "deleted" if info.lifecycle_stage == LifecycleStage.DELETED else "",
        f"in {one_line(about.experiment)}",
        f"inside {one_line(about.parent)}" if about.parent else "",
        f"started {date(info.start_time)}" + (f", {ago}" if ago.endswith(("ago", "now")) else ""),
        f"{'for' if info.end_time is None else 'took'} {duration(about.seconds)}" if about.seconds is not None else "",
        f"by {one_line(info.user_id)}" if info.user_id else "",
        _source(run.tags),
    ]
    yield from _wrapped([fact for fact in facts if fact], room)
    if note := run.tags.get("mlflow.note.content"):
        yield from (Text((INDENT + one_line(line)).rstrip(), "italic") for line in note.splitlines())


def _source(tags: Mapping[str, str]) -> str:
    name, commit = tags.get("mlflow.source.name", ""), tags.get("mlflow.source.git.commit", "")
    return one_line(" at ".join(part for part in (name.removeprefix("-"), commit[:8]) if part))


def _wrapped(facts: Sequence[str], room: int) -> Iterator[Text]:
    """The facts, as many to a line as fit."""
    line = ""
    for fact in facts:
        if line and len(line) + len(fact) + 3 > room:
            yield Text(line, "dim")
            line = ""
        line = f"{line} · {fact}" if line else INDENT + fact
    yield Text(line, "dim")


def asking_section(model: DescribedModel, address: str, store: str | None) -> Iterator[Text]:
    """How a model is asked; without an indent, which Python would not take."""
    yield Text()
    yield Text(f"to ask {one_line(address)}", "bold")
    yield from map(Text, asking_lines(model, address, store))


def _pair(key: str, value: object) -> tuple[Text, Text]:
    return Text(one_line(key), "dim"), Text(one_line(repr(value) if isinstance(value, float) else str(value)))


def _metrics(run: Run, curves: Mapping[str, np.ndarray], room: int) -> Iterator[Text]:
    """A line for each; where every one is a single value, only that."""
    series = [run.metrics[key] for key in sorted(run.metrics)]
    ranked = {each.key for each in series if has_direction(each.key, run.tags)}
    titles = [Text.assemble((one_line(each.key), "dim"), (f" {ARROWS[each.goal]}" if each.key in ranked else "", "dim")) for each in series]
    if all(len(each) == 1 for each in series):
        return in_columns([(title, Text(number(each.last), "bold")) for title, each in zip(titles, series, strict=True)], room)
    best = [_best(each) if len(each) > 1 and each.key in ranked else "" for each in series]
    drawn = [sparkline(curves[each.key], CURVE) if each.key in curves else "" for each in series]
    columns = [
        Column(Text(), titles, is_needed=True, least=16, most=40),
        Column(Text("last", "dim"), [Text(number(each.last), "bold") for each in series], is_right=True, is_needed=True),
        Column(Text("best at step", "dim"), [Text(text) for text in best], is_needed=True),
        Column(Text("points", "dim"), [Text(f"{len(each):,}", "dim") for each in series], is_right=True),
        Column(Text(), [Text(line, "cyan") for line in drawn]),
    ]
    return lines(columns, room)


def _best(series: Series) -> str:
    return f"{number(series.best)}{'' if series.best_step is None else f' at {series.best_step:,}'}"


def _dataset(used: DatasetInput) -> Text:
    contexts = [tag.value for tag in used.tags if tag.key == _CONTEXT]
    rows = _said(used.dataset.profile).get("num_rows")
    columns = _said(used.dataset.schema).get("columns")
    facts = [
        *contexts,
        count(rows, "row") if isinstance(rows, int) else "",
        count(len(columns), "column") if isinstance(columns, list) else "",
        f"digest {used.dataset.digest}",
    ]
    return Text.assemble(one_line(used.dataset.name), (f"  {one_line(', '.join(filter(None, facts)))}", "dim"))


def _said(text: str) -> dict[str, object]:
    """What a data set says of itself: whatever somebody wrote there."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _environment(run: Run) -> Iterator[Text]:
    """The machine, and the packages; the code is at the top."""
    found = run.environment
    if found:
        gpus = [f"{times} x {name}" for name, times in Counter(found.get("gpus", ())).items()]
        machine = [f"Python {found.get('python')}", found.get("host"), found.get("system"), f"{found.get('cpus')} processors", *gpus]
        yield Text(one_line(", ".join(str(each) for each in machine if each)))
        packages = [f"{name} {version}" for name, version in found.get("packages", {}).items()]
        yield Text.assemble((f"{count(len(packages), 'package')}  ", "dim"), one_line(", ".join(packages)))
    if changes := run.tags.get(CHANGES_TAG):
        yield Text.assemble(("changes since the commit  ", "dim"), one_line(changes))


def _model(run: Run) -> Iterator[Text]:
    """What it is, what it takes and gives, and what its users should know."""
    kind = run.tags.get(f"{MODEL_TAG}format")
    if kind is not None:
        yield Text.assemble(("format  ", "dim"), one_line(kind))
    signature = run.signature
    for word, schema in (("takes", signature.inputs), ("gives", signature.outputs)) if signature else ():
        if schema is not None:
            yield Text.assemble((f"{word}   ", "dim"), schema_in_words(schema))
    for key, text in sorted(run.tags.items()):
        if key.startswith(MODEL_TAG) and key != f"{MODEL_TAG}format":
            yield Text.assemble((f"{one_line(key.removeprefix(MODEL_TAG).replace('_', ' '))}  ", "dim"), one_line(text))
        elif key.startswith(MODELS_TAG):
            yield Text.assemble((f"{one_line(key.removeprefix(MODELS_TAG))}  ", "dim"), one_line(text))


def _skipped(tags: Mapping[str, str]) -> Iterator[Text]:
    for key, why in sorted(tags.items()):
        if key.startswith(SKIPPED_TAG):
            yield Text.assemble(one_line(key.removeprefix(SKIPPED_TAG).replace("_", " ")), (_why(why), "dim"))


def _artifacts(found: Mapping[str, int], room: int) -> Iterator[Text]:
    listed = list(found.items())[:MOST_FILES]
    yield from in_columns([(Text(one_line(name)), Text(size(n_bytes), "dim")) for name, n_bytes in listed], room)
    if len(found) > len(listed):
        yield Text(f"and {count(len(found) - len(listed), 'more')}, of {size(sum(found.values()))} in all", "dim")


def _title_inside(about: About) -> str:
    counts = Counter(about.statuses_inside)
    said = [f"{n:,} {status.lower()}" for status, n in counts.most_common()]
    return f"{count(len(about.statuses_inside), 'run')} inside: {', '.join(said)}"


def _inside(about: About, now_ms: int, room: int) -> Iterator[Text]:
    if about.inside is not None and about.inside.rows:
        yield from runs_table(about.inside, {}, Asked(), about.curves_inside, now_ms, room)
        if len(about.inside.rows) < about.inside.n_tops:
            yield Text(f"all: runlake ls -n 0 parent_run_id = {about.run.info.run_id}", "dim")


def _jobs(run: Run) -> Iterator[Text]:
    for job in run.jobs.values():
        cost = "" if job.cost_ms is None else f" in {duration(job.cost_ms / 1000)}"
        yield Text.assemble(
            one_line(job.name), "  ", (str(job.state), _JOB_STYLES.get(job.state, "")), (cost, "dim"), (_why(job.why), "dim")
        )


def _captures(run: Run) -> Iterator[Text]:
    for capture in run.captures:
        failures = f", {count(capture.failures, 'failure')}" if capture.failures else ""
        off = ", off" if capture.is_off else ""
        said = f"{count(capture.calls, 'call')}, {duration(capture.cost_ns / 1e9)}{failures}{off}"
        style = "red" if capture.failures else "dim"
        yield Text.assemble((f"{capture.plugin} ", "dim"), one_line(capture.target), f"  {said}", (_why(capture.why), style))


def _conflicts(run: Run) -> Iterator[Text]:
    for key, texts in sorted(run.param_conflicts.items()):
        kept = one_line(str(run.data.params[key]))
        yield Text.assemble((f"{one_line(key)}  ", "dim"), kept, (f" counts, later it was {', '.join(map(one_line, texts))}", "dim"))


def _why(text: str) -> str:
    return f": {one_line(text)}" if text else ""
