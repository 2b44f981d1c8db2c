"""A program that records its trainings and its twin that does not end up with the same models, numbers, warnings, errors and state.

Each twin is a process of its own, which trains the same estimators with random numbers of the process's generators, notes all that a
program could see of it, and leaves the notes as JSON. `watch_all` is what runs in them.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import io
import json
import locale
import logging
import os
import random
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor, IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators
from sklearn.utils.validation import has_fit_parameter

from children import OUR_FRAMES, run_program
from conftest import as_root as as_root
from faults import fill, finish, program, small_disk
from runlake.read import open_store

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(HERE), str(HERE.parents[2] / "tests")])

Notes = dict[str, str]

# What two processes do alike only if each of them does it in the same way every time.
STEADY = {"PYTHONPATH": PATHS, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RUNLAKE_EXIT_WAIT": "0"}

ANSWERS = "predict predict_proba decision_function transform score_samples".split()

SLICE: dict[str, Callable[[], Any]] = {
    "a line": lambda: LinearRegression(),
    "chances": lambda: LogisticRegression(),
    "a descent that prints": lambda: SGDClassifier(max_iter=5, verbose=1),
    "a forest": lambda: RandomForestClassifier(5),
    "boosted histograms": lambda: HistGradientBoostingRegressor(max_iter=5, early_stopping=True),
    "a network that warns": lambda: MLPClassifier((5,), max_iter=3),
    "clusters": lambda: KMeans(3),
    "a mixture": lambda: GaussianMixture(2),
    "outliers": lambda: IsolationForest(n_estimators=10),
    "a machine": lambda: SVC(),
    "neighbours": lambda: KNeighborsClassifier(),
    "a vote that draws as it predicts": lambda: VotingClassifier(
        [("a", LogisticRegression()), ("b", DummyClassifier(strategy="stratified"))]
    ),
    "a pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "columns": lambda: make_pipeline(ColumnTransformer([("scale", StandardScaler(), [0, 1])]), LogisticRegression()),
    "a search": lambda: GridSearchCV(make_pipeline(StandardScaler(), SGDClassifier()), {"sgdclassifier__alpha": [1e-4, 1e-2]}, cv=2),
    "clusters in one go": lambda: KMeans(3),
    "a batch": lambda: SGDRegressor(),
    "a setting that is refused": lambda: LogisticRegression(C=-1),
    "a search in which every fit fails": lambda: GridSearchCV(LogisticRegression(), {"C": [-1.0, -2.0]}, cv=2),
}

METHODS = {"clusters in one go": "fit_predict", "a batch": "partial_fit"}

TWIN = """
    import sys
    from test_sklearn_twins import watch_all
    watch_all(*sys.argv[1:])
"""

# The same line warns three times, and the user has asked for nothing: Python shows it once, unless the filters changed in between.
# Those of the library's estimators that check their data change them themselves.
WARNS_THRICE = """
    import warnings
    import numpy as np
    import runlake
    from sklearn.base import BaseEstimator, ClassifierMixin
    runlake.autolog()

    class Mine(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self
        def predict(self, X):
            return np.full(len(X), self.classes_[0])

    X = np.random.default_rng(0).normal(size=(60, 3))
    for _ in range(3):
        Mine().fit(X, X[:, 0] > 0)
        warnings.warn("of the program's own")
"""


def watch_all(which: str, is_recorded: str, out: str) -> None:
    """In a twin: train all that is asked for, and leave what is seen of it."""
    if is_recorded == "on":
        import runlake

        runlake.autolog()
    cases = every_estimator() if which == "all" else both_forms()
    Path(out).write_text(json.dumps({name: watch(*case) for name, case in cases}))


def both_forms() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The estimators of the slice, each on arrays and on frames."""
    rows = np.random.default_rng(0).normal(size=(60, 4))
    real = rows[:, 0] + 0.1 * rows[:, 1]
    for name, make in SLICE.items():
        targets: Any = real if is_regressor(make()) else real > 0
        method = METHODS.get(name, "fit")
        yield f"{name}, of an array", (make(), rows.copy(), targets.copy(), method)
        frame = pd.DataFrame(rows, columns=list("abcd"), index=pd.Index(range(100, 160), name="row"))
        frame.attrs["from"] = "the user"
        yield f"{name}, of a frame", (make(), frame, pd.Series(targets, index=frame.index, name="target"), method)


def every_estimator() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every estimator of the library as its own common tests make it, with no seed."""
    made: Any = importlib.import_module("test_form_round_trip")
    for name, kind in sorted(all_estimators()):
        for place, estimator in enumerate(made.instances(name, kind)):
            if "random_state" in estimator.get_params(deep=False):
                estimator.set_params(random_state=None)
            data, targets = made.data_for(estimator)
            if name.startswith("Halving"):
                data, targets = np.tile(data, (4, 1)), np.tile(targets, 4)
            takes_none = name in ("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer")
            yield f"{name} {place}", (estimator, data, None if takes_none else targets)


def watch(estimator: Any, inputs: Any, targets: Any, method: str = "fit") -> Notes:
    """Train one estimator, and note what a program could see."""
    given: dict[str, Any] = {"X": inputs} if targets is None else {"X": inputs, "y": targets}
    if targets is not None and not isinstance(inputs, list) and has_fit_parameter(estimator, "sample_weight"):
        given["sample_weight"] = np.linspace(0.5, 1.5, inputs.shape[0])
    positional = [given.pop("X"), *([given.pop("y")] if "y" in given else [])]
    random.seed(5)
    np.random.seed(5)
    heard = _Heard()
    logging.getLogger().addHandler(heard)
    said = io.StringIO()
    notes: Notes = {}
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(said):
        warnings.simplefilter("always")
        try:
            outcome = getattr(estimator, method)(*positional, **given)
            notes["outcome"] = "the estimator" if outcome is estimator else digest(outcome)
        except Exception as error:
            notes["error"] = "\n".join(_chain(error))
        notes["filters"] = repr(warnings.filters)
        notes["how warnings are shown"] = repr((type(warnings.showwarning), warnings.formatwarning.__module__))
    logging.getLogger().removeHandler(heard)
    notes["random"] = digest(random.getstate())
    notes["numpy's random"] = digest(np.random.get_state())
    notes["warnings"] = repr(
        [(each.category.__name__, OUR_FRAMES.sub("", str(each.message)), each.filename, each.lineno) for each in warned]
    )
    notes["printed"] = said.getvalue()
    notes["logged"] = repr(heard.lines)
    for name, value in {"X": inputs, "y": targets, "sample_weight": given.get("sample_weight")}.items():
        notes[name] = look(value)
    notes |= state_of_process()
    _forget_times(estimator)
    _forget_questions(estimator)
    notes["model"] = digest(estimator)
    notes["answers"] = answers(estimator, inputs)
    return notes


class _Heard(logging.Handler):
    """What is logged by others than us."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("runlake"):
            self.lines.append(f"{record.levelname} {record.name} {record.getMessage()}")


def _chain(error: BaseException) -> Iterator[str]:
    """The exception and those that it came from: what each is, says, notes, and where it was raised."""
    found: BaseException | None = error
    while found is not None:
        raised_at = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(found.__traceback__)[-1:]]
        yield f"{type(found)} {OUR_FRAMES.sub('', str(found))} {getattr(found, '__notes__', [])} {raised_at}"
        found = found.__cause__ or found.__context__


def look(data: Any) -> str:
    """Data as a program finds it after the fit: every byte, how it lies in memory, and what hangs on it."""
    seen = [digest(data)]
    if isinstance(data, np.ndarray):
        seen += [str(data.flags), str(data.base is None), str(data.strides)]
    if isinstance(data, (pd.DataFrame, pd.Series)):
        blocks = [(block.values.shape, str(block.values.dtype), str(block.mgr_locs)) for block in data._mgr.blocks]
        named = data.columns if isinstance(data, pd.DataFrame) else data.name
        seen += [digest(data.index), str(data.index.name), digest(named), repr(data.attrs), repr(blocks)]
    return " ".join(seen)


def state_of_process() -> Notes:
    """What the trainings of a library leave as it is."""
    root = logging.getLogger()
    return {
        "threads": repr(sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("runlake"))),
        "signals": repr(
            [(number.name, _handler(signal.getsignal(number))) for number in signal.valid_signals() if isinstance(number, signal.Signals)]
        ),
        "hooks": repr([_handler(hook) for hook in (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook)]),
        "tracing": repr(
            (sys.gettrace(), sys.getprofile(), threading.gettrace(), gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit())
        ),
        "numpy's settings": repr((np.geterr(), np.get_printoptions())),
        "the library's settings": repr(sklearn.get_config()),
        "folder": os.getcwd(),
        "environment": digest({name: value for name, value in os.environ.items() if not name.startswith(("RUNLAKE_", "PYTEST_"))}),
        "path": repr(sys.path),
        "locale": locale.setlocale(locale.LC_ALL),
        "root logger": repr((root.level, [type(handler).__name__ for handler in root.handlers], root.disabled)),
        "streams": repr((type(sys.stdout).__name__, sys.stderr is sys.__stderr__)),
    }


def _handler(found: Any) -> str:
    return getattr(found, "__qualname__", None) or repr(found)


def _forget_times(model: Any) -> None:
    """How long its parts took is all that differs between the fits of a search."""
    if isinstance(getattr(model, "cv_results_", None), dict):
        model.cv_results_ = {key: value for key, value in model.cv_results_.items() if not key.endswith("_time")}
    if hasattr(model, "refit_time_"):
        model.refit_time_ = 0.0


def _forget_questions(model: Any) -> None:
    """A tree of neighbours counts how often it was asked, and how many leaves it looked at then: by the training's metrics, too."""
    tree = getattr(model, "_tree", None)
    if tree is not None:
        state = tree.__getstate__()
        tree.__setstate__((*state[:7], 0, 0, 0, 0, *state[11:]))


def answers(model: Any, data: Any) -> str:
    """What the model says of data, each thing asked from the same place of the random generator."""
    said = {}
    for method in ANSWERS:
        np.random.seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                said[method] = digest(getattr(model, method)(data))
            except Exception as error:
                said[method] = repr(error)
    return json.dumps(said)


def digest(value: Any) -> str:
    """A number that is the same for what is alike through and through."""
    found = hashlib.sha256()
    _walk(value, found.update, {})
    return found.hexdigest()[:16]


def _walk(value: Any, note: Callable[[bytes], object], met: dict[int, tuple[int, Any]]) -> None:
    """An estimator by its safe form where it has one; what has none by its class and its state."""
    if isinstance(value, BaseEstimator):
        from runlake_sklearn.form import NoSafeForm, encode

        with contextlib.suppress(NoSafeForm):
            form = encode(value, 2**30)
            note(form.tree)
            note(form.buffers)
            return
    note(f"<{type(value).__module__}.{type(value).__qualname__}>".encode())
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        note(repr(value).encode("utf-8", "surrogatepass"))
        return
    if id(value) in met:
        note(f"again {met[id(value)][0]}".encode())
        return
    met[id(value)] = len(met), value  # kept, or another could come to lie where it lay
    if isinstance(value, np.ndarray) and value.dtype != object:
        note(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif isinstance(value, np.ndarray):
        _walk([value.shape, value.tolist()], note, met)
    elif issparse(value):
        _walk([value.format, value.shape, value.tocoo().coords, value.tocoo().data], note, met)
    elif isinstance(value, (pd.DataFrame, pd.Series, pd.Index)):
        _walk([str(getattr(value, "dtypes", "")), value.to_numpy()], note, met)
    elif isinstance(value, Mapping):
        _walk([list(pair) for pair in value.items()], note, met)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _walk(each, note, met)
    elif isinstance(value, (set, frozenset)):
        _walk(sorted(map(repr, value)), note, met)
    elif callable(value) and hasattr(value, "__qualname__"):
        note(f"{value.__module__}.{value.__qualname__}".encode())
    else:
        _walk(list(value.__reduce_ex__(4)[1:3]), note, met)


def twin(folder: Path, which: str, is_recorded: str, *, timeout: float = 60, **settings: str) -> tuple[dict[str, Notes], str, str]:
    """What one twin saw, printed and complained of."""
    folder.mkdir(exist_ok=True)
    out, store = folder / f"{is_recorded}.json", folder / "lake"
    ended = run_program(TWIN, store, which, is_recorded, str(out), timeout=timeout, **STEADY | settings)
    assert ended.returncode == 0, ended.stderr
    return json.loads(out.read_text()), ended.stdout, ended.stderr


def differing(one: Mapping[str, Notes], other: Mapping[str, Notes]) -> list[tuple[str, str, str, str]]:
    """Where two twins differ: the case, what was noted, and both notes."""
    assert one.keys() == other.keys()
    keys = {case: list(dict.fromkeys([*one[case], *other[case]])) for case in one}
    pairs = [(case, key, one[case].get(key, ""), other[case].get(key, "")) for case in one for key in keys[case]]
    return [pair for pair in pairs if pair[2] != pair[3]]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Notes], str, str]:
    """What the twin sees that records nothing."""
    return twin(tmp_path_factory.mktemp("bare"), "slice", "off")


def test_the_twins_train_what_they_should(bare: tuple[dict[str, Notes], str, str]) -> None:
    """Fits that come through, draw, print and warn, and fits that raise."""
    notes = bare[0]

    assert len(notes) == 2 * len(SLICE)
    assert sorted({case.partition(",")[0] for case, seen in notes.items() if "error" in seen}) == [
        "a search in which every fit fails",
        "a setting that is refused",
    ]
    assert "ConvergenceWarning" in notes["a network that warns, of an array"]["warnings"]
    assert "-- Epoch 1" in notes["a descent that prints, of an array"]["printed"]
    assert len({seen["numpy's random"] for seen in notes.values()}) > 5


def test_recording_changes_nothing_that_a_program_can_see(bare: tuple[dict[str, Notes], str, str], tmp_path: Path) -> None:
    """Models, answers, random numbers, data, warnings, prints, errors, threads and settings are as without, and all was recorded."""
    notes, printed, complaints = twin(tmp_path, "slice", "on")

    assert differing(bare[0], notes) == []
    assert (printed, complaints) == bare[1:]
    runs = open_store(tmp_path / "lake").runs()
    assert len([run for run in runs if run.info.parent_run_id is None]) == 2 * len(SLICE)
    assert [run.errors for run in runs if run.errors] == []
    assert sorted(run.info.status for run in runs if run.info.parent_run_id is None).count("FAILED") == 4


@pytest.mark.long
def test_a_store_that_cannot_be_made_changes_nothing(bare: tuple[dict[str, Notes], str, str], tmp_path: Path) -> None:
    """Its folder would have to lie in a file."""
    (tmp_path / "lake").write_text("no folder")

    assert differing(bare[0], twin(tmp_path, "slice", "on")[0]) == []


@pytest.mark.usefixtures("as_root")
def test_a_full_disk_changes_nothing(bare: tuple[dict[str, Notes], str, str], tmp_path: Path) -> None:
    """It fills up before the first training."""
    with small_disk(tmp_path / "disk", "128k") as disk:
        fill(disk.outside)
        arguments = f"import sys\nsys.argv[1:] = ['slice', 'on', {str(tmp_path / 'notes.json')!r}]\n"
        with program(TWIN, disk.inside / "lake", planted=arguments, prefix=[*disk.enter, f"--wd={os.getcwd()}"], **STEADY) as child:
            ended = finish(child)

    assert ended.code == 0, ended.complaints
    assert differing(bare[0], json.loads((tmp_path / "notes.json").read_text())) == []


def test_a_warning_is_shown_as_often_as_without(tmp_path: Path) -> None:
    """Python's register of what was shown already is left as it is."""
    said = run_program(WARNS_THRICE, tmp_path / "lake", **STEADY).stderr

    assert said == "<string>:18: UserWarning: of the program's own\n"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Notes], str, str]:
    """The store and the notes of a twin that trains every estimator of the library."""
    folder = tmp_path_factory.mktemp("recorded")
    return folder / "lake", *twin(folder, "all", "on", timeout=280, RUNLAKE_JOBS="off")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_recording_changes_no_estimator_of_the_library(recorded: tuple[Path, dict[str, Notes], str, str], tmp_path: Path) -> None:
    """Whichever is trained, with numbers of the process's own generators."""
    _, notes, *said = recorded
    without, *said_without = twin(tmp_path, "all", "off", timeout=280)

    assert len(without) >= len(all_estimators())
    assert differing(without, notes) == []
    assert said == said_without


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_estimator_of_the_library_is_recorded_without_an_error(recorded: tuple[Path, dict[str, Notes], str, str]) -> None:
    """Of ours, that is: those of the library's own fits are theirs."""
    runs = open_store(recorded[0]).runs()

    assert len(runs) > 100
    assert [(run.info.run_name, run.errors) for run in runs if run.errors] == []
