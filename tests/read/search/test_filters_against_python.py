"""Any filter and any order, of any store in any form: what is found is what plain Python finds, run by run."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conditions import And, Between, Comparison, Condition, Has, In, IsNull, Like, Not, Or
from plain_runs import PlainRun, plain_runs
from random_lake import DATA_SETS, KEYS, NOON_MS, NUMBERS, VALUES, WORDS, RandomLake, forms_of
from runlake.entities import Scope, ViewType
from runlake.read import Query, Store, open_store
from runlake.read.search import cache, chunks, index
from typed_values import Number, Order, Text, Value, in_order, moment, seconds

SEEDS = range(3)

PATTERNS = ["%", "", "a%", "%a%", "%m", "a_b", "%\\%", "a\\b", "%\\b%", "1__%", "%'%", "%\n%", "ADAM%", "日_", "100%", "%.%", "^a", "_"]
EXPRESSIONS = ["a", "^[aA]dam$", r"\d+", "^$", "a|o", "b$", r"\.", "(?i)ADAM", "[^a-z]", "日", "x{2,3}", r"\\"]
DAYS = ["2026-01-31", "2026-02-01T11:30:00", "2026-01-31T11:00:00.500+00:00"]
SPANS = ["0s", "250ms", "90s", "10m", "1500s", "1h", "0.5d", "2w"]
AGO = ["-0d", "-10m", "-1500s", "-1h", "-7d", "-600w"]


class Form(NamedTuple):
    """A store as it is searched, and the runs that are in it: those of one age have the same."""

    name: str
    age: int
    store: Store
    runs: list[PlainRun]
    now_ms: int


@pytest.fixture(params=SEEDS, scope="module")
def forms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Form]]:
    """Those of one random store."""
    with written(request.param, tmp_path_factory.mktemp("forms")) as found:
        yield found


@contextlib.contextmanager
def written(seed: int, folder: Path) -> Iterator[list[Form]]:
    """The forms of a store, of which a cache has several chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache home"))
        patch.setenv("RUNLAKE_JOBS", "off")
        patch.setattr(cache, "CHUNK", 5)
        patch.setattr(chunks, "RARE", 3)
        lake = RandomLake(folder / "lake", Random(seed))
        runs: dict[int, list[PlainRun]] = {}
        found = []
        now_ms = time.time_ns() // 1_000_000
        for name, age, path in forms_of(lake, folder):
            runs.setdefault(age, plain_runs(open_store(path)))
            found.append(Form(name, age, opened(path), runs[age], now_ms))
            if name == "published":
                with patch.context() as more:
                    more.setattr(index, "HELD_ROWS", 0)
                    found.append(Form("published, each key read by itself", age, opened(path), runs[age], now_ms))
        yield found
        lake.close()


def opened(path: Path) -> Store:
    """How it is looked at is decided by the first search."""
    store = open_store(path)
    store.search(Query())
    return store


# What may be typed

words = st.sampled_from([*NUMBERS, *WORDS])
numbers = st.builds(Number, st.sampled_from(VALUES) | st.sampled_from([0.1, 10.0, 1e300, 0.3, math.inf]))
metric_keys = st.sampled_from([*KEYS[Scope.METRIC], "none has it"])
values_of_metrics = (
    st.builds(Value, st.just("metric"), metric_keys, st.sampled_from(["last", "last", "min", "max", "first", "mean"]))
    | st.builds(Value, st.just("metric"), metric_keys, st.just("last"), st.sampled_from([-1, 0, 3, 1000, 7]) | metric_keys)
    | st.builds(Value, st.just("metric"), st.sampled_from(["loss", "acc"]), st.sampled_from(["last", "min"]), is_bare=st.just(True))
)
values_of_texts = (
    st.builds(Value, st.just("param"), st.sampled_from([*KEYS[Scope.PARAM], "none has it"]))
    | st.builds(Value, st.just("tag"), st.sampled_from([*KEYS[Scope.TAG], "none has it"]))
    | st.builds(Value, st.just("param"), st.sampled_from(["lr", "model"]), is_bare=st.just(True))
)
text_attributes = st.sampled_from(["run_id", "run_name", "user_id", "artifact_uri", "experiment_id", "parent_run_id", "lifecycle_stage"])
statuses = st.sampled_from(["FAILED", "failed", "CRASHED", "Running", "FINISHED", "KILLED", "SCHEDULED"])
signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
equal_signs = st.sampled_from(["=", "!="])


def attribute(name: str, is_bare: bool) -> Value:
    """One of a run."""
    return Value("attribute", name, is_bare=is_bare)


values_of_attributes = st.builds(attribute, text_attributes, st.booleans())
status = st.builds(attribute, st.just("status"), st.booleans())
data_sets = st.builds(Value, st.just("dataset"), st.sampled_from(["name", "digest", "context"]))


@st.composite
def conditions_on_texts(draw: st.DrawFn, form: Form) -> Condition:
    """A condition on what is a text, its literal one that some run has, as often as not."""
    value = draw(values_of_texts | values_of_attributes | status | data_sets)
    there = sorted({str(text) for run in form.runs if value.entity != "dataset" and (text := value.of(run, 0)) is not None})
    if value.entity == "dataset":
        there = [each[value.key] for each in DATA_SETS] if value.key != "context" else ["train", "test", ""]
    texts = st.builds(Text, statuses if value.key == "status" and value.entity == "attribute" else words | st.sampled_from(there or [""]))
    of_either = texts | numbers if value.entity in ("param", "tag") else texts
    kind = draw(st.sampled_from(["=", "<", "in", "like", "~"]))
    if kind == "in":
        return In(value, draw(st.lists(of_either, min_size=1, max_size=3)), draw(st.booleans()))
    if kind == "like":
        patterns = st.sampled_from([*PATTERNS, *there])
        return Like(value, draw(st.sampled_from(["LIKE", "ILIKE"])), draw(patterns), draw(st.booleans()))
    if kind == "~":
        return Like(value, "~", draw(st.sampled_from(EXPRESSIONS)), False)
    if kind == "<" and value.entity in ("param", "tag"):
        return draw(conditions_on_numbers(value, numbers))
    return Comparison(value, draw(equal_signs), draw(of_either))


@st.composite
def conditions_on_numbers(draw: st.DrawFn, value: Value, literals: st.SearchStrategy[Number]) -> Condition:
    """A comparison with a number, or with several."""
    kind = draw(st.sampled_from(["sign", "sign", "in", "between"]))
    if kind == "in":
        return In(value, draw(st.lists(literals, min_size=1, max_size=3)), draw(st.booleans()))
    if kind == "between":
        return Between(value, draw(literals), draw(literals), draw(st.booleans()))
    return Comparison(value, draw(signs), draw(literals))


@st.composite
def conditions_on_moments(draw: st.DrawFn, now_ms: int) -> Condition:
    """A comparison with a time or a duration."""
    name = draw(st.sampled_from(["start_time", "end_time", "duration"]))
    if name == "duration":
        literals = st.sampled_from([0.0, 0.5, 10.0, 600.0, 1500.0, 3600.0]).map(Number) | st.sampled_from(SPANS).map(
            lambda text: Number(seconds(text), text)
        )
    else:
        times = [NOON_MS, NOON_MS + 1, NOON_MS + 600_000, NOON_MS + 86_400_000, 0]
        literals = st.sampled_from(times).map(Number) | st.sampled_from([*DAYS, *AGO]).map(lambda text: moment(text, now_ms))
    return draw(conditions_on_numbers(attribute(name, draw(st.booleans())), literals))


def conditions(form: Form) -> st.SearchStrategy[Condition]:
    """Of all kinds, joined."""
    of_all = values_of_metrics | values_of_texts | values_of_attributes | data_sets | st.just(attribute("end_time", False))
    leaves = (
        conditions_on_texts(form)
        | values_of_metrics.flatmap(lambda value: conditions_on_numbers(value, numbers))
        | conditions_on_moments(form.now_ms)
        | st.builds(IsNull, of_all, st.booleans())
        | st.builds(Has, of_all)
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds(Not, inner)
            | st.builds(And, st.lists(inner, min_size=2, max_size=3))
            | st.builds(Or, st.lists(inner, min_size=2, max_size=3))
        ),
        max_leaves=6,
    )


sortable = (
    values_of_metrics
    | values_of_texts
    | values_of_attributes
    | status
    | st.builds(attribute, st.sampled_from(["start_time", "end_time", "duration"]), st.booleans())
)
orders = st.lists(st.builds(Order, sortable, st.booleans()), max_size=3)
views = st.sampled_from([*ViewType, ViewType.ALL, ViewType.ALL])
shelves = st.sampled_from([None, None, ["0"], ["1"], ["0", "1"], ["7"]])


def check(forms: list[Form], data: st.DataObject) -> None:
    """One filter and one order, asked of all forms."""
    condition, order_by = data.draw(conditions(forms[0])), data.draw(orders)
    view, shelf = data.draw(views), data.draw(shelves)
    typist, now_ms = Random(data.draw(st.integers(0, 2**32))), forms[0].now_ms
    typed, typed_orders = condition.typed(typist), [order.typed(typist) for order in order_by]
    wanted = {}
    for age, runs in {form.age: form.runs for form in forms}.items():
        shown = [run for run in runs if view.shows(run.attributes["lifecycle_stage"])]
        shown = [run for run in shown if shelf is None or run.attributes["experiment_id"] in shelf]
        right = [run for run in shown if condition.of(run, now_ms)]
        wanted[age] = [run.run_id for run in in_order(right, order_by, now_ms)]
    for form in forms:
        found = form.store.search(Query(typed, typed_orders, shelf, view))
        assert found.ids() == wanted[form.age], f"{form.name}: {typed} ORDER BY {typed_orders}"
        assert (found.total, found.token) == (len(wanted[form.age]), None)


def searches(forms: list[Form], examples: int) -> None:
    """So many of them."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def search(data: st.DataObject) -> None:
        check(forms, data)

    search()


def test_a_search_finds_what_plain_python_finds(forms: list[Form]) -> None:
    """Whatever is asked, the same runs in the same order, in whatever form the store is."""
    searches(forms, 25)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 140))
def test_a_search_finds_what_plain_python_finds_in_many_stores(seed: int, tmp_path: Path) -> None:
    """The same, for longer."""
    with written(seed, tmp_path) as forms:
        searches(forms, 400)
