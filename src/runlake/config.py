"""The settings: each from the argument, else the environment, else `[tool.runlake]`, else its default."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from runlake.errors import InvalidValue

__all__ = ["SETTINGS", "Config", "Setting", "choose_store", "find_store", "given_parent_run", "given_run", "load"]

Durability = Literal["power", "process"]


@dataclass(frozen=True)
class Config:
    """What the settings come to for one store of this process."""

    store: Path
    flush_seconds: float = 0.5
    durability: Durability = "power"
    strict: bool = False
    experiment: str | None = None
    silent: bool = False


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
    Setting("experiment", ("RUNLAKE_EXPERIMENT", "RUNLAKE_EXPERIMENT_NAME"), str, "the experiment that new runs go to"),
    Setting("silent", ("RUNLAKE_SILENT",), _switch, "nothing is printed on stderr about where runs go"),
    Setting("strict", ("RUNLAKE_STRICT",), _switch, "errors inside runlake are raised, for tests and plugin authors"),
)  # fmt: skip


_chosen: Path | None = None
_start: Path | None = None
_loaded: dict[tuple[Path | str | None, ...], Config] = {}


def choose_store(path: Path | None) -> None:
    """Have this process use that store from now on, whatever the settings say; None takes the choice back."""
    global _chosen
    _chosen = path.absolute() if path is not None else None


def load(store: Path | None = None) -> Config:
    """Every setting where it is given; `store` outranks them all. Files are read once, from where the process was first asked."""
    store = store.absolute() if store is not None else _chosen
    key = (store, _start_folder(), *(_given_in_environment()))
    if key not in _loaded:
        project, folder = _project_settings(_start_folder())
        values = {setting.name: _value_of(setting, project) for setting in SETTINGS if setting.name != "store"}
        given = {name: value for name, value in values.items() if value is not None}
        _loaded[key] = Config(store=store or _resolve_store(project, folder), **given)
    return _loaded[key]


def find_store() -> Path:
    """The folder that runs go to when no store is named, as an absolute path; it need not exist yet."""
    return load().store


def given_run() -> str | None:
    """The run of another process that this one was told to log to."""
    return os.environ.get("RUNLAKE_RUN_ID") or None


def given_parent_run() -> str | None:
    """The run of another process that new runs of this one are nested in."""
    return os.environ.get("RUNLAKE_PARENT_RUN_ID") or None


def _start_folder() -> Path:
    """Where the process was when it first asked: a later change of folder must not move its runs."""
    global _start
    if _start is None:
        _start = Path.cwd()
    return _start


def _given_in_environment() -> tuple[str | None, ...]:
    return tuple(os.environ.get(name) for setting in SETTINGS for name in setting.environment)


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
            return _start_folder() / Path(os.environ[name]).expanduser()
    if "store" in project:
        return project_folder / Path(project["store"]).expanduser()
    return _store_above(_start_folder()) or _start_folder() / "lake"


def _store_above(start: Path) -> Path | None:
    """The nearest `lake` upward that is a store, looked for inside one git work tree only."""
    for folder in (start, *start.parents):
        if os.path.isfile(folder / "lake" / "STORE.json"):  # False too where we may not look
            return folder / "lake"
        if os.path.exists(folder / ".git"):
            return None
    return None


def _project_settings(start: Path) -> tuple[Mapping[str, Any], Path]:
    """The `[tool.runlake]` table of the nearest pyproject.toml upward, and the folder that holds it."""
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if os.path.isfile(file):
            import tomllib  # late: most programs run where there is no such file

            try:
                table = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # not ours to complain about
                return {}, folder
            return _known_keys(table.get("tool", {}).get("runlake", {}), file), folder
    return {}, start


def _known_keys(table: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    names = [setting.name for setting in SETTINGS]
    for key in table:
        if key not in names:
            raise InvalidValue(f"{file} sets {key!r} in [tool.runlake], which is no setting. The settings are {', '.join(names)}.")
    return table


assert {setting.name for setting in SETTINGS} == {field.name for field in fields(Config)}
