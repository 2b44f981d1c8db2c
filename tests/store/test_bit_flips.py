"""A bit that turns in any file of a store is found by a check, or it does no harm; what is read is never something else."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest

import runlake
from children import run_program
from lake import Lake, lake
from rows import Point, add_events, add_points, parts_of
from runlake.entities import Event, Scope
from runlake.errors import RunlakeError
from runlake.read import open_store
from runlake.recording import recorders, summaries
from runlake.store import packs
from runlake.store.check.problems import Problem
from runlake.store.check.whole import check_store
from runlake.store.compaction import compact
from runlake.store.experiments import Experiments
from runlake.store.layout import Layout
from runlake.store.publish import publish
from runlake.store.sealed import seal
from runlake.store.writer import Writer

KINDS = {
    "store": r"STORE\.json",
    "log": r"wal/.*\.wal",
    "sealed": r"l0/.*\.parquet",
    "points": r"points/part.*\.parquet",
    "meta": r"meta/part.*\.parquet",
    "metrics": r"metrics/part.*\.parquet",
    "runs": r"runs/part.*\.parquet",
    "lod": r"lod/part.*\.parquet",
    "version": r".*/_delta_log/\d+\.json",
    "checkpoint": r".*/_delta_log/\d+\.checkpoint\.parquet",
    "proof": r".*/_delta_log/\..*\.sha256",
    "hint": r".*/_delta_log/_last_checkpoint",
    "blob": r"blobs/.*",
    "pack": r"packs/.*",
    "experiment": r"experiments/.*\.json",
}


LOGS_AND_ENDS = """
import runlake
with runlake.start_run(run_name="last"):
    runlake.log_param("lr", 0.5)
    for step in range(40):
        runlake.log_metric("loss", step / 7, step=step)
        if step == 20:
            runlake.flush()
"""


class Everything(NamedTuple):
    """All that can be read of a store."""

    lake: Lake
    curves: list[Any]
    contents: dict[str, bytes]
    experiments: list[Any]


class Flips(NamedTuple):
    """What came of some flips, by what was told of them."""

    found: int
    harmless: int
    believed: list[str]
    unfound: list[str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store that has a file of every kind, and in which every process has ended."""
    folder = tmp_path_factory.mktemp("template") / "lake"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"STORE": str(folder), "STRICT": "1", "SILENT": "1", "ENVIRONMENT": "0"}.items():
            patch.setenv(f"RUNLAKE_{name}", value)
        patch.setattr(summaries, "EVERY_SECONDS", 0.0)
        patch.setattr(summaries, "AFTER_END_SECONDS", 0.0)
        write_all_kinds(folder)
        yield folder


@pytest.fixture
def whole(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(template, tmp_path / "lake"))


def write_all_kinds(store: Path) -> None:
    """Logs, a sealed file, tables with a checkpoint, contents and packs."""
    runlake.create_experiment("trials", tags={"team": "ml"})
    log_a_run(0, n_points=6000)
    publish(Layout(store))
    for number in range(21):  # a checkpoint comes with the twentieth version
        tag_first_run(store, number)
        publish(Layout(store))
    compact(Layout(store))
    log_a_run(1, n_points=40)
    for part in parts_of(store):
        seal(Layout(store), part)
    keep_in_a_pack(store, [b"one content", b"and another"])
    assert run_program(LOGS_AND_ENDS, store, RUNLAKE_JOBS="off").returncode == 0


def log_a_run(number: int, n_points: int) -> None:
    """As a program does that ends then."""
    with runlake.start_run(run_name=f"run {number}"):
        runlake.log_params({"lr": number / 7, "name": "größe"})
        runlake.set_tag("team", "ml")
        runlake.log_batch("loss", np.random.default_rng(number).normal(size=n_points), np.arange(n_points))
        runlake.log_text(f"the note of {number}", "note.txt")
        runlake.log_dict({"number": number}, "said.json")
    recorders.stop_all()


def tag_first_run(store: Path, number: int) -> None:
    """In a process that ends then, and log one more point."""
    run_id, now = open_store(store).runs()[0].info.run_id, time.time_ns()
    writer = Writer(Layout(store))
    add_events(writer, [Event.set(run_id, Scope.TAG, "number", number, now // 1_000_000 << 16)])
    add_points(writer, [Point(run_id, "more", number, now, number / 7)])
    writer.close()


def keep_in_a_pack(store: Path, contents: list[bytes]) -> None:
    """As artifacts of a run whose process has ended."""
    layout, run_id = Layout(store), open_store(store).runs()[0].info.run_id
    writer, hlc = Writer(layout), time.time_ns() // 1_000_000 << 16
    kept = enumerate(packs.keep_together(layout, contents))
    add_events(writer, [Event.set(run_id, Scope.ARTIFACT, f"packed/{n}", blob.sha256, hlc, integer=blob.size) for n, blob in kept])
    writer.close()


def everything(root: Path) -> Everything:
    """Read it all anew. Raises RunlakeError or OSError where something cannot be."""
    packs._places.cache_clear()
    store = open_store(root)
    runs = store.runs()
    curves = [series.curve(pixels=50).to_pylist() for run in runs for series in run.metrics.values()]
    contents = {f"{run.info.run_id}/{name}": run.read_artifact(name) for run in runs for name in run.artifacts}
    return Everything(lake(root), curves, contents, [vars(each) for each in Experiments(Layout(root)).all()])


def problems(root: Path) -> list[Problem]:
    """What a check tells."""
    packs._places.cache_clear()
    return check_store(Layout(root), lambda what: None).problems


def files_of(root: Path, pattern: str) -> list[Path]:
    """The files whose place in the store is like this."""
    return sorted(path for path in root.rglob("*") if path.is_file() and re.fullmatch(pattern, str(path.relative_to(root))))


def flipped(root: Path, flips: Iterator[tuple[Path, int]]) -> Flips:
    """Turn one bit at a time, look, and turn it back."""
    right, told = everything(root), {*map(str, problems(root))}
    found, harmless, believed, unfound = 0, 0, [], []
    for path, bit in flips:
        data = path.read_bytes()
        path.write_bytes(with_bit_turned(data, bit))
        new = [problem for problem in problems(root) if str(problem) not in told]
        other = what_is_read_otherwise(root, right)
        path.write_bytes(data)
        where = f"{path.relative_to(root)} bit {bit} of {len(data) * 8}: {other}"
        found += bool(new)
        harmless += not new and not other
        believed += [f"{where}, and told is {new}"] if new and other.startswith("wrong") else []
        unfound += [where] if not new and other else []
    return Flips(found, harmless, believed, unfound)


def with_bit_turned(data: bytes, bit: int) -> bytes:
    """The bytes, but for one bit."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def what_is_read_otherwise(root: Path, right: Everything) -> str:
    """What a reader gets that is not right: an error, or other data; nothing where all is as it was."""
    try:
        found = everything(root)
    except (RunlakeError, OSError) as error:
        return f"error {type(error).__name__}: {error}"
    names = [name for name in Everything._fields if repr(getattr(found, name)) != repr(getattr(right, name))]
    return f"wrong {', '.join(names)}" if names else ""


def some_bits(root: Path, kind: str, n_files: int, n_bits: int) -> Iterator[tuple[Path, int]]:
    """Some bits of some files of a kind, the first and the last bytes of each among them."""
    dice = Random(kind)
    paths = files_of(root, KINDS[kind])
    assert paths, f"the store has no {kind}"
    for path in dice.sample(paths, min(n_files, len(paths))):
        size = path.stat().st_size * 8
        yield from ((path, bit) for bit in {0, size - 1, *(dice.randrange(size) for _ in range(n_bits))})


@pytest.mark.parametrize("kind", KINDS)
def test_a_bit_that_turns_is_found_or_does_no_harm(whole: Path, kind: str) -> None:
    """And nothing else is read than what was written, or an error; of a log, less of it, which is told."""
    came = flipped(whole, some_bits(whole, kind, n_files=1, n_bits=2))

    assert came.unfound == []
    if kind != "log":
        assert came.believed == []
    assert came.found + came.harmless >= 3


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", KINDS)
def test_very_many_bits_that_turn_are_found_or_do_no_harm(whole: Path, kind: str) -> None:
    """The same at length."""
    came = flipped(whole, some_bits(whole, kind, n_files=6, n_bits=60))

    assert came.unfound == []
    if kind != "log":
        assert came.believed == []
