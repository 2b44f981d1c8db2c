"""Clients of several stores at once, each with its own experiments, runs and tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runlake
from runlake import RunlakeClient, config
from runlake.entities import LifecycleStage


def test_two_stores_are_written_and_read_at_once(client: RunlakeClient, store: Path, tmp_path: Path) -> None:
    """Each has its own experiments, runs and artifacts, under whatever ids."""
    other = RunlakeClient(tmp_path / "other")
    there = other.create_experiment("elsewhere")
    ids = {}
    for each, experiment, value in ((client, "0", 1.0), (other, there, 2.0)):
        run_id = ids[each] = each.create_run(experiment).info.run_id
        each.log_metric(run_id, "loss", value)
        each.log_text(run_id, str(value), "notes/value.txt")
        each.set_terminated(run_id)

    for each, value, name in ((client, 1.0, "Default"), (other, 2.0, "elsewhere")):
        read = each.get_run(ids[each])
        assert each.get_experiment(read.info.experiment_id).name == name
        assert (read.info.status, read.data.metrics, read.read_artifact("notes/value.txt")) == (
            "FINISHED",
            {"loss": value},
            str(value).encode(),
        )
        assert [point.value for point in each.get_metric_history(ids[each], "loss")] == [value]
        assert Path(each.download_artifacts(ids[each], "notes/value.txt", str(tmp_path / name))).read_text() == str(value)
    with pytest.raises(runlake.UnknownRun, match=str(tmp_path / "other")):
        other.get_run(ids[client])
    with pytest.raises(runlake.UnknownRun, match=str(store)):
        client.log_metric(ids[other], "loss", 1.0)
    assert (client.get_experiment_by_name("elsewhere"), runlake.active_run()) == (None, None)


def test_a_client_keeps_the_store_that_it_was_made_with(client: RunlakeClient, store: Path, tmp_path: Path) -> None:
    """As MLflow's does, whatever is set later."""
    try:
        runlake.set_tracking_uri(tmp_path / "later")
        run_id = client.create_run("0").info.run_id
        assert RunlakeClient().tracking_uri == str(tmp_path / "later")
    finally:
        config.choose_store(None)

    assert (client.tracking_uri, client.get_run(run_id).info.status) == (str(store), "RUNNING")
    assert repr(client) == f"<RunlakeClient {store}>"


def test_a_uri_means_what_it_means_elsewhere(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, a URI of a file or of a database; anything else is an error at once."""
    monkeypatch.chdir(tmp_path)
    uris: list[str | Path] = ["runs", f"file:{tmp_path}/runs", tmp_path / "runs", f"sqlite:///{tmp_path}/runs.db"]

    assert [RunlakeClient(uri).tracking_uri for uri in uris] == [*[str(tmp_path / "runs")] * 3, str(tmp_path / "runs.lake")]
    with pytest.raises(runlake.InvalidValue, match="'s3://bucket' is no store"):
        RunlakeClient("s3://bucket")


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path, store: Path) -> None:
    """Nothing is written there, and what is not there yet cannot be read."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(runlake.StoreError, match="mine"):
        RunlakeClient(tmp_path / "mine").create_run("0")
    with pytest.raises(runlake.StoreError, match="no store"):
        RunlakeClient(tmp_path / "nothing").get_run("beef")

    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_tables_of_an_experiment_are_read_together(store: Path, tmp_path: Path) -> None:
    """Those of its runs, or of the runs that are named."""
    pytest.importorskip("pandas")
    client = RunlakeClient(tmp_path / "other")
    experiment = client.create_experiment("tables")
    first, second = (client.create_run(experiment, run_name=name).info.run_id for name in ("first", "second"))
    outside = client.create_run("0").info.run_id
    for run_id, value in ((first, 1), (second, 2), (outside, 3)):
        client.log_table(run_id, {"a": [value]}, "t.json")
    client.log_table(first, {"a": [4]}, "t.json")
    whole = client.load_table(experiment, "t.json", extra_columns=["run_name"])

    assert sorted(whole.itertuples(index=False, name=None)) == [(1, "first"), (2, "second"), (4, "first")]
    assert client.load_table(experiment, "t.json", [second])["a"].tolist() == [2]
    with pytest.raises(runlake.UnknownArtifact, match=r"'other\.json'"):
        client.load_table(experiment, "other.json")
    with pytest.raises(runlake.UnknownExperiment, match="'7'"):
        client.load_table("7", "t.json")


def test_experiments_are_made_changed_and_put_away(client: RunlakeClient) -> None:
    """By their ids; the one that new runs go to stays what it was."""
    made = client.create_experiment("lab", "shelf", {"team": "a"})
    client.rename_experiment(made, "laboratory")
    client.set_experiment_tag(made, "year", 2026)
    client.set_experiment_tag(int(made), "team", "b")
    client.delete_experiment_tag(made, "year")
    experiment = client.get_experiment_by_name("laboratory")
    assert experiment is not None

    assert (made, experiment.name, experiment.artifact_location, experiment.tags) == ("1", "laboratory", "shelf", {"team": "b"})
    assert (client.get_experiment(made), runlake.get_experiment(made)) == (experiment, experiment)
    client.delete_experiment(made)
    with pytest.raises(runlake.RunlakeError, match="is deleted"):
        client.create_run(made)
    assert client.get_experiment(made).lifecycle_stage == LifecycleStage.DELETED
    client.restore_experiment(made)
    assert client.create_run(made).info.experiment_id == made
    with runlake.start_run() as run:
        assert run.info.experiment_id == "0"


def test_what_is_wrong_with_an_experiment_is_said_with_its_value(client: RunlakeClient) -> None:
    """And nothing changes."""
    made = client.create_experiment("lab", tags={"team": "a"})
    before = client.get_experiment(made)
    wrong: list[tuple[Callable[[], Any], str]] = [
        (lambda: client.create_experiment("lab"), "'lab' exists, as '1'"),
        (lambda: client.create_experiment(""), "name is text, not ''"),
        (lambda: client.rename_experiment(made, "Default"), "'Default' exists"),
        (lambda: client.rename_experiment("7", "new"), "no experiment '7'"),
        (lambda: client.get_experiment("7"), "no experiment '7'"),
        (lambda: client.delete_experiment("0"), "'Default' cannot be deleted"),
        (lambda: client.restore_experiment(made), "is active, not deleted"),
        (lambda: client.set_experiment_tag(made, "", "a"), "1 to 4,096 bytes"),
        (lambda: client.set_experiment_tag("7", "team", "a"), "no experiment '7'"),
        (lambda: client.delete_experiment_tag(made, "year"), r"has no tag 'year'; it has \['team'\]"),
        (lambda: client.delete_experiment_tag("7", "team"), "no experiment '7'"),
        (lambda: client.delete_experiment_tag(made, ["team"]), "key is text, not list"),  # type: ignore[arg-type]  # the point
    ]
    for verb, message in wrong:
        with pytest.raises(runlake.RunlakeError, match=message):
            verb()

    assert (client.get_experiment(made), client.get_experiment_by_name("new")) == (before, None)
