"""What is captured looks, copies and pickles as what it is, while it is captured and in a process where it is not."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runlake
from children import environment, run_program
from toys import path_setting, probe_of

WAYS: dict[str, Callable[[ModuleType], Any]] = {
    "function": lambda lib: lib.train,
    "decorated function": lambda lib: lib.checked_train,
    "coroutine function": lambda lib: lib.atrain,
    "method of a class": lambda lib: lib.Estimator.fit,
    "inherited method": lambda lib: lib.Grandchild.fit,
    "partial": lambda lib: functools.partial(lib.train, "data", rounds=2),
}


@pytest.fixture
def watched(toylib: ModuleType, install: Any) -> ModuleType:
    """The toy library with everything that trains captured."""
    targets = ("train", "checked_train", "atrain", "Estimator.from_data", "Estimator.quick", "Estimator.predict")
    install("probe", probe_of(*(f"toylib.core:{target}" for target in targets)))
    runlake.autolog("toylib", "probe")
    return toylib


@pytest.mark.parametrize("way", WAYS)
def test_it_pickles_and_copies_to_itself(way: str, watched: ModuleType) -> None:
    """With every protocol; no pickle needs runlake."""
    found = WAYS[way](watched)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        text = pickle.dumps(found, protocol)
        again = pickle.loads(text)
        assert b"runlake" not in text
        assert again == found or (again.func, again.args, again.keywords) == (found.func, found.args, found.keywords)
    assert [copy.copy(found), copy.deepcopy(found)] == [found, found] or way == "partial"  # two partials are never equal


def test_a_bound_method_pickles_with_its_object(watched: ModuleType) -> None:
    """And is copied as Python copies bound methods: shallow to the same object, deep to a copy of it."""
    estimator = watched.Estimator(7)

    again, shallow, deep = pickle.loads(pickle.dumps(estimator.fit)), copy.copy(estimator.fit), copy.deepcopy(estimator.fit)

    assert [method.__self__.rounds for method in (again, shallow, deep)] == [7, 7, 7]
    assert shallow.__self__ is estimator
    assert deep.__self__ is not estimator
    assert again("data").model_.best_round == 6


def test_a_class_method_and_a_static_method_pickle(watched: ModuleType) -> None:
    """By the class that has them."""
    for method in (watched.Estimator.from_data, watched.Child.from_data, watched.Estimator.quick):
        assert pickle.loads(pickle.dumps(method)) == method


def test_a_trained_object_pickles_to_the_same_bytes(toylib: ModuleType) -> None:
    """It carries nothing of ours."""
    bare = pickle.dumps(toylib.Child(4).fit("data"))

    runlake.autolog("toylib")

    assert pickle.dumps(toylib.Child(4).fit("data")) == bare


def test_signatures_names_and_types_are_the_functions_own(toylib: ModuleType, install: Any) -> None:
    """As every tool that asks sees them."""
    names = ["train", "checked_train", "atrain", "rounds", "Estimator.fit", "Estimator.from_data", "Estimator.quick", "Estimator.predict"]

    def looks() -> list[Any]:
        found = []
        for name in names:
            function: Any = functools.reduce(getattr, name.split("."), toylib)
            texts = [function.__name__, function.__qualname__, function.__module__, function.__doc__]
            kinds = [inspect.isfunction(function), inspect.ismethod(function), inspect.iscoroutinefunction(function)]
            kinds += [inspect.isgeneratorfunction(function), isinstance(function, types.FunctionType), callable(function)]
            found.append((*texts, str(inspect.signature(function)), kinds))
        return found

    bare = looks()
    install("probe", probe_of(*(f"toylib.core:{name}" for name in names)))
    runlake.autolog("probe")

    assert looks() == bare
    assert inspect.isclass(toylib.Estimator)
    assert inspect.getsource(toylib.train).startswith("def train(")


def test_what_was_pickled_while_captured_loads_where_runlake_is_not_on(watched: ModuleType, tmp_path: Path) -> None:
    """The other process gets the library's plain function."""
    text = pickle.dumps([watched.train, watched.Estimator(5).fit])
    code = (
        f"import pickle, sys; train, fit = pickle.loads({text!r}); print(train('d').best_round, fit('d').rounds, 'runlake' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path, PYTHONPATH=path_setting()), capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == ["2", "5", "False"], done.stderr


def test_cloudpickle_and_classes_of_main_travel(tmp_path: Path) -> None:
    """A subclass that a script defines goes to joblib's workers and back, with its captured method."""
    pytest.importorskip("cloudpickle")
    code = """
    import cloudpickle, pickle, runlake, toylib
    runlake.autolog("toylib")
    class Mine(toylib.Estimator):
        def fit(self, data, targets=None):
            return super().fit(data, targets)
    estimator = Mine(4)
    for each in (Mine, estimator, estimator.fit, Mine.fit, toylib.train, lambda: toylib.train("data")):
        pickle.loads(cloudpickle.dumps(each))
    assert pickle.loads(pickle.dumps(estimator.fit))("data").model_.best_round == 3
    assert pickle.loads(cloudpickle.dumps(estimator.fit))("data").model_.best_round == 3
    assert pickle.loads(cloudpickle.dumps(toylib.train)) is toylib.train
    """

    done = run_program(code, tmp_path / "lake", PYTHONPATH=path_setting(), RUNLAKE_JOBS="off")

    assert done.returncode == 0, done.stderr
