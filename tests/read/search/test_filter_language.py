"""What each word and sign of a filter means, and for which runs it is so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import runlake
from runlake.read import Query, Store, open_store
from runlake.store.layout import create
from runlake.store.writer import Writer
from written_runs import WrittenRun, found, write_runs

NAN, INF = float("nan"), float("inf")
SPECIAL = ["a b", "a.b", "it's", 'say "x"', "tick`s", "größe/код", "NOT", "(x)", "a@b", "x=1", "1st", "loss,acc", "train/loss-1"]

RUNS = [
    WrittenRun(
        "a",
        params={"lr": 0.01, "depth": 3, "model": "xgboost", "both": 1, "x": "1_000"},
        metrics={"loss": [0.5, 0.25, 0.75], "acc": [(0, 0.1), (1000, 0.9), (1000, 0.8)], "both": 2, "n": NAN},
        tags={"team": "red", "note": "100%_sure\nof it"},
        data_sets=[("iris", "1", "train"), ("wine", "2", "test")],
        said={"user": "me", "experiment_id": "7", "parent_run_id": "b"},
    ),
    WrittenRun("b", {"lr": "high", "model": "XGBoost"}, {"loss": [0.5], "loss.min": [9]}, {"team": "blue", "note": ""}, seconds=600),
    WrittenRun(
        "c", {"lr": "1e-2", "x": "nan"}, {"loss": [NAN, INF, -INF], "n": [NAN, NAN]}, {"team": "red"}, [("iris", "2", "")], "FAILED"
    ),
    WrittenRun("d", {"x": "inf"}, {"acc": [(0, 0.2)]}, status="RUNNING", seconds=None, said={"owner": "is gone"}),
    WrittenRun("e", status="KILLED", seconds=0.5, start_ms=1_700_000_000_000 - 86_400_000),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """These runs, and one that goes on; the ids tell in which order they are found."""
    layout = create(tmp_path_factory.mktemp("language") / "lake")
    writer = Writer(layout)
    started = time.time_ns() // 1_000_000 - 3_600_000
    going_on = WrittenRun("g", status="RUNNING", start_ms=started, seconds=None, tags=dict.fromkeys(SPECIAL, "there"))
    write_runs(writer, [*RUNS, going_on])
    yield open_store(layout.root)
    writer.close()


ALL = "g a b c d e"


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", ALL),
        (" \n", ALL),
        ("team = red", "a c"),
        ("team = red and lr = high or model = xgboost", "a"),
        ("team = blue or team = red and status = failed", "b c"),
        ("(team = blue or team = red) and status = failed", "c"),
        ("not team = red", "b"),
        ("NOT team = red OR has(model)", "a b"),
        ("not (team = red and has(model))", "g b c d e"),
        ("not not team = red", "a c"),
        ("team <> red", "b"),
        ("team == red", "a c"),
        ("has ( params.lr )", "a b c"),
        ("tags.has = 1 or has(team)", "a b c"),
    ],
)
def test_conditions_are_joined(store: Store, typed: str, wanted: str) -> None:
    """NOT binds the most, then AND, then OR."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("model = xgboost", "a"),
        ("model != xgboost", "b"),
        ("not model = xgboost", "b"),
        ("not (model != xgboost)", "a"),
        ("model = xgboost or model != xgboost", "a b"),
        ("acc > 0.5 or loss < 0.6", "a b c"),
        ("not (acc > 0.5 or loss > 0.6)", ""),
        ("not (acc > 0.5 and loss < 0.6)", "a d"),
        ("not (acc < 0.5 and team = nobodys)", "a b c"),
        ("model is null", "g c d e"),
        ("model is not null", "a b"),
        ("not model is null", "a b"),
        ("not has(model)", "g c d e"),
        ("model in (xgboost) or not model in (xgboost)", "a b"),
        ("model not in (nothing)", "a b"),
        ("model not like '%'", ""),
        ("acc not between 5 and 6", "a d"),
        ("end_time is null", "g d"),
        ("parent_run_id is null", "g b c d e"),
        ("metrics.acc@1000 is null", "g b c d e"),
        ("datasets.name is null", "g b d e"),
    ],
)
def test_what_a_run_lacks_is_neither_so_nor_not(store: Store, typed: str, wanted: str) -> None:
    """As in SQL; whether it is there is either."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("params.lr = 0.01", "a c"),
        ("params.lr = 1e-2", "a c"),
        ("params.lr = '0.01'", "a"),
        ("params.lr = '1e-2'", "c"),
        ("params.lr != 0.01", "b"),
        ("params.lr != '0.01'", "b c"),
        ("params.lr < 1", "a c"),
        ("not params.lr < 1", ""),
        ("params.lr >= 1", ""),
        ("not params.lr >= 1", "a c"),
        ("params.lr in (0.010, high)", "a b c"),
        ("params.lr not in (.01)", "b"),
        ("params.lr between 0 and 0.01", "a c"),
        ("params.x = 1000", "a"),
        ("params.x = 1_000", "a"),
        ("params.x > 999", "a d"),
        ("params.x = inf", "d"),
        ("params.x = nan", "c"),
        ("params.x != nan", "a d"),
        ("params.x = 'nan'", "c"),
        ("params.x < 5", ""),
        ("not params.x < 5", "a c d"),
        ("params.depth = 3.0", "a"),
        ("experiment_id = 7", "a"),
        ("experiment_id = '0'", "g b c d e"),
    ],
)
def test_a_number_without_quotes_is_compared_with_the_numbers_that_texts_are(store: Store, typed: str, wanted: str) -> None:
    """A text that is none is not equal, and neither less nor greater; in quotes the letters count."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("metrics.n = 0", ""),
        ("metrics.n != 0", "a c"),
        ("metrics.n < 0", ""),
        ("not metrics.n < 0", "a c"),
        ("metrics.n = nan", "a c"),
        ("metrics.n = NaN", "a c"),
        ("metrics.n != nan", ""),
        ("metrics.loss != nan", "a b c"),
        ("metrics.n < nan", ""),
        ("metrics.n in (1, nan)", "a c"),
        ("metrics.n between 0 and 1", ""),
        ("metrics.n not between 0 and 1", "a c"),
        ("metrics.n is null", "g b d e"),
        ("metrics.n.min is null", "g a b c d e"),
        ("metrics.loss = -inf", "c"),
        ("metrics.loss > -Infinity", "a b"),
        ("metrics.loss < 1e999", "a b c"),
    ],
)
def test_nan_is_a_value_that_equals_no_number(store: Store, typed: str, wanted: str) -> None:
    """The word nan finds it."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("loss = 0.75", "a"),
        ("metrics.loss.last = 0.75", "a"),
        ("metrics.`loss`.min = 0.25", "a"),
        ("metrics.loss.max = inf", "c"),
        ("loss.first = 0.5", "a b"),
        ("loss.mean = 0.5", "a b"),
        ("loss.mean = nan", "c"),
        ("metrics.loss.min = 9", "b"),
        ("loss.min = 9", "b"),
        ("metrics.`loss`.min < 9", "a b c"),
        ("metrics.`loss.min`.max = 9", "b"),
        ("loss.min.max = 9", "b"),
        ("metrics.acc@0 = 0.1", "a"),
        ("acc@1000 = 0.8", "a"),
        ("acc @ 1000 != 0.9", "a"),
        ("acc@-1 is null", ALL),
        ("acc@9223372036854775807 is null", ALL),
        ("metrics.acc@best(loss) is null", ALL),
        ("metrics.loss@best(acc) is null", "g a b c d e"),
        ("metrics.acc@best(metrics.acc) = 0.8", "a"),
        ("metrics.`acc`@BEST(`acc`) = 0.2", "d"),
        ("loss@best(loss) = 0.25", "a"),
        ("loss@best(both) = 0.5", "a"),
    ],
)
def test_a_metric_is_its_last_value_unless_another_is_asked_for(store: Store, typed: str, wanted: str) -> None:
    """At a step that was repeated the last one by time counts; a metric of the very name outranks what is worked out."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("status = 'FAILED'", "c d"),
        ("status = failed", "c d"),
        ("status != 'FAILED'", "g a b e"),
        ("status = crashed", "d"),
        ("status != 'FINISHED'", "g c d e"),
        ("status in (running, Killed)", "g e"),
        ("status not in (failed, finished)", "g e"),
        ("status = SCHEDULED", ""),
        ("status like 'F%'", "a b c"),
        ("status ~ 'ED$'", "a b c d e"),
        ("attributes.status = 'running'", "g"),
    ],
)
def test_a_run_that_crashed_has_failed(store: Store, typed: str, wanted: str) -> None:
    """And its status is CRASHED, in whatever letters that is typed."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("start_time > -7d", "g"),
        ("start_time < -0.5h", ALL),
        ("start_time = 1700000000000", "a b c d"),
        ("created <= 1.7e12", "a b c d e"),
        ("start_time >= '2023-11-01' and start_time < 2023-12-24", "a b c d e"),
        ("start_time < 2023-11-14T12:00:00+00:00", "e"),
        ("end_time = 1700000060000", "a c"),
        ("end_time > -600w", "a b c e"),
        ("duration < 10m", "a c e"),
        ("duration <= 10m", "a b c e"),
        ("duration = 500ms", "e"),
        ("duration = 60", "a c"),
        ("duration > 59m", "g"),
        ("duration between 1s and 0.5d", "g a b c"),
        ("duration is null", "d"),
        ("start_time between -1d and -0s", "g"),
    ],
)
def test_times_are_days_milliseconds_or_spans_before_now(store: Store, typed: str, wanted: str) -> None:
    """And durations spans; of a run that goes on so far, of one that crashed there is none."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("tags.note LIKE '100%'", "a"),
        ("tags.note like '%SURE%'", ""),
        ("tags.note ilike '%SURE%'", "a"),
        ("tags.note like '100__sure_of it'", "a"),
        ("tags.note like '%'", "a b"),
        ("tags.note like ''", "b"),
        ("tags.note like '_%'", "a"),
        ("tags.note ~ 'sure'", "a"),
        ("tags.note ~ '^sure'", ""),
        ("tags.note ~ '^$'", "b"),
        ("model ~ '(?i)^xgb'", "a b"),
        ("model not ilike 'xg%'", ""),
        ("run_id like '_' and team ~ 'e'", "a b c"),
        ("artifact_uri = 'runs:/a/'", "a"),
        ("lifecycle_stage = active", ALL),
    ],
)
def test_texts_are_like_patterns(store: Store, typed: str, wanted: str) -> None:
    """% is any letters and _ one; behind ~ stands a regular expression of which some part fits."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("datasets.name = 'iris'", "a c"),
        ("datasets.name = 'wine' and datasets.digest = '1'", "a"),
        ("dataset.digest in ('2', '3')", "a c"),
        ("datasets.context = 'train'", "a"),
        ("datasets.context = ''", "c"),
        ("datasets.name like 'w%'", "a"),
        ("datasets.name != 'wine'", "c"),
        ("not datasets.name = 'wine'", "c"),
        ("has(datasets.digest)", "a c"),
    ],
)
def test_of_a_runs_data_sets_one_has_to_be_so(store: Store, typed: str, wanted: str) -> None:
    """And where that is denied, none."""
    assert found(store, typed) == wanted


@pytest.mark.parametrize("key", SPECIAL)
def test_a_key_in_quotes_may_be_any_text(store: Store, key: str) -> None:
    """Back-ticks or double quotes, doubled where they are part of it, with the kind before it or without."""
    ticks, quotes = (f"{quote}{key.replace(quote, quote * 2)}{quote}" for quote in '`"')

    assert [found(store, f"{name} = 'there'") for name in (f"tags.{ticks}", f"tag.{quotes}", ticks, quotes)] == ["g"] * 4


@pytest.mark.parametrize("name", ["lr", "params.lr", "PARAM.lr", "parameter.lr", "Parameters.`lr`", '"lr"', "`params`.lr", "`param`.`lr`"])
def test_a_name_may_be_typed_in_several_ways(store: Store, name: str) -> None:
    """They all mean the same."""
    assert [found(store, f"{name}{rest}") for rest in ("=high", "  =\n'high'", ' = "high"', " IN(high)")] == ["b"] * 4


def test_a_bare_name_is_an_attribute_before_it_is_a_key(store: Store) -> None:
    """And a key of two kinds is none, but for steps, which only one of them has."""
    with pytest.raises(runlake.InvalidFilter, match=r"'both' may mean metrics\.both and params\.both: say which"):
        store.search(Query("both = 1"))

    assert [found(store, typed) for typed in ("both@0 = 2", "`both`.max = 2", "params.both = 1", "name = a")] == ["a"] * 4


def test_what_no_run_has_finds_nothing_and_is_told(store: Store) -> None:
    """Once for each name, with the nearest there is; asked whether it is there, nothing is wrong."""
    search = store.search(Query("metrics.los > 1 or params.dept in (1, 2) or params.dept < 3 and loss@best(metrics.accu) > 1"))
    told = [said.splitlines()[0].removeprefix("No run has a ") for said in search.unknown]
    quiet = "has(metrics.los) or params.dept is null and metrics.loss@best(metrics.accu) is null"

    wanted = {"metric 'los'": "'loss'", "param 'dept'": "'depth'", "metric 'accu'": "'acc'"}
    assert (search.ids(), told) == ([], [f"{what}; did you mean {nearest}?" for what, nearest in wanted.items()])
    assert (store.search(Query(quiet)).unknown, found(store, quiet, is_strict=True)) == ([], ALL)
    with pytest.raises(runlake.InvalidFilter, match="No run has a metric 'los'; did you mean 'loss'"):
        store.search(Query("metrics.los > 1", is_strict=True))
    with pytest.raises(runlake.InvalidFilter, match="No run has anything named 'los'; did you mean 'loss'"):
        store.search(Query("los > 1"))


@pytest.mark.parametrize(
    "typed", ["los > 1", "metrics.los.min > 1", "loss@best(val_loss) > 1", "metrics.a@best(b) = 1", "has(x)", "duration < 3s"]
)
def test_in_an_empty_store_every_name_may_come(tmp_path: Path, typed: str) -> None:
    """Nothing is found, and nothing is wrong."""
    store = open_store(create(tmp_path / "lake").root)

    search = store.search(Query(typed, [typed.partition(" ")[0]] if "has" not in typed else [], is_strict=True))

    assert (search.ids(), search.total, search.unknown) == ([], 0, [])
