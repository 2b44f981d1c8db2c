"""Searches while programs log, seal, publish, compact and cache: every run that has ended is there once, and whole."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from children import start_program
from rows import parts_of
from runlake.entities import ViewType
from runlake.read import Query, open_store
from runlake.store.compaction import compact
from runlake.store.layout import create
from runlake.store.publish import publish
from runlake.store.sealed import seal
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs

LOGS = """
    import os, sys
    import runlake
    from runlake.recording import sealer
    from runlake.store import writer

    writer.PART_BYTES, sealer.WORTH_SEALING = 20_000, 10_000  # so that parts are full, and sealed, again and again
    ended, over, place = open(sys.argv[1], "a", buffering=1), sys.argv[2], 0
    with runlake.start_run() as outer:  # or each run would have a log of its own
        while not os.path.exists(over):
            with runlake.start_run(nested=True) as run:
                runlake.log_params({"n": place, "who": os.getpid()})
                for step in range(5):
                    runlake.log_metrics({"loss": step, f"m{place % 7}": place}, step=step)
                runlake.set_tag("done", "yes")
            ended.write(run.info.run_id + "\\n")
            place += 1
    ended.write(outer.info.run_id + "\\n")
"""

MOVES = """
    import os, sys
    from pathlib import Path
    from runlake.read.search import cache
    from runlake.store.compaction import compact
    from runlake.store.layout import Layout
    from runlake.store.publish import publish

    cache.CHUNK = 50
    layout = Layout(Path(os.environ["RUNLAKE_STORE"]))
    while not os.path.exists(sys.argv[2]):
        if sys.argv[1] == "caches":
            cache.bring_up_to_date(layout)
        else:
            publish(layout)
            compact(layout, at_least=6)
"""

WHOLE = "metrics.loss@4 = 4 and metrics.loss.mean = 2 and tags.done = yes and params.n >= 0 and params.who > 0 and end_time > 0"
LACKS = " or ".join(f"{name} is null" for name in ("metrics.loss", "metrics.loss@4", "tags.done", "params.n", "params.who", "end_time"))
HALF = f"status = FINISHED and (not ({WHOLE}) or {LACKS})"


@contextlib.contextmanager
def working(store: Path, folder: Path) -> Iterator[Path]:
    """Two programs that log, one that publishes, one that caches; the file in which they say which runs have ended."""
    ended, over = folder / "ended", folder / "over"
    ended.touch()
    settings = {"XDG_CACHE_HOME": str(folder / "home"), "RUNLAKE_JOBS": "off", "RUNLAKE_FLUSH_SECONDS": "0.05"}
    programs = [start_program(LOGS, store, str(ended), str(over), **settings) for _ in range(2)]
    try:
        while not ended.read_text():
            time.sleep(0.02)
        programs += [start_program(MOVES, store, what, str(over), **settings) for what in ("publishes", "caches")]
        yield ended
    finally:
        over.touch()
        said = [program.communicate(timeout=60) for program in programs]
    assert said == [("", "")] * 4


KINDS = {"LiveFrame", "ChunkFrame"}
PATIENCE = 60.0  # of a busy machine, until there is a first cache


def look(store: Path, folder: Path, seconds: float) -> set[str]:
    """Search again and again, in a store that stays open and in one opened anew; which kinds of frames were searched."""
    stays, met, kinds = None, 0, set[str]()
    with working(store, folder) as ended:
        begun = time.monotonic()
        while time.monotonic() < begun + seconds or (kinds != KINDS and time.monotonic() < begun + PATIENCE):
            known = ended.read_text().split()
            stays = stays or open_store(store)
            stays.refresh()
            for reader in (stays, open_store(store)):
                found = reader.search(Query("status = FINISHED", view_type=ViewType.ALL)).ids()
                assert len(found) == len(set(found))
                assert set(known) <= set(found)
                assert reader.search(Query(HALF, view_type=ViewType.ALL)).ids() == []
                assert reader.search(Query(max_results=10)).total >= len(known) >= met
                kinds |= {type(part.frame).__name__ for part in reader._view.whatever_vanishes(reader._index.parts)}
            met = len(known)
    last = open_store(store)
    assert sorted(last.search(Query("status = FINISHED")).ids()) == sorted(ended.read_text().split()) == sorted(last.search(Query()).ids())
    return kinds


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is shared with the programs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


def test_every_run_that_has_ended_is_found_once_and_whole(store: Path, tmp_path: Path) -> None:
    """Wherever its rows lie while we look, in logs, in sealed files, in tables or in the cache."""
    assert look(store, tmp_path, 2.0) == KINDS


def test_what_was_found_is_read_wherever_it_went_since(store: Path) -> None:
    """From a sealed file into a table, or out of one into another."""
    layout = create(store)
    for name in "ab":
        writer = Writer(layout)
        write_runs(writer, [WrittenRun(name, {"n": 1}, {"loss": [1, 0.5, 2]}, {"team": "x"})])
        writer.close()
        seal(layout, parts_of(store)[0])
        found = open_store(store).search(Query(order_by=["run_id"]))
        publish(layout)
        compact(layout)
        shown = found.table(["run_id", "metrics.loss", "metrics.loss@0", "metrics.loss@best(metrics.loss)", "params.n", "tags.team"])

        assert shown.to_pylist()[-1] == dict(zip(shown.column_names, (name, 2.0, 1.0, 0.5, 1, "x"), strict=True))


@pytest.mark.long
@pytest.mark.timeout(300)
def test_every_run_that_has_ended_is_found_for_minutes(store: Path, tmp_path: Path) -> None:
    """The same, for longer."""
    assert look(store, tmp_path, 120.0) == KINDS
