"""A model that is saved and loaded is the model that it was."""

from __future__ import annotations

from typing import Any

import pytest

from runlake.guard import attempt
from runlake.instrument.options import options_of
from runlake.instrument.parts import load_part
from runlake.instrument.plugins import ask_plugins
from runlake.testing.scenario import Trial

__all__ = ["a_saved_model_says_the_same_when_it_is_loaded"]

ROWS = 5
MAX_BYTES = 256 << 20


def a_saved_model_says_the_same_when_it_is_loaded(trial: Trial) -> None:
    """Of the scenario's `rows`, by what `predict_sample` gives; and its format is one that this plugin loads."""
    given = trial.scenario.data()
    with trial.enabled():
        model = trial.scenario.train(*given)
        rows = trial.scenario.rows() if trial.scenario.rows is not None else _first_rows(given)
        said = _said(model, rows)
        saved = ask_plugins("save_model", model, options=options_of, model=model, max_bytes=MAX_BYTES, form=None)
        if saved is None:
            pytest.skip(f"no plugin has `save_model` for {type(model).__qualname__}")
        if saved.why_not:
            pytest.skip(f"the model is not saved: {saved.why_not}")
        if saved.needs_class:
            pytest.skip("the model is of a class of the program's own, which a plugin does not have")
        loaded = load_part(saved.format_id, saved.files)
        assert loaded is not None, f"`load_model` gives None for the format {saved.format_id!r} of `save_model`"
        again = _said(loaded, rows)

    assert again == said, f"the model that was saved as {saved.format_id} and loaded says other things"


def _first_rows(given: Any) -> Any:
    rows = attempt(lambda: given[0][:ROWS])
    if isinstance(rows, BaseException):
        pytest.skip("the scenario has no `rows`, which a loaded model would be asked for")
    return rows


def _said(model: Any, rows: Any) -> str:
    outcome = ask_plugins("predict_sample", model, options=options_of, model=model, rows=rows)
    if outcome is None:
        pytest.skip(f"no plugin has `predict_sample` for {type(model).__qualname__}")
    return repr(_plain(outcome))


def _plain(outcome: Any) -> Any:
    """Numbers to the last digit: what stands for an array or a frame in print leaves some out."""
    if hasattr(outcome, "to_numpy"):
        outcome = outcome.to_numpy()
    if isinstance(outcome, dict):
        return {name: _plain(value) for name, value in outcome.items()}
    if isinstance(outcome, (list, tuple)):
        return [_plain(value) for value in outcome]
    return outcome.tolist() if hasattr(outcome, "tolist") else outcome
