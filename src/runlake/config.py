"""The settings: each from the argument, else the environment, else `[tool.runlake]`, else its default."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from runlake import platform
from runlake.errors import InvalidValue

__all__ = [
    "SETTINGS",
    "Config",
    "Setting",
    "cache_folder",
    "choose_jobs",
    "choose_store",
    "environment_of_clones",
    "environment_of_git",
    "environment_of_jobs",
    "environment_of_projects",
    "environment_of_trials",
    "environment_of_verified",
    "exit_wait",
    "find_store",
    "given_parent_run",
    "given_run",
    "load",
    "machine_folders",
    "recorded_variables",
    "why_children_end",
]

Durability = Literal["power", "process"]
Jobs = Literal["detached", "inline", "off"]

EXIT_WAIT_SECONDS = 10.0  # where the end of the program is the end of its children


@dataclass(frozen=True)
class Config:
    """What the settings come to for one store of this process."""

    store: Path
    flush_seconds: float = 0.5
    durability: Durability = "power"
    strict: bool = False
    experiment: str | None = None
    silent: bool = False
    plugins: tuple[str, ...] | None = None
    disable: tuple[str, ...] = ()
    trace: bool = False
    jobs: Jobs = "detached"
    exit_wait: float | None = None  # None: as the place asks for
    redact: bool = True
    redact_allow: tuple[str, ...] = ()
    environment: bool = True
    variables: tuple[str, ...] = ()
    console: bool = False
    system_metrics: bool = False
    system_metrics_seconds: float = 10.0


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


def _interval(value: Any) -> float:
    seconds = float(value)
    if not 0.1 <= seconds <= 3600:
        raise ValueError("give 0.1 to 3600 seconds")
    return seconds


def _durability(value: Any) -> Durability:
    if value not in ("power", "process"):
        raise ValueError("give 'power' or 'process'")
    return cast(Durability, value)


def _jobs(value: Any) -> Jobs:
    if value not in ("detached", "inline", "off"):
        raise ValueError("give 'detached', 'inline' or 'off'")
    return cast(Jobs, value)


def _wait(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds <= 3600:
        raise ValueError("give 0 to 3600 seconds")
    return seconds


def _names(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ValueError("give names, with commas between")
    return tuple(name.strip() for name in names if name.strip())


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
    Setting("jobs", ("RUNLAKE_JOBS",), _jobs,
            "`detached`: jobs are done by a process of their own after the program; `inline`: in it, when a run ends; `off`: never"),
    Setting("exit_wait", ("RUNLAKE_EXIT_WAIT",), _wait, "how many seconds the end of the program waits for its jobs"),
    Setting("plugins", ("RUNLAKE_PLUGINS",), _names, "the only plugins of libraries that `autolog()` uses; empty: none"),
    Setting("disable", ("RUNLAKE_DISABLE",), _names, "plugins of libraries that `autolog()` leaves out; `*`: all"),
    Setting("redact", ("RUNLAKE_REDACT",), _switch, "secrets are taken out of what is written; without it a run says so in a tag"),
    Setting("redact_allow", ("RUNLAKE_REDACT_ALLOW",), _names, "params and tags that are no secrets, whatever they are called"),
    Setting("environment", ("RUNLAKE_ENVIRONMENT",), _switch,
            "what a run ran on is recorded: command, packages, machine, and what was changed in the code since its commit"),
    Setting("variables", ("RUNLAKE_VARIABLES",), _names, "environment variables that are recorded with it"),
    Setting("console", ("RUNLAKE_CONSOLE",), _switch, "the end of what a run prints is kept with it"),
    Setting("system_metrics", ("RUNLAKE_SYSTEM_METRICS",), _switch,
            "how busy processors, memory, disk, network and GPUs are is recorded as series `system/...`"),
    Setting("system_metrics_seconds", ("RUNLAKE_SYSTEM_METRICS_SECONDS",), _interval,
            "how often"),
    Setting("trace", ("RUNLAKE_TRACE",), _switch,
            "each patch that is put in place or taken back, and each call of a plugin, is printed on stderr"),
    Setting("strict", ("RUNLAKE_STRICT",), _switch, "errors inside runlake are raised, for tests and plugin authors"),
)  # fmt: skip


_chosen: Path | None = None
_chosen_jobs: Jobs | None = None
_start: Path | None = None
_loaded: dict[tuple[Path | str | None, ...], Config] = {}


def choose_store(path: Path | None) -> None:
    """Have this process use that store from now on, whatever the settings say; None takes the choice back."""
    global _chosen
    _chosen = path.absolute() if path is not None else None


def choose_jobs(jobs: Jobs | None) -> None:
    """Have the jobs of this process be done so from now on, whatever the settings say; None takes the choice back."""
    global _chosen_jobs
    _chosen_jobs = jobs


def load(store: Path | None = None) -> Config:
    """Every setting where it is given; `store` outranks them all. Files are read once, from where the process was first asked."""
    store = store.absolute() if store is not None else _chosen
    key = (store, _chosen_jobs, _start_folder(), *(_given_in_environment()))
    if key not in _loaded:
        project, folder = _project_settings(_start_folder())
        values = {setting.name: _value_of(setting, project) for setting in SETTINGS if setting.name != "store"}
        given = {name: value for name, value in values.items() if value is not None}
        given |= {} if _chosen_jobs is None else {"jobs": _chosen_jobs}
        _loaded[key] = Config(store=store or _resolve_store(project, folder), **given)
    return _loaded[key]


def find_store() -> Path:
    """The folder that runs go to when no store is named, as an absolute path; it need not exist yet."""
    return load().store


def given_run() -> str | None:
    """The run of another process that this one was told to log to."""
    return os.environ.get("RUNLAKE_RUN_ID") or None


def given_turns() -> str | None:
    """Where the process that started this one for a run has laid out what only the first to ask gets."""
    return os.environ.get("RUNLAKE_TURNS") or None


def given_parent_run() -> str | None:
    """The run of another process that new runs of this one are nested in."""
    return os.environ.get("RUNLAKE_PARENT_RUN_ID") or None


def exit_wait(settings: Config) -> float:
    """How long the end of the program waits for its jobs: not at all, unless that is said, or it would be the end of them."""
    if settings.exit_wait is not None:
        return settings.exit_wait
    return EXIT_WAIT_SECONDS if why_children_end() else 0.0


def why_children_end() -> str:
    """Where the end of this program is the end of its children, in words; else nothing."""
    if os.getpid() == 1:
        return "as process 1"
    if any(name in os.environ for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")) or _is_grid_engine():
        return "under a batch scheduler"
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return "in CI"
    if "KUBERNETES_SERVICE_HOST" in os.environ or platform.lies_in_container():
        return "in a container"
    return ""


def environment_of_jobs() -> dict[str, str]:
    """What a process that does jobs finds: no run to join, no autologging, one thread for each library, its own jobs done at once."""
    kept = {name: value for name, value in os.environ.items() if name not in ("RUNLAKE_RUN_ID", "RUNLAKE_PARENT_RUN_ID")}
    if "PYTHONPATH" in kept:  # it may be relative, and the process runs elsewhere
        kept["PYTHONPATH"] = os.pathsep.join(str(_start_folder() / place) for place in kept["PYTHONPATH"].split(os.pathsep) if place)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"RUNLAKE_PLUGINS": "", "RUNLAKE_JOBS": "inline", "RUNLAKE_SILENT": "1"}


def environment_of_trials() -> dict[str, str]:
    """What a process finds that opens files of others: what it needs to find Python's packages, and nobody's secrets."""
    needed = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    ours = ("RUNLAKE_PLUGINS", "RUNLAKE_JOBS", "RUNLAKE_SILENT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: value for name, value in environment_of_jobs().items() if name in (*needed, *ours)}


def environment_of_verified(store: Path, first_on_path: Path, *, is_recorded: bool) -> dict[str, str]:
    """What a program finds that is looked at, recorded or not: a store of its own, no jobs, and everything else as it is."""
    left_out = ("RUNLAKE_STORE", "RUNLAKE_TRACKING_URI", "RUNLAKE_RUN_ID", "RUNLAKE_PARENT_RUN_ID", "RUNLAKE_STRICT")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    rest = kept.get("PYTHONPATH")
    kept["PYTHONPATH"] = f"{first_on_path}{os.pathsep}{rest}" if rest else str(first_on_path)
    plugins = {} if is_recorded else {"RUNLAKE_PLUGINS": ""}
    return kept | plugins | {"RUNLAKE_STORE": str(store), "RUNLAKE_JOBS": "off", "RUNLAKE_SILENT": "1"}


def environment_of_git() -> dict[str, str]:
    """What git finds that is asked about one work tree: nothing that names another, and nobody to ask for a password."""
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF")
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    apart = {"GIT_NO_LAZY_FETCH": "1"}  # a repository may name a program that fetches what it lacks
    return kept | apart | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}


def environment_of_clones() -> dict[str, str]:
    """What git finds that fetches a repository: nobody to ask for anything, and no way to fetch that would start another program."""
    kept = {name: value for name, value in environment_of_git().items() if not name.startswith(("GIT_CONFIG", "GIT_TEMPLATE"))}
    ssh = f"{kept.get('GIT_SSH_COMMAND') or 'ssh'} -oBatchMode=yes"
    silent = {"GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "GIT_SSH_COMMAND": ssh}
    return kept | silent | {"GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file"}


def environment_of_projects(is_secret: Callable[[str, str], bool]) -> tuple[dict[str, str], list[str]]:
    """What a project's program finds of this process's own, and the names of what it does not: secrets. It joins no run of ours."""
    ours = ("RUNLAKE_TRACKING_URI", "RUNLAKE_RUN_ID", "RUNLAKE_TURNS")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    if "PYTHONPATH" in kept:  # it may be relative, and the program runs elsewhere
        kept["PYTHONPATH"] = os.pathsep.join(str(Path.cwd() / place) for place in kept["PYTHONPATH"].split(os.pathsep) if place)
    withheld = sorted(name for name, value in kept.items() if is_secret(name, value))
    return {name: value for name, value in kept.items() if name not in withheld}, withheld


def recorded_variables(settings: Config) -> dict[str, str]:
    """The environment variables that are to be recorded, of those that are set."""
    return {name: os.environ[name] for name in settings.variables if name in os.environ}


def cache_folder() -> Path | None:
    """Where this user keeps what can be made anew at any time; None for one without a home."""
    named = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    try:
        return (Path(named) if named else Path.home() / ".cache") / "runlake"
    except RuntimeError:
        return None


def machine_folders() -> list[Path]:
    """Where this user may keep what concerns this machine alone, the best place first."""
    import tempfile  # late: it takes 5 ms

    named = [os.environ.get(name) for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA")]
    home = [] if sys.platform == "win32" else [os.path.expanduser("~/.cache")]
    places = [*(place for place in named if place), *home]
    return [*(Path(place) / "runlake" for place in places), Path(tempfile.gettempdir()) / f"runlake-{platform.user_name()}"]


def _is_grid_engine() -> bool:
    return "JOB_ID" in os.environ and any(name.startswith("SGE_") for name in os.environ)


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
    within = []
    for folder in (start, *start.parents):
        within.append(folder)
        if os.path.exists(folder / ".git"):
            break
    else:
        within = [start]  # what lies above belongs to something else
    return next((folder / "lake" for folder in within if os.path.isfile(folder / "lake" / "STORE.json")), None)


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
