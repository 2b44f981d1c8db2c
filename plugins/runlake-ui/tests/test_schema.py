"""Which columns there are, how their values are spread, and which are worth looking at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runlake.read
from paging import Asker, many_runs, some_runs, written
from runlake.read import Query
from written_runs import WrittenRun


def by_name(asker: Asker, **words: Any) -> dict[str, dict[str, Any]]:
    """The keys that are answered."""
    return {each["name"]: each for each in asker.get("/schema", **words)["keys"]}


def test_each_key_says_what_its_values_are(tmp_path: Path) -> None:
    """How many runs have one, whether they differ, and from where to where they go."""
    runs = [
        WrittenRun("a", params={"lr": 0.1, "same": "x", "flag": True}, metrics={"loss": 1.0}, tags={"team": "a"}),
        WrittenRun("b", params={"lr": 0.5, "same": "x", "flag": False}, metrics={"loss": 3.0}, start_ms=1_700_000_001_000),
        WrittenRun("c", params={"lr": 0.5, "same": "x", "flag": False}, metrics={"loss": float("nan"), "lr": 0.5, "it's": 1.0}),
    ]
    found = by_name(Asker(written(tmp_path / "lake", *runs)))

    def said(name: str) -> tuple[Any, ...]:
        return tuple(found[name][each] for each in ("scope", "key", "kind", "n", "distinct", "varies", "min", "max", "goal"))

    assert said("metrics.loss") == ("metric", "loss", "number", 3, 3, True, 1.0, 3.0, "min")
    assert said("metrics.lr") == ("metric", "lr", "number", 1, 1, True, 0.5, 0.5, None)
    assert said("metrics.`it's`")[1] == "it's"
    assert said("params.lr") == ("param", "lr", "number", 3, 2, True, 0.1, 0.5, None)
    assert said("params.same") == ("param", "same", "text", 3, 1, False, None, None, None)
    assert said("params.flag")[2:6] == ("bool", 3, 2, True)
    assert said("tags.team") == ("tag", "team", "text", 1, 1, True, None, None, None)
    assert said("start_time")[2:8] == ("time", 3, 2, True, 1_700_000_000_000.0, 1_700_000_001_000.0)
    assert said("status")[2:6] == ("text", 3, 1, False)


def test_what_tells_runs_apart_comes_first(tmp_path: Path) -> None:
    """The metric that they are compared by, with its better end, and the params that differ without merely numbering runs."""
    answer = Asker(some_runs(tmp_path / "lake", 50)).get("/schema")

    assert answer["primary"] == {"name": "metrics.val_loss.min", "key": "val_loss", "goal": "min", "aggregate": "min"}
    assert answer["telling"] == ["params.model", "params.lr"]
    assert [each["name"] for each in answer["keys"]][:5] == [
        *("metrics.val_loss", "metrics.train_loss"),
        *("params.model", "params.lr", "params.seed"),
    ]


def test_a_goal_that_a_run_was_told_counts(tmp_path: Path) -> None:
    """More than the name."""
    run = WrittenRun("a", metrics={"loss": 1.0, "acc": 1.0}, tags={"runlake.goal.loss": "max"})

    assert Asker(written(tmp_path / "lake", run)).get("/schema")["primary"] == {
        "name": "metrics.loss.max",
        "key": "loss",
        "goal": "max",
        "aggregate": "max",
    }


def test_keys_are_found_by_words_and_come_a_few_at_a_time(tmp_path: Path) -> None:
    """A store may have thousands."""
    runs = [WrittenRun("a", metrics={f"layer_{n}/loss": 1.0 for n in range(30)} | {"acc": 1.0})]
    asker = Asker(written(tmp_path / "lake", *runs))

    few, found = asker.get("/schema", limit=3), asker.get("/schema", q="LAYER_2 loss")

    assert (len(few["keys"]), few["total_keys"] > 30) == (3, True)
    assert {each["key"] for each in found["keys"]} == {"layer_2/loss", *(f"layer_2{n}/loss" for n in range(10))}
    assert found["total_keys"] == 11


def test_only_the_runs_that_are_asked_for_count(tmp_path: Path) -> None:
    """By filter and experiment."""
    runs = [WrittenRun("a", metrics={"loss": 1.0}), WrittenRun("b", metrics={"acc": 1.0}, said={"experiment_id": "1"})]
    asker = Asker(written(tmp_path / "lake", *runs))

    assert "metrics.acc" not in by_name(asker, experiment="0")
    assert "metrics.acc" in by_name(asker, experiment=["0", "1"])
    assert "metrics.acc" not in by_name(asker, filter="metrics.loss > 0")
    assert asker.get("/schema", filter="metrics.loss >")["position"] == {"start": 13, "stop": 14}
    assert asker.get("/schema", limit="many")["status"] == 422


@pytest.mark.parametrize("name", ["metrics.rmse", "params.p5", "params.p0", "start_time", "status"])
def test_a_spread_counts_every_run_once(tmp_path: Path, name: str) -> None:
    """Of ten thousand, as a search finds them."""
    lake = many_runs(tmp_path / "lake", 10_000)
    found = runlake.read.open_store(lake).search(Query("metrics.mae < 0.5"))

    answer = Asker(lake).get("/facets", key=name, filter="metrics.mae < 0.5")

    if answer["kind"] == "number":
        numbers = found.numbers(name)
        assert numbers is not None
        counts, edges = np.histogram(numbers[0], answer["edges"])
        assert (counts.tolist(), len(edges), sum(answer["counts"])) == (answer["counts"], 33, len(found))
        assert (answer["edges"][0], answer["edges"][-1]) == (numbers[0].min(), numbers[0].max())
    else:
        assert sum(each["n"] for each in answer["values"]) == answer["n"] == len(found)
        assert answer["distinct"] == len(answer["values"])


@pytest.mark.parametrize(
    "values", [[], [1.0], [2.0, 2.0], [float("nan")], [float("inf"), -float("inf"), 1.0], [-1.7e308, 1.7e308], [0.0, 5e-324]]
)
def test_any_numbers_have_a_spread(tmp_path: Path, values: list[float]) -> None:
    """One value, none, or the largest that there are."""
    runs = [WrittenRun(f"{place}", metrics={"loss": value}) for place, value in enumerate(values)]

    answer = Asker(written(tmp_path / "lake", WrittenRun("x", metrics={"loss2": 1.0}), *runs)).get("/facets", key="metrics.loss")

    assert answer.get("status") is None
    if answer["kind"] == "number":
        assert sum(answer["counts"]) == sum(bool(np.isfinite(value)) for value in values)
        assert answer["n"] == len(values)


def test_a_spread_needs_a_name_that_can_be_read(tmp_path: Path) -> None:
    """Else it says so."""
    asker = Asker(some_runs(tmp_path / "lake", 2))

    assert [asker.get("/facets", key=key)["status"] for key in ("", "a b", "'x")] == [422] * 3


def test_numbers_that_were_typed_are_offered_as_they_were_typed(tmp_path: Path) -> None:
    """The bins say where values lie; a filter wants one of them."""
    runs = [WrittenRun(name, params={"lr": lr}) for name, lr in (("a", 0.1), ("b", 0.01), ("c", 0.1))]
    answer = Asker(written(tmp_path / "lake", *runs)).get("/facets", key="params.lr")

    assert (answer["kind"], answer["values"]) == ("number", [{"value": "0.1", "n": 2}, {"value": "0.01", "n": 1}])
