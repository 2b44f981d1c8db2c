"""Signatures say what data is, and are stored so that whatever is read back is the same, or is refused in words."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

import runlake.types
import runlake.types.schema
from children import run_program
from runlake.entities.column_types import AnyType, Array, ColumnType, DataType, Map, Object, Property
from runlake.entities.model_params import ParamSchema, ParamSpec
from runlake.entities.signatures import ColSpec, ModelSignature, Schema, TensorSpec
from runlake.errors import InvalidValue
from runlake.models.signatures import infer_signature, schema_of

NAN = float("nan")

COLUMNS: dict[str, tuple[Any, Any, bool]] = {
    "numbers": ([1, 2], "long", True),
    "small numbers": (np.array([1, 2], "int16"), "integer", True),
    "numbers of 32 bits without a sign": (np.array([1, 2], "uint32"), "long", True),
    "numbers too large for a type": (np.array([1, 2], "uint64"), AnyType(), True),
    "floats": ([0.5, NAN], "double", False),
    "small floats": (np.array([0.5, 1], "float32"), "float", True),
    "longer floats": (np.array([0.5, 1], "longdouble"), AnyType(), True),
    "complex": ([1j, 2], AnyType(), True),
    "truths": ([True, False], "boolean", True),
    "truths and none": (np.array([True, None], object), "boolean", False),
    "numbers and none": (np.array([1, None], object), "double", False),
    "texts": (["a", None], "string", False),
    "texts as objects": (np.array(["a", "b"], object), "string", True),
    "bytes": ([b"a", b"b"], "binary", True),
    "times": (pd.to_datetime(["2026-01-02", None]), "datetime", False),
    "times of a zone": (pd.to_datetime(["2026-01-02", "2026-01-03"]).tz_localize("UTC"), "datetime", True),
    "dates": ([date(2026, 1, 2), date(2026, 1, 3)], "datetime", True),
    "spans of time": (pd.to_timedelta([1, 2], "s"), AnyType(), True),
    "periods": (pd.period_range("2026-01", periods=2, freq="M"), AnyType(), True),
    "intervals": (pd.interval_range(0, 2), AnyType(), True),
    "categories": (pd.Categorical(["u", None]), "string", False),
    "categories of numbers": (pd.Categorical([1, 2]), "long", True),
    "Int64": (pd.array([1, None], "Int64"), "long", False),
    "boolean of pandas": (pd.array([True, None], "boolean"), "boolean", False),
    "Float32": (pd.array([0.5, None], "Float32"), "float", False),
    "string[pyarrow]": (pd.array(["a", None], "string[pyarrow]"), "string", False),
    "int64[pyarrow]": (pd.array([1, None], "int64[pyarrow]"), "long", False),
    "decimals of Arrow": (pd.array([Decimal("1.5")] * 2, pd.ArrowDtype(pa.decimal128(5, 2))), AnyType(), True),
    "sparse numbers": (pd.arrays.SparseArray([0.0, 1.0]), "double", True),
    "lists": (pd.Series([[1, 2], [3]]), Array("long"), True),
    "lists and none": (pd.Series([[1, 2], None]), Array("long"), False),
    "arrays": (pd.Series([np.zeros(2, "float32"), np.ones(3, "float32")]), Array("float"), True),
    "lists of lists": (pd.Series([[[0.5]], [[], [1.5]]]), Array(Array("double")), True),
    "lists of which one is empty": (pd.Series([[], ["x"]]), Array("string"), True),
    "lists of several types": (pd.Series([[1], ["x"]]), Array(AnyType()), True),
    "dictionaries": (
        pd.Series([{"x": 1, "y": "s"}, {"x": 2, "z": [0.5]}]),
        Object([Property("x", "long"), Property("y", "string", False), Property("z", Array("double"), False)]),
        True,
    ),
    "dictionaries with other keys": (pd.Series([{1: 2}, {1: 3}]), AnyType(), True),
    "several types": (np.array([1, "a"], object), AnyType(), True),
    "decimals": ([Decimal("1.5"), Decimal("2")], AnyType(), True),
    "objects of any sort": (np.array([object(), object()], object), AnyType(), True),
    "nothing but none": (np.array([None, None], object), AnyType(), False),
}

DATA: dict[str, tuple[Any, Any]] = {
    "an array": (np.zeros((3, 2), "float32"), [TensorSpec("float32", (-1, 2))]),
    "an array of objects": (np.array([1, "x"], object), [TensorSpec("object", (-1,))]),
    "a sparse matrix": (csr_array(np.eye(3)), [TensorSpec("float64", (-1, 3))]),
    "another sparse matrix": (coo_array(np.eye(3)), [TensorSpec("float64", (-1, 3))]),
    "arrays": ({"a": np.zeros((3, 2)), "b": np.zeros(3, "int8")}, [TensorSpec("float64", (-1, 2), "a"), TensorSpec("int8", (-1,), "b")]),
    "a series": (pd.Series([1, 2], name="y"), [ColSpec("long", "y")]),
    "a series without a name": (pd.Series([0.5, None]), [ColSpec("double")]),
    "a numbered frame": (pd.DataFrame(np.zeros((3, 2))), [ColSpec("double", 0), ColSpec("double", 1)]),
    "a frame named by pairs": (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), [ColSpec("long", "('a', 'b')")]),
    "a frame with names of any type": (
        pd.DataFrame([[1, 2, 3]], columns=[None, 1.5, "c"]),
        [ColSpec("long", "None"), ColSpec("long", "1.5"), ColSpec("long", "c")],
    ),
    "a frame with two of a name": (pd.DataFrame([[1, 0.5]], columns=["a", "a"]).astype({}), [ColSpec("long", "a"), ColSpec("double", "a")]),
    "a frame of Polars": (
        pl.DataFrame({"a": [1, None], "b": [[0.5], []], "c": ["x", "y"], "d": [{"e": 1}, {"e": 2}]}),
        [ColSpec("long", "a", False), ColSpec(Array("double"), "b"), ColSpec("string", "c"), ColSpec(Object([Property("e", "long")]), "d")],
    ),
    "categories of Polars": (pl.DataFrame({"a": pl.Series(["x", "y"], dtype=pl.Categorical)}), [ColSpec("string", "a")]),
    "a table of Arrow": (
        pa.table({"a": pa.array([1, None], "int8"), "b": [["x"], None], "c": [datetime(2026, 1, 2)] * 2, "d": [b"x", b"y"]}),
        [ColSpec("integer", "a", False), ColSpec(Array("string"), "b", False), ColSpec("datetime", "c"), ColSpec("binary", "d")],
    ),
    "texts": (["a", "b"], [ColSpec("string")]),
    "numbers": ([1, 2], [ColSpec("long")]),
    "rows": ([[1, 2], [3, 4]], [TensorSpec("int64", (-1, 2))]),
    "rows that are arrays": ([np.zeros(3), np.ones(3)], [TensorSpec("float64", (-1, 3))]),
    "rows that are dictionaries": (
        [{"a": 1, "b": "x"}, {"a": 2}, {"a": 3, "c": None}],
        [ColSpec("long", "a"), ColSpec("string", "b", False), ColSpec(AnyType(), "c", False)],
    ),
    "values by their names": (
        {"a": 1, "b": "x", "c": [0.5]},
        [ColSpec("long", "a"), ColSpec("string", "b"), ColSpec(Array("double"), "c")],
    ),
    "a text": ("x", [ColSpec("string")]),
    "a time": (datetime(2026, 1, 2), [ColSpec("datetime")]),
    "a number of NumPy": (np.float32(0.5), [ColSpec("float")]),
    "rows of texts": ([["a", "b"]], [ColSpec(AnyType())]),
    "an empty list": ([], [ColSpec(AnyType())]),
    "a frame without columns": (pd.DataFrame(index=[1, 2]), [ColSpec(AnyType())]),
    "an iterator": (iter([1, 2]), [ColSpec(AnyType())]),
    "an object": (object(), [ColSpec(AnyType())]),
}


@pytest.mark.parametrize(("values", "kind", "required"), COLUMNS.values(), ids=COLUMNS)
def test_a_column_is_of_the_type_of_its_values(values: Any, kind: ColumnType, required: bool) -> None:
    """And required, if none is missing."""
    frame = pd.DataFrame({"a": values})
    before = frame.copy(deep=True)

    schema = schema_of(frame)

    assert schema == Schema([ColSpec(kind, "a", required)])
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(("data", "specs"), DATA.values(), ids=DATA)
def test_a_signature_is_inferred_from_data_of_any_kind(data: Any, specs: Any) -> None:
    """Of what nothing is known may be anything; and what is read back is the same."""
    signature = infer_signature(data, data)

    assert signature == ModelSignature(Schema(specs), Schema(specs))
    assert ModelSignature.from_dict(json.loads(json.dumps(signature.to_dict()))) == signature


def test_a_wide_frame_is_a_tensor_if_its_columns_have_no_names() -> None:
    """A model that learned names is asked with names, however many there are."""
    values = np.zeros((3, 2_500), "float32")

    assert schema_of(pd.DataFrame(values)) == Schema([TensorSpec("float32", (-1, 2_500))])
    assert schema_of(pd.DataFrame(values).add_prefix("c")) == Schema(ColSpec("float", f"c{n}") for n in range(2_500))


def test_lists_without_an_end_are_lists_of_anything() -> None:
    """Deep down, where nobody looks any more."""
    cyclic: list[Any] = []
    cyclic.append(cyclic)

    schema = schema_of(pd.DataFrame({"a": pd.Series([cyclic, [[[]]]], dtype=object)}))

    assert schema is not None
    assert repr(schema.inputs[0].type) == "Array(" * 9 + "Any" + ")" * 9
    assert Schema.from_json(schema.to_json()) == schema


def test_a_tensor_of_a_training_is_looked_at_as_an_array() -> None:
    """With the type that its library has for it."""
    torch = pytest.importorskip("torch")

    assert infer_signature(torch.zeros(3, 2, requires_grad=True)).inputs == Schema([TensorSpec("float32", (-1, 2))])
    assert infer_signature(torch.zeros(3, dtype=torch.bfloat16)).inputs == Schema([TensorSpec("bfloat16", (-1,))])


def test_what_could_be_anything_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """In the log, with the type."""
    infer_signature(np.zeros((2, 2)), object())

    assert [record.getMessage() for record in caplog.records] == [
        "Nothing is known of the model's output (object): the signature says that it may be anything."
    ]


def test_params_have_the_types_of_their_values() -> None:
    """Which are their defaults."""
    when = datetime(2026, 1, 2)
    signature = infer_signature(params={"a": 1, "b": 0.5, "c": "x", "d": True, "e": [1, 0.5], "f": when, "g": {"h": 1}})

    assert signature.params == ParamSchema(
        [
            ParamSpec("a", "long", 1),
            ParamSpec("b", "double", 0.5),
            ParamSpec("c", "string", "x"),
            ParamSpec("d", "boolean", True),
            ParamSpec("e", "double", [1.0, 0.5], (-1,)),
            ParamSpec("f", "datetime", when),
            ParamSpec("g", Object([Property("h", "long")]), {"h": 1}),
        ]
    )
    assert ModelSignature.from_dict(signature.to_dict()) == signature


@pytest.mark.parametrize("params", [{"a": object()}, {"a": [1, "x"]}, {"a": []}, {"a": [[1]]}, {"a": b"x"}, {"a": None}, [1], {1: 2}])
def test_what_is_no_param_is_refused(params: Any) -> None:
    """By its name, or its value."""
    with pytest.raises(InvalidValue, match="param"):
        infer_signature(params=params)


def test_a_word_is_as_good_as_a_type() -> None:
    """In comparisons, too."""
    assert ColSpec("double", "a") == ColSpec(DataType.double, "a")
    assert ColSpec("double").type == "double"
    assert (DataType.double, DataType("long"), str(DataType.float)) == ("double", "long", "float")
    assert TensorSpec(np.dtype("float32"), (-1,)) == TensorSpec("float32", [-1]) == TensorSpec(np.float32, (-1,))
    assert TensorSpec("float32", (-1,)).type == np.dtype("float32")
    assert (TensorSpec("<f4", (-1,)).type, TensorSpec("<U7", (-1,)).type, TensorSpec(np.dtype("S3"), (-1,)).type) == (
        "float32",
        "str",
        "bytes",
    )


def test_a_schema_says_what_it_is_made_of() -> None:
    """As MLflow's does."""
    schema = Schema(iter([ColSpec("double", "a"), ColSpec(Array("string"), "b", required=False)]))
    unnamed = Schema([ColSpec("long"), ColSpec("string")])
    tensors = Schema([TensorSpec("float32", (-1, 3))])

    assert (schema.input_names(), schema.required_input_names(), schema.optional_input_names()) == (["a", "b"], ["a"], ["b"])
    assert (schema.has_input_names(), schema.is_tensor_spec(), len(schema)) == (True, False, 2)
    assert schema.input_types() == ["double", Array("string")]
    assert list(schema) == list(schema.inputs) == list(schema.input_dict().values())
    assert (unnamed.input_names(), unnamed.has_input_names(), tensors.is_tensor_spec()) == ([0, 1], False, True)
    assert repr(schema) == "['a': double (required), 'b': Array(string) (optional)]"
    assert repr(tensors) == "[Tensor('float32', (-1, 3))]"
    with pytest.raises(InvalidValue, match="no names"):
        unnamed.input_dict()


MISTAKES: dict[str, tuple[Any, str]] = {
    "a type that is none": (lambda: ColSpec("flaot"), "'flaot'"),
    "a name that is none": (lambda: ColSpec("double", ["a"]), r"\['a'\]"),  # type: ignore[arg-type]  # which it says
    "no columns": (lambda: Schema([]), "at least one"),
    "texts as columns": (lambda: Schema(["a"]), "'a'"),  # type: ignore[list-item]  # which it says
    "columns and tensors": (lambda: Schema([ColSpec("double"), TensorSpec("float32", (-1,))]), "or of"),
    "some names": (lambda: Schema([ColSpec("double", "a"), ColSpec("double")]), "'a', None"),
    "an optional column without a name": (lambda: Schema([ColSpec("double", required=False)]), "names"),
    "two tensors without names": (lambda: Schema([TensorSpec("float32", (-1,))] * 2), "2 tensors"),
    "a type of tensor that is none": (lambda: TensorSpec("flaot32", (-1,)), "'flaot32'"),
    "an object as a type of tensor": (lambda: TensorSpec([1], (-1,)), r"\[1\]"),
    "a shape of texts": (lambda: TensorSpec("float32", ("a",)), "'a'"),  # type: ignore[arg-type]  # which it says
    "a shape that is a number": (lambda: TensorSpec("float32", 3), "3"),  # type: ignore[arg-type]  # which it says
    "a shape below any": (lambda: TensorSpec("float32", (-2,)), "-2"),
    "a shape of fractions": (lambda: TensorSpec("float32", (1.5,)), "1.5"),  # type: ignore[arg-type]  # which it says
    "a number as a tensor's name": (lambda: TensorSpec("float32", (-1,), 3), "3"),  # type: ignore[arg-type]  # which it says
    "columns as inputs": (lambda: ModelSignature([ColSpec("double")]), "Schema"),  # type: ignore[arg-type]  # which it says
    "a schema as params": (lambda: ModelSignature(params=Schema([ColSpec("double")])), "ParamSchema"),  # type: ignore[arg-type]
    "nothing": (lambda: ModelSignature(), "all of them are None"),
    "a param of bytes": (lambda: ParamSpec("p", "binary", None), "binary"),
    "a param of lists": (lambda: ParamSpec("p", Array("long"), None), "Array"),  # type: ignore[arg-type]  # which it says
    "a default of another type": (lambda: ParamSpec("p", "long", 0.5), "0.5"),
    "a default of another shape": (lambda: ParamSpec("p", "long", 1, (-1,)), "list of values"),
    "a shape of a param": (lambda: ParamSpec("p", "long", [1], (3,)), r"\(3,\)"),
    "a param's name": (lambda: ParamSpec(3, "long", 1), "3"),  # type: ignore[arg-type]  # which it says
    "a default that is no time": (lambda: ParamSpec("p", "datetime", "soon"), "'soon'"),
    "a param twice": (lambda: ParamSchema([ParamSpec("p", "long", 1)] * 2), "'p', 'p'"),
    "texts as params": (lambda: ParamSchema(["p"]), "'p'"),  # type: ignore[list-item]  # which it says
    "no properties": (lambda: Object([]), "at least one"),
    "a property twice": (lambda: Object([Property("a", "long")] * 2), "'a', 'a'"),
    "a property's name": (lambda: Property(3, "long"), "3"),  # type: ignore[arg-type]  # which it says
}


@pytest.mark.parametrize(("make", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_said_with_the_value(make: Any, said: str) -> None:
    """When the signature is made."""
    with pytest.raises(InvalidValue, match=said):
        make()


FORGED = {
    "no dictionary": [],
    "nothing": {},
    "a list where JSON is": {"inputs": [{"type": "double"}]},
    "a number": {"inputs": 3},
    "no JSON": {"inputs": "[{"},
    "very deep JSON": {"inputs": "[" * 100_000},
    "a great number": {"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [' + "9" * 5000 + "]}}]"},
    "JSON that is no list": {"inputs": '{"type": "double"}'},
    "no columns": {"inputs": "[]"},
    "texts as columns": {"inputs": '["double"]'},
    "no type": {"inputs": '[{"name": "a"}]'},
    "another type": {"inputs": '[{"type": "python/object"}]'},
    "a list as a type": {"inputs": '[{"type": ["double"]}]'},
    "a list as a name": {"inputs": '[{"type": "double", "name": ["a"]}]'},
    "no items": {"inputs": '[{"type": "array"}]'},
    "no values": {"inputs": '[{"type": "map", "values": "long"}]'},
    "no properties": {"inputs": '[{"type": "object", "properties": [1]}]'},
    "empty properties": {"inputs": '[{"type": "object", "properties": {}}]'},
    "a property that is a text": {"inputs": '[{"type": "object", "properties": {"a": "long"}}]'},
    "deep arrays": {"inputs": "[" + '{"type": "array", "items": ' * 40 + '{"type": "long"}' + "}" * 40 + "]"},
    "no tensor": {"inputs": '[{"type": "tensor"}]'},
    "a tensor without a shape": {"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float32"}}]'},
    "a tensor of texts as a shape": {"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": ["a"]}}]'},
    "a tensor of no type": {"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "os.system", "shape": [-1]}}]'},
    "a tensor of a type with commas": {"inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "f8,(1,", "shape": [-1]}}]'},
    "params that are a dictionary": {"params": "{}"},
    "params without names": {"params": '[{"type": "long", "default": 1}]'},
    "a param of no type": {"params": '[{"name": "p", "default": 1}]'},
    "a param of bytes": {"params": '[{"name": "p", "type": "binary", "default": null}]'},
    "a param with another default": {"params": '[{"name": "p", "type": "long", "default": "x"}]'},
    "a param with a text as shape": {"params": '[{"name": "p", "type": "long", "default": [1], "shape": "x"}]'},
    "a param with a number as name": {"params": '[{"name": 3, "type": "long", "default": 1}]'},
    "params of a text": {"params": '["p"]'},
}


@pytest.mark.parametrize("stored", FORGED.values(), ids=FORGED)
def test_what_was_never_stored_is_refused_in_words(stored: Any) -> None:
    """Never by an error of Python's own."""
    with pytest.raises(InvalidValue):
        ModelSignature.from_dict(stored)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["double", "array", "object", "map", "tensor", "any", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "items", "properties", "values", "required", "tensor-spec", "dtype", "shape", "default", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from(["inputs", "outputs", "params"]))
def test_whatever_is_stored_is_a_signature_or_refused(stored: Any, name: str) -> None:
    """A signature that was read is stored as what it was read from means."""
    try:
        signature = ModelSignature.from_dict({name: json.dumps(stored)})
    except InvalidValue:
        return
    assert ModelSignature.from_dict(signature.to_dict()).to_dict() == signature.to_dict()


TYPES: st.SearchStrategy[ColumnType] = st.recursive(
    st.sampled_from([*DataType, AnyType()]),
    lambda inner: (
        st.builds(Array, inner)
        | st.builds(Map, inner)
        | st.dictionaries(st.text(), st.tuples(inner, st.booleans()), min_size=1, max_size=3).map(
            lambda found: Object(Property(name, kind, required) for name, (kind, required) in found.items())
        )
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TYPES, st.text(), st.booleans()), min_size=1, max_size=4))
def test_a_signature_of_any_columns_is_read_as_it_was_stored(columns: list[tuple[ColumnType, str, bool]]) -> None:
    """Whatever their names are."""
    signature = ModelSignature(Schema(ColSpec(*column) for column in columns))

    assert ModelSignature.from_dict(json.loads(json.dumps(signature.to_dict()))) == signature


def test_the_words_are_where_programs_written_for_mlflow_look_for_them() -> None:
    """`from mlflow.types import Schema` and `from mlflow.types.schema import ColSpec`."""
    assert runlake.types.Schema is runlake.types.schema.Schema is Schema
    assert set(runlake.types.__all__) == set(runlake.types.schema.__all__)
    assert {"Array", "ColSpec", "DataType", "ParamSchema", "ParamSpec", "Schema", "TensorSpec"} <= set(runlake.types.__all__)


def test_a_training_that_looks_at_its_data_imports_nothing_dear(tmp_path: Path) -> None:
    """All of the package may be imported where neither pandas nor anything that reads is."""
    program = """
        import sys
        import runlake.types, runlake.models.signatures.examples
        from runlake.models.signatures import schema_of
        schema_of([[1, 2], [3, 4]])
        dear = ("pandas", "pyarrow", "scipy", "yaml", "polars", "runlake.read", "runlake.store")
        print(sorted(name for name in dear if name in sys.modules))
    """

    assert run_program(program, tmp_path / "lake").stdout.strip() == "[]"
