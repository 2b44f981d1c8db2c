"""Rows that wait for the model are asked together where that is quicker, and nobody can tell by the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from runlake.models import infer_signature
from runlake.serving.asking import CALLS_TO_TRUST, ROWS_COMPARED, TRIED_AGAIN, Gains

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "b", "c"])
TARGETS = (ROWS["a"] + ROWS["b"] > 0).astype(int)


class Watched:
    """A model that notes of how many rows it was asked at once; what it says may be changed."""

    def __init__(self, model: Any, said: Callable[[Any, Any], Any] = lambda rows, answer: answer, seconds: float = 0.005) -> None:
        self.metadata = model.metadata
        self.sizes: list[int] = []
        self._model, self._said, self._seconds = model, said, seconds

    def predict(self, data: Any, params: Any = None) -> Any:
        """What the model says, after a while in which others arrive."""
        time.sleep(self._seconds)
        self.sizes.append(len(data))
        return self._said(data, self._model.predict(data, params))


def bodies(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A request for each row."""
    return [{"dataframe_split": {"columns": list(rows), "data": [row]}} for row in rows.to_numpy().tolist()]


@pytest.fixture(scope="module")
def kind(loaded: Callable[..., Any]) -> Any:
    """What tells rows of two kinds apart."""
    return loaded(LogisticRegression().fit(ROWS, TARGETS), signature=infer_signature(ROWS, TARGETS.to_numpy()))


@pytest.mark.parametrize(
    "model", [LogisticRegression(), RandomForestClassifier(5, random_state=0), LinearRegression()], ids=lambda model: type(model).__name__
)
def test_rows_asked_together_get_the_answers_that_they_get_alone(client: Any, loaded: Callable[..., Any], model: Any) -> None:
    """Each its own. Where numbers are added up, in another order, the last bit may differ."""
    watched = Watched(loaded(model.fit(ROWS, TARGETS), signature=infer_signature(ROWS)))
    alone = [client(watched).post(body).json["predictions"] for body in bodies(ROWS)]
    watched.sizes.clear()

    answers = client(watched).posts(bodies(ROWS))

    assert [answer.status for answer in answers] == [200] * 40
    np.testing.assert_allclose([answer.json["predictions"] for answer in answers], alone, rtol=1e-14)
    assert len(watched.sizes) < 10
    assert sum(watched.sizes) == 40 + ROWS_COMPARED


def test_a_row_that_fails_fails_alone(client: Any, kind: Any) -> None:
    """Those beside it are asked again without it; one that the signature refuses never gets so far."""
    asked = bodies(ROWS[:6])
    asked[2]["dataframe_split"]["data"][0][1] = None  # which the model does not take
    asked[4]["dataframe_split"]["data"][0][0] = "x"

    answers = client(Watched(kind)).posts(asked)

    assert [answer.status for answer in answers] == [200, 200, 500, 200, 400, 200]
    whole = [0, 1, 3, 5]
    assert [answers[place].json["predictions"] for place in whole] == [[int(kind.predict(ROWS[place : place + 1])[0])] for place in whole]


def test_only_single_rows_with_the_same_params_go_together(client: Any, kind: Any) -> None:
    """Others are asked as they come."""
    watched = Watched(kind)
    several = {"dataframe_split": {"columns": list(ROWS), "data": ROWS[:3].to_numpy().tolist()}}
    with_params = [body | {"params": {"unknown": place}} for place, body in enumerate(bodies(ROWS[:3]))]

    answers = client(watched).posts([several, several, *with_params])

    assert [len(answer.json["predictions"]) for answer in answers] == [3, 3, 1, 1, 1]
    assert watched.sizes == [3, 3, 1, 1, 1]


def test_a_model_that_gives_other_rows_is_asked_alone(client: Any, kind: Any) -> None:
    """From then on."""
    watched = Watched(kind, lambda rows, answer: [int(answer.sum())])

    answers = client(watched).posts(bodies(ROWS[:10]))

    assert [answer.json["predictions"] for answer in answers] == [[int(label)] for label in kind.predict(ROWS[:10])]
    assert watched.sizes.count(1) == 10
    assert len(watched.sizes) == 11


def test_a_model_that_looks_at_all_rows_is_asked_alone(client: Any, loaded: Callable[..., Any]) -> None:
    """Its first batch shows it, and nobody gets an answer from that."""
    model = loaded(LinearRegression().fit(ROWS, ROWS["a"]), signature=infer_signature(ROWS))
    watched = Watched(model, lambda rows, answer: answer - answer.mean() + 1.0)

    answers = client(watched).posts(bodies(ROWS[:20]))

    assert [answer.json["predictions"] for answer in answers] == [[1.0]] * 20
    assert [size for size in watched.sizes if size > 1] == [20]


def test_a_model_that_is_code_is_never_asked_for_rows_of_several(client: Any, loaded: Callable[..., Any]) -> None:
    """Its answer for a row may depend on those beside it."""
    program = """
class Model(PythonModel):
    def predict(self, context, model_input, params=None):
        return [len(model_input)] * len(model_input)
"""
    watched = Watched(loaded(program, signature=infer_signature(ROWS)))

    answers = client(watched).posts(bodies(ROWS[:10]))

    assert [answer.json["predictions"] for answer in answers] == [[1]] * 10
    assert watched.sizes == [1] * 10


def test_nobody_waits_for_others(client: Any, kind: Any) -> None:
    """One request alone is asked at once, alone."""
    watched = Watched(kind)

    assert client(watched).post(bodies(ROWS[:1])[0]).status == 200
    assert watched.sizes == [1]


def test_what_does_not_gain_is_not_done() -> None:
    """By what calls have taken; now and then it is tried again."""
    gains = Gains(is_allowed=True)
    gains.took(1, 0.001)
    gains.took(10, 0.005)
    assert gains.is_worth_it()

    for _ in range(50):
        gains.took(10, 0.020)

    assert [gains.is_worth_it() for _ in range(TRIED_AGAIN)].count(True) == 1
    assert not Gains(is_allowed=False).is_worth_it()


def test_only_what_has_been_quick_for_a_while_is_asked_where_clients_are_answered(client: Any, kind: Any) -> None:
    """One call that takes long, and it is asked elsewhere again; health is told meanwhile, and every answer is right."""
    gains = Gains(is_allowed=True)
    for _ in range(CALLS_TO_TRUST):
        assert not gains.is_quick()
        gains.took(1, 0.001)
    assert gains.is_quick()
    gains.took(1, 0.1)
    assert not gains.is_quick()

    threads: list[str] = []

    def noted(rows: Any, answer: Any) -> Any:
        threads.append(threading.current_thread().name)
        return answer

    watched = Watched(kind, noted, seconds=0.0)
    requests = [("POST", "/invocations", body, {"content-type": "application/json"}) for body in bodies(ROWS)] * 2
    answers = client(watched).in_turn(requests)

    assert [answer.json["predictions"][0] for answer in answers] == [int(label) for label in kind.predict(ROWS)] * 2
    assert {name.partition("-")[0] for name in threads[:CALLS_TO_TRUST]} == {"runlake"}
    assert "MainThread" in threads[CALLS_TO_TRUST:]
