"""`pyfunc`: any model asked in one way; models of the program's own code; what a signature lets through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LinearRegression, LogisticRegression

import runlake
from children import run_program

FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["height", "weight", "age"])
TARGETS = (FRAME["height"] > 0).astype(int)


@pytest.fixture(autouse=True)
def _no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is explained here."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


def saved(tmp_path: Path, model: Any, **beside: Any) -> Any:
    """The model, kept in a folder and loaded by `pyfunc`."""
    path = tmp_path / f"model{len(list(tmp_path.iterdir()))}"
    runlake.sklearn.save_model(model, path, **beside)
    return runlake.pyfunc.load_model(str(path))


def test_data_of_every_kind_is_taken(tmp_path: Path) -> None:
    """A frame in any order and with more columns, a dictionary, rows as dictionaries, an array, and of arrays sparse ones too."""
    model = LogisticRegression().fit(FRAME, TARGETS)
    by_columns = saved(tmp_path, model, signature=runlake.models.infer_signature(FRAME))
    by_array = saved(tmp_path, LogisticRegression().fit(FRAME.to_numpy(), TARGETS), input_example=FRAME.to_numpy()[:2])
    said = model.predict(FRAME).tolist()
    mixed = FRAME[["age", "height", "weight"]].assign(more="x")

    for data in (
        FRAME,
        mixed,
        FRAME.to_dict("list"),
        FRAME.to_dict("records"),
        {name: FRAME[name].to_numpy() for name in mixed.columns[:3]},
    ):
        assert by_columns.predict(data).tolist() == said
    for data in (FRAME.to_numpy(), FRAME, FRAME.to_numpy().tolist(), csr_matrix(FRAME.to_numpy())):
        assert by_array.predict(data).tolist() == said
    assert by_array.metadata.get_input_schema() == by_array.input_schema == by_array.metadata.signature.inputs


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (FRAME.drop(columns="age"), "'age'"),
        (FRAME.assign(age="old"), "'age'"),
        (FRAME.to_numpy(), "no names"),
        (5, "columns"),
        ("text", "columns"),
        (None, "columns"),
    ],
    ids=["missing", "text", "array", "number", "word", "nothing"],
)
def test_what_does_not_fit_the_signature_is_an_error_that_names_it(tmp_path: Path, data: Any, named: str) -> None:
    """The column, the type given and the type wanted; and the model was not asked."""
    model = saved(tmp_path, LinearRegression().fit(FRAME, TARGETS), signature=runlake.models.infer_signature(FRAME))

    with pytest.raises(runlake.InvalidValue, match=named):
        model.predict(data)


def test_without_a_signature_a_models_own_features_are_matched(tmp_path: Path) -> None:
    """By their names, whatever their order; one that is missing is named. Data without names goes as it is."""
    model = LinearRegression().fit(FRAME, TARGETS)
    loaded = saved(tmp_path, model, signature=False)

    assert loaded.metadata.signature is None
    assert loaded.predict(FRAME[["age", "height", "weight"]].assign(more=1)).tolist() == model.predict(FRAME).tolist()
    with pytest.raises(runlake.InvalidValue, match="'weight'"):
        loaded.predict(FRAME[["age", "height"]])


def test_a_model_that_does_not_predict_says_so(tmp_path: Path) -> None:
    """And how it can be asked."""
    with pytest.raises(runlake.InvalidValue, match="pyfunc_predict_fn"):
        saved(tmp_path, DBSCAN().fit(FRAME)).predict(FRAME)


def test_an_example_is_kept_with_what_it_says_of_the_signature(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of a model that cannot be asked for it only the inputs are known, and that is said."""
    good = saved(tmp_path, LogisticRegression().fit(FRAME, TARGETS), input_example=FRAME.head(2))
    bad = saved(tmp_path, LogisticRegression().fit(FRAME, TARGETS), input_example=FRAME[["age"]].head(2))

    assert good.metadata.get_output_schema() is not None
    assert good.input_example.equals(FRAME.head(2))
    assert saved(tmp_path, LogisticRegression().fit(FRAME, TARGETS)).input_example is None
    assert bad.metadata.get_output_schema() is None
    assert "cannot be asked for its input_example" in caplog.text


def test_autologging_keeps_examples_where_they_are_wanted(store: Path) -> None:
    """A few rows, as the training was given them."""
    with runlake.autolog("sklearn", log_input_examples=True), runlake.start_run() as run:
        LogisticRegression().fit(FRAME, TARGETS)
    info = runlake.models.get_model_info(f"runs:/{run.run_id}/model")

    assert info.saved_input_example_info is not None
    assert {"model/input_example.json", "model/serving_input_example.json"} <= set(runlake.get_run(run.run_id).artifacts)


class Scaled(runlake.pyfunc.PythonModel):
    """A model with state, an artifact and a param."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def load_context(self, context: Any) -> None:
        """Read what it adds."""
        self.off = float(Path(context.artifacts["off"]).read_text())

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.Series:
        """Scale the first column."""
        return model_input.iloc[:, 0] * self.factor + self.off + (params or {}).get("more", 0.0)


def test_a_model_of_ones_own_comes_back_with_state_artifacts_and_params(store: Path, tmp_path: Path) -> None:
    """In the process that kept it, and in another that consents to its digest; artifacts may come from a run."""
    with runlake.start_run() as run:
        runlake.log_text("100", "off.txt")
        signature = runlake.models.infer_signature(FRAME[["age"]], params={"more": 0.5})
        info = runlake.pyfunc.log_model(
            "scaled", python_model=Scaled(2.0), artifacts={"off": f"runs:/{run.run_id}/off.txt"}, signature=signature
        )
    loaded = runlake.pyfunc.load_model(info.model_uri)
    rows = pd.DataFrame({"age": [1.0, 2.0]})

    assert loaded.predict(rows).tolist() == [102.5, 104.5]
    assert loaded.predict(rows, params={"more": 1}).tolist() == [103.0, 105.0]
    assert loaded.unwrap_python_model().factor == loaded.get_raw_model().factor == 2.0
    program = """
        import sys, pandas as pd, runlake
        uri, digest = sys.argv[1:]
        try:
            runlake.pyfunc.load_model(uri)
        except runlake.ConsentNeeded as error:
            print("refused", digest in str(error))
        consent = runlake.models.Consent(digest, "the test wrote it")
        print(runlake.pyfunc.load_model(uri, allow_unsafe=consent).predict(pd.DataFrame({"age": [1.0, 2.0]})).tolist())
    """
    assert run_program(program, store, info.model_uri, info.digest).stdout.splitlines() == ["refused True", "[102.5, 104.5]"]


class Counting(runlake.pyfunc.PythonModel):
    """A model that answers bit by bit."""

    def predict(self, context: Any, model_input: pd.DataFrame) -> pd.Series:
        """All at once."""
        return pd.Series(range(len(model_input)))

    def predict_stream(self, context: Any, model_input: pd.DataFrame) -> Any:
        """One by one."""
        yield from range(len(model_input))


def test_an_answer_may_come_bit_by_bit(tmp_path: Path) -> None:
    """Of a model that has it so; what it imports must be installed, and stands in its requirements."""
    runlake.pyfunc.save_model(tmp_path / "counting", python_model=Counting())

    assert list(runlake.pyfunc.load_model(str(tmp_path / "counting")).predict_stream(FRAME[:3])) == [0, 1, 2]
    assert "pandas" in (tmp_path / "counting" / "requirements.txt").read_text()
    with pytest.raises(runlake.InvalidValue, match="predict_stream"):
        saved(tmp_path, LinearRegression().fit(FRAME, TARGETS)).predict_stream(FRAME)


def test_an_object_of_ones_own_may_be_kept_as_a_pickle(tmp_path: Path) -> None:
    """By its name alone; another form is an error."""
    info = runlake.pyfunc.save_model(tmp_path / "pickled", python_model=lambda_model(), format="pickle")
    with pytest.raises(runlake.InvalidValue, match="format='pickle'"):
        runlake.pyfunc.save_model(tmp_path / "other", python_model=lambda_model(), format="joblib")

    assert info.format_id == "python/1"
    assert runlake.pyfunc.load_model(str(tmp_path / "pickled")).predict(FRAME[:2]) == [2]


def lambda_model() -> Any:
    """One whose state only a pickle can hold."""

    class Held(runlake.pyfunc.PythonModel):
        """It holds a function."""

        def __init__(self) -> None:
            self.count = lambda rows: [len(rows)]

        def predict(self, context: Any, model_input: Any) -> Any:
            """Count."""
            return self.count(model_input)  # type: ignore[no-untyped-call]  # a lambda

    return Held()


def test_an_estimator_of_the_programs_own_is_kept_as_a_pickle_if_that_is_asked_for(tmp_path: Path) -> None:
    """Else the error says so."""

    class Own(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
        """It is nobody else's."""

    model = Own().fit(FRAME, TARGETS)
    with pytest.raises(runlake.RunlakeError, match="format='pickle'"):
        runlake.sklearn.save_model(model, tmp_path / "safe")
    runlake.sklearn.save_model(model, tmp_path / "pickle", format="pickle")

    assert runlake.pyfunc.load_model(str(tmp_path / "pickle")).predict(FRAME).tolist() == model.predict(FRAME).tolist()
