"""The model of a training, in the safe form that its library's plugin has: sized before it is written, never pickled, and given back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runlake.entities.models import MANIFEST, MLMODEL
from runlake.entities.tags import MODEL_TAG, MODELS_TAG
from runlake.instrument.given import Fitted
from runlake.instrument.parts import load_part
from runlake.instrument.saved import Saved
from runlake.models.consent import made_here
from runlake.models.folder import FOLDER, folder_in
from runlake.models.requirements import CONDA, REQUIREMENTS, VIRTUALENV, environment_files
from runlake.models.writing import Place, Said, Written, modules_of, written

if TYPE_CHECKING:
    from runlake.read import Run  # late: a training reads nothing

__all__ = ["MAX_BYTES", "format_tag", "keep_model", "kept_model", "name_of"]

MAX_BYTES = 256 << 20

_SMALL = 1 << 12  # about what a file takes that tells of the model
_TELLING = (REQUIREMENTS, CONDA, VIRTUALENV, MLMODEL, MANIFEST)  # the last once all are there: without it there is no model


def name_of(model: Any) -> str:
    """Its class."""
    return f"{type(model).__module__}.{type(model).__qualname__}"


def format_tag(folder: str) -> str:
    """The tag that says in which format the model of this folder is."""
    return f"{MODEL_TAG}format" if folder == FOLDER else f"{MODELS_TAG}{folder}"


def keep_model(fitted: Fitted) -> bool:
    """Keep its files, or say why there are none; whether there are, and another process can load them."""
    saved: Saved | None = fitted.ask("save_model", model=fitted.model, max_bytes=MAX_BYTES, form=None)
    if saved is None:
        fitted.skipped("model", f"no plugin has a safe form for {name_of(fitted.model)}")
    elif saved.why_not:
        fitted.skipped("model", saved.why_not)
    elif any(fitted.run.gives_way(f"{FOLDER}/{name}") for name in (*saved.files, *_TELLING)):
        fitted.skipped("model", f"the program keeps files of its own under {FOLDER}/")
    else:
        whole = _keep(fitted, saved)
        fitted.run.set_tags({format_tag(FOLDER): saved.format_id, **{f"{MODEL_TAG}{name}": note for name, note in saved.notes.items()}})
        if (name := fitted.options["registered_model_name"]) is not None:
            from runlake.models.registering import registered  # late: few programs want it

            recorder = fitted.run.active.recorder
            recorder.flusher.flush(sync=False)  # made by the thread that writes, not twice
            registered(whole(), name, recorder.layout.root)
        return not saved.needs_class
    return False


def kept_model(run: Run) -> Any:
    """The model of the run, for what is done with it apart. Nothing in its files is run, whoever wrote them. Raises UnknownArtifact."""
    folder = folder_in(run, FOLDER)
    return load_part(folder.manifest.format_id, folder.data)


def _keep(fitted: Fitted, saved: Saved) -> Callable[[], Written]:
    """The files that tell of it are made by the thread that writes: to hash and to look up versions takes longer than the rest."""
    run, active = fitted.run, fitted.run.active
    signature = saved.signature or run.signature
    examples, info = _example(fitted)
    earlier = [name for name in active.kept_below(FOLDER) if name not in _TELLING]
    place = Place(active.artifact_uri(FOLDER), FOLDER, active.run_id, earlier)

    @functools.cache
    def whole() -> Written:
        files = {**environment_files(modules_of(saved, signature)), **examples}
        found = written(saved, Said(files, signature, info), place)
        made_here(found.info.digest)
        return found

    for name, content in {**saved.files, **examples}.items():
        run.log_bytes(content, f"{FOLDER}/{name}")
    for name in _TELLING:
        run.log_made(lambda name=name: whole().files[name], f"{FOLDER}/{name}", _SMALL)  # type: ignore[misc]  # the default binds the loop's name
    return whole


def _example(fitted: Fitted) -> tuple[dict[str, bytes], dict[str, Any] | None]:
    """A few rows as the model took them, where that is wanted."""
    _, rows = fitted.kept.get("signature", (None, None))
    if not fitted.options["log_input_examples"] or rows is None:
        return {}, None
    from runlake.models.signatures.examples import example_files  # late: hardly any program wants one

    return example_files(rows)
