"""Arguments that MLflow's verbs take: those that mean something do it, the others are accepted and named once."""

from __future__ import annotations

from pathlib import Path

import pytest

import runlake
from children import run_program


@pytest.mark.parametrize(
    "log",
    [
        lambda: runlake.log_metric("loss", 1.0, synchronous=False),
        lambda: runlake.log_metrics({"loss": 1.0}, synchronous=False),
        lambda: runlake.log_param("lr", 0.1, synchronous=False),
        lambda: runlake.log_params({"lr": 0.1}, synchronous=False),
        lambda: runlake.set_tag("team", "a", synchronous=False),
        lambda: runlake.set_tags({"team": "a"}, synchronous=False),
    ],
)
def test_what_is_logged_without_waiting_can_be_waited_for(store: Path, log: object) -> None:
    """As `mlflow.log_metric(..., synchronous=False).wait()` is; in the store when it returns."""
    with runlake.start_run() as run:
        assert callable(log)
        log().wait()
        written = b"".join(part.read_bytes() for part in store.glob("wal/*/*.wal"))

    assert any(name in written for name in (b"loss", b"lr", b"team"))
    assert runlake.get_run(run.run_id).info.status == "FINISHED"


def test_verbs_return_what_mlflows_return(store: Path) -> None:
    """Nothing but for a param, which is its value."""
    assert runlake.log_metric("loss", 1.0) is None
    assert runlake.log_metric("loss", 1.0, synchronous=True) is None
    assert runlake.log_param("lr", 0.1) == 0.1
    assert runlake.set_tag("team", "a") is None


def test_arguments_that_mean_nothing_here_are_named_once(store: Path) -> None:
    """One line each, however often they are given; what else the call does is done."""
    program = """
        import runlake
        for _ in range(3):
            with runlake.start_run():
                runlake.log_metric("loss", 1.0, model_id="m-1")
                runlake.log_metrics({"acc": 1.0}, dataset=object)
        print(sorted(runlake.get_run(runlake.last_active_run().run_id).data.metrics))
    """
    ended = run_program(program, store, RUNLAKE_SILENT="0")

    assert ended.stdout.strip() == "['acc', 'loss']"
    assert ended.stderr.splitlines() == [
        f"recording to {store}",
        "runlake: log_metric() has no use for model_id='m-1', and goes on without it",
        "runlake: log_metrics() has no use for dataset=<class 'object'>, and goes on without it",
    ]


def test_nothing_is_said_where_silence_was_asked_for(store: Path) -> None:
    """The argument is accepted all the same."""
    assert run_program("import runlake; runlake.log_metric('loss', 1.0, model_id='m')", store, RUNLAKE_SILENT="1").stderr == ""
