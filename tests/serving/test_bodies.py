"""Whatever form the data comes in, the model is asked with what `predict` would be given; what is none is refused, and why."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression

import runlake
from runlake.models import infer_signature
from runlake.serving.answers import as_json
from runlake.types.schema import Array, ColSpec, DataType, Map, ParamSchema, ParamSpec, Schema, TensorSpec

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(5, 3)), columns=["height", "weight", "age"])
SPLIT = {"columns": list(ROWS.columns), "data": ROWS.to_numpy().tolist()}
RECORDS = ROWS.to_dict("records")
MIXED = ROWS[["age", "height", "weight"]].assign(more="x")
CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"

ECHO = """
class Model(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input if not params else {"params": params}
"""

EVERY_TYPE = pd.DataFrame(
    {
        "truth": [True, False],
        "small": np.array([1, -(2**31)], "int32"),
        "whole": [2**63 - 1, -(2**53) - 1],
        "single": np.array([0.1, -3.5], "float32"),
        "half": [0.1, 1e-320],
        "text": ["a", "ä\u2028\"'\\"],
        "bytes": [b"\x00\xff", b"text"],
        "when": np.array(["2026-01-02T03:04:05.000000006", "1970-01-01"], "datetime64[ns]"),
    }
)


def parquet(frame: pd.DataFrame) -> bytes:
    """The frame as a file."""
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def linear(client: Any, loaded: Callable[..., Any]) -> Any:
    """A regression on three columns of doubles."""
    model = LinearRegression().fit(ROWS, ROWS["height"] * 2)
    return client(loaded(model, signature=infer_signature(ROWS, np.zeros(5))), max_body_bytes=4 << 20)


@pytest.fixture(scope="module")
def echo(client: Any, loaded: Callable[..., Any]) -> Callable[..., Any]:
    """A model that says what it is asked with, of whatever signature."""
    return lambda **signature: client(loaded(ECHO, **({"signature": runlake.models.ModelSignature(**signature)} if signature else {})))


FORMS: dict[str, tuple[Any, str]] = {
    "split": ({"dataframe_split": SPLIT}, "application/json"),
    "split with an index": ({"dataframe_split": SPLIT | {"index": list("abcde")}}, "application/json; charset=UTF-8"),
    "records": ({"dataframe_records": RECORDS}, 'application/json;charset="utf-8"'),
    "instances": ({"instances": RECORDS}, "APPLICATION/JSON"),
    "inputs": ({"inputs": ROWS.to_dict("list")}, "application/json"),
    "inputs in rows": ({"inputs": RECORDS, "params": {}}, "application/json"),
    "more columns, in another order": ({"dataframe_split": MIXED.to_dict("split")}, "application/json"),
    "CSV": (ROWS.to_csv(index=False), "text/csv; charset=utf-8"),
    "CSV with more": (MIXED.to_csv(index=False), CSV),
    "Parquet": (parquet(ROWS), PARQUET),
}


@pytest.mark.parametrize(("body", "kind"), FORMS.values(), ids=FORMS)
def test_every_form_gives_what_predict_gives(linear: Any, body: Any, kind: str) -> None:
    """To the bit."""
    answer = linear.post(body, kind)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"predictions": linear.model.predict(ROWS).tolist()}


OLD: dict[str, tuple[Any, str]] = {
    "a bare split": (SPLIT, "application/json"),
    "bare records": (RECORDS, "application/json"),
    "pandas-split": (SPLIT, "application/json; format=pandas-split"),
    "pandas-records": (RECORDS, "application/json; format=pandas-records; charset=utf-8"),
    "another order, and whole numbers": ({"columns": ["age", "weight", "height"], "data": [[1, 2, 3]]}, "application/json"),
}
TURNED = pd.DataFrame({"height": [3.0], "weight": [2.0], "age": [1.0]})


@pytest.mark.parametrize(("body", "kind"), OLD.values(), ids=OLD)
def test_the_curls_of_old_tutorials_get_a_bare_list(linear: Any, body: Any, kind: str) -> None:
    """As the first servers of MLflow answered."""
    rows = ROWS if body in (SPLIT, RECORDS) else TURNED

    assert linear.post(body, kind).json == linear.model.predict(rows).tolist()


def test_columns_of_every_type_arrive_as_they_were(echo: Callable[..., Any]) -> None:
    """In each of the forms, those of JSON and CSV as texts where they have no type of their own."""
    asked = echo(inputs=infer_signature(EVERY_TYPE).inputs)
    texts = EVERY_TYPE.assign(when=EVERY_TYPE["when"].astype(str), bytes=["AP8=", "dGV4dA=="], single=EVERY_TYPE["single"].astype(float))
    rows = [[value.item() if hasattr(value, "item") else value for value in row] for row in texts.itertuples(index=False)]
    records = [dict(zip(texts.columns, row, strict=True)) for row in rows]
    said = {"predictions": as_json(asked.model.predict(EVERY_TYPE))}

    assert said["predictions"][0]["when"] == "2026-01-02T03:04:05.000000006"
    assert asked.post({"dataframe_split": {"columns": list(texts), "data": rows}}).json == said
    assert asked.post({"dataframe_records": records}).json == said
    assert asked.post({"inputs": {name: [row[name] for row in records] for name in texts}}).json == said
    assert asked.post(texts.to_csv(index=False), CSV).json == said
    assert asked.post(parquet(EVERY_TYPE), PARQUET).json == said


def test_what_may_be_missing_is_null(echo: Callable[..., Any]) -> None:
    """In numbers, truths, texts and times; of a column that must be there it is an error."""
    kinds = [DataType.boolean, DataType.long, DataType.double, DataType.string, DataType.datetime]
    schema = Schema(ColSpec(kind, kind.value, required=False) for kind in kinds)
    nothing = dict.fromkeys([kind.value for kind in kinds])
    asked = echo(inputs=schema)

    assert asked.post({"dataframe_records": [nothing, nothing]}).json == {"predictions": [nothing, nothing]}
    assert asked.post({"dataframe_records": [{"long": 2}]}).json == {"predictions": [{"long": 2}]}
    assert asked.post("long,string\n,\n3,x\n", CSV).json == {"predictions": [{"long": None, "string": None}, {"long": 3, "string": "x"}]}
    refused = echo(inputs=Schema([ColSpec("long", "a")])).post({"dataframe_records": [{"a": None}]})
    assert (refused.status, refused.json["error_code"]) == (400, "BAD_REQUEST")


def test_tensors_come_by_rows_or_by_names(echo: Callable[..., Any]) -> None:
    """Of the type and the shape that the signature says; without one, of their own."""
    one = echo(inputs=Schema([TensorSpec("float32", (-1, 2))]))
    two = echo(inputs=Schema([TensorSpec("int64", (-1,), "a"), TensorSpec("float64", (-1, 2), "b")]))
    bare = echo()

    assert one.post({"instances": [[1, 2], [3, 4]]}).json == {"predictions": [[1, 2], [3, 4]]}
    assert one.post({"inputs": [[1, 2]]}).json == {"predictions": [[1, 2]]}
    by_row = [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}]
    assert two.post({"instances": by_row}).json == {"predictions": {"a": [1, 2], "b": [[1, 2], [3, 4]]}}
    assert two.post({"inputs": {"a": [1], "b": [[1, 2]]}}).json == {"predictions": {"a": [1], "b": [[1, 2]]}}
    assert bare.post({"inputs": [[1, None]]}).json == {"predictions": [[1, None]]}
    assert [one.post({"inputs": data}).status for data in ([1, 2], [[1, 2, 3]], [["x", "y"]], [[1], [1, 2]])] == [400] * 4


def test_lists_and_objects_are_cells(echo: Callable[..., Any]) -> None:
    """Where the signature has such columns."""
    asked = echo(inputs=Schema([ColSpec(Array("double"), "list"), ColSpec(Map("string"), "map")]))
    row = {"list": [0.5, 1.5], "map": {"a": "b"}}

    assert asked.post({"dataframe_records": [row]}).json == {"predictions": [row]}
    assert asked.post({"dataframe_records": [row | {"map": 5}]}).status == 400


def test_params_go_to_the_model(echo: Callable[..., Any]) -> None:
    """Those that it has, of their types."""
    asked = echo(inputs=Schema([ColSpec("double", "a")]), params=ParamSchema([ParamSpec("heat", "double", 0.5)]))

    assert asked.post({"dataframe_records": [{"a": 1}], "params": {"heat": 1}}).json == {"predictions": {"params": {"heat": 1.0}}}
    assert asked.post({"dataframe_records": [{"a": 1}]}).json == {"predictions": {"params": {"heat": 0.5}}}
    assert "heat" in asked.post({"dataframe_records": [{"a": 1}], "params": {"heat": "x"}}).json["message"]


def test_messages_are_what_the_model_is_asked_with(echo: Callable[..., Any]) -> None:
    """As they stand, and so is the answer."""
    body = {"messages": [{"role": "user", "content": "x"}]}

    assert echo().post(body).json == body


DEEP = b"[" * 100_000
BAD: dict[str, tuple[Any, str, str]] = {
    "no JSON": (b"{", "application/json", "not JSON: Expecting property name"),
    "nothing": (b"", "application/json", "not JSON"),
    "half": (b'{"inputs": [1', "application/json", "not JSON"),
    "two values": (b"{} {}", "application/json", "Extra data"),
    "deep": (DEEP, "application/json", "levels"),
    "a key twice": (b'{"inputs": [], "inputs": []}', "application/json", "one key twice"),
    "NaN": (b'{"inputs": [NaN]}', "application/json", "has NaN"),
    "Infinity": (b'{"inputs": [-Infinity]}', "application/json", "has -Infinity"),
    "more than a double": (
        b'{"dataframe_split": {"columns": ["height", "weight", "age"], "data": [[1e999, 1, 1]]}}',
        "application/json",
        "larger",
    ),
    "a huge whole number": (b'{"dataframe_records": [{"height": ' + b"9" * 400 + b"}]}", "application/json", "larger"),
    "thousands of digits": (b'{"inputs": ' + b"9" * 10_000 + b"}", "application/json", "digits"),
    "Latin 1": ('{"inputs": "ä"}'.encode("latin-1"), "application/json", "not UTF-8"),
    "UTF-16": ('{"inputs": 1}'.encode("utf-16"), "application/json", "not UTF-8"),
    "a number": (b"5", "application/json", "exactly one|an object"),
    "no key": ({"rows": []}, "application/json", "exactly one of dataframe_split"),
    "two keys": ({"inputs": [], "instances": []}, "application/json", "exactly one of"),
    "another key": ({"inputs": [], "signature_name": "x"}, "application/json", "nothing else"),
    "params that are none": ({"inputs": [[1, 2, 3]], "params": [1]}, "application/json", "params are an object"),
    "a split without data": ({"dataframe_split": {"columns": ["a"]}}, "application/json", "with data"),
    "a split of texts": ({"dataframe_split": {"columns": ["a"], "data": "x"}}, "application/json", "list of rows"),
    "a short row": ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [1]]}}, "application/json", "2 columns"),
    "names that are none": ({"dataframe_split": {"columns": [["a"]], "data": [[1]]}}, "application/json", "names of the columns"),
    "a short index": ({"dataframe_split": SPLIT | {"index": [1]}}, "application/json", "cannot become"),
    "records that are none": ({"dataframe_records": [[1]]}, "application/json", "list of objects"),
    "a missing column": ({"dataframe_records": [{"height": 1, "weight": 2}]}, "application/json", "'age', which the data lacks"),
    "a column twice": (
        {"dataframe_split": {"columns": ["height", "weight", "age", "age"], "data": [[1] * 4]}},
        "application/json",
        "several",
    ),
    "a text for a number": ({"dataframe_records": [{"height": "tall", "weight": 2, "age": 3}]}, "application/json", "'height'.*'tall'"),
    "a truth for a number": ({"dataframe_records": [{"height": True, "weight": 2, "age": 3}]}, "application/json", "'height'"),
    "a list for a number": ({"dataframe_records": [{"height": [1], "weight": 2, "age": 3}]}, "application/json", "'height'"),
    "columns of two lengths": ({"inputs": {"height": [1], "weight": [1, 2], "age": [1]}}, "application/json", "different numbers"),
    "CSV of texts": ("height,weight,age\nx,1,2\n", CSV, "not CSV"),
    "CSV of no rows": ("", CSV, "not CSV"),
    "CSV that is ragged": ('height,weight,age\n1,2,3,4,5\n"', CSV, "CSV|lacks|cannot"),
    "CSV of bytes": (b"\xff\xfe\x00", CSV, "not CSV"),
    "CSV of commas": (b"," * 1_000_000, CSV, "1,000,001 columns"),
    "CSV of commas below blank lines": (b"\n \n" + b"," * 1_000_000, CSV, "1,000,001 columns"),
    "CSV of more values than names": (b"a\n" + b"1," * 1_000_000, CSV, "1,000,001 columns"),
    "very many columns": ({"inputs": {f"a{place}": 1 for place in range(100_001)}}, "application/json", "100,001 columns"),
    "a split of very many": ({"dataframe_split": {"data": [[1] * 100_001]}}, "application/json", "100,001 columns"),
    "records of one name each": ({"instances": [{f"a{place}": 1} for place in range(2_000)]}, "application/json", "2,000 different names"),
    "no Parquet": (b"PAR1", PARQUET, "not a Parquet file"),
    "damaged Parquet": (parquet(ROWS)[:-20] + b"PAR1", PARQUET, "not a Parquet file"),
}


@pytest.mark.parametrize(("body", "kind", "said"), BAD.values(), ids=BAD)
def test_what_is_no_data_is_refused_in_words(linear: Any, body: Any, kind: str, said: str) -> None:
    """By 400, with the reason, and nothing of this machine."""
    answer = linear.post(body, kind)

    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")
    assert list(answer.json) == ["error_code", "message"]
    assert re.search(said, answer.json["message"]), answer.json["message"]
    assert not any(word in answer.json["message"] for word in ("Traceback", "site-packages", "/tmp", ".py"))


def test_a_request_is_held_to_the_signature_as_predict_is(linear: Any) -> None:
    """In the same words."""
    rows = ROWS.drop(columns="age")
    with pytest.raises(runlake.InvalidValue) as raised:
        linear.model.predict(rows)

    assert linear.post({"dataframe_split": rows.to_dict("split")}).json["message"] == str(raised.value)


KINDS = [
    None,
    "",
    "text/plain",
    "application/jsonl",
    "application/json; charset=latin-1",
    "application/json; format=pandas-table",
    "application/json; version=1",
    "text/csv; format=pandas-split",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "text/csv, application/json",
]


@pytest.mark.parametrize("kind", KINDS)
def test_other_types_are_not_taken(linear: Any, kind: str | None) -> None:
    """By 415, which says what is."""
    answer = linear.post({"dataframe_split": SPLIT}, kind)

    assert (answer.status, answer.json["error_code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "application/json, text/csv or application/vnd.apache.parquet" in answer.json["message"]


def test_a_small_file_of_very_much_is_refused(client: Any, linear: Any) -> None:
    """Before it is all in memory."""
    asked = client(linear.model, max_body_bytes=1 << 16)
    bomb = parquet(pd.DataFrame({"height": ["x" * 1000] * 20_000}))

    assert len(bomb) < 1 << 16
    assert asked.post(bomb, PARQUET).status == 413


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["height", "weight", "age", "columns", "data", "index"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps({"dataframe_split": value}).encode())
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["inputs", "instances", "dataframe_records", "params", "messages", "height", "age"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    kind=st.sampled_from(["application/json", "application/json; format=pandas-split", CSV, PARQUET]),
)
def test_any_bytes_get_an_answer_or_a_refusal(linear: Any, body: bytes, kind: str) -> None:
    """In JSON, and never is it the server that failed."""
    answer = linear.post(body, kind)

    assert answer.status in (200, 400)
    assert answer.json is not None


def test_a_model_that_fails_is_told_by_a_number(client: Any, loaded: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """The log has the same number, with what happened; the answer has nothing of it."""
    asked = client(
        loaded("class Model(PythonModel):\n    def predict(self, context, model_input, params=None):\n        raise SystemExit('secret')")
    )
    answer = asked.post({"inputs": [1]})

    assert (answer.status, answer.json["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.json["message"]
    number = answer.json["message"].split()[-1].rstrip(".")
    assert [number in record.getMessage() for record in caplog.records] == [True]
    assert "secret" in caplog.text


def test_a_classifier_answers_with_its_classes(client: Any, loaded: Callable[..., Any]) -> None:
    """Whatever they are."""
    model = LogisticRegression().fit(ROWS.to_numpy(), ["no", "yes", "no", "yes", "no"])

    assert set(client(loaded(model)).post({"inputs": ROWS.to_numpy().tolist()}).json["predictions"]) <= {"no", "yes"}
