"""A model that the program itself keeps, in its run under a name of its own or in a folder of the disk, and of any size."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from runlake.entities.models import ModelInfo
from runlake.entities.tags import MODEL_TAG
from runlake.errors import InvalidValue
from runlake.instrument.saved import Saved
from runlake.models.beside import Ask, Beside
from runlake.models.consent import made_here
from runlake.models.folder import FOLDER
from runlake.models.registering import registered
from runlake.models.trained import format_tag
from runlake.models.writing import Place, Written, written
from runlake.recording.active import run_to_log_to
from runlake.recording.registry import checked_name

__all__ = ["log_saved", "save_saved"]


def log_saved(saved: Saved, ask: Ask, beside: Beside, path: str, register_as: str | None = None) -> ModelInfo:
    """Keep it in the active run, and make it a version of the registered model of this name."""
    if register_as is not None:
        checked_name(register_as)  # before anything is kept
    said, run = beside.said(saved, ask), run_to_log_to()
    place = Place(run.artifact_uri(path), path, run.run_id, run.kept_below(path))
    whole = written(saved, said, place)
    run.keep_files(path, whole.files)
    notes = {f"{MODEL_TAG}{name}": note for name, note in saved.notes.items()} if path == FOLDER else {}
    run.set_tags({format_tag(path): saved.format_id, **notes})
    made_here(whole.info.digest)
    return whole.info if register_as is None else registered(whole, register_as, run.recorder.layout.root)


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
