"""The experiment that new runs go to, and the verbs that change experiments: of the store in use, or of the one that is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runlake import config, platform
from runlake.entities import Experiment, LifecycleStage
from runlake.errors import InvalidValue, RunlakeError
from runlake.recording.secrets import as_written
from runlake.recording.values import as_key, as_text
from runlake.store.experiments import DEFAULT, Experiments
from runlake.store.layout import Layout, create, is_store

__all__ = [
    "active_experiment_id",
    "create_experiment",
    "delete_experiment",
    "experiments",
    "rename_experiment",
    "restore_experiment",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "tag_experiment",
    "untag_experiment",
    "usable",
]

MAX_NAME_BYTES = 4096

_chosen: dict[str, str] = {}  # the experiment set for each store, by the store's path
_opened: dict[str, Experiments] = {}


def experiments(store: Path | None = None) -> Experiments:
    """The experiments of a store; what was read of them before is not read again."""
    path = store or config.find_store()
    return _opened.get(str(path)) or _opened.setdefault(str(path), Experiments(Layout(path)))


def active_experiment_id() -> str:
    """Where a new run goes: what was set, else what the settings name, else Default. Raises where it was deleted."""
    settings = config.load()
    chosen = _chosen.get(str(settings.store))
    if chosen is None and settings.experiment:
        chosen = set_experiment(settings.experiment).experiment_id
    if chosen is None or chosen == DEFAULT:
        return DEFAULT
    return usable(chosen).experiment_id


def usable(experiment_id: str, store: Path | None = None) -> Experiment:
    """The experiment, if runs may go there. Raises UnknownExperiment, or RunlakeError for a deleted one."""
    experiment = experiments(store).get(experiment_id)
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise RunlakeError(
            f"The experiment {experiment.name!r} ({experiment_id}) is deleted. Restore it with restore_experiment({experiment_id!r})."
        )
    return experiment


def set_experiment(experiment_name: str | None = None, experiment_id: str | int | None = None) -> Experiment:
    """Have new runs of this process go to the experiment; one that is named and not there is made."""
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidValue("set_experiment takes a name or an id, one of the two.")
    if experiment_id is not None:
        found = usable(str(experiment_id))
    else:
        name = _checked_name(experiment_name)
        existing = experiments().named(name)
        found = usable(existing.experiment_id) if existing else _made_or_found(name)
    _chosen[str(config.find_store())] = found.experiment_id
    return found


def create_experiment(
    name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None, *, store: Path | None = None
) -> str:
    """Make an experiment and give its id. Raises where the name is taken, by a deleted one too."""
    name, texts = _checked_name(name, store), _checked_tags(tags or {}, store)
    place = artifact_location and _without_secrets("artifact_location", str(artifact_location), store)
    return _writable(store).make(name, place, texts).experiment_id


def rename_experiment(experiment_id: str | int, new_name: str, *, store: Path | None = None) -> None:
    """Give an experiment another name."""
    new_name = _checked_name(new_name, store)
    _writable(store).rename(str(experiment_id), new_name)


def delete_experiment(experiment_id: str | int, *, store: Path | None = None) -> None:
    """Put an experiment away; `restore_experiment` takes it back."""
    _writable(store).delete(str(experiment_id))


def restore_experiment(experiment_id: str | int, *, store: Path | None = None) -> None:
    """Take a deleted experiment back."""
    _writable(store).restore(str(experiment_id))


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the experiment that new runs go to."""
    set_experiment_tags({key: value})


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set tags of the experiment that new runs go to."""
    tag_experiment(active_experiment_id(), tags)


def tag_experiment(experiment_id: str | int, tags: Mapping[str, Any], *, store: Path | None = None) -> None:
    """Set tags of an experiment."""
    texts = _checked_tags(tags, store)
    _writable(store).tag(str(experiment_id), texts)


def untag_experiment(experiment_id: str | int, key: str, *, store: Path | None = None) -> None:
    """Take a tag of an experiment back. Raises InvalidValue where there is none."""
    key = as_key(key, "tag")
    _writable(store).untag(str(experiment_id), key)


def _writable(store: Path | None = None) -> Experiments:
    """The experiments of a store that exists from now on."""
    path = store or config.find_store()
    if not is_store(path):
        create(path)
    found = experiments(path)
    found.make_default()
    return found


def _made_or_found(name: str) -> Experiment:
    """Several processes may make it at once: whoever loses takes the winner's."""
    try:
        return _writable().make(name)
    except RunlakeError:
        existing = experiments().named(name)
        if existing is None:
            raise
        return usable(existing.experiment_id)


def _checked_tags(tags: Mapping[str, Any], store: Path | None) -> dict[str, str]:
    return {as_key(key, "tag"): _without_secrets(key, as_text(key, value), store) for key, value in tags.items()}


def _without_secrets(key: str, text: str, store: Path | None) -> str:
    """As the store has it; half a surrogate pair, which no file can hold, is written out as it is in a run's tags."""
    return as_written(key, text.encode("utf-8", "backslashreplace").decode(), config.load(store))


def _checked_name(name: Any, store: Path | None = None) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InvalidValue(f"An experiment's name is text, not {name!r}.")
    n_bytes = len(name.encode("utf-8", "surrogatepass"))
    if n_bytes > MAX_NAME_BYTES:
        raise InvalidValue(f"An experiment's name has at most {MAX_NAME_BYTES:,} bytes; {name[:40]!r}... has more.")
    if n_bytes != len(name.encode("utf-8", "ignore")):
        raise InvalidValue(f"The experiment's name {name[:40]!r} holds half a surrogate pair, which no file can hold.")
    return _without_secrets("experiment_name", name, store)


platform.on_fork(in_child=_opened.clear)  # a thread that is not here may hold the lock of one
