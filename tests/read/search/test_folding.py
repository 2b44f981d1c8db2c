"""What columns say of all runs at once is what their events and points say of each: offers, deletions, several writers, any order."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plain_runs import PlainRun, plain_runs
from random_lake import KEYS, RandomLake, forms_of
from runlake.entities import Event, Scope, ViewType
from runlake.read import Query, Store, open_store
from runlake.read.search import index
from runlake.read.search.live import HeldRows, LiveFrame, Said
from runlake.store.columns import as_array, decode, encode_events, repeated
from runlake.store.fold import fold_runs
from runlake.store.tables import TABLES, coded, in_order

STATS = ("last", "min", "max", "first", "mean")
AT = ("@3", "@-1", "@best(metrics.loss)", "@best(metrics.`val loss`)", "@best(metrics.acc)")
EVERY_RUN = Query(order_by=["run_id"], view_type=ViewType.ALL)


def check_forms(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch, *, late: bool) -> None:
    """All forms of one random store."""
    lake = RandomLake(folder / "lake", Random(seed), may_begin_late=late)
    runs: dict[int, list[PlainRun]] = {}
    for name, age, path in forms_of(lake, folder):
        store = open_store(path)
        runs.setdefault(age, plain_runs(store))
        check_values(store, runs[age], name)
        assert [said(run) for run in store.found(store.search(EVERY_RUN))] == [said(store.run(run.run_id)) for run in runs[age]], name
        if name == "published":
            with monkeypatch.context() as patch:
                patch.setattr(index, "HELD_ROWS", 0)
                check_values(open_store(path), runs[age], "published, each key read by itself")
    lake.close()


def check_values(store: Store, runs: list[PlainRun], name: str) -> None:
    """Every value that can be asked for."""
    columns: dict[str, list[float | None]] = {}
    for key in KEYS[Scope.METRIC]:
        typed = f"metrics.`{key.replace('`', '``')}`"
        columns |= {f"{typed}.{stat}": [run.stat(key, stat) for run in runs] for stat in STATS}
        columns |= {f"{typed}{at}": [run.at(key, at_of(at)) for run in runs] for at in AT}

    table = store.search(EVERY_RUN).table(["run_id", *columns])

    assert table["run_id"].to_pylist() == [run.run_id for run in runs], name
    for typed, values in columns.items():
        assert same(table[typed].to_pylist(), values), f"{name}: {typed}"


def at_of(typed: str) -> int | str:
    """The step, or the key of the metric that is best there."""
    return int(typed[1:]) if "best" not in typed else typed.split(".")[1].strip("`)")


def said(run: Any) -> tuple[Any, ...]:
    """All that is known of a run without a look at its points."""
    data = run.data
    return run.info, [sorted(each.items()) for each in (data.params, data.tags)], texts(data.typed_params), texts(data.metrics), run.inputs


def texts(values: dict[str, Any]) -> list[tuple[str, str]]:
    """In words, for NaN is not itself."""
    return sorted((key, repr(value)) for key, value in values.items())


def same(found: list[float | None], wanted: list[float | None]) -> bool:
    """Equal, NaN as well."""
    pairs = zip(found, wanted, strict=True)
    return all(a == b or (a is not None and b is not None and math.isnan(a) and math.isnan(b)) for a, b in pairs)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("seed", "late"), [(0, False), (1, False), (2, True)], ids=["begun first", "another", "begun late"])
def test_columns_say_what_the_events_say_in_every_form_of_a_store(
    seed: int, late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every run all that is known, and every value that can be asked for; also where its beginning comes after the rest."""
    check_forms(seed, tmp_path, monkeypatch, late=late)


events = st.lists(
    st.builds(
        Event,
        st.sampled_from("aabc"),
        st.sampled_from([Scope.PARAM, Scope.TAG, Scope.INPUT]),
        st.sampled_from("xy"),
        st.sampled_from(["set", "set", "offer", "delete"]),
        st.sampled_from(["str", "int"]),
        st.none(),
        st.none(),
        st.sampled_from(["1", "2", "1.0", ""]),
        st.integers(1, 4),
    ),
    max_size=15,
)
beginnings = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["status", "start_ns", "end_ns", "name"]), st.integers(1, 4), st.integers(1, 2)).map(
        lambda drawn: Event.set(drawn[0], Scope.RUN, drawn[1], drawn[2] if drawn[3] == 1 else str(drawn[2]), drawn[2])
    ),
    max_size=15,
)


def rows_of(drawn: list[tuple[Event, str]]) -> pa.Table:
    """As writers write them: each numbers its own."""
    found = [TABLES["meta"].no_rows]
    for writer in "vw":
        of_writer = [event for event, who in drawn if who == writer]
        if of_writer:
            rows = decode(encode_events(of_writer)).append_column("writer", repeated(writer, len(of_writer)))
            numbers = as_array(np.arange(len(of_writer), dtype=np.int64), pa.int64())
            found.append(coded(TABLES["meta"], rows.append_column("seq", numbers)))
    return pa.concat_tables(found)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=events, begins=beginnings, data=st.data())
def test_any_events_fold_to_the_same(events: list[Event], begins: list[Event], data: st.DataObject) -> None:
    """One after the other as a run is read, or one key of all runs at a time; wherever they lie."""
    begins += [Event.set("a", Scope.RUN, key, 1, 1) for key in ("status", "start_ns")]
    given_events = [event for event in [*events, *begins] if event.op != "delete" or event.scope == Scope.TAG]
    writers = data.draw(st.lists(st.sampled_from("vw"), min_size=len(given_events), max_size=len(given_events)))
    drawn = data.draw(st.permutations(list(zip(given_events, writers, strict=True))))
    rows, cut = rows_of(drawn), data.draw(st.integers(0, len(drawn)))
    states = fold_runs(in_order(rows, ("hlc", "writer", "seq")))
    whole = [run_id for run_id in sorted(states) if {"status", "start_ns"} <= states[run_id].said.keys()]

    frame = LiveFrame([HeldRows("meta", rows.slice(0, cut)), HeldRows("meta", rows.slice(cut))], [], Said())

    assert frame.ids.ids.to_pylist() == whole
    for key in "xy":
        params, tags = frame.texts(Scope.PARAM, key), frame.texts(Scope.TAG, key)
        said = list(zip(params.kinds_by_run(), params.to_arrow().to_pylist(), strict=True))
        assert said == [states[run_id].params.get(key, (None, None)) for run_id in whole]
        assert tags.to_arrow().to_pylist() == [states[run_id].tags.get(key) for run_id in whole]
    for key in ("status", "name"):
        assert frame.texts(Scope.RUN, key).to_arrow().to_pylist() == [states[run_id].said.get(key) for run_id in whole]
    for key in ("start_ns", "end_ns"):
        numbers = frame.integers(key)
        found = [value if known else None for value, known in zip(numbers.values.tolist(), numbers.known.tolist(), strict=True)]
        assert found == [None if key not in states[run_id].said else int(states[run_id].said[key]) for run_id in whole]
    stored = [f"[{','.join(states[run_id].inputs.values())}]" if states[run_id].inputs else None for run_id in whole]
    assert frame.texts(Scope.INPUT, "").to_arrow().to_pylist() == stored


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_columns_say_what_the_events_say_of_many_stores(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, for longer."""
    check_forms(seed, tmp_path, monkeypatch, late=seed % 2 == 0)
