"""Stores that an earlier version wrote are read, searched and changed as if this one had written them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import run_program
from lake import lake
from runlake.client import MlflowClient
from runlake.entities import ViewType
from runlake.read import Query, Run, Store, open_store
from runlake.store.compaction import compact
from runlake.store.layout import Layout
from runlake.store.publish import publish
from sql_views import check_views

GOLDEN = Path(__file__).parent.parent / "golden"
EXPECTED: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))
OURS = ("mlflow.", "runlake.")  # tags that say where a run was made


@pytest.fixture(params=EXPECTED)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Each store, unpacked, and what was logged to it."""
    with tarfile.open(GOLDEN / f"{request.param}.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "lake", EXPECTED[request.param]


def said(run: Run, names: dict[str, str]) -> dict[str, Any]:
    """What is known of a run, in the words of `expected.json`."""
    inputs = [(each.dataset, {tag.key: tag.value for tag in each.tags}) for each in run.inputs.dataset_inputs]
    found = {
        "status": str(run.info.status),
        "experiment": run.info.experiment_id,
        "params": {key: repr(value) for key, value in run.params.items()},
        "tags": {key: value for key, value in run.tags.items() if not key.startswith(OURS)},
        "series": {key: _points(run, key) for key in run.metrics},
        "artifacts": {name: run.read_artifact(name).decode() for name in run.artifacts},
        "inputs": [[data.name, data.digest, tags["mlflow.data.context"]] for data, tags in inputs],
        "jobs": {name: [str(job.state), job.why] for name, job in run.jobs.items()},
        "conflicts": run.param_conflicts,
        "lifecycle": str(run.info.lifecycle_stage),
    }
    return found | ({"parent": names[run.info.parent_run_id]} if run.info.parent_run_id else {})


def _points(run: Run, key: str) -> list[list[Any]]:
    series = run.metrics[key]
    values = series.to_numpy().tolist()
    assert (len(series), repr(series.last)) == (len(values), repr(values[-1]))
    known = [value for value in values if value == value]
    assert (repr(series.min), repr(series.max)) == ((repr(min(known)), repr(max(known))) if known else ("nan", "nan"))
    return [[step, repr(value)] for step, value in zip(series.steps.tolist(), values, strict=True)]


def check(store: Path, expected: dict[str, Any]) -> None:
    """All that was logged is read back, in every way that there is."""
    opened = open_store(store)
    runs = [opened.run(run.info.run_id) for run in opened.runs()]  # each read by itself
    names = {run.info.run_id: run.info.run_name for run in runs}
    assert {run.info.run_name: said(run, names) for run in runs} == expected["runs"]
    for run in opened.runs():  # as a search found them
        wanted = expected["runs"][run.info.run_name]
        last = {key: points[-1][1] for key, points in wanted["series"].items()}
        assert {key: repr(value) for key, value in run.data.metrics.items()} == last
        assert {key: repr(value) for key, value in run.params.items()} == wanted["params"]
    assert searched(opened, "params.lr = 0.1 AND tags.team = 'vision' AND metrics.loss > 7") == ["full"]
    assert searched(opened, "status = 'FAILED'") == ["failed"]
    assert searched(opened, "metrics.odd.min < -1e300 AND datasets.name = 'iris'") == ["full"]
    assert searched(opened, "metrics.loss = 2", ViewType.DELETED_ONLY) == ["inner"]
    assert opened.findings() == []
    client = MlflowClient(store)
    shelves = {each.experiment_id: each for each in client.search_experiments(ViewType.ALL)}
    assert {key: [each.name, str(each.lifecycle_stage), each.tags] for key, each in shelves.items()} == expected["experiments"]


def searched(store: Store, typed: str, view: ViewType = ViewType.ACTIVE_ONLY) -> list[str]:
    """The names of the runs that are found."""
    return [run.info.run_name for run in store.found(store.search(Query(typed, view_type=view)))]


def test_all_that_was_logged_is_read(golden: tuple[Path, dict[str, Any]]) -> None:
    """As it lies, published and compacted by this version, and after more was logged."""
    store, expected = golden
    check(store, expected)
    before = repr(lake(store))  # NaN is itself there

    publish(Layout(store))
    check(store, expected)
    compact(Layout(store))
    check(store, expected)

    assert repr(lake(store)) == before
    assert Layout(store).waiting() == {}
    assert Layout(store).packs() == []
    check_views(store)


def test_it_is_logged_to(golden: tuple[Path, dict[str, Any]]) -> None:
    """A run of it goes on, new ones come, and experiments change."""
    store, expected = golden
    code = """
        import runlake
        client = runlake.MlflowClient()
        (full,) = client.search_runs(["1"])
        with runlake.start_run(run_id=full.info.run_id):
            runlake.log_metric("loss", 0.125, step=100)
            runlake.set_tag("team", "speech")
        with runlake.start_run(run_name="new", experiment_id=client.create_experiment("fifth")):
            runlake.log_metric("loss", 1.0)
        client.rename_experiment("1", "renamed now")
    """
    assert run_program(code, store, RUNLAKE_JOBS="off").stderr == ""
    full = expected["runs"]["full"]
    full["series"]["loss"].append([100, "0.125"])

    for change in (lambda _: None, publish, compact):
        change(Layout(store))
        opened = open_store(store)
        found = {run.info.run_name: run for run in opened.runs()}
        assert set(found) == {*expected["runs"], "new"}
        assert said(found["full"], {}) == full | {"tags": full["tags"] | {"team": "speech"}}
        assert found["new"].info.experiment_id == "5"
    assert runlake.MlflowClient(store).get_experiment("1").name == "renamed now"


def test_they_hold_what_they_are_kept_for(tmp_path: Path) -> None:
    """Logs and packs in one; tables with a checkpoint, and a log over them, in the other; and they are small."""
    for name in EXPECTED:
        with tarfile.open(GOLDEN / f"{name}.tar.gz") as packed:
            packed.extractall(tmp_path / name, filter="data")
    logs, published = (tmp_path / name / "lake" for name in ("logs", "published"))

    assert Layout(logs).logs()
    assert Layout(logs).packs()
    assert not (logs / "points").exists()
    assert list((published / "points" / "_delta_log").glob("*.checkpoint.parquet"))
    assert (len(Layout(published).logs()), Layout(published).packs()) == (1, [])
    assert sum(path.stat().st_size for path in GOLDEN.glob("*.tar.gz")) < 300_000
