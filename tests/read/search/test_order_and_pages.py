"""The order in which runs are found, and pages of it: who goes from page to page meets every run once, whatever comes meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runlake
from rows import add_events
from runlake.entities import Event, Scope, ViewType
from runlake.errors import InvalidValue
from runlake.read import Query, Store, open_store
from runlake.read.search import cache
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.writer import Writer
from written_runs import START_MS, WrittenRun, found, write_runs

NAN, INF = float("nan"), float("inf")

RUNS = [
    WrittenRun("a", {"n": 10, "t": "10", "mixed": "8", "x": "1e1"}, {"m": 1, "steps": [1, 5]}, {"w": "b"}, start_ms=START_MS + 1),
    WrittenRun("b", {"n": 9, "t": "9a", "mixed": "auto", "x": "nan"}, {"m": NAN, "steps": [2, NAN]}, {"w": "B"}),
    WrittenRun("c", {"n": "1e1", "t": "9", "mixed": "64", "x": "-inf"}, {"m": -INF, "steps": [(7, 3)]}, {"w": "ä"}, status="FAILED"),
    WrittenRun("d", {"n": "-1", "mixed": "Auto", "x": "10.0"}, {"m": 1}, {"w": "日"}, start_ms=START_MS + 1, seconds=90),
    WrittenRun("e", {"mixed": "nan", "x": "+2"}, {}, {"w": ""}, start_ms=START_MS - 1, seconds=None, status="RUNNING", said={"owner": "?"}),
    WrittenRun("f", {"n": "007", "x": "1_0"}, {"m": INF}, start_ms=START_MS - 1),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """These runs."""
    layout = create(tmp_path_factory.mktemp("order") / "lake")
    writer = Writer(layout)
    write_runs(writer, RUNS)
    writer.close()
    return open_store(layout.root)


@pytest.mark.parametrize(
    ("order", "ascending", "descending"),
    [
        ("start_time", "e f b c a d", "a d b c e f"),
        ("run_id", "a b c d e f", "f e d c b a"),
        ("metrics.m", "c a d f b e", "f a d c b e"),
        ("metrics.steps", "c a b d e f", "a c b d e f"),
        ("metrics.steps.first", "a b c d e f", "c b a d e f"),
        ("steps@1", "a b d c e f", "a b d c e f"),
        ("params.n", "d f b a c e", "a c b f d e"),
        ("params.x", "c e a d f b", "a d f e c b"),
        ("params.t", "c a b d e f", "a c b d e f"),
        ("params.mixed", "a c d b e f", "c a b d e f"),
        ("tags.w", "e b a c d f", "d c a b e f"),
        ("status", "e c a d b f", "a d b f c e"),
        ("duration", "a b c f d e", "d a b c f e"),
        ("tags.nobody_has_it", "a d b c e f", "a d b c e f"),
    ],
)
def test_runs_are_sorted(store: Store, order: str, ascending: str, descending: str) -> None:
    """Numbers, then other texts by their letters, then NaN, then what is missing, either way; and equal ones the newest first."""
    assert [found(store, "", order + way) for way in ("", " asc", " DESC")] == [ascending, ascending, descending]


def test_orders_come_one_after_the_other(store: Store) -> None:
    """A later one is for what is equal before."""
    assert found(store, "", "metrics.m desc", "params.n") == "f d a c b e"
    assert found(store, "", "status", "start_time", "run_id desc") == "e c f b d a"
    assert found(store, "has(m)", "metrics.m desc", max_results=2) == "f a"


def test_without_an_order_the_newest_come_first(store: Store) -> None:
    """By their ids where they began at once."""
    assert found(store, "") == "a d b c e f"


def pages(store: Store, query: Query, sizes: Iterator[int]) -> Iterator[list[str]]:
    """The ids of one page after the other; who asks for the next one may do something before."""
    token = None
    while True:
        page = store.search(Query(query.filter, query.order_by, query.experiment_ids, query.view_type, next(sizes), token))
        yield page.ids()
        token = page.token
        if token is None:
            return


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize(
    "order", ["start_time", "metrics.m", "metrics.m desc", "params.n", "params.mixed desc", "tags.w", "status", "steps@1"]
)
def test_pages_put_together_are_the_whole(store: Store, order: str, size: int) -> None:
    """Of whatever size, and each as full as it can be."""
    whole = store.search(Query(order_by=[order])).ids()

    found = list(pages(store, Query(order_by=[order]), itertools.repeat(size)))

    assert found == [whole[start : start + size] for start in range(0, len(whole), size)]


def test_how_many_there_are_is_said_on_every_page(store: Store) -> None:
    """Those of the pages before counted as well."""
    first = store.search(Query("has(m)", max_results=2))
    second = store.search(Query("has(m)", max_results=100, page_token=first.token))

    assert [(len(page), page.total, page.token is None) for page in (first, second)] == [(2, 5, False), (3, 5, True)]


QUERY = Query("has(m)", ["metrics.m"], ["0"], ViewType.ALL, 2)


def test_a_number_of_runs_below_none_is_refused(store: Store) -> None:
    """A slice would take it from the end."""
    with pytest.raises(InvalidValue, match="0 or more, not -1"):
        store.search(Query(max_results=-1))


@pytest.mark.parametrize(
    "other",
    [
        Query("has(n)", ["metrics.m"], ["0"], ViewType.ALL, 2),
        Query("has(m)", ["metrics.m desc"], ["0"], ViewType.ALL, 2),
        Query("has(m)", [], ["0"], ViewType.ALL, 2),
        Query("has(m)", ["metrics.m", "metrics.m"], ["0"], ViewType.ALL, 2),
        Query("has(m)", ["metrics.m"], ["0", "1"], ViewType.ALL, 2),
        Query("has(m)", ["metrics.m"], None, ViewType.ALL, 2),
        Query("has(m)", ["metrics.m"], ["0"], ViewType.ACTIVE_ONLY, 2),
    ],
)
def test_the_token_of_another_search_is_refused(store: Store, other: Query) -> None:
    """Only the size of a page may change."""
    token = store.search(QUERY).token
    size = Query(QUERY.filter, QUERY.order_by, QUERY.experiment_ids, QUERY.view_type, 3, token)

    assert store.search(size).ids() == ["d", "f", "b"]
    with pytest.raises(runlake.InvalidValue, match="The page token is of another search"):
        store.search(Query(other.filter, other.order_by, other.experiment_ids, other.view_type, 2, token))


def test_a_text_that_comes_between_two_pages_moves_no_number(tmp_path: Path) -> None:
    """Of the first page all were numbers."""
    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    write_runs(writer, [WrittenRun(f"run {n}", {"x": n}) for n in (1, 2, 3, 10, 20, 100)])
    store = open_store(layout.root)
    found = pages(store, Query(order_by=["params.x"]), itertools.repeat(3))

    first = next(found)
    write_runs(writer, [WrittenRun("another", {"x": "auto"})])
    store.refresh()
    second, third = found
    writer.close()

    assert (first, second, third) == (["run 1", "run 2", "run 3"], ["run 10", "run 20", "run 100"], ["another"])


# While runs arrive

values = st.sampled_from([1, 1, 2, 10, 0.5, NAN, INF, -INF])
texts = st.sampled_from(["1", "1.0", "9", "10", "nan", "a", "B", "", "日"])
runs: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    params=st.dictionaries(st.sampled_from("xy"), texts | st.sampled_from(["3", "4"])),
    metrics=st.dictionaries(st.sampled_from("mn"), values),
    tags=st.dictionaries(st.sampled_from("tu"), texts),
    start_ms=st.integers(START_MS, START_MS + 3),
    status=st.sampled_from(["FINISHED", "FAILED"]),
)
batches = st.lists(runs, max_size=3)
meanwhile = batches | batches | batches | batches | st.sampled_from(["publish", "cache"])
named = st.sampled_from(
    ["params.x", "params.y", "metrics.m", "metrics.n", "metrics.m.mean", "tags.t", "tags.u", "start_time", "status", "duration"]
)
orders = st.lists(st.tuples(named, st.sampled_from(["", " desc"])).map("".join), max_size=3)


class Arriving:
    """A store to which runs come."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.writer = Writer(layout)
        self._ids = iter(Random(7).sample(range(10**6), 10**5))

    def arrive(self, what: list[dict[str, Any]] | str) -> None:
        """Write these runs, or put away what is there."""
        if what == "publish":
            publish(self.layout)
        elif what == "cache":
            cache.bring_up_to_date(self.layout)
        else:
            write_runs(self.writer, [WrittenRun(f"{next(self._ids):06}", **each) for each in what if isinstance(each, dict)])


@pytest.fixture(scope="module")
def arriving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arriving]:
    """In chunks of 20 runs where it is cached."""
    folder = tmp_path_factory.mktemp("arriving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache home"))
        patch.setenv("RUNLAKE_JOBS", "off")
        patch.setattr(cache, "CHUNK", 20)
        store = Arriving(create(folder / "lake"))
        yield store
        store.writer.close()


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(order_by=orders, sizes=st.lists(st.integers(1, 9), min_size=1), comes=st.lists(meanwhile, min_size=1, max_size=8))
def test_runs_that_arrive_between_pages_move_none_of_those_before(
    arriving: Arriving, order_by: list[str], sizes: list[int], comes: list[list[dict[str, Any]] | str]
) -> None:
    """Those of the first moment are met once each, in their order."""
    arriving.arrive([{}])
    store = open_store(arriving.layout.root)
    query = Query("not has(params.nobody_has_it)", order_by)
    before = store.search(query).ids()

    met = []
    for page, what in zip(pages(store, query, itertools.cycle(sizes)), itertools.chain(comes, itertools.repeat(None)), strict=False):
        met += page
        if what is not None:
            arriving.arrive(what)
            store.refresh()

    assert [run_id for run_id in met if run_id in set(before)] == before
    assert len(set(met)) == len(met)


def test_runs_that_change_between_pages_are_met_where_they_stand_then(tmp_path: Path) -> None:
    """One that moves ahead of the page is missed, one that moves behind it is met again: a page is as of the moment it is asked for."""
    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    write_runs(writer, [WrittenRun(name, tags={"t": text}) for name, text in zip("abcd", "1234", strict=True)])
    store = open_store(layout.root)
    found = pages(store, Query(order_by=["tags.t"]), itertools.repeat(2))

    first = next(found)
    add_events(writer, [Event.set(run_id, Scope.TAG, "t", text, 1) for run_id, text in (("a", "5"), ("d", "0"))])
    writer.write()
    store.refresh()
    (second,) = found
    writer.close()

    assert (first, second) == (["a", "b"], ["c", "a"])
