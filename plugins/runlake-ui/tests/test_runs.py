"""Runs as a table: the same for stores of every size, and the same while more runs come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import runlake.read
from paging import Asker, many_runs, some_runs, written
from runlake.read import Query
from runlake.store.layout import Layout
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs

ALWAYS = ["run_id", "run_name", "status", "start_time", "duration", "experiment_id", "parent_run_id", "n_inside", "note"]


def ids(answer: dict[str, Any]) -> list[str]:
    """The runs that were answered."""
    found: list[str] = answer["columns"]["run_id"]
    return found


def test_runs_of_different_kinds_are_each_told_by_their_own_metric(tmp_path: Path) -> None:
    """One of validation before one of training, a goal that was set before a name; the best value of it."""
    runs = [
        WrittenRun("a", metrics={"train_loss": [3.0, 2.0], "val_auc": [0.5, 0.9, 0.7], "epoch": 3.0}),
        WrittenRun("b", metrics={"rmse": [4.0, 1.0, 2.0]}),
        WrittenRun("c", metrics={"lr": 0.1}),
        WrittenRun("d"),
    ]
    columns = Asker(written(tmp_path / "lake", *runs)).post("/runs/query", {"columns": ["headline"], "sort": ["run_name ASC"]})["columns"]

    assert columns["headline"] == ["val_auc", "rmse", None, None]
    assert columns["headline|value"] == [0.9, 1.0, None, None]


def test_without_a_store_there_is_nothing_yet_and_then_there_is(tmp_path: Path) -> None:
    """The server is there before the first run."""
    asker = Asker(tmp_path / "lake")

    before = asker.post("/runs/query")
    assert (before["total"], list(before["columns"])) == (0, ALWAYS)
    assert asker.get("/schema")["keys"] == asker.get("/experiments")["experiments"] == []
    assert asker.get("/meta")["is_there"] is False
    assert asker.get("/runs/nobody")["status"] == 404
    some_runs(tmp_path / "lake", 1)
    asker.served.refresh()
    after = asker.post("/runs/query")

    assert (ids(after), after["total"]) == (["00000"], 1)
    assert after["latest"] > before["latest"]
    assert asker.get("/meta")["n_runs"] == 1


def test_a_run_comes_with_what_is_said_of_every_run(tmp_path: Path) -> None:
    """Then the columns that were asked for, under the names that were asked for."""
    note = "n" * 300
    run = WrittenRun("a", params={"lr": 0.5, "model": "tree"}, metrics={"loss": [3.0, 1.0, 2.0]}, tags={"mlflow.note.content": note})
    asker = Asker(written(tmp_path / "lake", run))

    answer = asker.post("/runs/query", {"columns": ["metrics.loss", "metrics.loss.min", "params.lr", "params.model", "params.`none`"]})

    assert {name: values[0] for name, values in answer["columns"].items()} == {
        "run_id": "a",
        "run_name": "a",
        "status": "FINISHED",
        "start_time": 1_700_000_000_000.0,
        "duration": 60.0,
        "experiment_id": "0",
        "parent_run_id": None,
        "n_inside": 0,
        "note": note[:200],
        "metrics.loss": 2.0,
        "metrics.loss.min": 1.0,
        "params.lr": 0.5,
        "params.model": "tree",
        "params.`none`": None,
    }
    assert answer["best"] == {
        name: {"min": value, "max": value} for name, value in {"metrics.loss": 2.0, "metrics.loss.min": 1.0, "params.lr": 0.5}.items()
    }


def test_what_json_has_no_number_for_is_a_word(tmp_path: Path) -> None:
    """It is no null: a null is what is not there."""
    runs = [WrittenRun(name, metrics={"loss": value}) for name, value in (("a", float("nan")), ("b", float("inf")), ("c", -float("inf")))]
    asker = Asker(written(tmp_path / "lake", *runs, WrittenRun("d")))

    answer = asker.post("/runs/query", {"columns": ["metrics.loss"], "sort": ["run_id"]})

    assert answer["columns"]["metrics.loss"] == ["NaN", "Infinity", "-Infinity", None]
    assert answer["best"] == {}


def test_arrow_says_the_same_as_json(tmp_path: Path) -> None:
    """In plain texts and numbers of 64 bits, with what is said of the table in its schema."""
    asker = Asker(some_runs(tmp_path / "lake", 50))
    body = {"columns": ["metrics.val_loss.min", "params.model", "params.seed"], "limit": 7, "offset": 3}

    plain, table = asker.post("/runs/query", body), asker.arrow("/runs/query", body)

    assert {name: table[name].to_pylist() for name in table.column_names} == plain["columns"]
    assert {str(field.type) for field in table.schema} == {"string", "double", "int32"}
    assert {**json.loads(table.schema.metadata[b"runlake"]), "took_ms": 0} == {
        **{name: value for name, value in plain.items() if name not in ("columns", "n")},
        "took_ms": 0,
    }


@pytest.mark.parametrize("n", [0, 1, 50, 10_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_pages_are_what_a_search_finds(tmp_path: Path, n: int) -> None:
    """Whatever the size of the store."""
    lake = many_runs(tmp_path / "lake", n) if n else some_runs(tmp_path / "lake", 0)
    asker, filtered = Asker(lake), "metrics.rmse < 0.5" if n > 1 else ""
    found = runlake.read.open_store(lake).search(Query(filtered, ["metrics.rmse DESC"])).ids()

    first = asker.post("/runs/query", {"filter": filtered, "sort": ["metrics.rmse DESC"], "limit": 100})
    offset = max(0, len(found) - 5)
    last = asker.post("/runs/query", {"filter": filtered, "sort": ["metrics.rmse DESC"], "limit": 100, "offset": offset})
    behind = asker.post("/runs/query", {"filter": filtered, "offset": len(found) + 10})

    assert (first["total"], first["n_runs"]) == (len(found), n)
    assert ids(first) == found[:100]
    assert ids(last) == found[offset:]
    assert ids(behind) == []


def test_pages_of_a_snapshot_do_not_shift_while_runs_come(tmp_path: Path) -> None:
    """The runs that came are counted, and listed once the page asks for the newest snapshot."""
    lake = some_runs(tmp_path / "lake", 50)
    asker = Asker(lake)
    body = {"sort": ["metrics.val_loss.min"], "limit": 10, "columns": ["tags.mood"]}
    first = asker.post("/runs/query", body)
    expected = list(reversed([f"{place:05d}" for place in range(50)]))
    writer = Writer(Layout(lake))
    write_runs(writer, [WrittenRun("best", metrics={"val_loss": 0.0})], hlc=5)
    write_runs(writer, [WrittenRun("00039", tags={"mood": "new"}, metrics={})], hlc=9)
    writer.close()
    asker.served.refresh()

    pages = [asker.post("/runs/query", {**body, "offset": offset, "snapshot": first["snapshot"]}) for offset in range(0, 50, 10)]
    fresh = asker.post("/runs/query", body)

    assert [run for page in pages for run in ids(page)] == expected
    assert {(page["snapshot"], page["total"], page["n_new"]) for page in pages} == {(first["snapshot"], 50, 1)}
    assert pages[1]["columns"]["tags.mood"][0] == "new", "values are those of now"
    assert (ids(fresh)[0], fresh["total"], fresh["n_new"]) == ("best", 51, 0)
    assert pages[0]["latest"] == fresh["snapshot"] > first["snapshot"]


def test_a_snapshot_that_nobody_knows_is_answered_by_the_newest(tmp_path: Path) -> None:
    """And the answer says so."""
    asker = Asker(some_runs(tmp_path / "lake", 3))

    answer = asker.post("/runs/query", {"snapshot": 12_345})

    assert (answer["snapshot"], answer["total"]) == (asker.served.snapshot, 3)


def nested(tmp_path: Path) -> Asker:
    """A sweep with three runs inside, one of which has one inside itself; and two that say to be inside each other."""
    inside = {"b": "a", "c": "a", "d": "c", "e": "a", "x": "y", "y": "x"}
    runs = [
        WrittenRun(name, metrics={"loss": float(place)}, said={"parent_run_id": inside[name]} if name in inside else {})
        for place, name in enumerate("abcdexyz")
    ]
    return Asker(written(tmp_path / "lake", *runs))


def test_folded_runs_are_counted_where_they_are_inside(tmp_path: Path) -> None:
    """Whole subtrees, and a ring hides nobody."""
    asker = nested(tmp_path)

    flat, folded = (asker.post("/runs/query", {"sort": ["run_id"], "fold": fold}) for fold in (False, True))

    assert "".join(ids(flat)) == "abcdexyz"
    assert dict(zip(ids(flat), flat["columns"]["n_inside"], strict=True)) == dict(zip("abcdexyz", [4, 0, 1, 0, 0, 0, 0, 0], strict=True))
    assert ("".join(ids(folded)), folded["total"]) == ("axyz", 4)


def test_a_run_inside_one_that_does_not_match_is_not_folded(tmp_path: Path) -> None:
    """Or nobody would find it; below one that matches further up it is."""
    asker = nested(tmp_path)

    lonely = asker.post("/runs/query", {"filter": "metrics.loss >= 1", "fold": True, "sort": ["run_id"]})
    far = asker.post("/runs/query", {"filter": "run_id in ('a', 'd')", "fold": True})
    inner = asker.post("/runs/query", {"filter": "parent_run_id = 'a'", "sort": ["run_id"]})

    assert "".join(ids(lonely)) == "bcexyz"
    assert ids(far) == ["a"]
    assert "".join(ids(inner)) == "bce"


def test_groups_say_what_their_runs_come_to(tmp_path: Path) -> None:
    """Mean, spread and ends of numbers, and a text that all share."""
    runs = [
        WrittenRun(str(place), params={"model": model, "lr": lr, "kind": kind}, metrics={} if loss is None else {"loss": loss})
        for place, (model, lr, kind, loss) in enumerate(
            [("tree", 1, "k", 1.0), ("tree", 1, "k", 3.0), ("tree", 2, "k", float("nan")), ("net", 1, "k", 8.0), ("net", 1, "l", None)]
        )
    ]
    asker = Asker(written(tmp_path / "lake", *runs))

    answer = asker.post("/runs/query", {"group": ["params.model"], "columns": ["metrics.loss", "params.lr", "params.kind"]})
    columns = answer["columns"]

    assert (answer["total"], columns["params.model"], columns["n"]) == (2, ["tree", "net"], [3.0, 2.0])
    assert [sorted(json.loads(each)) for each in columns["run_ids"]] == [["0", "1", "2"], ["3", "4"]]
    assert (columns["metrics.loss"], columns["metrics.loss|std"]) == ([2.0, 8.0], [1.0, 0.0])
    assert (columns["metrics.loss|min"], columns["metrics.loss|max"]) == ([1.0, 8.0], [3.0, 8.0])
    assert columns["params.lr"] == pytest.approx([4 / 3, 1.0])
    assert columns["params.kind"] == ["k", None]
    by_loss = asker.post("/runs/query", {"group": ["params.model"], "columns": [], "sort": ["metrics.loss DESC"], "limit": 1})
    assert (by_loss["columns"]["params.model"], by_loss["total"]) == (["net"], 2)
    two = asker.post("/runs/query", {"group": ["params.model", "params.lr"], "sort": ["params.model", "params.lr DESC"]})
    assert list(zip(two["columns"]["params.model"], two["columns"]["params.lr"], two["columns"]["n"], strict=True)) == [
        ("net", 1.0, 2.0),
        ("tree", 2.0, 1.0),
        ("tree", 1.0, 2.0),
    ]


def test_groups_of_many_runs_are_all_of_them(tmp_path: Path) -> None:
    """None is counted twice."""
    asker = Asker(many_runs(tmp_path / "lake", 10_000))

    answer = asker.post("/runs/query", {"group": ["params.p0", "params.p1"], "columns": ["metrics.rmse"], "limit": 500})
    rmse = asker.post("/runs/query", {"group": ["experiment_id"], "columns": ["metrics.rmse"]})["columns"]["metrics.rmse"][0]

    n = answer["columns"]["n"]
    assert (answer["total"], sum(n)) == (9, 10_000)
    assert sum(each * mean for each, mean in zip(n, answer["columns"]["metrics.rmse"], strict=True)) / 10_000 == pytest.approx(rmse)
    assert max(len(json.loads(each)) for each in answer["columns"]["run_ids"]) == 200


def test_a_filter_that_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    """So that the page can underline it."""
    asker = Asker(some_runs(tmp_path / "lake", 3))

    answer = asker.post("/runs/query", {"filter": "metrics.val_loss < oops and"})
    unknown = asker.post("/runs/query", {"filter": "metrics.val_los < 1"})
    bare = asker.post("/runs/query", {"filter": "los > 1"})

    assert (answer["status"], answer["position"], answer["detail"]) == (422, {"start": 24, "stop": 27}, answer["detail"].partition("\n")[0])
    assert unknown["unknown"] == ["No run has a metric 'val_los'; did you mean 'val_loss'?"]
    assert (bare["status"], bare["position"], bare["detail"]) == (422, {"start": 0, "stop": 3}, "No run has anything named 'los'.")
    assert bare["hint"].startswith("there are ")


WRONG: dict[str, list[Any]] = {
    "limit": [501, -1, 1.5, "many", True, float("inf"), 10**400],
    "filter": [3, [], "x" * 9000, "a = 'b"],
    "sort": ["loss", [1], ["loss"] * 17, ["metrics.loss UP"], ["datasets.name"]],
    "columns": [["a b"], [None], [""]],
    "group": [["a b"], [""], 3],
    "fold": ["yes"],
    "experiments": ["0"],
}


@pytest.mark.parametrize("body", [{name: value} for name, values in WRONG.items() for value in values], ids=lambda body: f"{body!r:.40}")
def test_what_cannot_be_meant_is_said(tmp_path: Path, body: dict[str, Any]) -> None:
    """In a sentence."""
    answer = Asker(some_runs(tmp_path / "lake", 2)).ask("POST", "/api/v1/runs/query", content=json.dumps(body), headers=JSON)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"]


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b'{"filter": "\\ud800"}', b"[" * 5000, b'"x"'], ids=repr)
def test_a_body_that_is_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    """Not found out later."""
    answer = Asker(some_runs(tmp_path / "lake", 1)).ask("POST", "/api/v1/runs/query", content=content, headers=JSON)

    assert answer.status_code == 422


def test_deleted_runs_and_experiments_stand_apart(tmp_path: Path) -> None:
    """They are asked for."""
    runs = [WrittenRun("a"), WrittenRun("b", said={"lifecycle": "deleted"}), WrittenRun("c", said={"experiment_id": "1"})]
    asker = Asker(written(tmp_path / "lake", *runs))

    assert sorted(ids(asker.post("/runs/query"))) == ["a", "c"]
    assert ids(asker.post("/runs/query", {"deleted": True})) == ["b"]
    of_one = asker.post("/runs/query", {"experiments": ["1"]})
    assert (ids(of_one), of_one["n_runs"]) == (["c"], 1)
