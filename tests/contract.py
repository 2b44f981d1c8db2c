"""What every plugin holds, whatever its library: a plugin's own tests describe one training, and each check here is run with it.

    SCENARIO = Scenario(plugin="xgboost", modules=["xgboost"], train=train_once, patched=["xgboost.training:train"], series="train-rmse")

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(check, store):
        check(SCENARIO, store)

`store` is the fixture of `tests/conftest.py`. A check gets the scenario and the store's path, and fails with an AssertionError.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import runlake
from runlake import guard
from toys import installed, rows, write_plugin

__all__ = ["CHECKS", "Scenario"]


@dataclass(frozen=True)
class Scenario:
    """One training with a library.

    `train()` trains one small model, deterministically, and returns what tells whether it is the same model: bytes, or anything
    that pickles to equal bytes. `patched` names attributes that the plugin patches, as targets. `fail()` trains so that the
    library raises its own exception (None where that cannot be had). `series` names a metric with several points, "" for none.
    """

    plugin: str
    modules: Sequence[str]
    train: Callable[[], Any]
    patched: Sequence[str]
    fail: Callable[[], Any] | None = None
    series: str = ""
    runs: int = 1  # that one call of `train` leaves


def it_is_unpatched_before_and_after(scenario: Scenario, store: Path) -> None:
    """Enabling changes what is patched, and disabling puts the very same objects back."""
    before = [_raw(target) for target in _loaded(scenario).patched]

    with _enabled(scenario):
        inside = [_raw(target) for target in scenario.patched]
    after = [_raw(target) for target in scenario.patched]

    assert [new is old for new, old in zip(after, before, strict=True)] == [True] * len(before)
    assert not any(new == () for new in inside)


def a_training_is_recorded(scenario: Scenario, store: Path) -> None:
    """It leaves a finished run with params, and with points where the library has them."""
    with _enabled(scenario):
        scenario.train()

    found = rows(store)
    assert [str(run.info.status) for run in found] == ["FINISHED"] * scenario.runs
    assert found[0].params
    assert not scenario.series or len(found[0].metrics[scenario.series]) > 0
    assert [run.errors for run in found] == [[]] * scenario.runs


def the_model_is_the_same_bit_for_bit(scenario: Scenario, store: Path) -> None:
    """Nothing that is recorded changes what is trained."""
    bare = pickle.dumps(_loaded(scenario).train())

    with _enabled(scenario):
        watched = pickle.dumps(scenario.train())

    assert watched == bare


def random_numbers_are_as_without(scenario: Scenario, store: Path) -> None:
    """The generators of random, numpy and torch stand where a bare training leaves them."""
    states = []
    for is_watched in (False, True):
        _seed_all()
        with _enabled(_loaded(scenario), is_watched):
            scenario.train()
        states.append(_random_states())

    assert states[0] == states[1]


def what_is_patched_looks_and_pickles_the_same(scenario: Scenario, store: Path) -> None:
    """Signature, name, text, pickle and copy of each patched attribute are the library's own."""
    bare = [_look(target) for target in _loaded(scenario).patched]

    with _enabled(scenario):
        watched = [_look(target) for target in scenario.patched]

    assert watched == bare


def the_users_exception_is_untouched(scenario: Scenario, store: Path) -> None:
    """The library's exception arrives with its cause and context, and the run says FAILED."""
    if scenario.fail is None:
        return
    bare = _raised(_loaded(scenario).fail)

    with _enabled(scenario):
        watched = _raised(scenario.fail)

    assert _chain(watched) == _chain(bare)
    assert {str(run.info.status) for run in rows(store)} <= {"FAILED"}


def enabling_twice_records_once(scenario: Scenario, store: Path) -> None:
    """A second `autolog()` does not double anything."""
    with _enabled(scenario):
        scenario.train()
        once = len(rows(store))
        points = _points(store)
        runlake.autolog(scenario.plugin)
        runlake.autolog(scenario.plugin)
        scenario.train()

    assert len(rows(store)) == 2 * once == 2 * scenario.runs
    assert _points(store) == points * 2


def a_raising_capture_of_another_plugin_is_harmless(scenario: Scenario, store: Path) -> None:
    """A second plugin on the same targets that raises whatever it is asked leaves training and recording as they are."""
    bare = pickle.dumps(_loaded(scenario).train())
    code = """
        def before(call):
            raise MemoryError("before")
            yield

        def after(call):
            yield
            raise SystemExit("after")
        """
    patches = [f"Patch({target!r}, {capture}, why='to raise')" for target in scenario.patched for capture in ("before", "after")]
    code = inspect.cleandoc(code) + f"\n\n@hookimpl\ndef patches():\n    return [{', '.join(patches)}]\n"

    with tempfile.TemporaryDirectory() as folder, installed(write_plugin(Path(folder) / "site", "raising", code)), _enabled(scenario):
        runlake.autolog(scenario.plugin, "raising")
        guard.choose_strict(False)
        watched = pickle.dumps(scenario.train())
        guard.choose_strict(None)

    assert watched == bare
    assert [str(run.info.status) for run in rows(store)] == ["FINISHED"] * scenario.runs
    assert rows(store)[0].params


CHECKS: tuple[Callable[[Scenario, Path], None], ...] = (
    it_is_unpatched_before_and_after,
    a_training_is_recorded,
    the_model_is_the_same_bit_for_bit,
    random_numbers_are_as_without,
    what_is_patched_looks_and_pickles_the_same,
    the_users_exception_is_untouched,
    enabling_twice_records_once,
    a_raising_capture_of_another_plugin_is_harmless,
)


def _loaded(scenario: Scenario) -> Scenario:
    for module in scenario.modules:
        importlib.import_module(module)
    return scenario


@contextmanager
def _enabled(scenario: Scenario, is_enabled: bool = True) -> Iterator[None]:
    _loaded(scenario)
    if is_enabled:
        runlake.autolog(scenario.plugin)
    try:
        yield
    finally:
        runlake.disable_autolog()


def _raw(target: str) -> Any:
    """What stands there, as it is kept: () where nothing of its own does."""
    module, _, path = target.partition(":")
    parent: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        parent = getattr(parent, part)
    return vars(parent).get(name, ())


def _attribute(target: str) -> Any:
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _look(target: str) -> tuple[Any, ...]:
    found = _attribute(target)
    names = [getattr(found, name, None) for name in ("__name__", "__qualname__", "__module__", "__doc__")]
    again = pickle.loads(pickle.dumps(found))
    same = [other == found for other in (again, copy.copy(found), copy.deepcopy(found))]
    return (*names, str(inspect.signature(found)), inspect.isfunction(found), b"runlake" in pickle.dumps(found), *same)


def _raised(function: Callable[[], Any] | None) -> BaseException:
    assert function is not None
    try:
        try:
            raise KeyError("what the user was handling")
        except KeyError:
            function()
    except Exception as error:
        return error
    raise AssertionError("the scenario's fail() came back")


def _chain(error: BaseException | None) -> list[tuple[str, str]]:
    """The exception, what it says it came from, and what was being handled, by their types and texts."""
    seen = []
    while error is not None:
        seen.append((type(error).__name__, str(error)))
        error = error.__cause__ or error.__context__
    return seen


def _points(store: Path) -> list[list[tuple[str, int]]]:
    return [[(key, len(series)) for key, series in sorted(run.metrics.items())] for run in rows(store)]


def _seed_all() -> None:
    random.seed(7)
    np.random.seed(7)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(7)


def _random_states() -> list[bytes]:
    states = [pickle.dumps(random.getstate()), pickle.dumps(np.random.get_state())]
    if "torch" in sys.modules:
        states.append(sys.modules["torch"].get_rng_state().numpy().tobytes())
    return states
