"""`search_runs` and `search_experiments`: what they give, in which shape, for which shelves, and page by page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import run_program
from runlake.entities import ViewType


@pytest.fixture
def four_runs(store: Path) -> list[str]:
    """Three runs of `colours`, the second failed and the third deleted, and one of Default."""
    runlake.set_experiment("colours")
    ids = []
    for number, name in enumerate(("red", "green", "blue")):
        with runlake.start_run(run_name=name, tags={"warm": name == "red"}) as run:
            runlake.log_params({"lr": 0.1 / 10**number, "deep": number == 1, "shape": (number, 2)})
            runlake.log_metrics({"loss": 1.0 - number / 4}, step=3)
            if name != "green":
                runlake.log_param("only", name)
                runlake.log_metric("nan", math.nan)
        ids.append(run.info.run_id)
    runlake.RunlakeClient().set_terminated(ids[1], "FAILED")
    runlake.delete_run(ids[2])
    with runlake.start_run(experiment_id="0", run_name="other") as run:
        pass
    return [*ids, run.info.run_id]


def test_the_frame_has_mlflows_columns(four_runs: list[str]) -> None:
    """Attributes, then metrics, params and tags; params as text, None and NaN where a run has no value; the newest first."""
    frame = runlake.search_runs()

    assert list(frame["run_id"]) == [four_runs[1], four_runs[0]]
    assert list(frame.columns[:6]) == ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    assert list(frame.columns[6:]) == [
        *("metrics.loss", "metrics.nan", "params.deep", "params.lr", "params.only", "params.shape"),
        *("tags.mlflow.runName", "tags.mlflow.source.name", "tags.mlflow.source.type", "tags.mlflow.user", "tags.warm"),
    ]
    assert list(frame["status"]) == ["FAILED", "FINISHED"]
    assert list(frame["params.lr"]) == ["0.01", "0.1"]
    assert list(frame["params.only"].isna()) == [True, False]
    assert str(frame["start_time"].dtype) == "datetime64[ms, UTC]"
    assert frame["artifact_uri"][0] == f"runs:/{four_runs[1]}/"


def test_arrow_keeps_the_types(four_runs: list[str]) -> None:
    """A param is a number or a truth value where each of the runs gave it as one."""
    table = runlake.search_runs(output_format="arrow", columns=["run_name", "params.lr", "params.deep", "params.shape", "metrics.loss.min"])

    assert {field.name: str(field.type) for field in table.schema} == {
        "run_name": "string",
        "params.lr": "double",
        "params.deep": "bool",
        "params.shape": "string",
        "metrics.loss.min": "double",
    }
    assert table.column("params.lr")[0].as_py() == 0.01


def test_a_list_is_of_runs_that_can_be_read_on(four_runs: list[str]) -> None:
    """With what the search knows, and what it does not: points, artifacts."""
    run, _ = runlake.search_runs(output_format="list")

    assert (run.info.run_name, run.data.metrics, run.params["deep"]) == ("green", {"loss": 0.75}, True)
    assert run.metrics["loss"].steps.tolist() == [3]
    assert vars(run.info) == vars(runlake.get_run(four_runs[1]).info)


@pytest.mark.parametrize("given", ["1", 1, ["1"], [1], ("1",)])
def test_experiments_are_given_in_every_way(four_runs: list[str], given: Any) -> None:
    """Numbers and texts, one and several."""
    assert len(runlake.search_runs(given)) == 2


def test_the_shelves_that_are_searched(four_runs: list[str]) -> None:
    """The active one, those named, or all; deleted runs where they are asked for."""
    every = runlake.search_runs(search_all_experiments=True)

    assert set(every["run_id"]) == {*four_runs[:2], four_runs[3]}
    assert list(runlake.search_runs(experiment_names=["Default"])["run_id"]) == [four_runs[3]]
    assert list(runlake.search_runs(run_view_type=ViewType.DELETED_ONLY)["run_id"]) == [four_runs[2]]
    assert len(runlake.search_runs(run_view_type=ViewType.ALL)) == 3


def test_filter_order_and_limit(four_runs: list[str]) -> None:
    """As MLflow's tutorials write them."""
    found = runlake.search_runs(["0", "1"], "metrics.loss < 1 and params.`lr` = '0.01'", order_by=["metrics.loss DESC"], max_results=5)

    assert list(found["run_id"]) == [four_runs[1]]
    assert list(runlake.search_runs(order_by=["metrics.loss"], max_results=1)["run_id"]) == [four_runs[1]]
    assert list(runlake.search_runs(filter_string="status = 'FAILED'")["run_id"]) == [four_runs[1]]


def test_a_key_that_no_run_has_finds_nothing_and_is_said(four_runs: list[str]) -> None:
    """As in MLflow, whose programs ask before the first run has it; but a slip is not silent."""
    with pytest.warns(UserWarning, match="No run has a param 'lrr'; did you mean 'lr'") as told:
        found = runlake.search_runs(filter_string="params.lrr = '1'")

    assert len(found) == 0
    assert told[0].filename == __file__


def test_an_empty_store_gives_an_empty_frame(store: Path) -> None:
    """With the columns that every run has."""
    runlake.create_experiment("nothing")

    assert list(runlake.search_runs("0", "params.x = 'y'").columns) == [
        *("run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"output_format": "polars"}, "output_format is 'pandas', 'list' or 'arrow', not 'polars'"),
        ({"max_results": 0}, "max_results is how many are wanted, at least 1, not 0"),
        ({"run_view_type": 7}, "view_type is one of"),
        ({"experiment_ids": ["0"], "search_all_experiments": True}, "one of the three"),
        ({"experiment_names": ["nowhere"]}, "no experiment named 'nowhere'"),
        ({"experiment_ids": [None]}, "given by its id or name, not by None"),
        ({"filter_string": 3}, "A filter is text, not int"),
        ({"filter_string": "metrics.loss <"}, "Here a value is expected"),
        ({"order_by": ["metrics.loss UP"]}, "not joined"),
        ({"columns": ["metrics."], "output_format": "arrow"}, "a key is expected"),
    ],
)
def test_what_is_wrong_is_said_with_its_value(four_runs: list[str], arguments: dict[str, Any], said: str) -> None:
    """Before anything is searched."""
    with pytest.raises(runlake.RunlakeError, match=said):
        runlake.search_runs(**arguments)


def test_pages_go_on_where_the_last_one_ended(store: Path) -> None:
    """Whatever arrives meanwhile: each of the first runs comes once."""
    client = runlake.RunlakeClient()
    first = [client.create_run("0", start_time=1000 + number).info.run_id for number in range(7)]
    page = client.search_runs(["0"], max_results=3)
    seen = [run.info.run_id for run in page]
    while page.token:
        client.create_run("0")
        page = client.search_runs(["0"], max_results=3, page_token=page.token)
        seen += [run.info.run_id for run in page]

    assert seen == first[::-1]
    with pytest.raises(runlake.InvalidValue, match="is of another search"):
        client.search_runs(["0"], "status = RUNNING", page_token=client.search_runs(["0"], max_results=1).token)


def test_experiments_are_searched_with_the_same_words(store: Path) -> None:
    """Names, times and tags; the newest first."""
    for name in ("alpha", "beta", "gamma"):
        runlake.create_experiment(name, tags={"team": name[0]})
    runlake.delete_experiment("3")

    assert [each.name for each in runlake.search_experiments()] == ["beta", "alpha", "Default"]
    assert [each.name for each in runlake.search_experiments(filter_string="name LIKE 'a%' or tags.team = 'b'", order_by="name")] == [
        *("alpha", "beta")
    ]
    assert [each.name for each in runlake.search_experiments(ViewType.ALL, 2, "creation_time > -1d")] == ["gamma", "beta"]
    page = runlake.RunlakeClient().search_experiments(max_results=2)
    assert [each.name for each in runlake.RunlakeClient().search_experiments(max_results=2, page_token=page.token)] == ["Default"]
    with pytest.raises(runlake.InvalidFilter, match="No experiment has anything named 'nam'; did you mean 'name'"):
        runlake.search_experiments(filter_string="nam = 'x'")


def test_pandas_is_imported_for_a_frame_only(tmp_path: Path) -> None:
    """A list and a table do without."""
    program = """
import sys, runlake
with runlake.start_run():
    runlake.log_params({"a": 1, "b": "x"})
    runlake.log_metrics({"loss": 1.0})
assert len(runlake.search_runs(output_format="list", order_by=["params.b"])) == 1
assert runlake.search_runs(filter_string="a = 1 and b ~ 'x' and start_time > -1d", output_format="arrow").num_rows == 1
print("pandas" in sys.modules)
runlake.search_runs()
print("pandas" in sys.modules)
"""
    finished = run_program(program, tmp_path / "lake")

    assert (finished.stdout, finished.returncode) == ("False\nTrue\n", 0), finished.stderr
