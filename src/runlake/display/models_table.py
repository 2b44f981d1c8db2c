"""Registered models, their versions and what was done to them, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from runlake.display.grid import Column, lines
from runlake.display.words import date, moment, one_line
from runlake.entities.registered import ModelVersion, RegisteredModel, RegistryChange, Stage

__all__ = ["STANDING", "aliases_in_words", "history_table", "models_table", "versions_table"]

STANDING = (Stage.PRODUCTION, Stage.STAGING)  # of which a list of models tells the versions

_STYLES = {Stage.PRODUCTION: "green", Stage.STAGING: "cyan", Stage.ARCHIVED: "dim"}


def models_table(
    models: Sequence[RegisteredModel], versions: Mapping[str, Sequence[ModelVersion]], now_ms: int, room: int
) -> Iterator[Text]:
    """A line for each: its newest version, its aliases, which versions stand at a stage, when it was changed, what it is."""
    columns = [
        Column(Text("model", "dim"), [Text(one_line(each.name), "bold") for each in models], is_needed=True, least=12, most=60),
        _numbers("newest", [str(versions[each.name][0].version) if versions[each.name] else "" for each in models]),
        _numbers("versions", [f"{len(versions[each.name]):,}" for each in models]),
    ]
    aliases = [aliases_in_words(each.aliases) for each in models]
    if any(aliases):
        columns.append(Column(Text("aliases", "dim"), [Text(text, "cyan") for text in aliases], is_needed=True, least=12, most=40))
    for stage in STANDING:
        at = [", ".join(str(each.version) for each in versions[model.name] if each.current_stage == stage) for model in models]
        if any(at):
            columns.append(Column(Text(stage, "dim"), [Text(text, _STYLES[stage]) for text in at], is_needed=True, least=6))
    columns.append(Column(Text("changed", "dim"), [Text(moment(each.last_updated_timestamp, now_ms)) for each in models], is_needed=True))
    return lines([*columns, *_said("description", [each.description for each in models])], room)


def versions_table(versions: Sequence[ModelVersion], run_names: Mapping[str, str], now_ms: int, room: int) -> Iterator[Text]:
    """A line for each: where it stands, what it is called, the run and the place that it came from, when and by whom."""
    columns = [
        _numbers("version", [str(each.version) for each in versions], "bold"),
        Column(Text("stage", "dim"), [_stage(each.current_stage) for each in versions], is_needed=True),
        *_said("aliases", [", ".join(each.aliases) for each in versions], "cyan"),
        Column(Text("run", "dim"), [_run(each, run_names) for each in versions], is_needed=True, least=8, most=32),
        Column(Text("registered", "dim"), [Text(moment(each.creation_timestamp, now_ms)) for each in versions], is_needed=True),
        Column(Text("by", "dim"), [Text(one_line(each.user_id)) for each in versions]),
        Column(Text("source", "dim"), [Text(one_line(each.source), "dim") for each in versions], most=60),
        *_said("description", [each.description for each in versions]),
    ]
    return lines(columns, room)


def history_table(history: Sequence[RegistryChange], room: int) -> Iterator[Text]:
    """A line for each change, the first one first."""
    columns = [
        Column(Text("when", "dim"), [Text(date(each.timestamp)) for each in history], is_needed=True),
        Column(Text("who", "dim"), [Text(one_line(each.user_id)) for each in history], is_needed=True, least=4),
        _numbers("version", ["" if each.version is None else str(each.version) for each in history], "bold"),
        Column(Text("what", "dim"), [Text(one_line(each.what)) for each in history], is_needed=True, least=8, most=40),
        Column(Text("from", "dim"), [Text(one_line(each.before or "")) for each in history], is_needed=True, least=8, most=40),
        Column(Text("to", "dim"), [Text(one_line(each.after or "")) for each in history], is_needed=True, least=8, most=48),
        *_said("reason", [each.reason for each in history]),
    ]
    return lines(columns, room)


def aliases_in_words(aliases: Mapping[str, int]) -> str:
    """Each alias with the version that it means."""
    return one_line(", ".join(f"{alias} {version}" for alias, version in sorted(aliases.items())))


def _stage(stage: Stage) -> Text:
    return Text("" if stage == Stage.NONE else stage, _STYLES.get(stage, ""))


def _run(version: ModelVersion, names: Mapping[str, str]) -> Text:
    if version.run_id is None:
        return Text("")
    return Text(one_line(names[version.run_id])) if version.run_id in names else Text(f"{version.run_id[:8]} (gone)", "dim")


def _numbers(title: str, cells: Sequence[str], style: str = "") -> Column:
    return Column(Text(title, "dim"), [Text(cell, style) for cell in cells], is_right=True, is_needed=True)


def _said(title: str, texts: Sequence[str], style: str = "") -> list[Column]:
    """A column, if anything is said."""
    cells = [Text(one_line(text), style) for text in texts]
    return [Column(Text(title, "dim"), cells, is_needed=True, least=12, most=60)] if any(texts) else []
