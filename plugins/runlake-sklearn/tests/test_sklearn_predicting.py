"""An estimator of texts or records is asked with these, however they are given: a frame's names are not taken for them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

import runlake

TEXTS = ["a good and fine day", "a bad and sad night", "so so"] * 8
RECORDS = [{"a": 1.0, "b": 2.0}, {"a": 3.0, "c": 1.0}, {"c": 4.0}] * 8
LABELS = [1, 0, 2] * 8
C = {"logisticregression__C": [1.0, 2.0]}


def of_texts() -> Any:
    """A pipeline that begins with texts."""
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


MODELS: dict[str, Callable[[], Any]] = {
    "pipeline": of_texts,
    "search": lambda: GridSearchCV(of_texts(), C, cv=2),
    "one of many": lambda: OneVsRestClassifier(of_texts()),
    "union": lambda: make_pipeline(make_union(CountVectorizer(), HashingVectorizer(n_features=16)), LogisticRegression()),
}


@pytest.mark.parametrize("kind", MODELS)
def test_texts_are_asked_as_texts(runlake_store: Path, kind: str) -> None:
    """Whether it learned from a list or a series, and whatever it is asked with."""
    for learned in (TEXTS, pd.Series(TEXTS, name="text")):
        with runlake.autolog("sklearn"), runlake.start_run() as run:
            model = MODELS[kind]().fit(learned, LABELS)
        loaded = runlake.pyfunc.load_model(f"runs:/{run.run_id}/model")

        for asked in (TEXTS, pd.Series(TEXTS, name="text"), pd.DataFrame({"text": TEXTS}), np.array(TEXTS, dtype=object)):
            assert loaded.predict(asked).tolist() == model.predict(TEXTS).tolist()


def test_records_are_asked_as_records(runlake_store: Path) -> None:
    """What one lacks it lacks still."""
    with runlake.autolog("sklearn"), runlake.start_run() as run:
        model = make_pipeline(DictVectorizer(), LogisticRegression()).fit(RECORDS, LABELS)
    loaded = runlake.pyfunc.load_model(f"runs:/{run.run_id}/model")

    for asked in (RECORDS, pd.DataFrame(RECORDS)):
        assert loaded.predict(asked).tolist() == model.predict(RECORDS).tolist()


def test_another_method_is_asked_alike(tmp_path: Path) -> None:
    """By the name that it was kept with; a model that has no such method says so."""
    model, scaler = of_texts().fit(TEXTS, LABELS), StandardScaler().fit([[1.0], [2.0]])
    signature = runlake.models.infer_signature(TEXTS)
    runlake.sklearn.save_model(model, tmp_path / "texts", pyfunc_predict_fn="predict_proba", signature=signature)
    runlake.sklearn.save_model(scaler, tmp_path / "scaler", pyfunc_predict_fn="transform")
    runlake.sklearn.save_model(scaler, tmp_path / "wrong")
    loaded = runlake.pyfunc.load_model(str(tmp_path / "texts"))

    assert loaded.predict(TEXTS).tolist() == model.predict_proba(TEXTS).tolist()
    assert runlake.pyfunc.load_model(str(tmp_path / "scaler")).predict([[1.5]]).tolist() == [[0.0]]
    with pytest.raises(runlake.InvalidValue, match="pyfunc_predict_fn"):
        runlake.pyfunc.load_model(str(tmp_path / "wrong")).predict([[1.5]])
    assert copy.copy(loaded.metadata).signature == loaded.metadata.signature


def test_a_frame_of_numbers_goes_as_it_is(tmp_path: Path) -> None:
    """It is not copied, and its names are what the model knows."""
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.0]})
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, [0, 1, 0])
    runlake.sklearn.save_model(model, tmp_path / "model")

    assert runlake.pyfunc.load_model(str(tmp_path / "model")).predict(rows[["b", "a"]]).tolist() == model.predict(rows).tolist()
