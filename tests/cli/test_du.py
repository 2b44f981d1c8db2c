"""`runlake du`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from children import environment, run_program
from runlake.read.search import cache
from runlake.store.layout import Layout

LOGS = """
    import runlake
    for name, n in (("small", 10), ("large", 1000), ("gone", 100)):
        runlake.set_experiment("of small ones" if n < 1000 else "of large ones")
        with runlake.start_run(run_name=name) as run:
            runlake.log_text("shared" * 100, "shared.txt")
            runlake.log_text(name * n, "own.txt")
            for step in range(n):
                runlake.log_metric("loss", step / 8, step=step)
    runlake.delete_run(run.run_id)
"""


def du(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "runlake", "du", *arguments]
    home = store.parent / "home"
    return subprocess.run(
        command, env=environment(store, XDG_CACHE_HOME=str(home)), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def store_of_runs(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs in two experiments, one deleted, and a cache."""
    assert run_program(LOGS, store, RUNLAKE_JOBS="off").stderr == ""
    monkeypatch.setenv("XDG_CACHE_HOME", str(store.parent / "home"))
    from runlake.store.publish import publish

    publish(Layout(store))
    assert cache.bring_up_to_date(Layout(store))
    return store


def test_it_tells_kinds_and_what_lies_beside(store_of_runs: Path) -> None:
    """Sizes for people in the table, bytes in the JSON, and the same in both."""
    told: dict[str, Any] = json.loads(du(store_of_runs, "--json").stdout)
    lines = du(store_of_runs).stdout.splitlines()

    assert told["total"]["bytes"] == sum(each["bytes"] for each in told["kinds"])
    assert told["total"]["bytes"] == sum(os.lstat(path).st_size for path in [store_of_runs, *store_of_runs.rglob("*")])
    assert told["search_cache"]["files"] == len(cache.files(Layout(store_of_runs))) > 1
    assert lines[0].split() == ["kind", "files", "size"]
    assert [line.split()[0] for line in lines[1:]][:3] == ["logs", "sealed", "points"]
    assert lines[-2].split()[:3] == ["in", "all", str(told["total"]["files"])]
    assert lines[-1].startswith(f"{store_of_runs} · beside it, the search cache: {told['search_cache']['files']} files")


def test_it_tells_runs_the_largest_first(store_of_runs: Path) -> None:
    """Deleted ones are marked; of many, the first."""
    told = json.loads(du(store_of_runs, "--by", "run", "--json").stdout)
    lines = du(store_of_runs, "--by", "run", "--limit", "2").stdout.splitlines()

    assert [(each["run_name"], each["points"], each["artifacts"], each["shared"], each["deleted"]) for each in told] == [
        ("large", 1000, 600 + 5000, 600, False),
        ("gone", 100, 600 + 400, 600, True),
        ("small", 10, 600 + 50, 600, False),
    ]
    assert all(each["bytes"] == each["artifacts"] + each["point_bytes"] for each in told)
    assert lines[1].split()[:2] == ["large", f"{told[0]['bytes'] / 1000:.3g}"]
    assert lines[2].startswith("gone (deleted)")
    assert lines[3].startswith("2 of 3 runs; all: --limit 0")


def test_it_tells_experiments(store_of_runs: Path) -> None:
    """With how many runs there are in each."""
    told = json.loads(du(store_of_runs, "--by", "experiment", "--json").stdout)
    lines = du(store_of_runs, "--by", "experiment").stdout.splitlines()

    assert [(each["name"], each["runs"], each["points"], each["artifacts"], each["shared"]) for each in told] == [
        ("of large ones", 1, 1000, 5600, 600),
        ("of small ones", 2, 110, 600 + 400 + 50, 600),
    ]
    assert lines[1].startswith("of large ones")
    assert lines[-1].startswith("2 experiments")


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Nothing is made."""
    finished = du(tmp_path / "lake")

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.startswith(f"runlake: There is no store at {tmp_path / 'lake'} yet.")
    assert not (tmp_path / "lake").exists()
