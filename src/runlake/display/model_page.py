"""Everything about a registered model, and about one model, wherever it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from runlake.display.grid import in_columns
from runlake.display.metrics import ARROWS
from runlake.display.models_table import aliases_in_words, versions_table
from runlake.display.run_page import asking_section
from runlake.display.schemas import schema_in_words
from runlake.display.sections import INDENT, section
from runlake.display.statuses import with_word
from runlake.display.words import count, date, moment, number, one_line, size
from runlake.entities.described import DescribedModel
from runlake.entities.registered import ModelVersion, RegisteredModel, Stage
from runlake.read import Run
from runlake.read.choosing import by_weight
from runlake.read.direction import GOAL_TAG, has_direction

__all__ = ["Shown", "main_metrics", "model_lines", "registered_lines"]

MOST_VERSIONS = 10
MOST_REQUIREMENTS = 6
MOST_METRICS = 6


@dataclass(frozen=True)
class Shown:
    """A model at an address: the version that it is, if it is registered, what it is, or why that cannot be told, and its run.

    `store` is the path of its store, where the settings name another; `registered_ms` when it was registered, `reason` why.
    """

    address: str
    version: ModelVersion | None = None
    model: DescribedModel | None = None
    problem: str = ""
    run: Run | None = None
    store: str | None = None
    reason: str = ""


def registered_lines(
    model: RegisteredModel, versions: Sequence[ModelVersion], run_names: Mapping[str, str], now_ms: int, room: int
) -> Iterator[Text]:
    """What is said of a registered model, and its newest versions."""
    yield Text.assemble((one_line(model.name), "bold"), (f"  {count(len(versions), 'version')}", "dim"))
    said = f"made {date(model.creation_timestamp)} · changed {moment(model.last_updated_timestamp, now_ms)}"
    yield Text(INDENT + said, "dim")
    yield from (Text((INDENT + one_line(line)).rstrip(), "italic") for line in model.description.splitlines())
    if model.aliases:
        yield Text.assemble((f"{INDENT}aliases  ", "dim"), (aliases_in_words(model.aliases), "cyan"))
    yield from section("tags", in_columns([_pair(key, text) for key, text in sorted(model.tags.items())], room - len(INDENT)))
    if versions:
        yield from section("versions", versions_table(versions[:MOST_VERSIONS], run_names, now_ms, room - len(INDENT)))
    if len(versions) > MOST_VERSIONS:
        yield Text(f"{INDENT}all {len(versions):,}: runlake models versions {one_line(model.name)}", "dim")


def model_lines(shown: Shown, now_ms: int, room: int) -> Iterator[Text]:
    """What one model is, what it takes and gives, where it came from, and how it is asked."""
    yield Text.assemble((one_line(shown.address), "bold"))
    yield from (Text.assemble(INDENT, line) for line in _facts(shown, now_ms))
    if shown.version is not None:
        tags = [_pair(key, text) for key, text in sorted(shown.version.tags.items())]
        yield from section("tags", in_columns(tags, room - len(INDENT)))
    if shown.run is not None:
        yield from section("run", _run(shown.run, now_ms, room - len(INDENT)))
    if shown.model is not None:
        yield from asking_section(shown.model, shown.address, shown.store)


def main_metrics(run: Run) -> list[str]:
    """The metrics that a run is first looked at for."""
    goals = [tag.removeprefix(GOAL_TAG) for tag in run.tags if tag.startswith(GOAL_TAG)]
    return by_weight(dict.fromkeys(run.metrics, 1), goals)[:MOST_METRICS]


def _facts(shown: Shown, now_ms: int) -> Iterator[Text]:
    version, model = shown.version, shown.model
    if version is not None:
        if version.description:
            yield Text(one_line(version.description), "italic")
        stands = [] if version.current_stage == Stage.NONE else [f"at {version.current_stage}"]
        stands += [f"alias {', '.join(version.aliases)}"] if version.aliases else []
        yield _fact("version", " · ".join([f"{version.version} of {version.name}", *stands]))
        by = f" by {version.user_id}" if version.user_id else ""
        why = f": {shown.reason}" if shown.reason else ""
        yield _fact("registered", f"{date(version.creation_timestamp)}, {moment(version.creation_timestamp, now_ms)}{by}{why}")
        yield _fact("source", version.source)
    if shown.problem:
        yield Text(one_line(shown.problem), "red")
    if model is None:
        return
    yield _fact("format", model.info.format_id + (", which is code: it runs by consent only" if model.is_code else ""))
    yield _fact("digest", model.info.digest)
    yield _fact("size", f"{size(model.n_bytes)} in {count(model.n_files, 'file')}")
    if model.requirements:
        left = len(model.requirements) - MOST_REQUIREMENTS
        more = f" and {left:,} more" if left > 0 else ""
        yield _fact("requires", ", ".join(model.requirements[:MOST_REQUIREMENTS]) + more)
    signature = model.info.signature
    for word, schema in (("takes", signature.inputs), ("gives", signature.outputs)) if signature else ():
        if schema is not None:
            yield _fact(word, schema_in_words(schema))


def _run(run: Run, now_ms: int, room: int) -> Iterator[Text]:
    info = run.info
    yield Text("  ").join(
        [
            with_word(info.status, str(run.liveness).lower()),
            Text(one_line(info.run_name), "bold"),
            Text(info.run_id, "dim"),
            Text(f"started {moment(info.start_time, now_ms)}", "dim"),
        ]
    )
    pairs = []
    for key in main_metrics(run):
        series = run.metrics[key]
        arrow = f" {ARROWS[series.goal]}" if has_direction(key, run.tags) else ""
        pairs.append((Text(one_line(key) + arrow, "dim"), Text(number(series.last), "bold")))
    yield from in_columns(pairs, room)


def _fact(word: str, text: str) -> Text:
    return Text.assemble((f"{word:<12}", "dim"), one_line(text))


def _pair(key: str, text: str) -> tuple[Text, Text]:
    return Text(one_line(key), "dim"), Text(one_line(text))
