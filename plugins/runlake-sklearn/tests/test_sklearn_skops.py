"""Models in the format of skops: what it writes comes back through the checks of the own form, and what does not pass them is refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io  # type: ignore[import-untyped]  # it has no types
from runlake_sklearn import SKOPS, load_model, save_model
from runlake_sklearn.form import InvalidForm
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import Birch
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import runlake

X = np.random.default_rng(0).normal(size=(60, 4))
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
PLENTY = 1 << 28


class Shift(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A user's own step, which holds a tree of its own."""

    def __init__(self, by: float = 1.0) -> None:
        self.by = by

    def fit(self, data: Any, targets: Any = None) -> Shift:
        """Learn a tree on the side."""
        self.tree_ = DecisionTreeClassifier(max_depth=2).fit(data, THREE[: len(data)])
        return self

    def transform(self, data: Any) -> Any:
        """Moved."""
        return data + self.by


def kept(model: Any, *told: Any) -> runlake.Saved:
    """What it is saved as."""
    found = save_model(model, PLENTY, *told)
    assert found is not None
    return found


def written(model: Any) -> bytes:
    """Its file."""
    found = kept(model, "skops")
    assert (found.why_not, found.format_id) == ("", SKOPS)
    return found.files["model.skops"]


def read(data: bytes, **options: Any) -> Any:
    """What comes back."""
    return load_model(SKOPS, {"model.skops": data}, options)


MODELS: dict[str, Callable[[], Any]] = {
    "a forest": lambda: RandomForestClassifier(3, random_state=0).fit(X, THREE),
    "bins": lambda: HistGradientBoostingRegressor(max_iter=3).fit(X, X[:, 0]),
    "a boosting": lambda: GradientBoostingClassifier(n_estimators=3).fit(X, THREE),
    "neighbors": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(X, THREE),
    "balls": lambda: KNeighborsClassifier(algorithm="ball_tree").fit(X, THREE),
    "a search": lambda: GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=2).fit(X, THREE),
    "splines": lambda: make_pipeline(SplineTransformer(), Ridge()).fit(X, X[:, 0]),
    "a function": lambda: make_pipeline(FunctionTransformer(np.tanh), Ridge()).fit(X, X[:, 0]),
    "categories": lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(np.round(X), THREE),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_answers_as_before(name: str) -> None:
    """And is in one file, which tools of MLflow read, too: they are told what skops is to trust."""
    model = MODELS[name]()
    found = kept(model, "skops")
    data = found.files["model.skops"]

    np.testing.assert_array_equal(read(data).predict(X), model.predict(X))
    told = found.flavors["sklearn"]
    assert (told["pickled_model"], told["serialization_format"]) == ("model.skops", "skops")
    theirs = skops.io.loads(data, trusted=told["skops_trusted_types"])
    np.testing.assert_array_equal(theirs.predict(X), model.predict(X))
    assert found.modules == ("sklearn", "numpy", "scipy", "skops")


WITHOUT: dict[str, tuple[Callable[[], Any], str]] = {
    "reduced clusters": (lambda: Birch().fit(X), "skops does not write it: .*Birch"),
    "a random search": (
        lambda: RandomizedSearchCV(Ridge(), {"alpha": loguniform(1e-3, 1)}, n_iter=2, cv=2, random_state=0).fit(X, X[:, 0]),
        "types of which its file cannot be checked: .*rv_continuous_frozen",
    ),
    "a class of the user's": (lambda: make_pipeline(Shift(), Ridge()).fit(X, X[:, 0]), "is of class .*Shift"),
    "a lambda": (lambda: make_pipeline(FunctionTransformer(lambda data: data), Ridge()).fit(X, X[:, 0]), "is a lambda"),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_has_no_such_form_says_why(name: str) -> None:
    """Nothing is written that would not be read."""
    make, why = WITHOUT[name]
    found = kept(make(), "skops")

    assert found.files == {}
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(found.why_not)


def test_a_form_that_there_is_not_is_an_error() -> None:
    """Which names those there are; of other libraries' models nothing is said, and the own form can be asked for."""
    with pytest.raises(runlake.InvalidValue, match="runlake or skops, not 'pickle'"):
        save_model(Ridge(), PLENTY, "pickle")
    assert save_model("no model", PLENTY, "pickle") is None
    assert "estimator.json" in kept(Ridge(), "runlake").files
    small = save_model(Ridge(), 10, None)
    assert small is not None
    assert "takes more than 10 bytes" in small.why_not


def test_what_tools_of_mlflow_are_told_of_the_own_form() -> None:
    """That it is none of theirs."""
    found = kept(Ridge().fit(X, X[:, 0]), None)

    assert found.flavors["sklearn"]["serialization_format"] == "runlake"
    assert found.modules == ("sklearn", "numpy", "scipy")


def test_a_type_outside_the_list_is_named_and_its_name_is_the_consent() -> None:
    """Nothing of it is made before that; what is of the list in it is checked all the same."""
    model = make_pipeline(Shift(2.0), LogisticRegression()).fit(X, THREE)
    data, name = skops.io.dumps(model), f"{Shift.__module__}.Shift"

    with pytest.raises(InvalidForm, match=rf"not in the closed list: {name}\. Nothing of it was made.*trusted=\['{name}'\]"):
        read(data)
    with pytest.raises(InvalidForm, match=name):
        read(data, trusted=["another.Class"])
    for consent in ([name], [Shift]):
        np.testing.assert_array_equal(read(data, trusted=consent).predict(X), model.predict(X))
    for wrong in (True, name):
        with pytest.raises(runlake.InvalidValue, match="trusted is a list"):
            read(data, trusted=wrong)
    with pytest.raises(runlake.InvalidValue, match="takes trusted; there is no option safely"):
        read(data, safely=True)


def members_of(data: bytes) -> dict[str, bytes]:
    """What is in the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Mapping[str, bytes], kind: int = zipfile.ZIP_STORED, twice: str = "") -> bytes:
    """An archive of them, one perhaps twice."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if twice:
            archive.filelist.append(archive.filelist[0])
    return held.getvalue()


FOREST = skops.io.dumps(MODELS["a forest"]())
NEIGHBORS = skops.io.dumps(MODELS["neighbors"]())
INSIDE = members_of(FOREST)
SCHEMA = json.loads(INSIDE["schema.json"])
BOMB = packed({"schema.json": INSIDE["schema.json"], "1.npy": bytes(1 << 27)}, zipfile.ZIP_DEFLATED)


def with_schema(change: Callable[[str], str]) -> bytes:
    """A forest whose schema says something else."""
    return packed({**INSIDE, "schema.json": change(INSIDE["schema.json"].decode()).encode()})


def with_array(content: bytes) -> bytes:
    """A forest one of whose arrays is another."""
    name = next(name for name in INSIDE if name.endswith(".npy"))
    return packed({**INSIDE, name: content})


def array_file(array: Any) -> bytes:
    """As numpy writes it."""
    held = io.BytesIO()
    np.save(held, array, allow_pickle=True)
    return held.getvalue()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "no archive": (b"no zip", "cannot be read"),
    "a pickle": (b"\x80\x04.", "cannot be read"),
    "nothing": (b"", "cannot be read"),
    "cut off": (FOREST[:-30], "cannot be read"),
    "something before it": (b"GIF89a" + FOREST, "before or behind"),
    "something behind it": (FOREST[:-2] + b"\x04\x00abcd", "before or behind"),
    "a path": (packed({**INSIDE, "../a.npy": b""}), "has a member '../a.npy'"),
    "an absolute path": (packed({**INSIDE, "/tmp/a.npy": b""}), "has a member"),
    "a path of Windows": (packed({**INSIDE, "C:\\a.npy": b""}), "has a member"),
    "a module": (packed({**INSIDE, "skops.py": b"import os"}), "has a member 'skops.py'"),
    "a name twice": (packed(INSIDE, twice="schema.json"), "stands twice"),
    "a bomb": (BOMB, "would grow to"),
    "a bomb in an array": (
        packed({**INSIDE, "1.npz": packed({"a.npy": bytes(1 << 27)}, zipfile.ZIP_DEFLATED)}),
        "would grow to",
    ),
    "packed oddly": (packed(INSIDE, zipfile.ZIP_LZMA), "packed"),
    "no schema": (packed({name: content for name, content in INSIDE.items() if name != "schema.json"}), "KeyError|not one that skops"),
    "another schema": (with_schema(lambda _: "[]"), "protocol 2"),
    "an older protocol": (with_schema(lambda text: text.replace('"protocol": 2', '"protocol": 0')), "protocol 2"),
    "a name twice in the schema": (with_schema(lambda text: text.replace('"protocol"', '"protocol": 2, "protocol"')), "stands twice"),
    "another class": (with_schema(lambda text: text.replace("RandomForestClassifier", "Popen")), "not in the closed list: .*Popen"),
    "another module": (with_schema(lambda text: text.replace("sklearn.ensemble._forest", "os.path", 1)), "not in the closed list: os.path"),
    "another loader": (with_schema(lambda text: text.replace("ObjectNode", "FunctionNode", 1)), "skops|list|checked"),
    "a method": (with_schema(lambda text: text.replace("ObjectNode", "MethodNode", 1)), "not in the closed list"),
    "an operator": (with_schema(lambda text: text.replace("ObjectNode", "OperatorFuncNode", 1)), "not in the closed list"),
    "no words": (with_schema(lambda text: text.replace("sklearn.ensemble._forest", "a b", 1)), "is made by"),
    "an array of objects": (with_array(array_file(np.array([{}], object))), "holds objects|cannot be read"),
    "an array that is longer": (with_array(array_file(np.zeros(3))[:-1]), "not as long as it says"),
    "an array without end": (with_array(array_file(np.zeros(3)).replace(b"(3,)", b"(9**9,)")), "cannot be read|not as long"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before skops makes anything of it; nothing is written anywhere."""
    data, why = HOSTILE[name]
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidForm, match=why):
        read(data)
    assert list(tmp_path.iterdir()) == []


def test_a_tree_that_leads_astray_is_refused_though_its_types_are_trusted() -> None:
    """Which skops itself would make, and the first prediction would end the process."""
    changed = dict(INSIDE)
    for name, content in INSIDE.items():
        array: Any = np.load(io.BytesIO(content)) if name.endswith(".npy") else np.zeros(0)
        if array.dtype.names and "left_child" in array.dtype.names:
            array["left_child"][0] = 10**6
            changed[name] = array_file(array)

    with pytest.raises(InvalidForm, match="has a child that does not come after it"):
        read(packed(changed))


def test_a_tree_inside_what_the_user_trusts_is_checked() -> None:
    """The consent is to a class, not to a crash."""
    members = members_of(skops.io.dumps(make_pipeline(Shift(), Ridge()).fit(X, X[:, 0])))
    for name, content in members.items():
        array: Any = np.load(io.BytesIO(content)) if name.endswith(".npy") else np.zeros(0)
        if array.dtype.names and "left_child" in array.dtype.names:
            array["feature"][0] = 99
            members[name] = array_file(array)

    with pytest.raises(InvalidForm, match="asks for a feature that there is not"):
        read(packed(members), trusted=[f"{Shift.__module__}.Shift"])


def test_without_skops_the_error_says_what_to_install() -> None:
    """And the own form does without it: nothing imports it before it is asked for."""
    program = """
import sys
sys.modules["skops"] = None
import runlake, runlake_sklearn
from sklearn.linear_model import Ridge
def write():
    runlake_sklearn.save_model(Ridge(), 1 << 20, "skops")
def read():
    runlake_sklearn.load_model("sklearn/skops", {"model.skops": b""}, {})
assert "estimator.json" in runlake_sklearn.save_model(Ridge(), 1 << 20, None).files
for ask in (write, read):
    try:
        ask()
    except runlake.RunlakeError as error:
        print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.stdout.count("pip install 'runlake-sklearn[skops]'") == 2, ended.stderr
