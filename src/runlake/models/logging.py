"""A model that the program itself keeps, in its run under a name of its own or in a folder of the disk, and of any size."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runlake.entities.models import ModelInfo
from runlake.entities.signatures import ModelSignature
from runlake.entities.tags import MODEL_TAG
from runlake.errors import InvalidValue, RunlakeError
from runlake.guard import attempt, log
from runlake.instrument.options import options_of
from runlake.instrument.plugins import ask_plugins, find_plugins, is_allowed, load, plugin_named, takes
from runlake.instrument.saved import Saved
from runlake.models.consent import made_here
from runlake.models.folder import FOLDER
from runlake.models.kept import format_tag, name_of
from runlake.models.requirements import Given, environment_files
from runlake.models.signatures import infer_signature
from runlake.models.signatures.examples import data_and_params, example_files
from runlake.models.writing import Place, Said, Written, checked_metadata, modules_of, written
from runlake.recording.active import run_to_log_to

Ask = Callable[[Any, Mapping[str, Any]], Any]

__all__ = ["PICKLE", "Beside", "log_saved", "save_saved", "saved_by"]

NO_LIMIT = 1 << 62
PICKLE = "pickle"  # the format of a model that only a pickle can hold, which the program asks for by this name
PREDICTIONS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "decision_function",
    "score_samples",
    "transform",
)


@dataclass(frozen=True)
class Beside:
    """What the program says of its model, under MLflow's names."""

    signature: ModelSignature | Mapping[str, Any] | bool | None = None
    input_example: Any = None
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None
    pip_requirements: Given | None = None
    extra_pip_requirements: Given | None = None
    metadata: Mapping[str, Any] | None = None
    predict_fn: str | None = None

    def __post_init__(self) -> None:
        if self.predict_fn is not None and self.predict_fn not in PREDICTIONS:
            raise InvalidValue(f"pyfunc_predict_fn is one of {', '.join(PREDICTIONS)}, not {self.predict_fn!r}.")
        if not (self.signature is None or self.signature is False or isinstance(self.signature, (ModelSignature, Mapping))):
            raise InvalidValue(f"A signature is what runlake.models.infer_signature gives, not {self.signature!r}.")

    def said(self, saved: Saved, ask: Ask) -> Said:
        """In files and words. Without a signature that of the example is taken, and of what the model says of it by `ask`."""
        files, info = example_files(self.input_example) if self.input_example is not None else ({}, None)
        signature = self._signature(ask) or saved.signature
        modules = modules_of(saved, signature)
        files |= environment_files(modules, self.pip_requirements, self.extra_pip_requirements, self.conda_env)
        return Said(files, signature, info, checked_metadata(self.metadata), self.predict_fn)

    def _signature(self, ask: Ask) -> ModelSignature | None:
        if isinstance(self.signature, ModelSignature):
            return self.signature
        if isinstance(self.signature, Mapping):
            return ModelSignature.from_dict(self.signature)
        if self.signature is False or self.input_example is None:
            return None
        rows, params = data_and_params(self.input_example)
        outputs = attempt(lambda: ask(rows, params or {}))
        if isinstance(outputs, BaseException):
            log.warning("The model cannot be asked for its input_example, so its signature says nothing of outputs: %r", outputs)
            outputs = None
        return infer_signature(rows, outputs, params)


def saved_by(library: str, model: Any, form: str | None) -> Saved:
    """The model in the form of the plugin that knows it: of the library, or of what its class derives from.

    Raises RunlakeError where it has none, or not this one.
    """
    if form == PICKLE:
        from runlake.models.code.pickles import pickled  # late: hardly any program asks for it

        return Saved(f"{PICKLE}/1", {"model.pkl": pickled(model)}, modules=[type(model).__module__.partition(".")[0], "cloudpickle"])
    named = plugin_named(library)
    if not load(named):
        raise RunlakeError(f"The plugin {library} is off: {named.problem.rstrip('.')}.")
    saved = _asked(model, form)
    if saved is None:  # the library's own classes may derive from another's, whose plugin knows them
        for plugin in find_plugins().values():
            if not plugin.is_service and is_allowed(plugin.name):
                load(plugin)
        saved = _asked(model, form)
    if saved is None:
        raise RunlakeError(f"No plugin has a safe form for a {name_of(model)}; runlake.{library} keeps models of {library}. {_BY_PICKLE}")
    if saved.why_not:
        raise RunlakeError(f"This {name_of(model)} cannot be kept: {saved.why_not.rstrip('.')}. {_BY_PICKLE}")
    plugin = plugin_named(saved.format_id.partition("/")[0])
    if form is not None and not takes(plugin, "save_model", "form"):
        raise InvalidValue(f"A {name_of(model)} is kept in one format, {saved.format_id}, or with format='pickle'; there is no {form!r}.")
    return saved


_BY_PICKLE = "With format='pickle' it is kept as a pickle, which others load only once they have consented to run what is in it."


def asking(model: Any) -> Ask:
    """How a model of a library is asked for a few rows."""
    return lambda rows, _: ask_plugins("predict_sample", model, options=options_of, model=model, rows=rows)


def log_saved(saved: Saved, ask: Ask, beside: Beside, path: str) -> ModelInfo:
    """Keep it in the active run."""
    run = run_to_log_to()
    place = Place(run.artifact_uri(path), path, run.run_id, run.kept_below(path))
    whole = written(saved, beside.said(saved, ask), place)
    run.keep_files(path, whole.files)
    notes = {f"{MODEL_TAG}{name}": note for name, note in saved.notes.items()} if path == FOLDER else {}
    run.set_tags({format_tag(path): saved.format_id, **notes})
    made_here(whole.info.digest)
    return whole.info


def save_saved(saved: Saved, ask: Ask, beside: Beside, path: str | os.PathLike[str]) -> ModelInfo:
    """Keep it in a folder, which is there once it is whole. Raises InvalidValue for one that holds something."""
    target = Path(path).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidValue(f"{str(target)!r} is there already. Give the name of a folder that is new or empty.")
    whole = written(saved, beside.said(saved, ask), Place(str(target), target.name))
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}-{os.urandom(6).hex()}")
    draft.mkdir()
    try:
        _write(whole, draft)
        draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # where it is not in its place
    made_here(whole.info.digest)
    return whole.info


def _write(whole: Written, folder: Path) -> None:
    for name, content in whole.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _asked(model: Any, form: str | None) -> Saved | None:
    saved: Saved | None = ask_plugins("save_model", model, options=options_of, model=model, max_bytes=NO_LIMIT, form=form)
    return saved
