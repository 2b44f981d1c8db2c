"""A run becomes a program again: what its record says is planned first, then looked at and agreed to, and only then fetched and started."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runlake.entities.environments import ENVIRONMENT_FILE
from runlake.errors import InvalidValue, UnknownRun
from runlake.projects.addresses import Address, read_address
from runlake.projects.differences import REDACTED, changes_of_code, differences, ran_elsewhere
from runlake.projects.git import WorkTree, apply_changes, checked_out, holds, work_tree_of
from runlake.projects.inside import path_inside
from runlake.projects.launching import (
    ENTRY_POINT_TAG,
    ENV_TAG,
    PARAMETERS_TAG,
    Asked,
    Launch,
    Outcome,
    Prepared,
    changes_of_tree,
    prepared_project,
    tags_of_commit,
)
from runlake.projects.let_through import environment_for
from runlake.projects.processes import why_not_given
from runlake.projects.program import listening
from runlake.projects.sources import fetched
from runlake.read import Run, Store
from runlake.recording.opening import Wanted
from runlake.recording.surroundings.changes import DIFF_FILE

__all__ = ["RERUN_TAG", "Plan", "planned", "run_again"]

RERUN_TAG = "runlake.rerun_of"
COMMIT_TAG, REMOTE_TAG = "mlflow.source.git.commit", "mlflow.source.git.repoURL"
_WITH_A_WORD = ("-W", "-X", "--check-hash-based-pycs")  # options of Python that take the next word
_WITHOUT_A_SCRIPT = ("-c", "-m")


@dataclass(frozen=True)
class Plan:
    """How a run would be run again."""

    run: Run
    shown: str
    missing: Sequence[str]  # or other than it was, in words
    elsewhere: str  # who ran it where, unless it was this user, here
    prepare: Callable[[ExitStack], Prepared]


def planned(store: Store, run: Run, let_through: Sequence[str]) -> Plan:
    """The plan for a run. Raises InvalidValue where its record does not allow it. Nothing is fetched, built or started yet."""
    origin = _origin(store, run)
    if origin.tags.get("mlflow.source.type") == "PROJECT" and ENTRY_POINT_TAG in origin.tags:
        return _project(origin, let_through)
    return _script(origin, let_through)


def run_again(plan: Plan, of: Run) -> Outcome:
    """Carry it out, in a run of the same name and experiment."""
    with listening() as programs, ExitStack() as stack:
        prepared = plan.prepare(stack)
        wanted = Wanted(experiment_id=of.info.experiment_id, run_name=of.info.run_name, tags={RERUN_TAG: of.info.run_id})
        return Launch(prepared, wanted, stack, programs).finish()


def _origin(store: Store, run: Run) -> Run:
    """Of a run that was one run again, that one: the other's folder is gone."""
    seen = {run.info.run_id}
    while (earlier := run.tags.get(RERUN_TAG)) and earlier not in seen:
        try:
            run = store.run(earlier)
        except UnknownRun:
            break
        seen.add(earlier)
    return run


def _outer(run: Run) -> Run | None:
    """The nearest that it is inside of and that says what was run."""
    _, *others = run.outward()
    return next((other for other in others if ENVIRONMENT_FILE in other.artifacts or ENTRY_POINT_TAG in other.tags), None)


def _named(run: Run) -> str:
    return f"The run {run.info.run_name} ({run.info.run_id})"


def _diff(run: Run) -> str:
    return changes_of_code(run.read_artifact(DIFF_FILE).decode("utf-8", "replace"))[0] if DIFF_FILE in run.artifacts else ""


# A project's run: the same address at the same commit.


def _project(run: Run, let_through: Sequence[str]) -> Plan:
    tags = run.tags
    uri, commit = tags.get("mlflow.source.name", ""), tags.get(COMMIT_TAG)
    if REDACTED in uri or REDACTED in tags.get(PARAMETERS_TAG, ""):
        raise InvalidValue(
            f"{_named(run)} cannot be run again: secrets were taken out of its address or parameters. Give them to runlake run."
        )
    parameters = _parameters(run)
    address = _address(run, uri)
    if not address.is_remote and commit and work_tree_of(address.folder) is None:
        raise InvalidValue(f"{_named(run)} was at commit {commit} of the git repository of {address.folder}, which is none any more.")
    diff = _diff(run) if commit else ""
    asked = Asked(uri, tags[ENTRY_POINT_TAG], commit, parameters, tags.get(ENV_TAG), let_through)

    def prepare(stack: ExitStack) -> Prepared:
        source = fetched(uri, commit, stack)
        if diff and source.tree is not None:
            apply_changes(source.tree.root, diff)
        return prepared_project(asked, stack, source)

    words = ["runlake", "run", uri, "-e", asked.entry_point, *(["-v", commit] if commit else [])]
    words += [word for name, value in parameters.items() for word in ("-P", f"{name}={value}")]
    words += ["--env-manager", asked.env_manager] if asked.env_manager else []
    shown = f"{shlex.join(words)}{', with the recorded changes' if diff else ''}"
    return Plan(run, shown, differences(run, with_packages=asked.env_manager == "local"), ran_elsewhere(run), prepare)


def _address(run: Run, uri: str) -> Address:
    """Where the project is. Raises InvalidValue, which tells of one that lay in another's checkout what to run instead."""
    try:
        return read_address(uri)
    except InvalidValue as error:
        outer = _outer(run)
        instead = f" It is inside of another run. Run that again:  runlake rerun {outer.info.run_id}" if outer else ""
        raise InvalidValue(f"{_named(run)} cannot be run again. {error}{instead}") from error


def _parameters(run: Run) -> dict[str, str]:
    try:
        found = json.loads(run.tags.get(PARAMETERS_TAG, ""))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidValue(f"{_named(run)} does not say with which parameters it was run: its tag {PARAMETERS_TAG} is none of ours.")
    return found


# A script's run: the command, in a checkout of the commit.


@dataclass(frozen=True)
class _Recorded:
    """The command of a run, and where it was given."""

    command: list[str]
    folder: Path
    script: int | None  # which of the words is the file that was run

    @property
    def file(self) -> Path | None:
        """That file."""
        return None if self.script is None else Path(os.path.normpath(self.folder / self.command[self.script]))


def _script(run: Run, let_through: Sequence[str]) -> Plan:
    recorded = _recorded(run)
    commit = run.tags.get(COMMIT_TAG)
    here = _work_tree(recorded) if commit else None
    missing = differences(run, with_packages=True)
    if commit and here is not None and holds(here.root, commit):
        name = _below(recorded.file, here.root)
        if name is None or holds(here.root, commit, name) or f"+++ b/{name}\n" in _diff(run):
            return _in_checkout(run, recorded, str(here.root), here.root, missing, let_through)
        missing.insert(0, f"{name} is not in the commit: it is run where it lies, as it is now")
    elif commit and (remote := run.tags.get(REMOTE_TAG)):
        return _in_checkout(run, recorded, remote, None, [f"the code is fetched from {remote}", *missing], let_through)
    elif commit:
        raise InvalidValue(f"{_named(run)} ran at commit {commit}, and no git repository with it is at {recorded.folder} any more.")
    return _in_place(run, recorded, missing, let_through)


def _recorded(run: Run) -> _Recorded:
    if run.tags.get("mlflow.source.type") == "NOTEBOOK":
        raise InvalidValue(f"{_named(run)} was a notebook's, whose cells are not recorded. Open the notebook, and run it there.")
    if ENVIRONMENT_FILE not in run.artifacts:
        outer = _outer(run)
        if outer is not None:
            raise InvalidValue(f"{_named(run)} is inside of another. Run that again:  runlake rerun {outer.info.run_id}")
        raise InvalidValue(f"{_named(run)} does not say what was run: it has no {ENVIRONMENT_FILE}.")
    said: Mapping[str, Any] = run.environment
    command, folder = said.get("command"), said.get("folder")
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command) or not isinstance(folder, str):
        raise InvalidValue(f"{_named(run)} does not say what was run: its {ENVIRONMENT_FILE} is none of ours.")
    if hidden := [word for word in command if REDACTED in word]:
        raise InvalidValue(f"{_named(run)} cannot be run again: secrets were taken out of its command, {shlex.join(hidden)}.")
    if wrong := [why for word in [*command, folder] if (why := why_not_given(word))]:
        raise InvalidValue(f"{_named(run)} cannot be run again: of its recorded command a word or the folder is none, as {wrong[0]}.")
    if any("ipykernel" in word for word in command):
        raise InvalidValue(f"{_named(run)} was a notebook's, whose cells are not recorded. Open the notebook, and run it there.")
    if len(command) == 1:
        raise InvalidValue(f"{_named(run)} was typed line by line, and the lines are not recorded.")
    return _of_environment(_Recorded(command, Path(folder), _place_of_script(command)), str(said.get("executable", "")))


def _of_environment(recorded: _Recorded, executable: str) -> _Recorded:
    """Where the file is a command that lay beside the interpreter, it is the one that lies beside ours."""
    if recorded.file is None or recorded.script is None or not executable or recorded.file.parent != Path(executable).parent:
        return recorded
    command = list(recorded.command)
    command[recorded.script] = str(Path(sys.executable).parent / recorded.file.name)
    return _Recorded(command, recorded.folder, None)


def _place_of_script(command: Sequence[str]) -> int | None:
    place = 1
    while place < len(command):
        if command[place].startswith(_WITHOUT_A_SCRIPT):
            return None
        if not command[place].startswith("-"):
            return place
        place += 2 if command[place] in _WITH_A_WORD else 1
    return None


def _work_tree(recorded: _Recorded) -> WorkTree | None:
    """As the run found it: of its script, else of its folder."""
    places = [*([recorded.file.parent] if recorded.file else []), recorded.folder]
    return next((tree for place in places if (tree := work_tree_of(place)) is not None), None)


def _below(path: Path | None, root: Path) -> str | None:
    """Its name in the work tree; None where it is not in it."""
    if path is None:
        return None
    for place, top in ((path, root), (path.resolve(), root.resolve())):
        if place.is_relative_to(top):
            return place.relative_to(top).as_posix()
    return None


def _in_place(run: Run, recorded: _Recorded, missing: Sequence[str], let_through: Sequence[str]) -> Plan:
    if recorded.file is not None and not recorded.file.is_file():
        raise InvalidValue(f"{_named(run)} ran {recorded.file}, which is not there any more.")
    if not recorded.folder.is_dir():
        raise InvalidValue(f"{_named(run)} ran in {recorded.folder}, which is not there any more.")
    argv = [sys.executable, *recorded.command[1:]]
    tags = _source_tags(run)

    def prepare(stack: ExitStack) -> Prepared:
        return Prepared(argv, recorded.folder, environment_for(let_through), tags)

    return Plan(run, f"{shlex.join(recorded.command)}, in {recorded.folder}", missing, ran_elsewhere(run), prepare)


def _in_checkout(run: Run, recorded: _Recorded, place: str, root: Path | None, missing: Sequence[str], let_through: Sequence[str]) -> Plan:
    commit, diff = run.tags[COMMIT_TAG], _diff(run)
    tags = _source_tags(run)

    def prepare(stack: ExitStack) -> Prepared:
        tree = checked_out(place, commit, stack, is_remote=root is None)
        if diff:
            apply_changes(tree.root, diff)
        remote = run.tags.get(REMOTE_TAG, "")
        top = root or _top(recorded, tree.root)
        folder, argv = _moved(recorded, top, tree.root)
        commits = tags_of_commit(WorkTree(tree.root, commit, "", remote))
        return Prepared(argv, folder, environment_for(let_through), tags | commits, changes=changes_of_tree(tree))

    what = f"a checkout of {commit[:12]} of {place}{', with the recorded changes' if diff else ''}"
    return Plan(run, f"{shlex.join(recorded.command)}, in {what}", missing, ran_elsewhere(run), prepare)


def _source_tags(run: Run) -> dict[str, str]:
    names: tuple[str, ...] = ("mlflow.source.name", "mlflow.source.type")
    return {name: run.tags[name] for name in names if name in run.tags}


def _top(recorded: _Recorded, tree: Path) -> Path:
    """Where the work tree was that the command was given in, judged by what lies in another of it."""
    path = recorded.file or recorded.folder
    for n_parts in range(len(path.parts) - 1, 0, -1):
        if (tree / Path(*path.parts[-n_parts:])).exists():
            return Path(*path.parts[:-n_parts])
    raise InvalidValue(f"{path} is nowhere in the commit, so it is not known where the command was given.")


def _moved(recorded: _Recorded, top: Path, tree: Path) -> tuple[Path, list[str]]:
    """The folder and the command as they are in another work tree."""
    below = _below(recorded.folder, top)
    folder = recorded.folder if below is None else path_inside(tree, below, "the folder of the command")
    folder.mkdir(parents=True, exist_ok=True)  # it may have held nothing that git tracks
    argv = [sys.executable, *recorded.command[1:]]
    name = _below(recorded.file, top)
    if recorded.script is not None and name is not None and (below is None or Path(argv[recorded.script]).is_absolute()):
        argv[recorded.script] = str(tree / name)
    return folder, argv
