"""Every hook that a plugin may implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import pyarrow as pa

    from runlake.instrument.explained import Explainer, Learner, Linear, Unexplained
    from runlake.instrument.given import Fitted, Given
    from runlake.instrument.opened import DataFacts
    from runlake.instrument.patches import Patch, Registration
    from runlake.instrument.saved import Saved
    from runlake.recording.runs import ActiveRun

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("runlake")
hookimpl = pluggy.HookimplMarker("runlake")


@hookspec
def patches() -> Sequence[Patch | Registration]:  # type: ignore[empty-body]  # only its name and arguments count
    """Say what to capture. Called when the plugin is enabled, before its library is imported: import nothing of it here."""


@hookspec
def options() -> Mapping[str, Any]:  # type: ignore[empty-body]  # only its name and arguments count
    """Name the plugin's own options with their defaults: `runlake.<plugin>.autolog(...)` takes them, `call.options` has them."""


@hookspec
def data_given(given: Given) -> None:
    """A model is about to be trained. Called once a training, where the library is called, before it sees the data, which it may change."""


@hookspec
def describe_data(data: Any) -> DataFacts | None:
    """Say what is inside your library's own container of data; None for what is none. Never read it through, nor change what it holds.

    Here and below, the plugin whose library defines the class is asked first, then the others, those that are `trylast` at the end,
    until one has an answer.
    """


@hookspec
def predict_sample(model: Any, rows: Any) -> Any:
    """Give what the model says of these few rows; None for a model that is not yours, or says nothing."""


@hookspec
def training_metrics(model: Any, inputs: Any, targets: Any, sample_weight: Any, options: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Say how well the model does on what it was trained on, by the names that its users know.

    What is no number is a table: columns by name. Here and below, `options` are the plugin's own, as they were for the training.
    """


@hookspec
def save_model(model: Any, max_bytes: int, options: Mapping[str, Any], form: str | None) -> Saved | None:
    """Give the model in a form that is safe to read: files by their names, of at most so many bytes; or why there is none.

    `form` is the one of several that `log_model(..., format=...)` asks for, None for the usual one; a plugin that has one leaves it out.
    """


@hookspec
def load_model(format_id: str, files: Mapping[str, bytes], options: Mapping[str, Any]) -> Any:
    """Give the model that was saved in this format, if it is one of yours. Whatever the bytes are, nothing may run that they name.

    `options` are what `runlake.<plugin>.load_model` was given beside the model's address; a plugin that has none leaves them out.
    """


@hookspec
def native_formats() -> Sequence[str]:  # type: ignore[empty-body]  # only its name and arguments count
    """Name those of your formats that your library reads by code in C or C++, which a forged file may crash.

    Such a file that others wrote is first opened by a process that may crash.
    """


@hookspec
def predict(model: Any, data: Any, params: Mapping[str, Any], method: str) -> Any:
    """Give what the model says of these rows, as its users call it, for `pyfunc`; `params` are those of its signature.

    `method` is "predict", or another that the program named; a plugin that knows only that one leaves it out. Where there is no answer,
    it is the model's own method that is called.
    """


@hookspec
def model_digest(model: Any) -> str | None:
    """Give a digest of a fitted model: what it learned, bit for bit, and its settings, the same in every process; None for what is none.

    Nothing that differs between two trainings alike may be in it: no times, addresses, or order of sets.
    """


@hookspec
def random_states() -> Mapping[str, Any]:  # type: ignore[empty-body]  # only its name and arguments count
    """Give the states of your library's own random generators by their names, without drawing from any. The library is imported."""


@hookspec
def learner(model: Any, rows: Any) -> Learner | Unexplained | None:
    """Give the part of the model that learned, with these rows as it sees them; a search has a best model, a pipeline a last step.

    This and all below but the last four are asked in jobs, of a model that `load_model` gave.
    """


@hookspec
def feature_importance(model: Any, options: Mapping[str, Any]) -> Mapping[str, Mapping[str, Sequence[float]]] | None:
    """Say how much each feature matters, by kind of measure and by output, "" for all of them."""


@hookspec
def explainer(model: Any, rows: Any, is_full: bool) -> Explainer | Linear | Unexplained | None:
    """Say how the model's outputs come apart by features, or why they do not; `rows` are such as it learned from.

    Unless `is_full`, a model that can only be explained by asking it again and again is not.
    """


@hookspec
def draw_explanation(values: Any, rows: Any, names: Sequence[str], outputs: Sequence[str], space: str, title: str) -> Mapping[str, bytes]:  # type: ignore[empty-body]  # only its name and arguments count
    """Draw an explanation, whose values are rows x features x outputs: pictures by their file names."""


@hookspec
def describe_model(model: Any) -> Mapping[str, bytes]:  # type: ignore[empty-body]  # only its name and arguments count
    """Give pages that show people what the model is, by their file names."""


@hookspec
def model_fitted(fitted: Fitted) -> None:
    """A model was trained. Called once a training, where the library was called, after it returned and before the run ends."""


@hookspec
def run_started(run: ActiveRun) -> None:
    """A run was opened, by the user or for a training. Called where it was opened."""


@hookspec
def run_ended(run: ActiveRun) -> None:
    """A run has ended, and the store has that. Called where it was ended."""


@hookspec
def points_written(run_id: str, points: pa.Table) -> None:
    """Points were handed to the store: `run_id, key, step, wall_ns, value`. Called by the thread that writes, in batches."""
