"""The server does what its own description says: whatever a program sends that has read it, and whatever one that has not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from runlake.models import infer_signature
from runlake.serving.refusals import STATUS_OF_CODES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own
    schemathesis = pytest.importorskip("schemathesis")

ROWS = pd.DataFrame({"half": [0.5, 1.5], "whole": [1, 2], "truth": [True, False]})
COUNTS = """
class Model(PythonModel):
    def predict(self, context, model_input, params=None):
        return [float(row) for row in range(len(model_input))]
"""
ADDRESSES = [("/ping", "GET"), ("/health", "GET"), ("/version", "GET"), ("/invocations", "POST")]


@pytest.fixture(scope="module")
def asked(client: Any, loaded: Callable[..., Any]) -> Any:
    """A model that fails at no row that its signature lets through; of others each fails at some, such as numbers that are too large."""
    return client(loaded(COUNTS, signature=infer_signature(ROWS, np.zeros(2))))


def is_kept(asked: Any, case: Any) -> None:
    """The answer has a status that the description has, in the form that it has there."""
    headers = {str(name).lower(): str(value) for name, value in (case.headers or {}).items()} | {"host": "127.0.0.1:5000"}
    headers = {name: value for name, value in headers.items() if value.isascii() and value.isprintable()}
    if case.media_type:
        headers.setdefault("content-type", case.media_type)
    body = case.body if isinstance(case.body, (dict, list, str, bytes, int, float, bool)) else b""
    answer = asked.ask(case.method, case.path, [body] if body == b"" else body, **headers)

    assert answer.status < 500
    assert answer.status in {200, *STATUS_OF_CODES.values()}
    if answer.status != 200:
        assert STATUS_OF_CODES[answer.json["error_code"]] == answer.status
    elif case.method == "POST":
        assert answer.json is not None


def cases(asked: Any, mode: Any) -> Any:
    """Requests that the description allows, or such as it does not."""
    schema = schemathesis.openapi.from_dict(asked.get("/openapi.json").json)
    return st.one_of([schema[path][method].as_strategy(generation_mode=mode) for path, method in ADDRESSES])


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("n_cases", [15, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_the_description_is_kept(asked: Any, mode: Any, n_cases: int) -> None:
    """Nothing makes it fail."""

    @seed(16)
    @settings(
        max_examples=n_cases, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
    )
    @given(case=cases(asked, mode))
    def check(case: Any) -> None:
        is_kept(asked, case)

    check()


def test_what_the_description_allows_is_answered(asked: Any) -> None:
    """Rows of the columns that it names, in the forms that it names."""
    columns = asked.get("/openapi.json").json["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]["schema"][
        "oneOf"
    ]
    record = columns[1]["properties"]["dataframe_records"]["items"]

    assert record["required"] == ["half", "whole", "truth"]
    assert [record["properties"][name]["type"] for name in record["required"]] == ["number", "integer", "boolean"]
    assert asked.post({"dataframe_records": [{"half": 0.5, "whole": 1, "truth": True}]}).status == 200
