"""Git repositories: what a project is fetched from, and which commit a folder is at. Nothing of a repository is run by fetching it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from runlake import config
from runlake.errors import InvalidValue, RunlakeError
from runlake.projects.addresses import shown_address
from runlake.projects.processes import Done, with_deadline
from runlake.recording.telling import say
from runlake.redaction import redacted_text

__all__ = ["WorkTree", "apply_changes", "checked_out", "holds", "work_tree_of"]

ANSWER_SECONDS = 20.0  # for what an address has
MOST_NAMED = 10

_HEX = re.compile(r"[0-9a-fA-F]{4,64}")
# No hooks, no programs that a repository names, nothing below it that comes from elsewhere.
_QUIETLY = (
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "submodule.recurse=false",
    "-c",
    "protocol.ext.allow=never",
)
_PATIENTLY = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60", "-c", "advice.detachedHead=false")
_CLONE = ("clone", "--quiet", "--no-checkout", "--template=", "--no-recurse-submodules")


@dataclass(frozen=True)
class WorkTree:
    """A checked out commit; "" for what is not known."""

    root: Path
    commit: str
    branch: str = ""
    remote: str = ""


def work_tree_of(folder: Path) -> WorkTree | None:
    """The work tree that the folder lies in; None where it is in none, or either or git is not there."""
    if not folder.is_dir():
        return None
    try:
        asked = _git(["rev-parse", "--show-toplevel", "HEAD"], folder)
    except RunlakeError:
        return None
    lines = asked.output.splitlines()
    if asked.code != 0 or len(lines) != 2:
        return None
    branch = _git(["symbolic-ref", "--quiet", "--short", "HEAD"], folder).output.strip()
    remote = _git(["config", "--get", "remote.origin.url"], folder).output.strip()
    return WorkTree(Path(lines[0]), lines[1], branch, shown_address(remote))


def checked_out(place: str, version: str | None, stack: ExitStack, *, is_remote: bool) -> WorkTree:
    """A clone at that version, in a folder that goes with `stack`. Raises RunlakeError with git's own words."""
    if version is not None and (not version or version.startswith("-") or not version.isprintable()):
        raise InvalidValue(f"A version is a branch, a tag or a commit, not {version!r}.")
    shown = shown_address(place)
    how = _how_to_clone(place, version, shown) if is_remote else ["--shared"]
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="runlake-project-", ignore_cleanup_errors=True))) / "project"
    if is_remote:
        say(f"runlake: cloning {shown}")
    _need(_git([*_CLONE, *how, "--", place, str(folder)], None, takes_its_time=True), shown, place, "cannot be cloned")
    commit = _commit(folder, version)
    if commit is None:
        raise InvalidValue(f"There is no branch, tag or commit {version!r} in {shown}{_there(folder)}")
    # A user's name and password in the address are not for the program to read.
    _need(_git(["remote", "set-url", "origin", shown], folder), shown, place, "cannot be set up")
    done = _git(["checkout", "--quiet", "--detach", commit], folder, takes_its_time=True)
    _need(done, shown, place, f"cannot be checked out at {commit}")
    return WorkTree(folder, commit, "", shown if is_remote else "")


def holds(root: Path, commit: str, name: str = "") -> bool:
    """Whether the repository of this work tree has the commit, and in it a file or folder of this name."""
    return _object(root, f"{commit}:{name}" if name else f"{commit}^{{commit}}") is not None


def apply_changes(tree: Path, diff: str) -> None:
    """Make these changes in the work tree. Raises RunlakeError where they do not fit."""
    done = _git(["apply", "--whitespace=nowarn", "-"], tree, given=diff)
    if done.code != 0:
        raise RunlakeError(f"The recorded changes do not fit the commit: {_words(done, '', '')}")


def _how_to_clone(place: str, version: str | None, shown: str) -> list[str]:
    """What must be fetched: one commit where the version is a name, all where it is a commit. An address that is dead is told soon."""
    asked = _git(["ls-remote", "--quiet", "--", place], None)
    if asked.code is None:
        raise RunlakeError(f"{shown} did not answer within {ANSWER_SECONDS:g} s. See whether the address is right, and reached from here.")
    _need(asked, shown, place, "cannot be read")
    names = [line.partition("\t")[2] for line in asked.output.splitlines()]
    if not names:
        raise RunlakeError(f"{shown} has no commit yet.")
    if version is None:
        return ["--depth", "1"]
    if f"refs/heads/{version}" in names or f"refs/tags/{version}" in names:
        return ["--depth", "1", "--branch", version]
    if _HEX.fullmatch(version):
        return []
    raise InvalidValue(f"There is no branch, tag or commit {version!r} in {shown}{_listed(names)}")


def _commit(folder: Path, version: str | None) -> str | None:
    """The commit that a version means in a clone."""
    if version is None:
        meant = ["HEAD"]
    elif _HEX.fullmatch(version) and len(version) >= 40:
        meant = [version]
    else:
        meant = [f"refs/remotes/origin/{version}", f"refs/tags/{version}", version]
    return next((found for name in meant if (found := _object(folder, f"{name}^{{commit}}")) is not None), None)


def _object(folder: Path, name: str) -> str | None:
    """The digest of what a repository calls so; None where it has no such thing."""
    asked = _git(["rev-parse", "--verify", "--quiet", "--end-of-options", name], folder)
    return asked.output.strip() if asked.code == 0 else None


def _there(folder: Path) -> str:
    return _listed(_git(["for-each-ref", "--format=%(refname)", "refs/remotes", "refs/tags"], folder).output.split())


def _listed(names: Sequence[str]) -> str:
    """The branches and tags that there are."""
    short = [re.sub(r"^refs/(heads|tags|remotes/origin)/", "", name) for name in names if name.startswith("refs/") and "^" not in name]
    short = sorted({name for name in short if name != "HEAD"})
    more = f" and {len(short) - MOST_NAMED} more" if len(short) > MOST_NAMED else ""
    return f"; there are {', '.join(short[:MOST_NAMED])}{more}." if short else "."


def _git(arguments: Sequence[str], folder: Path | None, given: str = "", *, takes_its_time: bool = False) -> Done:
    seconds = None if takes_its_time else ANSWER_SECONDS
    try:
        return with_deadline(["git", *_QUIETLY, *_PATIENTLY, *arguments], config.environment_of_clones(), folder, seconds, given)
    except FileNotFoundError as error:
        raise RunlakeError("git is not on the PATH. Install it, or give a folder that is no repository.") from error


def _need(done: Done, shown: str, place: str, what: str) -> None:
    if done.code != 0:
        raise RunlakeError(f"{shown} {what}. git says: {_words(done, place, shown)}")


def _words(done: Done, place: str, shown: str) -> str:
    """What git said, without what the address holds that is nobody's business."""
    said = done.errors.strip().replace(place, shown) if place else done.errors.strip()
    return shown_address(redacted_text(said)) or f"nothing, and ended with {done.code}"
