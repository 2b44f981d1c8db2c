"""What MLflow's enforcement lets through, runlake's lets through, as the same types and values; what it refuses, runlake refuses.

And the signatures that both infer from data, and the files that both keep of examples, are the same. Each case where they are to
differ is in a table, with its reason. Where MLflow is installed for another Python alone, MLFLOW_PYTHON names that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

PYTHON = os.environ.get("MLFLOW_PYTHON", "")
if not PYTHON:
    pytest.importorskip("mlflow")
    PYTHON = sys.executable

THEIRS = """
import logging, warnings
warnings.simplefilter("ignore")
from mlflow.models.utils import _enforce_params_schema as enforce_params, _enforce_schema, _Example
from mlflow.models import ModelSignature, infer_signature
from mlflow.types.schema import AnyType, Array, ColSpec, DataType, Map, Object, ParamSchema, ParamSpec, Property, Schema, TensorSpec
logging.disable(logging.CRITICAL)

def enforce(schema, data):
    return _enforce_schema(data, schema)

def example(data):
    made = _Example(data)
    return {"input": json.loads(made.json_input_example), "serving": json.loads(made.json_serving_input), "info": made.info}
"""
OURS = """
import logging
from runlake.models.signatures import Enforcement, ModelSignature, enforced_params as enforce_params, infer_signature
from runlake.models.signatures.examples import EXAMPLE_FILE, SERVING_FILE, example_files
from runlake.types.schema import AnyType, Array, ColSpec, DataType, Map, Object, ParamSchema, ParamSpec, Property, Schema, TensorSpec
logging.disable(logging.CRITICAL)

def enforce(schema, data):
    return Enforcement(schema)(data)

def example(data):
    files, info = example_files(data)
    return {"input": json.loads(files[EXAMPLE_FILE]), "serving": json.loads(files[SERVING_FILE]), "info": info}
"""
BOTH = """
import datetime as dt, json, sys
from decimal import Decimal
import numpy as np, pandas as pd
from scipy.sparse import csc_matrix, csr_matrix

IMPORTS

def plain(value):
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), plain(value.tolist())]
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (int, float, str)) else str(value)

def shown(given):
    if isinstance(given, pd.DataFrame):
        columns = [given.iloc[:, place] for place in range(given.shape[1])]
        return {"columns": plain(given.columns.tolist()), "dtypes": [str(each.dtype) for each in columns],
                "index": plain(given.index.tolist()), "values": [plain(each.tolist()) for each in columns]}
    if isinstance(given, dict):
        return {name: shown(each) for name, each in given.items()}
    if hasattr(given, "tocsr"):
        return [type(given).__name__, shown(given.toarray())]
    return plain(given)

def answer(act, expression):
    try:
        return {"gives": act(*eval(f"({expression},)", globals()))}
    except Exception as error:
        return {"refuses": f"{type(error).__name__}: {error}"[:300]}

asked = json.load(open(sys.argv[1]))
def stored(signature):
    assert ModelSignature.from_dict(signature.to_dict()) == signature
    return [signature.to_dict(), repr(signature.inputs).replace("DataType.", ""), repr(signature.outputs), repr(signature.params)]

ACTS = {
    "enforce": lambda schema, data: shown(enforce(schema, data)),
    "params": lambda schema, params: {name: [type(each).__name__, str(each)] for name, each in enforce_params(params, schema).items()},
    "infer": lambda *data: infer_signature(*data).to_dict(),
    "store": stored,
    "example": example,
}
print(json.dumps({act: [answer(ACTS[act], each) for each in cases] for act, cases in asked.items()}, default=str))
"""

TYPES = "boolean integer long float double string binary datetime".split()
COLUMNS = {
    "bool": "np.array([True, False])",
    "int8": "np.array([1, -2], 'int8')",
    "int32": "np.array([1, 2], 'int32')",
    "int64": "np.array([3, 2**40])",
    "zeros and ones": "np.array([1, 0])",
    "zeros and ones of 32 bits": "np.array([1, 0], 'int32')",
    "uint8": "np.array([1, 2], 'uint8')",
    "uint32": "np.array([1, 2**32 - 1], 'uint32')",
    "uint64": "np.array([1, 2**63], 'uint64')",
    "float16": "np.array([0.5, 2], 'float16')",
    "float32": "np.array([0.1, 2], 'float32')",
    "float64": "np.array([0.1, 1e300])",
    "whole floats with a missing one": "np.array([1, np.nan])",
    "texts": "['a', 'b']",
    "texts and none": "['a', None]",
    "texts as objects": "np.array(['a', 'b'], object)",
    "numbers as texts": "['1', '2.5']",
    "numbers as texts as objects": "np.array(['1.5', '2.5'], object)",
    "bytes": "[b'a', b'b']",
    "dates": "[dt.date(2026, 1, 2), dt.date(2026, 1, 3)]",
    "datetimes as objects": "np.array([dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 3)], object)",
    "times of seconds": "np.array(['2026-01-02', '2026-01-03'], 'datetime64[s]')",
    "times of nanoseconds": "np.array(['2026-01-02', '2026-01-03'], 'datetime64[ns]')",
    "times far away": "np.array(['9999-01-02', '0001-01-03'], 'datetime64[s]')",
    "times with a zone": "pd.to_datetime(['2026-01-02', '2026-01-03']).tz_localize('UTC')",
    "spans of time": "pd.to_timedelta([1, 2], 's')",
    "decimals": "[Decimal('1.5'), Decimal('2')]",
    "floats as objects": "np.array([1.5, 2.5], object)",
    "whole numbers as objects": "np.array([15, 25], object)",
    "truths as objects": "np.array([True, False], object)",
    "truths and none": "np.array([True, None], object)",
    "numbers and none": "np.array([1, None], object)",
    "complex": "np.array([1j, 2])",
    "Int32": "pd.array([1, 2], 'Int32')",
    "Int64": "pd.array([1, 2], 'Int64')",
    "Int64 with one missing": "pd.array([1, None], 'Int64')",
    "boolean of pandas": "pd.array([True, False], 'boolean')",
    "boolean of pandas with one missing": "pd.array([True, None], 'boolean')",
    "Float64": "pd.array([0.5, None], 'Float64')",
    "string[python]": "pd.array(['a', None], 'string[python]')",
    "string[pyarrow]": "pd.array(['a', None], 'string[pyarrow]')",
    "categories of texts": "pd.Categorical(['u', 'v'])",
    "categories of numbers": "pd.Categorical([1, 2])",
    "no rows": "[]",
}
PRODUCT = {
    f"{column} for {wanted}": f"Schema([ColSpec({wanted!r}, 'a')]), pd.DataFrame({{'a': {made}}}, index=[5, 7][:len({made})])"
    for (column, made), wanted in product(COLUMNS.items(), TYPES)
}
TWO = "Schema([ColSpec('long', 'a'), ColSpec('double', 'b', required=False)])"
UNNAMED = "Schema([ColSpec('long'), ColSpec('double')])"
LISTS = "Schema([ColSpec(Array('long'), 'a')])"
THINGS = "Schema([ColSpec(Object([Property('x', 'long'), Property('y', 'string', required=False)]), 'a')])"
MAPS = "Schema([ColSpec(Map('double'), 'a')])"
MATRIX = "Schema([TensorSpec(np.dtype('float64'), (-1, 2))])"
NAMED = "Schema([TensorSpec(np.dtype('float64'), (-1, 2), 'a'), TensorSpec(np.dtype('int64'), (-1,), 'b')])"
FORMS = {
    "another order": f"{TWO}, pd.DataFrame({{'b': [0.5], 'a': [3]}})",
    "one beside": f"{TWO}, pd.DataFrame({{'c': ['x'], 'a': [3], 'b': [0.5]}})",
    "an optional one missing": f"{TWO}, pd.DataFrame({{'a': [3]}})",
    "a required one missing": f"{TWO}, pd.DataFrame({{'b': [0.5]}})",
    "none": f"{TWO}, pd.DataFrame()",
    "two of a name": f"{TWO}, pd.DataFrame([[1, 2, 0.5]], columns=['a', 'a', 'b'])",
    "two of a name beside": f"{TWO}, pd.DataFrame([[1, 0.5, 1, 2]], columns=['a', 'b', 'c', 'c']).astype({{'a': 'int64'}})",
    "names that are numbers": "Schema([ColSpec('double', 0), ColSpec('double', 1)]), pd.DataFrame(np.array([[0.5, 1.5]]))",
    "an array for names that are numbers": "Schema([ColSpec('double', 0), ColSpec('double', 1)]), np.array([[0.5, 1.5]])",
    "an array for names": f"{TWO}, np.array([[1, 2]])",
    "by count": f"{UNNAMED}, pd.DataFrame({{'x': [3], 'y': [0.5]}})",
    "by count, one beside": f"{UNNAMED}, pd.DataFrame({{'x': [3], 'y': [0.5], 'z': [1]}})",
    "by count, too few": f"{UNNAMED}, pd.DataFrame({{'x': [3]}})",
    "by count, two of a name": f"{UNNAMED}, pd.DataFrame([[3, 0.5]], columns=['x', 'x']).astype({{'x': 'int64'}})",
    "an array by count": "Schema([ColSpec('double'), ColSpec('double')]), np.array([[0.5, 1.5]])",
    "an array of three dimensions": "Schema([ColSpec('double')]), np.zeros((2, 2, 2))",
    "an array of one dimension": "Schema([ColSpec('double')]), np.array([0.5, 1.5])",
    "a structured array": f"{TWO}, np.array([(1, 0.5)], dtype=[('a', 'i8'), ('b', 'f8')])",
    "a series": "Schema([ColSpec('double', 'a')]), pd.Series([0.5], name='a')",
    "a series of another name": "Schema([ColSpec('double', 'a')]), pd.Series([0.5], name='b')",
    "a series without a name": "Schema([ColSpec('double', 'a')]), pd.Series([0.5])",
    "a series by count": "Schema([ColSpec('double')]), pd.Series([0.5], name='b')",
    "a dictionary of values": f"{TWO}, {{'a': 3, 'b': 0.5}}",
    "a dictionary of lists": f"{TWO}, {{'a': [3, 4], 'b': [0.5, 1.5]}}",
    "a dictionary of arrays": f"{TWO}, {{'a': np.array([3, 4]), 'b': np.array([0.5, 1.5])}}",
    "a dictionary of lists of two lengths": f"{TWO}, {{'a': [3, 4], 'b': [0.5]}}",
    "a dictionary of a list and a value": f"{TWO}, {{'a': [3, 4], 'b': 0.5}}",
    "a dictionary that lacks one": f"{TWO}, {{'b': 0.5}}",
    "a dictionary of a text": "Schema([ColSpec('string', 'a')]), {'a': 'x'}",
    "a dictionary of none": "Schema([ColSpec('string', 'a', required=False)]), {'a': None}",
    "a dictionary of texts": "Schema([ColSpec('string', 'a')]), {'a': ['x', 'y']}",
    "a dictionary of texts and numbers": "Schema([ColSpec('string', 'a'), ColSpec('long', 'b')]), {'a': ['x', 'y'], 'b': [3, 4]}",
    "a dictionary of matrices": f"{TWO}, {{'a': np.zeros((2, 2)), 'b': np.zeros(2)}}",
    "a list of dictionaries": f"{TWO}, [{{'a': 3, 'b': 0.5}}, {{'a': 4, 'b': 1.5}}]",
    "a list of dictionaries of which one lacks what is optional": f"{TWO}, [{{'a': 3, 'b': 0.5}}, {{'a': 4}}]",
    "a list of dictionaries of which one lacks what is required": f"{TWO}, [{{'a': 3, 'b': 0.5}}, {{'b': 4}}]",
    "a list of values": "Schema([ColSpec('string')]), ['x', 'y']",
    "a list of values for a name": "Schema([ColSpec('string', 'a')]), ['x', 'y']",
    "a list of rows": f"{UNNAMED}, [[3, 0.5], [4, 1.5]]",
    "a list of rows of two lengths": f"{UNNAMED}, [[3, 0.5], [4]]",
    "an empty list": f"{UNNAMED}, []",
    "a text": "Schema([ColSpec('string')]), 'x'",
    "a text for a name": "Schema([ColSpec('string', 'a')]), 'x'",
    "bytes alone": "Schema([ColSpec('binary')]), b'x'",
    "a number": "Schema([ColSpec('long')]), 3",
    "a number for a text": "Schema([ColSpec('string')]), 3",
    "a truth": "Schema([ColSpec('boolean')]), True",
    "a number of NumPy": "Schema([ColSpec('double')]), np.float32(0.5)",
    "a time": "Schema([ColSpec('datetime')]), dt.datetime(2026, 1, 2)",
    "nothing": f"{TWO}, None",
    "a tuple": f"{UNNAMED}, (1, 2)",
    "a set": f"{UNNAMED}, {{1, 2}}",
    "a sparse matrix for columns": "Schema([ColSpec('double'), ColSpec('double')]), csr_matrix(np.eye(2))",
    "anything in a column": "Schema([ColSpec(AnyType(), 'a')]), pd.DataFrame({'a': [1, 2], 'b': [1, 2]})",
    "anything at all": "Schema([ColSpec(AnyType())]), pd.DataFrame({'a': [1, 2]})",
    "anything at all, of two columns": "Schema([ColSpec(AnyType())]), pd.DataFrame({'a': [1, 2], 'b': [1, 2]})",
    "lists": f"{LISTS}, pd.DataFrame({{'a': [[1, 2], [3]]}})",
    "empty lists": f"{LISTS}, pd.DataFrame({{'a': [[], []]}})",
    "arrays in a column": f"{LISTS}, pd.DataFrame({{'a': [np.array([1, 2]), np.array([3, 4])]}})",
    "arrays of small numbers in a column": f"{LISTS}, pd.DataFrame({{'a': [np.array([1, 2], 'int32'), np.array([3], 'int32')]}})",
    "lists of other numbers": f"{LISTS}, pd.DataFrame({{'a': [[1.5], [3]]}})",
    "lists of texts for numbers": f"{LISTS}, pd.DataFrame({{'a': [['x']]}})",
    "values for lists": f"{LISTS}, pd.DataFrame({{'a': [1, 2]}})",
    "no list": f"{LISTS}, pd.DataFrame({{'a': [[1], None]}})",
    "no list where it is optional": "Schema([ColSpec(Array('long'), 'a', required=False)]), pd.DataFrame({'a': [[1], None]})",
    "lists of texts": "Schema([ColSpec(Array('string'), 'a')]), pd.DataFrame({'a': [['x', 'y'], ['z']]})",
    "lists of texts and none": "Schema([ColSpec(Array('string'), 'a')]), pd.DataFrame({'a': [['x', None]]})",
    "lists of lists": "Schema([ColSpec(Array(Array('double')), 'a')]), pd.DataFrame({'a': [[[0.5], [1.5, 2.5]]]})",
    "lists of anything": "Schema([ColSpec(Array(AnyType()), 'a')]), pd.DataFrame({'a': [[1, 'x', None]]})",
    "a dictionary with a list": f"{LISTS}, {{'a': [1, 2]}}",
    "a list of dictionaries with lists": f"{LISTS}, [{{'a': [1, 2]}}, {{'a': [3]}}]",
    "objects": f"{THINGS}, pd.DataFrame({{'a': [{{'x': 1, 'y': 's'}}, {{'x': 2}}]}})",
    "objects without": f"{THINGS}, pd.DataFrame({{'a': [{{'y': 's'}}]}})",
    "objects with more": f"{THINGS}, pd.DataFrame({{'a': [{{'x': 1, 'z': 's'}}]}})",
    "objects of another type": f"{THINGS}, pd.DataFrame({{'a': [{{'x': 's'}}]}})",
    "objects with a list": f"{THINGS}, pd.DataFrame({{'a': [{{'x': [1]}}]}})",
    "objects that are none": f"{THINGS}, pd.DataFrame({{'a': [3]}})",
    "objects of a dictionary": f"{THINGS}, {{'a': {{'x': 1, 'y': None}}}}",
    "maps": f"{MAPS}, pd.DataFrame({{'a': [{{'k': 0.5}}, {{}}]}})",
    "maps of other values": f"{MAPS}, pd.DataFrame({{'a': [{{'k': 's'}}]}})",
    "maps of whole numbers": f"{MAPS}, pd.DataFrame({{'a': [{{'k': 7}}]}})",
    "maps with numbers as keys": f"{MAPS}, pd.DataFrame({{'a': [{{1: 0.5}}]}})",
    "a matrix": f"{MATRIX}, np.array([[0.5, 1.5]])",
    "a matrix of no rows": f"{MATRIX}, np.zeros((0, 2))",
    "a matrix of another width": f"{MATRIX}, np.zeros((2, 3))",
    "a matrix of more dimensions": f"{MATRIX}, np.zeros((2, 2, 1))",
    "a vector for a matrix": f"{MATRIX}, np.zeros(2)",
    "a matrix of small floats": f"{MATRIX}, np.zeros((2, 2), 'float32')",
    "a matrix of whole numbers": f"{MATRIX}, np.zeros((2, 2), 'int64')",
    "a matrix of objects": f"{MATRIX}, np.zeros((2, 2), object)",
    "a matrix of another byte order": f"{MATRIX}, np.zeros((2, 2), '>f8')",
    "a sparse matrix": f"{MATRIX}, csr_matrix(np.eye(2))",
    "a sparse matrix by columns": f"{MATRIX}, csc_matrix(np.eye(2))",
    "a sparse matrix of another type": f"{MATRIX}, csr_matrix(np.eye(2, dtype='float32'))",
    "a frame for a matrix": f"{MATRIX}, pd.DataFrame({{'x': [0.5, 1.5], 'y': [2.5, 3.5]}})",
    "a frame of whole numbers for a matrix": f"{MATRIX}, pd.DataFrame({{'x': [3], 'y': [4]}})",
    "a frame of another width for a matrix": f"{MATRIX}, pd.DataFrame({{'x': [0.5], 'y': [2.5], 'z': [1.5]}})",
    "a frame of lists for a matrix": f"{MATRIX}, pd.DataFrame({{'x': [[0.5, 1.5], [2, 3]]}})",
    "a frame of lists of another length for a matrix": f"{MATRIX}, pd.DataFrame({{'x': [[0.5, 1.5, 2.5]]}})",
    "a frame of arrays for a matrix": f"{MATRIX}, pd.DataFrame({{'x': [np.array([0.5, 1.5]), np.array([2.5, 3.5])]}})",
    "a frame of no rows for a matrix": f"{MATRIX}, pd.DataFrame({{'x': []}})",
    "a frame of one column for a vector": "Schema([TensorSpec(np.dtype('float64'), (-1,))]), pd.DataFrame({'x': [1, 2]})",
    "a frame of fractions for a vector of whole numbers": "Schema([TensorSpec(np.dtype('int64'), (-1,))]), pd.DataFrame({'x': [1.5]})",
    "a series for a vector": "Schema([TensorSpec(np.dtype('float64'), (-1, 1))]), pd.Series([0.5, 1.5], index=[3, 4])",
    "a list for a matrix": f"{MATRIX}, [[0.5, 1.5]]",
    "a dictionary for a matrix": f"{MATRIX}, {{'a': np.zeros((2, 2))}}",
    "texts for a tensor": "Schema([TensorSpec(np.dtype('str'), (-1,))]), np.array(['a', 'bc'])",
    "any objects for a tensor": "Schema([TensorSpec(np.dtype('O'), (-1,))]), np.zeros((2, 2))",
    "ragged arrays for a tensor": "Schema([TensorSpec(np.dtype('float64'), (-1, -1))]), np.array([np.zeros(2), np.zeros(3)], dtype=object)",
    "tensors": f"{NAMED}, {{'a': np.zeros((2, 2)), 'b': np.array([1, 2])}}",
    "tensors in another order, with one beside": f"{NAMED}, {{'c': np.zeros(1), 'b': np.array([1, 2]), 'a': np.zeros((2, 2))}}",
    "tensors of which one is missing": f"{NAMED}, {{'a': np.zeros((2, 2))}}",
    "tensors of which one is of another type": f"{NAMED}, {{'a': np.zeros((2, 2)), 'b': np.zeros(2)}}",
    "tensors of lists": f"{NAMED}, {{'a': [[0.5, 1.5]], 'b': [1]}}",
    "tensors of a frame": f"{NAMED}, pd.DataFrame({{'a': [[0.5, 1.5], [2.5, 3.5]], 'b': [1, 2]}})",
    "tensors of a frame of arrays of another type": f"{NAMED}, pd.DataFrame({{'a': [np.zeros(2, 'float32')], 'b': [1]}})",
    "an array for tensors": f"{NAMED}, np.zeros((2, 2))",
    "an array for the only tensor": "Schema([TensorSpec(np.dtype('float64'), (-1, 2), 'a')]), np.zeros((2, 2))",
}
ENFORCED = {**PRODUCT, **FORMS}

INFERRED = {
    **{f"a column of {column}": f"pd.DataFrame({{'a': {made}}})" for column, made in COLUMNS.items()},
    "a frame": "pd.DataFrame({'a': [1, 2], 'b': ['x', None], 'c': [0.5, np.nan]}), np.array([1, 2])",
    "a frame without names": "pd.DataFrame(np.zeros((2, 3)))",
    "lists": "pd.DataFrame({'a': [[1, 2], [3]], 'b': [['x'], None], 'c': [[[0.5]], [[]]]})",
    "arrays": "pd.DataFrame({'a': [np.array([1, 2]), np.array([3])]})",
    "objects": "pd.DataFrame({'a': [{'x': 1, 'y': 's'}, {'x': 2, 'z': [1.5]}, {'x': None}]})",
    "a series": "pd.Series([1, 2], name='a')",
    "a series without a name": "pd.Series([1, 2])",
    "an array": "np.zeros((5, 3), 'float32'), np.zeros(5, 'int64')",
    "an array of texts": "np.array(['a', 'bc'])",
    "an array of bytes": "np.array([b'a', b'bc'])",
    "an array of times": "np.array(['2026-01-02'], 'datetime64[s]')",
    "an array of objects": "np.array([1, 'x'], object)",
    "a dictionary of arrays": "{'a': np.zeros((5, 3)), 'b': np.zeros(5, 'int8')}",
    "a dictionary of values": "{'a': 1, 'b': 'x', 'c': 0.5, 'd': True, 'e': dt.datetime(2026, 1, 2), 'f': b'x'}",
    "a dictionary of lists": "{'a': [1, 2], 'b': ['x'], 'c': {'d': 1}}",
    "a list of texts": "['a', 'b']",
    "a list of numbers": "[1, 2]",
    "a list of floats": "[0.5, 1]",
    "a list of dictionaries": "[{'a': 1, 'b': 'x'}, {'a': 2, 'b': None}, {'a': 3, 'c': 0.5}]",
    "a sparse matrix": "csr_matrix(np.eye(3))",
    "a text": "'x'",
    "a number": "3",
    "params": "None, None, {'a': 1, 'b': 0.5, 'c': 'x', 'd': True, 'e': [1, 2], 'f': ['x']}",
    "params of times and of NumPy": "None, None, {'a': dt.datetime(2026, 1, 2), 'b': np.float32(0.5), 'c': np.arange(3)}",
    "params of objects": "None, None, {'a': {'b': 1, 'c': ['x']}}",
}

KEPT = {
    "a frame": "pd.DataFrame({'a': [1, 2], 'b': ['x', None], 'c': [0.5, np.nan], 'd': [True, False]})",
    "a frame of times and bytes": "pd.DataFrame({'a': pd.to_datetime(['2026-01-02', '2026-01-03T04:05:06']), 'b': [b'x', b'y' * 100]})",
    "a frame without names": "pd.DataFrame(np.zeros((2, 3)))",
    "a frame of lists": "pd.DataFrame({'a': [[1, 2], [3]]})",
    "an array": "np.array([[0.5, np.nan], [1, np.inf]])",
    "an array of whole numbers": "np.array([[1, 2]])",
    "an array of texts": "np.array(['a', 'bc'])",
    "a dictionary of arrays": "{'a': np.zeros((2, 2)), 'b': np.array([1])}",
    "a dictionary": "{'a': 1, 'b': ['x']}",
    "a dictionary of messages": "{'messages': [{'role': 'user', 'content': 'x'}]}",
    "a list": "['a', 'b']",
    "a list of dictionaries": "[{'a': 1}, {'a': 2}]",
    "a text": "'x'",
    "a number": "3",
    "a time": "dt.datetime(2026, 1, 2)",
    "a sparse matrix": "csr_matrix(np.eye(2))",
    "a sparse matrix by columns": "csc_matrix(np.eye(2))",
    "data and params": "(np.zeros((1, 2)), {'a': 1})",
    "a frame and params": "(pd.DataFrame({'a': [1]}), {'a': 0.5, 'b': 'x'})",
    "messages and params": "({'messages': []}, {'a': 1})",
}
VALUES = {
    "nothing": "None",
    "a truth": "True",
    "a number": "3",
    "a large number": "2**40",
    "a float": "0.5",
    "a text": "'x'",
    "bytes": "b'x'",
    "a day": "dt.date(2026, 1, 2)",
    "a time": "dt.datetime(2026, 1, 2, 3, 4, 5)",
    "a time as a text": "'2026-01-02T03:04:05'",
    "a day as a text": "'2026-01-02'",
    "a time of NumPy": "np.datetime64('2026-01-02T03:04:05')",
    "a truth of NumPy": "np.bool_(True)",
    "an int32": "np.int32(3)",
    "an int64": "np.int64(3)",
    "a float32": "np.float32(0.5)",
    "a float64": "np.float64(0.5)",
    "a list": "[1]",
    "a dictionary": "{'a': 1}",
}
GIVEN = {
    **{
        f"{value} for {kind}": f"ParamSchema([ParamSpec('p', {kind!r}, None)]), {{'p': {made}}}"
        for (value, made), kind in product(VALUES.items(), [kind for kind in TYPES if kind != "binary"])
    },
    "a list of numbers": "ParamSchema([ParamSpec('p', 'long', [1], (-1,))]), {'p': [2, 3]}",
    "a list of numbers for floats": "ParamSchema([ParamSpec('p', 'double', [0.5], (-1,))]), {'p': [2, 3]}",
    "an array": "ParamSchema([ParamSpec('p', 'double', [0.5], (-1,))]), {'p': np.array([0.5, 2])}",
    "an array of two dimensions": "ParamSchema([ParamSpec('p', 'double', [0.5], (-1,))]), {'p': np.zeros((2, 2))}",
    "a value for a list": "ParamSchema([ParamSpec('p', 'long', [1], (-1,))]), {'p': 2}",
    "a list of texts for numbers": "ParamSchema([ParamSpec('p', 'long', [1], (-1,))]), {'p': ['x']}",
    "no params": "ParamSchema([ParamSpec('p', 'long', 1), ParamSpec('q', 'string', 'x')]), None",
    "one of two params": "ParamSchema([ParamSpec('p', 'long', 1), ParamSpec('q', 'string', 'x')]), {'q': 'y'}",
    "one that is unknown": "ParamSchema([ParamSpec('p', 'long', 1)]), {'q': 'y'}",
    "params that are none": "ParamSchema([ParamSpec('p', 'long', 1)]), [1]",
    "params without a schema": "None, {'q': 'y'}",
    "names that are no texts": "ParamSchema([ParamSpec('1', 'long', 1)]), {1: 2}",
    "an object": "ParamSchema([ParamSpec('p', Object([Property('a', 'string')]), {'a': 'x'})]), {'p': {'a': 'y'}}",
    "an object that lacks a key": "ParamSchema([ParamSpec('p', Object([Property('a', 'string')]), {'a': 'x'})]), {'p': {}}",
    "an object with more keys": "ParamSchema([ParamSpec('p', Object([Property('a', 'string')]), {'a': 'x'})]), {'p': {'a': 'y', 'b': 1}}",
    "two of a name": "ParamSchema([ParamSpec('p', 'long', 1), ParamSpec('p', 'long', 1)]), {}",
    "a default of another type": "ParamSchema([ParamSpec('p', 'long', 'x')]), {}",
    "a type that is none": "ParamSchema([ParamSpec('p', 'number', 1)]), {}",
    "bytes as a type": "ParamSchema([ParamSpec('p', 'binary', b'')]), {}",
    "another shape": "ParamSchema([ParamSpec('p', 'long', [1], (2,))]), {}",
}
NESTED = "Object([Property('z', 'string'), Property('y', Array(Map('long')), False), Property('x', AnyType())])"
STORED = {
    "plain columns": f"ModelSignature(Schema([ColSpec(each, each, each != 'long') for each in {TYPES}]), Schema([ColSpec('double')]))",
    "types by the words": "ModelSignature(Schema([ColSpec(DataType.double, 'a'), ColSpec(DataType['long'], 'b')]))",
    "numbered columns": "ModelSignature(Schema([ColSpec('double', 0), ColSpec('double', 1)]))",
    "nested columns": f"ModelSignature(Schema([ColSpec({NESTED}, 'a'), ColSpec(Array({NESTED}), 'b', False), ColSpec(AnyType(), 'c')]))",
    "tensors": "ModelSignature(Schema([TensorSpec(np.dtype(each), (-1, 28, 28), str(each)) "
    "for each in ['f4', 'f8', 'f2', 'i1', 'i8', 'u2', 'bool', 'c16', 'O', 'U', 'S', 'M8[ns]', 'm8[s]']]))",
    "one tensor": "ModelSignature(Schema([TensorSpec(np.dtype('float32'), [-1, 2])]))",
    "params": "ModelSignature(params=ParamSchema([ParamSpec('a', 'long', 3), ParamSpec('b', 'double', 1), ParamSpec('c', 'string', None), "
    "ParamSpec('d', 'string', ['x', 'y'], (-1,)), ParamSpec('e', 'datetime', dt.datetime(2026, 1, 2, 3)), "
    "ParamSpec('f', 'datetime', ['2026-01-02'], [-1]), ParamSpec('g', 'float', np.float32(0.5)), "
    "ParamSpec('h', Object([Property('a', 'string')]), {'a': 'x'})]))",
    "nothing": "ModelSignature()",
    "an empty schema": "ModelSignature(Schema([]))",
    "names and none": "ModelSignature(Schema([ColSpec('double', 'a'), ColSpec('double')]))",
    "columns and tensors": "ModelSignature(Schema([ColSpec('double'), TensorSpec(np.dtype('f8'), (-1,))]))",
    "two tensors without names": "ModelSignature(Schema([TensorSpec(np.dtype('f8'), (-1,)), TensorSpec(np.dtype('f8'), (-1,))]))",
    "an optional column without a name": "ModelSignature(Schema([ColSpec('double', required=False)]))",
    "a type that is none": "ModelSignature(Schema([ColSpec('number', 'a')]))",
    "a number as a type": "ModelSignature(Schema([ColSpec(3, 'a')]))",
    "a list as inputs": "ModelSignature([ColSpec('double')])",
    "an object without properties": "ModelSignature(Schema([ColSpec(Object([]), 'a')]))",
    "an object with a property twice": "ModelSignature(Schema([ColSpec(Object([Property('x', 'long'), Property('x', 'long')]), 'a')]))",
}


Answers = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, Answers]:
    """What MLflow and runlake say, by act and case."""
    folder: Path = tmp_path_factory.mktemp("cases")
    acts = {"enforce": ENFORCED, "params": GIVEN, "infer": INFERRED, "store": STORED, "example": KEPT}
    (folder / "cases.json").write_text(json.dumps({act: [*cases.values()] for act, cases in acts.items()}))
    found = []
    for python, imports in ((PYTHON, THEIRS), (sys.executable, OURS)):
        ran = subprocess.run(
            [python, "-c", BOTH.replace("IMPORTS", imports), str(folder / "cases.json")], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        found.append(json.loads(ran.stdout.splitlines()[-1]))
    return found[0], found[1]


# What runlake does otherwise, and why. Each case differs, or it is no longer one.
_IS_NO_TRUTH = "MLflow lets any objects through where truths are wanted"
_CATEGORIES = "a model that learned from categories is asked with categories: what their values are says whether they fit"
_ONLY_COLUMN = "data without names can only mean the one column that there is"
_ROWS_OF_LISTS = "an array is what a list of rows becomes, and of lists alone nothing says the type"
DIFFERENT = {
    "bytes for boolean": _IS_NO_TRUTH,
    "dates for boolean": _IS_NO_TRUTH,
    "decimals for boolean": _IS_NO_TRUTH,
    "categories of texts for string": _CATEGORIES,
    "categories of texts for binary": _CATEGORIES,
    "categories of numbers for long": _CATEGORIES,
    "by count, two of a name": "columns without names are told apart by their places; MLflow fails with an AttributeError",
    "a series without a name": _ONLY_COLUMN,
    "a list of values for a name": _ONLY_COLUMN,
    "a text for a name": _ONLY_COLUMN,
    "a dictionary of texts": "a list of texts for a column of texts is its rows, as a list of numbers is; MLflow makes one row of a list",
    "a time": "a single time is a single value, as a single number is",
    "anything at all, of two columns": "what may be anything is given as it is; MLflow leaves out all columns but the first",
    "lists of texts and none": "MLflow makes 'n' of what is missing",
    "a frame of fractions for a vector of whole numbers": "MLflow cuts the fractions off",
    "a series for a vector": "MLflow asks for the row of index 0, and fails with a KeyError where there is none",
    "a list for a matrix": _ROWS_OF_LISTS,
    "tensors of lists": _ROWS_OF_LISTS,
    "tensors of a frame of arrays of another type": "the types of arrays are checked, as everywhere; MLflow means to, and does not",
}
INFERRED_DIFFERENTLY = dict.fromkeys(
    ["a column of uint64", "a column of spans of time", "a column of decimals", "a column of complex"],
    "a column of no type that has a name may be anything, and the others stay what they are; MLflow gives up on all of them",
)
KEPT_DIFFERENTLY = {"a frame": "what is missing is null, as JSON has it; MLflow writes NaN, since pandas 3 keeps that"}


def differing(cases: dict[str, str], theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """The cases in which not both refuse, or both give the same."""
    both = zip(cases, theirs, ours, strict=True)
    return {name: (one, other) for name, one, other in both if one != other and not ("refuses" in one and "refuses" in other)}


def test_the_same_data_is_let_through_as_the_same_values(answers: tuple[Answers, Answers]) -> None:
    """But for the cases in the table, each of which differs."""
    theirs, ours = answers
    found = differing(ENFORCED, theirs["enforce"], ours["enforce"])

    assert {name: both for name, both in found.items() if name not in DIFFERENT} == {}
    assert set(found) == set(DIFFERENT)
    assert len(ENFORCED) > 400
    assert 100 < sum("gives" in answer for answer in theirs["enforce"]) < 300  # neither all nor none


def test_what_is_refused_is_refused_in_our_own_words(answers: tuple[Answers, Answers]) -> None:
    """No error of pandas or NumPy comes through."""
    refused = [answer["refuses"] for answer in answers[1]["enforce"] if "refuses" in answer]

    assert [said for said in refused if not said.startswith("InvalidValue: ")] == []


def test_the_same_params_are_let_through(answers: tuple[Answers, Answers]) -> None:
    """As the same values of Python."""
    theirs, ours = answers

    assert differing(GIVEN, theirs["params"], ours["params"]) == {}
    assert 40 < sum("gives" in answer for answer in theirs["params"]) < 120  # neither all nor none


def test_signatures_are_stored_and_shown_the_same(answers: tuple[Answers, Answers]) -> None:
    """To the letter; and what is no signature for MLflow is none here."""
    theirs, ours = answers

    assert differing(STORED, theirs["store"], ours["store"]) == {}
    assert sum("gives" in answer for answer in theirs["store"]) == 7


def test_the_same_signatures_are_inferred(answers: tuple[Answers, Answers]) -> None:
    """To the letter, as they are stored."""
    theirs, ours = answers
    found = differing(INFERRED, theirs["infer"], ours["infer"])

    assert {name: both for name, both in found.items() if name not in INFERRED_DIFFERENTLY} == {}
    assert set(found) == set(INFERRED_DIFFERENTLY)


def test_the_same_files_are_kept_of_an_example(answers: tuple[Answers, Answers]) -> None:
    """And `MLmodel` says the same of them."""
    theirs, ours = answers
    found = differing(KEPT, theirs["example"], ours["example"])

    assert {name: both for name, both in found.items() if name not in KEPT_DIFFERENTLY} == {}
    assert set(found) == set(KEPT_DIFFERENTLY)
