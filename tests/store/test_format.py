"""A store that a later version made is refused in one sentence by every door, and not a byte nor a time in it changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import runlake
from children import environment, run_program
from lake import lake
from runlake.errors import StoreError
from runlake.recording import recorders
from runlake.store.checked_json import checked_json, object_of
from runlake.store.compaction import compact
from runlake.store.layout import FORMAT, Layout
from runlake.store.publish import publish
from runlake.store.view import View

LATER = FORMAT + 1

TRAIN = """
import runlake
for number in range(2):
    with runlake.start_run(run_name=f"run {number}"):
        runlake.log_param("lr", 0.1)
        runlake.log_metric("loss", 1.0)
        runlake.log_text("hello", "note.txt")
"""

TRAINS_WITH_AUTOLOG = """
import runlake
runlake.autolog()
import numpy as np
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit(np.arange(10.0).reshape(-1, 1), np.arange(10.0))
print(round(model.coef_[0], 6))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with runs in logs and in tables, which says that it is of the next format."""
    store = tmp_path_factory.mktemp("made") / "lake"
    for number in range(2):
        assert run_program(TRAIN, store, RUNLAKE_JOBS="off").returncode == 0
        if not number:
            publish(Layout(store))
    description = Layout(store).description
    description.write_bytes(checked_json(object_of(description.read_bytes()) | {"format": LATER}))
    return store


@pytest.fixture
def later(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "lake"))


def as_it_lies(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file and folder: its inode, when it was changed, its content."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        state = path.lstat()
        found[str(path)] = state.st_ino, state.st_mtime_ns, path.read_bytes() if path.is_file() else b""
    return found


def sentence(store: Path) -> str:
    """What is said."""
    return f"{store} has format {LATER}, this runlake reads up to {FORMAT}. Nothing was written; upgrade."


def run(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A module of ours as a program."""
    command = [sys.executable, "-m", *arguments]
    settings = environment(store, RUNLAKE_JOBS="off", RUNLAKE_EXIT_WAIT="0")
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False, cwd=store.parent)


COMMANDS = [
    ["compact"],
    ["du"],
    ["experiments"],
    ["experiments", "rename", "Default", "other"],
    ["finish"],
    ["gc"],
    ["ls"],
    ["ls", "--json"],
    ["show", "@last"],
    ["sql", "--views"],
    ["doctor", "@last"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_it(later: Path, command: Sequence[str]) -> None:
    """With the same line, and code 1."""
    before = as_it_lies(later)

    refused = run(later, "runlake", *command)

    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"runlake: {sentence(later)}\n")
    assert as_it_lies(later) == before


def test_fsck_finds_that_and_leaves_it(later: Path) -> None:
    """It tells of the format as of whatever else is wrong."""
    before = as_it_lies(later)

    refused = run(later, "runlake", "fsck")

    assert (refused.returncode, sentence(later) in refused.stdout + refused.stderr) == (1, True)
    assert as_it_lies(later) == before


@pytest.mark.long
def test_doctor_and_the_bare_command_say_so_too(later: Path) -> None:
    """They look at more than the store, and go on."""
    before = as_it_lies(later)

    assert sentence(later) in run(later, "runlake", "doctor").stdout
    assert "Traceback" not in run(later, "runlake").stderr
    assert as_it_lies(later) == before


@pytest.mark.parametrize("arguments", [["--publish", "--at-once"], ["--finish"], ["--idle", "0.1"]], ids=lambda each: each[0])
def test_processes_that_do_jobs_and_publish_refuse_it(later: Path, arguments: Sequence[str]) -> None:
    """Whoever started them: a program of a later version, or one that began before the store was upgraded."""
    before = as_it_lies(later)

    refused = run(later, "runlake.jobs", str(later), *arguments)

    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"runlake: {sentence(later)}\n")
    assert as_it_lies(later) == before


def test_what_reads_and_publishes_in_a_program_refuses_it(later: Path) -> None:
    """Each for itself."""
    before = as_it_lies(later)

    for door in (runlake.read.open_store, lambda path: publish(Layout(path)), lambda path: View(Layout(path))):
        with pytest.raises(StoreError) as refused:
            door(later)
        assert str(refused.value) == sentence(later)
    assert as_it_lies(later) == before


@pytest.mark.parametrize("verb", ["start_run()", "log_metric('loss', 1)", "search_runs()", "create_experiment('new')", "get_run('r')"])
def test_what_a_program_asks_for_by_name_is_refused(later: Path, verb: str) -> None:
    """As every mistake in a setting is: at once, before anything is trained."""
    before = as_it_lies(later)

    refused = run_program(f"import runlake\nrunlake.{verb}", later, RUNLAKE_JOBS="off")

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == f"runlake.errors.StoreError: {sentence(later)}"
    assert as_it_lies(later) == before


def test_a_training_that_is_watched_goes_on(later: Path) -> None:
    """It was asked to be recorded, not to be stopped: it ends as it would, and is told once why nothing is recorded."""
    before = as_it_lies(later)

    trained = run_program(TRAINS_WITH_AUTOLOG, later, RUNLAKE_JOBS="off", RUNLAKE_SILENT="0")

    assert (trained.returncode, trained.stdout) == (0, "1.0\n")
    assert trained.stderr.count(sentence(later)) == 1
    assert as_it_lies(later) == before


def test_a_store_of_this_format_says_so(store: Path) -> None:
    """And one whose format is no number, or missing, is damaged."""
    with runlake.start_run():
        pass
    recorders.stop_all()
    description = Layout(store).description
    said = json.loads(description.read_bytes())
    assert said["format"] == FORMAT

    for found in ({}, {"format": None}, {"format": "1"}, {"format": 1.5}):
        description.write_bytes(json.dumps(found).encode())
        with pytest.raises(StoreError, match="Nothing was written"):
            runlake.read.open_store(store)


# Tables that another program raised


RAISED = [
    ("points", {"minReaderVersion": 1, "minWriterVersion": 3}),
    ("points", {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["appendOnly"]}),
    ("meta", {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["identityColumns"]}),
    ("metrics", {"minReaderVersion": 1, "minWriterVersion": 9}),
    ("runs", {"minReaderVersion": 1, "minWriterVersion": 3}),
]


@pytest.mark.parametrize(("table", "protocol"), RAISED, ids=lambda each: each if isinstance(each, str) else str(each["minWriterVersion"]))
def test_a_table_raised_for_writers_is_read_and_not_written(store: Path, table: str, protocol: dict[str, object]) -> None:
    """What its writers must heed now, we do not know: nothing is committed to it, no file of it is removed, and no log."""
    for number in range(3):
        with runlake.start_run(run_name=f"run {number}"):
            runlake.log_metric("loss", number)
        recorders.stop_all()
        if number < 2:
            publish(Layout(store))
    log = store / table / "_delta_log"
    (log / f"{len(list(log.glob('*.json'))):020d}.json").write_text(json.dumps({"protocol": protocol}) + "\n")
    before, there = lake(store), sorted(os.listdir(log))

    for door in (publish, compact):
        with pytest.raises(StoreError, match=f"raised the table {store / table} to writer version {protocol['minWriterVersion']}"):
            door(Layout(store))

    assert sorted(os.listdir(log)) == there
    assert lake(store) == before
