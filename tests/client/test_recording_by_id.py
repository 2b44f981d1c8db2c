"""What a client records in runs: points, params, tags, data sets, files; batches whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runlake
from runlake import RunlakeClient
from runlake.entities import DatasetInput, InputTag, Metric, Param, RunTag

VERBS: dict[str, tuple[Callable[[RunlakeClient, str], Any], Callable[[runlake.read.Run], bool]]] = {
    "set_tag": (lambda client, run_id: client.set_tag(run_id, "team", "a"), lambda run: run.tags["team"] == "a"),
    "delete_tag": (lambda client, run_id: client.delete_tag(run_id, "mlflow.user"), lambda run: "mlflow.user" not in run.tags),
    "log_text": (lambda client, run_id: client.log_text(run_id, "text", "a.txt"), lambda run: run.artifacts == {"a.txt": 4}),
    "set_terminated": (lambda client, run_id: client.set_terminated(run_id), lambda run: run.info.status == "FINISHED"),
    "update_run": (lambda client, run_id: client.update_run(run_id, name="renamed"), lambda run: run.info.run_name == "renamed"),
    "log_metric": (
        lambda client, run_id: client.log_metric(run_id, "loss", 1.0, synchronous=True),
        lambda run: run.data.metrics == {"loss": 1.0},
    ),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_a_verb_does_is_in_the_store_when_it_returns(client: RunlakeClient, run_id: str, store: Path, verb: str) -> None:
    """For whoever looks at it then; a metric where that was asked for."""
    do, is_done = VERBS[verb]
    do(client, run_id)

    assert is_done(runlake.read.open_store(store).run(run_id))


def test_a_metric_has_its_time_before_its_step(client: RunlakeClient, run_id: str) -> None:
    """The other way round than `runlake.log_metric`; a step that is left out counts on."""
    client.log_metric(run_id, "loss", 1.0, 3_000, 7)
    client.log_metric(run_id, "loss", 0.5, 4_000)

    assert client.get_metric_history(run_id, "loss") == [
        Metric("loss", 1.0, 3_000, 7, run_id),
        Metric("loss", 0.5, 4_000, 8, run_id),
    ]
    assert client.get_metric_history(run_id, "other") == []


def test_a_batch_is_recorded_whole(client: RunlakeClient, run_id: str) -> None:
    """Points of any step and time, the same param twice, a tag that changes."""
    client.log_batch(
        run_id,
        [Metric("loss", 1.0, 1_000, 0), Metric("loss", 0.5, 2_000, 3), Metric("acc", float("nan"), 3_000, 3), Metric("loss", 2, 500, 1)],
        [Param("lr", "0.1"), Param("lr", "0.1")],
        [RunTag("team", "a"), RunTag("team", "b")],
    )
    read = client.get_run(run_id)

    assert [(point.step, point.value, point.timestamp) for point in client.get_metric_history(run_id, "loss")] == [
        (0, 1.0, 1_000),
        (1, 2.0, 500),
        (3, 0.5, 2_000),
    ]
    assert (sorted(read.data.metrics), read.data.params, read.tags["team"]) == (["acc", "loss"], {"lr": "0.1"}, "b")


GOOD: dict[str, list[Any]] = {"metrics": [Metric("loss", 1.0, 1_000)], "params": [Param("depth", "3")], "tags": [RunTag("team", "a")]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"metrics": [*GOOD["metrics"], Metric("acc", "high", 0)]}, "'acc' is a number, not str: 'high'"),  # type: ignore[arg-type]  # the point
        ({"metrics": [*GOOD["metrics"], Metric("", 1.0, 0)]}, "1 to 4,096 bytes"),
        ({"metrics": [*GOOD["metrics"], Metric("acc", 1.0, 0, 2**63)]}, "step of 'acc' fits into 64 bits"),
        ({"metrics": [*GOOD["metrics"], Metric("acc", 1.0, None)]}, "'acc' has no timestamp"),  # type: ignore[arg-type]  # the point
        ({"metrics": [*GOOD["metrics"], Metric("acc", 1.0, 2**62)]}, "timestamp of 'acc' is in whole milliseconds"),
        ({"metrics": {"acc": 1.0}}, "list of Metric; 'acc' is of type str"),
        ({"metrics": Metric("acc", 1.0, 0)}, "list of Metric, not Metric"),
        ({"params": [*GOOD["params"], Param("lr", "0.2")]}, "'lr' .* is '0.1' already, and cannot become '0.2'"),
        ({"params": [*GOOD["params"], Param("depth", "4")]}, "'depth' was given two values, '3' and '4'"),
        ({"params": [RunTag("depth", "3")]}, "list of Param; RunTag"),
        ({"tags": [*GOOD["tags"], RunTag(5, "b")]}, "A tag's key is text, not int: 5"),  # type: ignore[arg-type]  # the point
        ({"tags": 5}, "list of RunTag, not int"),
    ],
)
def test_of_a_batch_that_is_wrong_nothing_is_recorded(client: RunlakeClient, run_id: str, wrong: dict[str, Any], message: str) -> None:
    """Whatever it is that is wrong, and whatever is right."""
    client.log_param(run_id, "lr", 0.1)
    before = client.get_run(run_id).data
    with pytest.raises(runlake.InvalidValue, match=message):
        client.log_batch(run_id, **(GOOD | wrong))

    assert client.get_run(run_id).data == before


def test_a_param_stays_what_it_was(client: RunlakeClient, run_id: str) -> None:
    """The same text again is fine; its type is kept."""
    client.log_param(run_id, "layers", (64, 32))
    client.log_param(run_id, "layers", "(64, 32)")
    with pytest.raises(runlake.InvalidValue, match="'layers'"):
        client.log_param(run_id, "layers", (64,))

    assert client.get_run(run_id).params == {"layers": (64, 32)}


def test_data_sets_are_noted_with_their_context(client: RunlakeClient, run_id: str) -> None:
    """All of them, or none."""
    train, test = (runlake.data.from_numpy(np.arange(n), name=name) for n, name in ((5, "train"), (2, "test")))
    inputs = [DatasetInput(train, [InputTag("mlflow.data.context", "training"), InputTag("fold", "1")]), DatasetInput(test)]
    with pytest.raises(runlake.InvalidValue, match="list of DatasetInput"):
        client.log_inputs(run_id, [inputs[0], train])  # type: ignore[list-item]  # that it is wrong is the point
    before = client.get_run(run_id).inputs.dataset_inputs
    client.log_inputs(run_id, inputs)

    assert before == []
    assert [(each.dataset, {(tag.key, tag.value) for tag in each.tags}) for each in client.get_run(run_id).inputs.dataset_inputs] == [
        (train, {("mlflow.data.context", "training"), ("fold", "1")}),
        (test, set()),
    ]


def test_artifacts_come_back_as_they_were(client: RunlakeClient, run_id: str, tmp_path: Path) -> None:
    """Whichever verb kept them."""
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "loss.bin").write_bytes(b"\0\1")
    client.log_artifact(run_id, tmp_path / "plots" / "loss.bin", "one")
    client.log_artifacts(run_id, str(tmp_path / "plots"), "all")
    client.log_text(run_id, "ü", "a.txt")
    client.log_dict(run_id, {"a": 1}, "a.json")
    client.log_stream(run_id, io.BytesIO(b"\2\3"), "stream.bin")
    client.log_image(run_id, np.zeros((2, 2), np.uint8), "grey.png")
    folder = Path(client.download_artifacts(run_id, "", str(tmp_path / "copy")))
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert found.pop("grey.png").startswith(b"\x89PNG")
    assert found.pop("a.json").split() == [b"{", b'"a":', b"1", b"}"]
    assert found == {"one/loss.bin": b"\0\1", "all/loss.bin": b"\0\1", "a.txt": "ü".encode(), "stream.bin": b"\2\3"}
    assert [(each.path, each.is_dir, each.file_size) for each in client.list_artifacts(run_id, "all")] == [("all/loss.bin", False, 2)]
    with pytest.raises(runlake.UnknownArtifact, match="'nothing'"):
        client.download_artifacts(run_id, "nothing")
    for stream in (io.StringIO("text"), b"text", None):
        with pytest.raises(runlake.InvalidValue, match=f"binary mode, not {type(stream).__name__}"):
            client.log_stream(run_id, stream, "other.bin")  # type: ignore[arg-type]  # that it is wrong is the point
