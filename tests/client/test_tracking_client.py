"""The client: MLflow's verbs at its positions, and its names."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runlake
from children import environment, run_program
from reading import series
from runlake import RunlakeClient
from runlake.entities import Metric, Param
from runlake.recording import listeners

# As `inspect.signature` shows MlflowClient's of 3.17.
POSITIONS = {
    "create_experiment": "name, artifact_location=None, tags=None",
    "create_run": "experiment_id, start_time=None, tags=None, run_name=None",
    "delete_experiment": "experiment_id",
    "delete_experiment_tag": "experiment_id, key",
    "delete_run": "run_id",
    "delete_tag": "run_id, key",
    "download_artifacts": "run_id, path, dst_path=None",
    "get_experiment": "experiment_id",
    "get_experiment_by_name": "name",
    "get_metric_history": "run_id, key",
    "get_parent_run": "run_id",
    "get_run": "run_id",
    "list_artifacts": "run_id, path=None",
    "load_table": "experiment_id, artifact_file, run_ids=None, extra_columns=None",
    "log_artifact": "run_id, local_path, artifact_path=None",
    "log_artifacts": "run_id, local_dir, artifact_path=None",
    "log_batch": "run_id, metrics=(), params=(), tags=(), synchronous=None",
    "log_dict": "run_id, dictionary, artifact_file",
    "log_figure": "run_id, figure, artifact_file, *, save_kwargs=None",
    "log_image": "run_id, image, artifact_file=None, key=None, step=None, timestamp=None, synchronous=None",
    "log_inputs": "run_id, datasets=None, models=None",
    "log_metric": (
        "run_id, key, value, timestamp=None, step=None, synchronous=None, dataset_name=None, dataset_digest=None, model_id=None"
    ),
    "log_param": "run_id, key, value, synchronous=None",
    "log_stream": "run_id, stream, artifact_file",
    "log_table": "run_id, data, artifact_file",
    "log_text": "run_id, text, artifact_file",
    "rename_experiment": "experiment_id, new_name",
    "restore_experiment": "experiment_id",
    "restore_run": "run_id",
    "search_experiments": "view_type=<ViewType.ACTIVE_ONLY: 1>, max_results=1000, filter_string=None, order_by=None, page_token=None",
    "search_runs": (
        "experiment_ids, filter_string='', run_view_type=<ViewType.ACTIVE_ONLY: 1>, max_results=1000, order_by=None, page_token=None"
    ),
    "set_experiment_tag": "experiment_id, key, value",
    "set_tag": "run_id, key, value, synchronous=None",
    "set_terminated": "run_id, status=None, end_time=None",
    "update_run": "run_id, status=None, name=None",
}


@pytest.mark.parametrize("verb", POSITIONS)
def test_a_verb_takes_what_mlflows_takes_where_it_takes_it(verb: str) -> None:
    """Names, order and defaults."""
    _, *parameters = inspect.signature(getattr(RunlakeClient, verb)).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]

    assert str(inspect.Signature(bare)) == f"({POSITIONS[verb]})"


def test_the_table_above_has_every_verb() -> None:
    """And nothing that the client lacks."""
    verbs = {name for name, value in vars(RunlakeClient).items() if inspect.isfunction(value) and not name.startswith("_")}

    assert verbs == set(POSITIONS)


def test_the_client_goes_by_mlflows_names(store: Path) -> None:
    """Wherever a program looks for it; asking for the store in use brings no Arrow with it."""
    finished = run_program(
        """
        import sys
        from runlake.tracking import get_tracking_uri
        import runlake.client
        print("pyarrow" in sys.modules)
        import runlake
        from runlake.client import MlflowClient as one, RunlakeClient as two
        from runlake.tracking import MlflowClient as three
        print(len({one, two, three, runlake.MlflowClient, runlake.RunlakeClient, runlake.client.MlflowClient}))
        for module in (runlake.client, runlake.tracking):
            print(hasattr(module, "MlflowKlient"))
        """,
        store,
    )

    assert (finished.stdout.split(), finished.stderr) == (["False", "1", "False", "False"], "")


def test_a_program_written_for_mlflow_finds_it(tmp_path: Path) -> None:
    """Under `runlake as-mlflow`."""
    (tmp_path / "train.py").write_text(
        "import mlflow\n"
        "from mlflow import MlflowClient\n"
        "from mlflow.entities import Metric, Param\n"
        "from mlflow.tracking import MlflowClient as same\n"
        "client = MlflowClient()\n"
        "run = client.create_run(client.create_experiment('lab'))\n"
        "client.log_batch(run.info.run_id, [Metric('loss', 0.5, 0, 3)], [Param('lr', '0.1')])\n"
        "client.set_terminated(run.info.run_id)\n"
        "read = client.get_run(run.info.run_id)\n"
        "print(same is mlflow.client.MlflowClient, read.info.status, read.data.metrics, read.data.params)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-m", "runlake", "as-mlflow", str(tmp_path / "train.py")],
        env=environment(tmp_path / "lake"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (finished.stdout, finished.stderr) == ("True FINISHED {'loss': 0.5} {'lr': '0.1'}\n", "")


def test_verbs_return_what_mlflows_return(client: RunlakeClient, run_id: str) -> None:
    """Nothing, but for a param, which is its value, and for what can be waited for."""
    returned = [
        client.log_metric(run_id, "loss", 1.0),
        client.log_metric(run_id, "loss", 0.5, synchronous=True),
        client.log_param(run_id, "lr", 0.1),
        client.set_tag(run_id, "team", "a"),
        client.log_batch(run_id, [Metric("acc", 1.0, 0)]),
    ]
    operations = [
        client.log_metric(run_id, "loss", 0.25, synchronous=False),
        client.log_param(run_id, "layers", [1, 2], synchronous=False),
        client.set_tag(run_id, "team", "b", synchronous=False),
        client.log_batch(run_id, params=[Param("depth", "3")], synchronous=False),
    ]
    for operation in operations:
        operation.wait()
    read = client.get_run(run_id)

    assert returned == [None, None, 0.1, None, None]
    assert (read.data.metrics, read.params, read.tags["team"]) == (
        {"loss": 0.25, "acc": 1.0},
        {"lr": 0.1, "layers": [1, 2], "depth": "3"},
        "b",
    )


def test_arguments_that_mean_nothing_here_are_named_once(store: Path) -> None:
    """The call does the rest."""
    program = """
        import runlake
        client = runlake.MlflowClient(registry_uri="elsewhere")
        run_id = client.create_run("0").info.run_id
        for _ in range(2):
            client.log_metric(run_id, "loss", 1.0, model_id="m-1")
        client.log_inputs(run_id, models=["m-1"])
        print(client.get_run(run_id).data.metrics)
    """
    ended = run_program(program, store, RUNLAKE_SILENT="0")

    assert ended.stdout == "{'loss': 1.0}\n"
    assert ended.stderr.splitlines() == [
        "runlake: MlflowClient() has no use for registry_uri='elsewhere', and goes on without it",
        "runlake: log_metric() has no use for model_id='m-1', and goes on without it",
        "runlake: log_inputs() has no use for models=['m-1'], and goes on without it",
    ]


@pytest.mark.parametrize("run_id", ["beef", "", None, 5, ["beef"]])
def test_an_unknown_run_is_refused_by_every_verb(client: RunlakeClient, tmp_path: Path, run_id: Any) -> None:
    """The error names what was given."""
    (tmp_path / "file").write_text("text")
    client.create_run("0")
    verbs: list[Callable[[], Any]] = [
        lambda: client.get_run(run_id),
        lambda: client.get_parent_run(run_id),
        lambda: client.delete_run(run_id),
        lambda: client.restore_run(run_id),
        lambda: client.set_terminated(run_id),
        lambda: client.update_run(run_id),
        lambda: client.log_metric(run_id, "loss", 1.0),
        lambda: client.log_param(run_id, "lr", 1.0),
        lambda: client.set_tag(run_id, "team", "a"),
        lambda: client.delete_tag(run_id, "team"),
        lambda: client.log_batch(run_id),
        lambda: client.log_inputs(run_id),
        lambda: client.log_artifact(run_id, tmp_path / "file"),
        lambda: client.log_artifacts(run_id, tmp_path),
        lambda: client.log_text(run_id, "text", "a.txt"),
        lambda: client.log_dict(run_id, {}, "a.json"),
        lambda: client.log_stream(run_id, io.BytesIO(b"text"), "a.bin"),
        lambda: client.log_image(run_id, np.zeros((2, 2)), "a.png"),
        lambda: client.log_table(run_id, {"a": 1}, "a.json"),
        lambda: client.list_artifacts(run_id),
        lambda: client.download_artifacts(run_id, "a.txt"),
        lambda: client.get_metric_history(run_id, "loss"),
    ]
    for verb in verbs:
        with pytest.raises((runlake.UnknownRun, runlake.InvalidValue)) as caught:
            verb()
        assert repr(run_id) in str(caught.value)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def at_once(work: Callable[[int], None], n_threads: int) -> list[BaseException]:
    """Have each thread do it, with its number; what they raised."""
    errors: list[BaseException] = []
    ready = threading.Barrier(n_threads)

    def guarded(number: int) -> None:
        try:
            ready.wait()
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.usefixtures("restless")
def test_threads_that_make_experiments_at_once_get_each_number_once(client: RunlakeClient, store: Path) -> None:
    """And whoever comes later finds them all."""
    made: list[str] = []
    errors = at_once(lambda number: made.extend(client.create_experiment(f"{number}-{i}") for i in range(10)), 6)
    names = run_program("import runlake\nprint(len(runlake.search_experiments()))", store).stdout

    assert (errors, sorted(map(int, made)), names) == ([], list(range(1, 61)), "61\n")


@pytest.mark.usefixtures("restless")
def test_threads_read_what_they_have_logged(client: RunlakeClient) -> None:
    """Each all of it, whatever the others do."""
    ids = [client.create_run("0").info.run_id for _ in range(8)]

    def work(number: int) -> None:
        for i in range(30):
            client.log_metric(ids[number], "loss", float(i))
            assert len(client.get_run(ids[number]).metrics["loss"]) == i + 1

    assert at_once(work, 8) == []


@pytest.mark.usefixtures("restless")
def test_threads_that_log_to_the_same_run_count_each_step_once(client: RunlakeClient, store: Path) -> None:
    """Also where each of them is the first of this process."""
    run_id = run_program("import runlake\nprint(runlake.MlflowClient().create_run('0').info.run_id)", store).stdout.strip()

    def work(_: int) -> None:
        for _ in range(5):
            client.log_metric(run_id, "loss", 1.0)

    assert at_once(work, 8) == []
    assert [step for step, _ in series(run_id, "loss")] == list(range(40))


def test_who_listens_is_told_of_runs_that_are_created_and_terminated_here(client: RunlakeClient) -> None:
    """Once each; of a run that is open as the active one, when that ends."""
    heard: list[str] = []
    listeners.run_started.append(started := lambda run: heard.append(f"{run.name} started"))
    listeners.run_ended.append(ended := lambda run: heard.append(f"{run.name} ended"))
    try:
        run_id = client.create_run("0", run_name="first").info.run_id
        client.set_terminated(run_id)
        client.set_terminated(run_id, "FAILED")
        client.update_run(run_id, "RUNNING")
        client.update_run(run_id, "FINISHED")
        with runlake.start_run(run_name="second") as run:
            client.set_terminated(run.run_id)
            heard.append("in the block")
    finally:
        listeners.run_started.remove(started)
        listeners.run_ended.remove(ended)

    assert heard == ["first started", "first ended", "first ended", "second started", "in the block", "second ended"]
