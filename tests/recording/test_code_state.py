"""A run knows the commit of its code, and what was changed since."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import runlake
from children import environment
from runlake.recording.surroundings.changes import Changes, changes_in
from runlake.recording.surroundings.commit import Commit, commit_of_program

PROGRAM = "import runlake\nwith runlake.start_run():\n    runlake.log_metric('loss', 1.0)\n"


def git(folder: Path, *arguments: str) -> str:
    """Ask git, as somebody who commits."""
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a program in it."""
    folder = tmp_path / "tree"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text(PROGRAM)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def train(tree: Path, store: Path, **settings: str) -> runlake.read.Run:
    """Run the program from somewhere else, and give its run."""
    command = [sys.executable, str(tree / "src" / "train.py")]
    settings = {"RUNLAKE_ENVIRONMENT": "1", "RUNLAKE_SILENT": "0"} | settings
    ended = subprocess.run(command, env=environment(store, **settings), cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, f"recording to {store}\n")
    return runlake.read.open_store(store).runs()[0]


def at(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Commit | None:
    """What is read from git's files there."""
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tree / "train.py"), raising=False)
    commit_of_program.cache_clear()
    try:
        return commit_of_program()
    finally:
        commit_of_program.cache_clear()


def test_a_run_has_the_commit_and_what_was_changed_since(tree: Path, store: Path) -> None:
    """The diff can be applied to the commit, which gives the code that ran."""
    git(tree, "remote", "add", "origin", "https://example.org/tree.git")
    (tree / "src" / "train.py").write_text(PROGRAM + "print('changed')\n")
    (tree / "new.txt").write_text("new")

    run = train(tree, store)

    said = {tag: text for tag, text in run.tags.items() if "git" in tag}
    assert said == {
        "mlflow.source.git.commit": git(tree, "rev-parse", "HEAD"),
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.repoURL": "https://example.org/tree.git",
        "runlake.git.changes": "1 changed, 1 not tracked",
    }
    diff = run.read_artifact("code.diff")
    assert diff.startswith(b"# not tracked: 'new.txt'\n")
    git(tree, "checkout", "-q", ".")
    subprocess.run(["git", "apply"], input=diff, cwd=tree, check=True)
    assert (tree / "src" / "train.py").read_text() == PROGRAM + "print('changed')\n"


def test_a_clean_tree_has_no_diff(tree: Path) -> None:
    """And the store in it is no change, whether git ignores it or not."""
    (tree / "lake").mkdir()
    (tree / "lake" / "x.wal").write_text("x")

    assert changes_in(tree, tree / "lake", redact=True) == Changes()


@pytest.mark.parametrize("state", ["loose", "packed", "detached", "linked", "none"])
def test_the_commit_is_read_from_gits_own_files(tree: Path, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is kept; git is not asked."""
    commit, place, branch = git(tree, "rev-parse", "HEAD"), tree, "main"
    if state == "packed":
        git(tree, "pack-refs", "--all")
    elif state == "detached":
        git(tree, "checkout", "-q", "--detach")
        branch = ""
    elif state == "linked":
        place, branch = tmp_path / "linked", "a/b"
        git(tree, "worktree", "add", "-q", "-b", branch, str(place))
    elif state == "none":
        place, commit = tmp_path / "empty", ""
        place.mkdir()
        git(place, "init", "-q")
    monkeypatch.setenv("PATH", "")

    assert at(place, monkeypatch) == Commit(place, commit, branch)


def test_big_files_are_left_out_and_named(tree: Path) -> None:
    """Those of more than a megabyte, and what comes after four."""
    (tree / "src" / "train.py").write_text("changed\n")
    (tree / "data.csv").write_text("small")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "two")
    (tree / "src" / "train.py").write_text("changed again\n")
    (tree / "data.csv").write_text("1,2,3\n" * 200_000)

    found = changes_in(tree, tree / "lake", redact=True)

    assert found is not None
    assert found.changed == ("data.csv", "src/train.py")
    assert found.diff.startswith("# left out, as they are over 1 MB: 'data.csv'\n")
    assert ("+changed again" in found.diff, "1,2,3" in found.diff, len(found.diff) < 1000) == (True, False, True)


def test_a_deleted_giant_does_not_fill_the_store(tree: Path) -> None:
    """The diff is cut off."""
    (tree / "data.csv").write_text("1,2,3\n" * 2_000_000)
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "two")
    (tree / "data.csv").unlink()

    found = changes_in(tree, tree / "lake", redact=False)

    assert found is not None
    assert found.diff.startswith("# cut off, as there is more than 4 MB\n")
    assert len(found.diff) < 5 << 20


def test_secrets_are_taken_out_of_the_diff_and_the_remote(tree: Path) -> None:
    """A key that was never committed must not be kept by us."""
    secret = "ghp_" + "a1B2" * 9
    git(tree, "remote", "add", "origin", f"https://me:{secret}@example.org/tree.git")
    (tree / "src" / "train.py").write_text(f"TOKEN = {secret!r}\n")

    found = changes_in(tree, tree / "lake", redact=True)
    bare = changes_in(tree, tree / "lake", redact=False)

    assert found is not None
    assert bare is not None
    assert secret not in repr(found)
    assert repr(bare).count(secret) == 2


def test_no_program_that_a_repository_names_is_run(tree: Path) -> None:
    """A tree from a stranger may name some in its settings."""
    trap = tree / "trap"
    (tree / "trap.sh").write_text(f"#!/bin/sh\ntouch {trap}\ncat\n")
    (tree / "trap.sh").chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "diff.t.textconv", "diff.t.command", "core.pager"):
        git(tree, "config", name, str(tree / "trap.sh"))
    (tree / ".git" / "info" / "attributes").write_text("*.py diff=t\n")
    (tree / "src" / "train.py").write_text("changed\n")

    found = changes_in(tree, tree / "lake", redact=True)

    assert found is not None
    assert "+changed" in found.diff
    assert not trap.exists()


def test_git_that_takes_too_long_is_not_waited_for(tree: Path, store: Path, tmp_path: Path) -> None:
    """The run ends at once, and the program two seconds later at most; what git would say is not there."""
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)

    began = time.monotonic()
    run = train(tree, store, PATH=f"{slow.parent}{os.pathsep}{os.environ['PATH']}")

    assert time.monotonic() - began < 15
    assert (run.info.status, "runlake.git.changes" in run.tags) == ("FINISHED", False)
    assert run.tags["mlflow.source.git.branch"] == "main"


def test_without_git_the_commit_is_known_all_the_same(tree: Path, store: Path) -> None:
    """Only what was changed is not."""
    run = train(tree, store, PATH="")

    assert sorted(tag for tag in run.tags if "git" in tag) == ["mlflow.source.git.branch", "mlflow.source.git.commit"]


def test_runs_that_are_over_before_git_answers_have_it_too(tree: Path, store: Path) -> None:
    """And those that begin afterwards."""
    (tree / "src" / "train.py").write_text(
        textwrap.dedent("""
        import time, runlake
        for seconds in (0, 0, 0.5, 0):
            with runlake.start_run():
                time.sleep(seconds)
        """)
    )

    train(tree, store)

    runs = runlake.read.open_store(store).runs()
    assert [run.tags["runlake.git.changes"] for run in runs] == ["1 changed"] * 4
    assert {run.artifacts["code.diff"] for run in runs} == {runs[0].artifacts["code.diff"]}
