"""What a recorded training takes and leaves in memory: little beside the data, no reference to it, and nothing of ours in pickles."""

from __future__ import annotations

import gc
import io
import json
import pickle
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import runlake
from children import run_program
from runlake.store.summaries import Summary

Runs = Callable[[], list[runlake.read.Run]]

NUMBERS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = (NUMBERS[:, 0] > 0).astype(int)

# Prints for each case how many bytes a fit takes at its peak, without and recorded, and how large the model is when it is written.
PEAKS = """
    import json, pickle, sys, tracemalloc
    import numpy as np, pandas as pd, runlake
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import Ridge, SGDClassifier

    def peak(make, X, y):
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            model = make().fit(X, y)
            runlake.flush()
            return tracemalloc.get_traced_memory()[1] - before, len(pickle.dumps(model))
        finally:
            tracemalloc.stop()

    rows, columns = int(sys.argv[1]), int(sys.argv[2])
    X = np.random.default_rng(0).random((rows, columns))
    y = (X[:, 0] > 0.5).astype(int)
    makers = {
        "a descent": lambda: SGDClassifier(max_iter=1, tol=None, random_state=0),
        "a line": lambda: Ridge(solver="cholesky"),
        "boosted histograms": lambda: HistGradientBoostingClassifier(max_iter=3, random_state=0),
    }
    def frame():
        return pd.DataFrame(X, columns=[f"c{place}" for place in range(columns)])
    forms = {"array": lambda: X, "frame": frame, "mixed frame": lambda: frame().assign(last=X[:, 0].astype("f4"))}
    runlake.autolog()
    for make in makers.values():
        make().fit(X[:50], y[:50])
    runlake.disable_autolog()
    found = {}
    for form, name in (pair.split("/") for pair in sys.argv[3:]):
        data, make = forms[form](), makers[name]
        bare, written = peak(make, data, y)
        runlake.autolog()
        recorded, _ = peak(make, data, y)
        runlake.disable_autolog()
        found[f"{name} of a {form}"] = bare, recorded, written
        del data
    print(json.dumps(found))
"""


FEW = ["array/a descent", "frame/a descent", "mixed frame/a line"]
ALL = [f"{form}/{name}" for form in ("array", "frame", "mixed frame") for name in ("a descent", "a line", "boosted histograms")]


@pytest.mark.parametrize(
    ("rows", "columns", "cases"),
    [
        (130_000, 100, FEW),
        pytest.param(130_000, 100, ALL, marks=pytest.mark.long),
        pytest.param(9_000, 1400, ALL, marks=pytest.mark.long),
    ],
    ids=["a few", "long data", "wide data"],
)
def test_a_recorded_fit_takes_little_more_memory(tmp_path: Path, rows: int, columns: int, cases: list[str]) -> None:
    """Of 100 MB of data, less than a tenth beside the written model, in whatever form the data comes."""
    ended = run_program(PEAKS, tmp_path / "lake", str(rows), str(columns), *cases, OMP_NUM_THREADS="1", RUNLAKE_JOBS="off")
    assert (ended.returncode, ended.stderr) == (0, "")

    found = json.loads(ended.stdout)
    extra = {case: recorded - bare - written for case, (bare, recorded, written) in found.items()}
    print({case: f"{bytes_ / 1e6:.1f} MB" for case, bytes_ in extra.items()})
    assert {case: bytes_ for case, bytes_ in extra.items() if bytes_ >= max(5e6, rows * columns * 8 * 0.1)} == {}


FORMS: dict[str, Callable[[], Any]] = {
    "array": NUMBERS.copy,
    "frame": lambda: pd.DataFrame(NUMBERS, columns=list("abc")),
    "sparse array": lambda: csr_array(NUMBERS),
    "sparse matrix": lambda: csr_matrix(NUMBERS),
}

TRAININGS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "a linear model": lambda x, y, w: LogisticRegression().fit(x, y, sample_weight=w),
    "what keeps its rows": lambda x, y, w: KNeighborsClassifier().fit(x, y),
    "clusters": lambda x, y, w: KMeans(2).fit(x, sample_weight=w),
    "a pipeline": lambda x, y, w: make_pipeline(StandardScaler(with_mean=False), LogisticRegression()).fit(x, y),
    "a search": lambda x, y, w: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(x, y),
    "batches": lambda x, y, w: SGDClassifier().partial_fit(x, y, classes=[0, 1]).partial_fit(x, y),
    "a validation": lambda x, y, w: cross_validate(Ridge(), x, y, cv=2, return_estimator=True)["estimator"][0],
    "a fit that fails": lambda x, y, w: failing(x, y),
}


def failing(inputs: Any, targets: Any) -> Any:
    """An estimator whose fit was refused."""
    model = LogisticRegression(C=-1)
    with suppress(ValueError):
        model.fit(inputs, targets)
    return model


@contextmanager
def no_collection() -> Iterator[None]:
    """What is let go of goes at once or not at all."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def left_alive(train: Callable[[Any, Any, Any], Any], form: Callable[[], Any], *, after: Callable[[], object]) -> list[str]:
    """What of the data and the model is still there when the program has let go of it."""
    inputs, targets, weights = form(), LABELS.copy(), np.ones(60)
    model = train(inputs, targets, weights)
    after()
    held = {"X": inputs, "y": targets, "sample_weight": weights, "model": model}
    refs = {name: weakref.ref(value) for name, value in held.items()}
    held.clear()
    del inputs, targets, weights, model
    return [name for name, ref in refs.items() if ref() is not None]


@pytest.mark.parametrize("inside", [False, True], ids=["a run of its own", "in the user's run"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TRAININGS)
def test_nothing_is_kept_of_what_a_training_was_given(runs: Runs, name: str, form: str, inside: bool) -> None:
    """Neither the data nor the model outlives the program's own references, not even until the next collection."""
    TRAININGS[name](*(FORMS[form](), LABELS, np.ones(60)))  # what the library itself keeps of a first time
    with no_collection():
        bare = left_alive(TRAININGS[name], FORMS[form], after=bool)
    runlake.autolog("sklearn")
    with no_collection(), runlake.start_run() if inside else nullcontext():
        recorded = left_alive(TRAININGS[name], FORMS[form], after=runlake.flush)

    assert recorded == bare
    assert len(runs()) > 0


def test_trainings_leave_nothing_behind_that_grows(runs: Runs) -> None:
    """After the first few the process holds as much of ours and of the library's, but for a line for each series that is not sealed yet."""
    runlake.autolog("sklearn")

    def held_after(fits: int) -> Counter[str]:
        for _ in range(fits):
            Ridge().fit(NUMBERS, LABELS)
        runlake.flush()
        gc.collect()
        kinds = [type(each) for each in gc.get_objects()]
        ours = [kind for kind in kinds if str(kind.__module__).startswith(("runlake", "sklearn")) and kind is not Summary]
        return Counter(kind.__name__ for kind in ours)

    held_after(80)  # as many of the last runs are remembered as there ever will be
    before = held_after(5)

    left = held_after(60) - before
    for _ in range(50):
        if not left:
            break
        time.sleep(0.02)  # a thread of ours was at work just then, which what is left for good outlasts
        left = held_after(0) - before

    assert left == Counter()


def pickles(value: Any) -> dict[str, bytes]:
    """By each of the ways in which people keep models."""
    file = io.BytesIO()
    joblib.dump(value, file)
    return {"pickle": pickle.dumps(value), "cloudpickle": cloudpickle.dumps(value), "joblib": file.getvalue()}


MODELS: dict[str, Callable[[], Any]] = {
    "a linear model": lambda: LogisticRegression(),
    "a forest": lambda: RandomForestClassifier(5, random_state=0),
    "boosted histograms": lambda: HistGradientBoostingClassifier(max_iter=3, random_state=0),
    "neighbours": lambda: KNeighborsClassifier(),
    "a pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "a search": lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
}

# Loads what it is given, in a process that has neither runlake nor what its wrappers are made of, and says what the models predict.
ELSEWHERE = """
    import io, json, pickle, sys
    from pathlib import Path

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("runlake", "runlake_sklearn", "wrapt"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Missing())
    import joblib, numpy as np
    X = np.array(json.loads(sys.argv[2]))
    found = {}
    for name, content in pickle.loads(Path(sys.argv[1]).read_bytes()).items():
        loaded = joblib.load(io.BytesIO(content)) if name.startswith("joblib") else pickle.loads(content)
        model = getattr(loaded, "__self__", loaded)
        found[name] = [type(loaded).__name__, getattr(loaded, "__module__", None), model.predict(X).tolist()]
    assert not {"runlake", "wrapt"} & {name.partition(".")[0] for name in sys.modules}
    print(json.dumps(found))
"""


def test_pickles_of_models_and_of_their_methods_hold_nothing_of_ours(runs: Runs, tmp_path: Path) -> None:
    """They load, and answer, where runlake is not installed."""
    runlake.autolog("sklearn")
    models = {name: make().fit(NUMBERS, LABELS) for name, make in MODELS.items()}
    written = {f"{way} {name}": content for name, model in models.items() for way, content in pickles(model).items()}
    written |= {f"{way} fit of {name}": content for name, model in models.items() for way, content in pickles(model.fit).items()}
    (tmp_path / "written").write_bytes(pickle.dumps(written))

    ended = run_program(ELSEWHERE, tmp_path / "none", str(tmp_path / "written"), json.dumps(NUMBERS.tolist()))

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert {name for name, content in written.items() if b"runlake" in content or b"wrapt" in content} == set()
    for name, (kind, _, answers) in found.items():
        model = next(model for known, model in models.items() if name.endswith(known))
        assert (kind, answers) == ("method" if " fit of " in name else type(model).__name__, model.predict(NUMBERS).tolist())


# A class of the program itself goes into the pickle as a whole, with the functions that stand in it.
BY_VALUE = """
    import pickle, sys
    from pathlib import Path
    import cloudpickle, numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.linear_model import LogisticRegression
    import runlake
    runlake.autolog()

    class Mine(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.inner_ = LogisticRegression().fit(X, y)
            self.classes_ = self.inner_.classes_
            return self
        def partial_fit(self, X, y):
            return self.fit(X, y)
        def predict(self, X):
            return self.inner_.predict(X)

    X = np.random.default_rng(0).normal(size=(60, 3))
    model = Mine().fit(X, X[:, 0] > 0)
    contents = {"cloudpickle": cloudpickle.dumps(model), "cloudpickle fit": cloudpickle.dumps(model.fit)}
    Path(sys.argv[1]).write_bytes(pickle.dumps(contents))
"""


def test_pickles_of_the_programs_own_classes_hold_nothing_of_ours(tmp_path: Path) -> None:
    """Though what stands in such a class travels with it."""
    ended = run_program(BY_VALUE, tmp_path / "lake", str(tmp_path / "written"), RUNLAKE_JOBS="off")
    assert (ended.returncode, ended.stderr) == (0, "")

    loaded = run_program(ELSEWHERE, tmp_path / "none", str(tmp_path / "written"), json.dumps(NUMBERS.tolist()))

    assert loaded.returncode == 0, loaded.stderr
    assert json.loads(loaded.stdout).keys() == {"cloudpickle", "cloudpickle fit"}
