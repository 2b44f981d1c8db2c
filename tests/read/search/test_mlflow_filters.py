"""Filters that were written for MLflow, those of its guide above all: they find here what they find there."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import pytest

import runlake
from runlake.read import Query, Store, open_store
from runlake.recording import recorders

MODELS = ["GPT-2", "GPT-3", "GPT-3.5", "GPT-4", *[None] * 6]
TASKS = ["classification", "regression", "causal lm", *[None] * 7]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The ten runs of the guide, named 0 to 9, as its program logs them."""
    path = tmp_path_factory.mktemp("guide") / "lake"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLAKE_STORE", str(path))
        patch.setenv("RUNLAKE_SILENT", "1")
        for place in range(10):
            log_a_run(place)
        recorders.stop_all()
        yield open_store(path)


def log_a_run(place: int) -> None:
    """One of them; what is None is logged as the word."""
    loss, accuracy = round(1 - place / 10, 1), round(place / 10, 1)
    with runlake.start_run(run_name=str(place)):
        runlake.log_metrics({"loss": loss, "accuracy": accuracy, "log-scale-loss": math.log(loss), "f1 score": accuracy})
        runlake.log_params({"batch_size": 2 if place < 5 else 4, "learning rate": [0.001, 0.01][place % 2], "model": MODELS[place]})
        runlake.set_tags({"task": TASKS[place], "environment": "notebook" if place < 5 else None})
        name, digest = "custom" if place < 5 else "also custom", ["s8ds293b", "jks834s2", *[None] * 8][place]
        data = runlake.data.from_numpy(np.full((3, 2), place), targets=np.zeros(3), name=name, digest=digest)
        runlake.log_input(data, context="train" if place < 5 else "test")
        time.sleep(0.002)  # so that no two begin in the same millisecond


def numbers(store: Store, typed: str) -> str:
    """The names of the runs that a filter finds, put together."""
    return "".join(sorted(run.info.run_name for run in store.found(store.search(Query(typed)))))


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", "0123456789"),
        ("metrics.loss > 0.8", "01"),
        ("metrics.accuracy > 0.72", "89"),
        ('metrics."accuracy" > 0.72', "89"),
        ("metrics.loss <= 0.15", "9"),
        ("metrics.accuracy != 0.1", "023456789"),
        ("metrics.`log-scale-loss` <= 0", "0123456789"),
        ("metrics.`f1 score` >= 0.5", "56789"),
        ("metrics.accuracy > 0.72 AND metrics.loss <= 0.15", "9"),
        ("metrics.loss <= 0.5 AND metrics.loss >= 0.3", "567"),
        ("metrics.loss <= 0.5 and metrics.accuracy != 0.5", "6789"),
        ('params.batch_size = "2"', "01234"),
        ("params.batch_size = '4'", "56789"),
        ('params.model LIKE "GPT%"', "0123"),
        ('params.model ILIKE "gPt%"', "0123"),
        ('params.model = "GPT-3.5"', "2"),
        ('params.model LIKE "GPT%" AND params.batch_size = "2"', "0123"),
        ("params.`learning rate` = '0.01'", "13579"),
        ('params."learning rate" != "0.01"', "02468"),
        ('params.batch_size != "None"', "0123456789"),
        ('params.model != "None"', "0123"),
        ('tags."environment" = "notebook"', "01234"),
        ('tags.environment = "notebook"', "01234"),
        ('tags.task = "Classification"', ""),
        ('tags.task ILIKE "classif%"', "0"),
        ("tag.`task` = 'causal lm'", "2"),
        ('tags.environment != "notebook"', "56789"),
        ('datasets.name LIKE "custom"', "01234"),
        ("datasets.name like '%custom'", "0123456789"),
        ("datasets.digest IN ('s8ds293b', 'jks834s2')", "01"),
        ("datasets.name IN ('custom', 'also custom', 'another custom name')", "0123456789"),
        ('datasets.context = "train"', "01234"),
        ("dataset.context = 'test' and metrics.loss < 0.3", "89"),
        ("attributes.run_name = '3'", "3"),
        ("attributes.`run name` = '3' and attributes.`Run name` = '3' and `Run Name` = '3'", "3"),
        ("attributes.run_name ILIKE '%'", "0123456789"),
        ("attributes.status = 'FINISHED'", "0123456789"),
        ("attributes.status != 'FINISHED'", ""),
        ("status = 'FINISHED' and attribute.end_time > 1664067852747", "0123456789"),
        ("attributes.start_time >= 1664067852747", "0123456789"),
        ("attributes.end_time < 1664067852747", ""),
        ("attributes.created > 1664067852747 and attributes.Created > 1664067852747", "0123456789"),
        ("run.lifecycle_stage = 'active' and attr.status = 'FINISHED'", "0123456789"),
        ("tags.mlflow.runName = '7'", "7"),
        ("tags.`mlflow.runName` like '7'", "7"),
        ("metric.loss < 0.3 and parameter.batch_size = '4' and tag.task = 'None'", "89"),
        ("params.model IS NULL", ""),
        ("tags.environment IS NOT NULL AND params.model IS NOT NULL", "0123456789"),
        ("metrics.loss>=0.9", "01"),
        ("params.model!='None'", "0123"),
        ('params."model"!="None"', "0123"),
        ("`metric`.loss >= 0.9", "01"),
        ("`metrics`.`loss` >= 0.9", "01"),
        ("`params`.model = 'GPT-2'", "0"),
        ("`tags`.task = 'regression'", "1"),
    ],
)
def test_the_filters_of_the_guide_find_their_runs(store: Store, typed: str, wanted: str) -> None:
    """By their names."""
    assert numbers(store, typed) == wanted


def test_runs_are_found_by_their_ids(store: Store) -> None:
    """One, some, or all others."""
    ids = {run.info.run_name: run.info.run_id for run in store.runs()}
    listed = f"('{ids['2']}', '{ids['5']}')"

    found = [
        f"attributes.run_id IN {listed}",
        f"run_id in {listed} and metrics.loss > 0.6",
        f"run_id NOT IN {listed}",
        f"run_id = '{ids['2']}'",
    ]
    assert [numbers(store, typed) for typed in found] == ["25", "2", "01346789", "2"]
    assert numbers(store, f"metrics.accuracy > 0.1 AND metrics.loss != 0 AND attributes.run_id IN {listed}") == "25"


@pytest.mark.parametrize(
    ("order_by", "wanted"),
    [
        (["metrics.accuracy DESC"], "9876543210"),
        (["metrics.`f1 score` ASC"], "0123456789"),
        (["params.batch_size desc", "metrics.loss"], "9876543210"),
        (["params.model", "attributes.start_time DESC"], "0123987654"),
        (["tag.environment DESC", "attributes.start_time"], "0123456789"),
        (["attribute.start_time ASC"], "0123456789"),
        (["start_time desc"], "9876543210"),
        (["attributes.run_name DESC"], "9876543210"),
        ([], "9876543210"),
    ],
)
def test_the_orders_of_the_guide_sort_the_runs(store: Store, order_by: list[str], wanted: str) -> None:
    """Without one the newest come first."""
    found = store.found(store.search(Query(order_by=order_by)))

    assert "".join(run.info.run_name for run in found) == wanted


@pytest.mark.parametrize(
    "typed",
    [
        "metrics.accuracy = 'x'",
        'metrics.accuracy != "None"',
        "metrics.accuracy LIKE '0%'",
        "params.model > 'a'",
        "tags.environment >= 'a'",
        "attributes.start_time LIKE '1%'",
        "attributes.status > 'A'",
        "attributes.nothing = 'x'",
        "datasets.nothing = 'x'",
        "datasets.name > 'x'",
        "tag.'task' = 'x'",
        "tag.`task` = `x`",
        "m.acc >= 0.94",
        "acc >= 0.94",
        "metrics.loss",
        "metrics.loss >",
        "> 0.9",
        "metrics.loss > 0.9 AND",
        "metrics.loss > 0.9; metrics.accuracy < 1",
        "metrics.loss > 0.9 NAND params.model = 'GPT-2'",
        "metrics.loss > 0.9 metrics.loss < 1",
        "run_id IN ()",
        "run_id IN 'x'",
        "params.model IS",
        "params.model IS NOT",
        "params.model NOT NULL",
    ],
)
def test_what_is_wrong_there_and_means_nothing_here_is_refused(store: Store, typed: str) -> None:
    """Not answered with no runs."""
    with pytest.raises(runlake.InvalidFilter):
        store.search(Query(typed))


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("metrics.log-scale-loss > -0.3", "012"),
        ("tag.task = regression", "1"),
        ("metrics.loss > 0.8 OR metrics.loss < 0.2", "019"),
        ("params.batch_size > 3", "56789"),
        ("attributes.run_name IN ('1', '2')", "12"),
        ("NOT (metrics.loss < 0.9)", "01"),
    ],
)
def test_more_is_understood_than_there(store: Store, typed: str, wanted: str) -> None:
    """What is an error there."""
    assert numbers(store, typed) == wanted
