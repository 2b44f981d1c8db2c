"""Runs by their ids, their columns as arrays, and the names that people write."""

from __future__ import annotations

import pickle
from pathlib import Path
from random import Random

import numpy as np
import pytest

from random_lake import RandomLake, forms_of
from runlake.errors import InvalidFilter
from runlake.read import Query, Scope, ViewType, open_store, shown_name, stored_name
from runlake.read.search.parse import parse_filter, parse_name
from runlake.store.layout import create
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs


def test_runs_come_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    """In every form that a store can have, with the same values as a search finds."""
    for name, _, folder in forms_of(RandomLake(tmp_path / "lake", Random(7)), tmp_path / "forms"):
        store = open_store(folder)
        found = store.search(Query(view_type=ViewType.ALL))
        ids = found.ids()
        asked = ids[::-2]

        these = store.these([*asked[:2], "nobody", *asked[2:]])

        assert these.ids() == asked, name
        columns = ["run_name", "status", "params.lr", "metrics.loss", "metrics.loss.min", "tags.team"]
        wanted = found.table(columns).take(list(range(len(ids)))[::-2])
        np.testing.assert_equal(these.table(columns).to_pydict(), wanted.to_pydict())
        assert store.these([]).ids() == []


def test_columns_are_arrays_of_numbers_or_coded_texts(tmp_path: Path) -> None:
    """Of a param both, where its texts read as numbers."""
    writer = Writer(create(tmp_path / "lake"))
    runs = [WrittenRun("a", {"lr": 0.5, "model": "tree"}, {"loss": 2.0}), WrittenRun("b", {"lr": "x"}), WrittenRun("c", {"model": "tree"})]
    write_runs(writer, runs)
    writer.close()
    found = open_store(tmp_path / "lake").search(Query(order_by=["run_id"]))

    numbers = {name: found.numbers(name) for name in ("metrics.loss", "params.lr", "start_time", "status")}
    texts = {name: found.texts(name) for name in ("params.model", "params.lr", "metrics.loss", "status")}

    assert numbers["status"] is None
    assert texts["metrics.loss"] is None
    loss, lr, model, status = numbers["metrics.loss"], numbers["params.lr"], texts["params.model"], texts["status"]
    assert loss is not None
    assert lr is not None
    assert model is not None
    assert status is not None
    assert (loss[0][loss[1]].tolist(), loss[1].tolist()) == ([2.0], [True, False, False])
    assert (lr[0][lr[1]].tolist(), lr[1].tolist()) == ([0.5], [True, False, False])
    assert ([model[1][code].as_py() if code >= 0 else None for code in model[0].tolist()], len(model[1])) == (["tree", None, "tree"], 1)
    assert np.unique(status[0]).size == 1


PLAIN = ["loss", "train/f1", "a.b", "größe", "and", "-1"]
ODD = ["val loss", "m`x", "it's", "x@1", "a,b", "(x)"]
LIKE_STATS = ["loss.min", "min"]  # in quotes only as a metric


@pytest.mark.parametrize("key", [*PLAIN, *ODD, *LIKE_STATS])
@pytest.mark.parametrize(("scope", "stat"), [(Scope.METRIC, ""), (Scope.METRIC, "max"), (Scope.PARAM, ""), (Scope.TAG, "")])
def test_a_shown_name_means_what_a_stored_one_does(scope: Scope, stat: str, key: str) -> None:
    """And has quotes only where it needs them."""
    shown, stored = parse_name(shown_name(scope, key, stat)), parse_name(stored_name(scope, key, stat))

    meant = (shown.entity, shown.key, shown.aggregate)
    assert meant in (
        (stored.entity, key, stored.aggregate),
        (stored.entity, f"{key}.{stat}", None),
    )  # the end of a plain key is looked at later
    has_quotes = key in ODD or (key in LIKE_STATS and scope == Scope.METRIC)
    assert ("`" in shown_name(scope, key, stat)) == has_quotes


@pytest.mark.parametrize(
    ("typed", "part", "what"),
    [
        ("loss < ", "<", "Here a value is expected: a number, a word, or a text in quotes, and the text ends."),
        ("a = 1 b", "b", "What follows here is not joined with AND or OR."),
        ("a = 'x", "'", "The quote ' is not closed."),
        ("x" * 300 + " << 1", "<", "Here a value is expected: a number, a word, or a text in quotes."),
    ],
    ids=lambda text: text[:10],
)
def test_a_filter_that_cannot_be_read_tells_what_and_where(typed: str, part: str, what: str) -> None:
    """Apart from the drawing, which is for terminals; also after a journey between processes."""
    with pytest.raises(InvalidFilter) as raised:
        parse_filter(typed)

    for error in (raised.value, pickle.loads(pickle.dumps(raised.value))):
        assert (error.what, typed[error.start : error.stop]) == (what, part)
        assert str(error).startswith(f"{what}\n")
        assert "^" in str(error)


def test_what_has_no_place_says_so() -> None:
    """The whole text is too long."""
    with pytest.raises(InvalidFilter) as raised:
        parse_filter("x" * 9000)

    assert (raised.value.start, raised.value.stop, raised.value.what) == (None, None, str(raised.value))
