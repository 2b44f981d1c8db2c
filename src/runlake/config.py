"""The settings: each from the argument, else the environment, else `[tool.runlake]`, else its default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from runlake.errors import InvalidValue

__all__ = ["SETTINGS", "Config", "Setting", "find_store", "load"]

Durability = Literal["power", "process"]


@dataclass(frozen=True)
class Config:
    """What the settings come to for one store of this process."""

    store: Path
    flush_seconds: float = 0.5
    durability: Durability = "power"
    strict: bool = False


@dataclass(frozen=True)
class Setting:
    """How one setting is given, and what it means."""

    name: str
    environment: tuple[str, ...]
    parse: Callable[[Any], Any]
    meaning: str


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0.01 <= seconds <= 60:
        raise ValueError("give 0.01 to 60 seconds")
    return seconds


def _durability(value: Any) -> Durability:
    if value not in ("power", "process"):
        raise ValueError("give 'power' or 'process'")
    return cast(Durability, value)


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("give 1 or 0")


SETTINGS = (
    Setting("store", ("RUNLAKE_STORE", "RUNLAKE_TRACKING_URI"), Path, "the folder that holds the runs"),
    Setting("flush_seconds", ("RUNLAKE_FLUSH_SECONDS",), _seconds, "how often what was logged is written"),
    Setting("durability", ("RUNLAKE_DURABILITY",), _durability,
            "`power`: written points survive the loss of power a second later; `process`: they survive the death of the process"),
    Setting("strict", ("RUNLAKE_STRICT",), _switch, "errors inside runlake are raised, for tests and plugin authors"),
)  # fmt: skip


def load(store: Path | None = None) -> Config:
    """Read every setting where it is given; `store` outranks them all."""
    project, folder = _project_settings(Path.cwd())
    values = {setting.name: _value_of(setting, project) for setting in SETTINGS if setting.name != "store"}
    given = {name: value for name, value in values.items() if value is not None}
    return Config(store=store.absolute() if store else _resolve_store(project, folder), **given)


def find_store() -> Path:
    """The folder that runs go to when no store is named, as an absolute path; it need not exist yet."""
    return _resolve_store(*_project_settings(Path.cwd()))


def _value_of(setting: Setting, project: Mapping[str, Any]) -> Any:
    for name in setting.environment:
        if name in os.environ:
            return _parsed(setting, os.environ[name], f"the environment variable {name}")
    if setting.name in project:
        return _parsed(setting, project[setting.name], f"[tool.runlake] {setting.name}")
    return None


def _parsed(setting: Setting, value: Any, place: str) -> Any:
    try:
        return setting.parse(value)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{place} is {value!r}: {error}.") from error


def _resolve_store(project: Mapping[str, Any], project_folder: Path) -> Path:
    for name in ("RUNLAKE_STORE", "RUNLAKE_TRACKING_URI"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser().absolute()
    if "store" in project:
        return (project_folder / Path(project["store"]).expanduser()).absolute()
    return _store_above(Path.cwd()) or Path.cwd() / "lake"


def _store_above(start: Path) -> Path | None:
    """The nearest `lake` upward that is a store, looked for inside one git work tree only."""
    for folder in (start, *start.parents):
        if (folder / "lake" / "STORE.json").is_file():
            return folder / "lake"
        if (folder / ".git").exists():
            return None
    return None


def _project_settings(start: Path) -> tuple[Mapping[str, Any], Path]:
    """The `[tool.runlake]` table of the nearest pyproject.toml upward, and the folder that holds it."""
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            try:
                table = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # not ours to complain about
                return {}, folder
            return table.get("tool", {}).get("runlake", {}), folder
    return {}, start


assert {setting.name for setting in SETTINGS} == {field.name for field in fields(Config)}
