"""Two processes that write and one that reads, at the same time: each sees what the others log, soon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runlake
from children import let_go_together, start_program

CEILING_SECONDS = 5.0  # on a busy machine; it takes about half a second

WRITE_AND_WATCH = """
    import json, sys, time, runlake

    name, n_points = sys.argv[1], int(sys.argv[2])
    if name != "reader":
        runlake.start_run(run_name=name)
    print("ready")
    sys.stdin.readline()
    store, seen, logged = runlake.read.open_store(), {}, 0
    give_up = time.monotonic() + 40
    while len(seen) < 2 * n_points and time.monotonic() < give_up:
        if name != "reader" and logged < n_points:
            runlake.log_metric(name, time.time(), step=logged)
            logged += 1
        store.refresh()
        points, now = store.points(), time.time()
        for run_id, key, step, value in zip(*(points[column].to_pylist() for column in ("run_id", "key", "step", "value"))):
            seen.setdefault((run_id, key, step), now - value)
        time.sleep(0.05)
    print(json.dumps([sorted(seen), max(seen.values(), default=None)]))
"""


def seen_by_three(store: Path, n_points: int, **settings: str) -> dict[str, tuple[list[list[object]], float]]:
    """Have `one` and `two` log and `reader` look on; which points each of them saw, and after how many seconds at most."""
    programs = {name: start_program(WRITE_AND_WATCH, store, name, str(n_points), **settings) for name in ("one", "two", "reader")}
    let_go_together(list(programs.values()))
    said = {name: program.communicate(timeout=60) for name, program in programs.items()}

    assert {name: errors for name, (_, errors) in said.items()} == dict.fromkeys(programs, "")
    return {name: tuple(json.loads(lines)) for name, (lines, _) in said.items()}


@pytest.mark.parametrize("joined", [True, False], ids=["one run that both joined", "a run for each"])
def test_what_one_process_logs_the_others_see_soon(store: Path, joined: bool) -> None:
    """All of it, while the writers go on, and under the run that it belongs to."""
    with runlake.start_run() as first:
        runlake.flush()
        seen = seen_by_three(store, 30, **(first.env() if joined else {}))
    runs = {run.info.run_name: run.info.run_id for run in runlake.read.open_store().runs()}
    expected = sorted([first.run_id if joined else runs[name], name, step] for name in ("one", "two") for step in range(30))

    assert {name: points for name, (points, _) in seen.items()} == dict.fromkeys(("one", "two", "reader"), expected)
    assert max(longest for _, longest in seen.values()) < CEILING_SECONDS, seen
    assert len(runs) == (1 if joined else 3)
    assert {run.info.status for run in runlake.read.open_store().runs()} == {"FINISHED"}
