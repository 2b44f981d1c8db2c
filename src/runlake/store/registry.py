"""The registered models of a store: one numbered log of everything that was done to any of them.

It is one log for all names: that a name is free, and that a model keeps its versions under another one, is then decided against the
state that it is decided for. Numbers of versions are never used again, also where a model is deleted and another one takes its name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runlake.entities.registered import ModelVersion, RegisteredModel, RegistryChange, Stage
from runlake.errors import InvalidValue, RunlakeError, UnknownModel
from runlake.store.layout import Layout, check_usable
from runlake.store.log import Entry, NumberedLog
from runlake.store.packs import hold
from runlake.store.registered import ModelState, Registered

__all__ = ["By", "Origin", "Registry"]

SHOWN = 5  # names or versions that an error lists


@dataclass(frozen=True)
class By:
    """Who changes something, and why, if that is said."""

    user: str
    reason: str = ""


@dataclass(frozen=True)
class Origin:
    """Where the model of a version was, the hash that stands for its files, and those of all its contents, which the store has."""

    source: str
    run_id: str | None
    digest: str
    contents: Sequence[str]
    run_link: str | None = None


class Registry:
    """Reads and changes the registered models; every change is checked against all that came before it. Threads may share one."""

    def __init__(self, layout: Layout) -> None:
        check_usable(layout.root)
        self._layout = layout
        self._log = NumberedLog(layout, layout.registry)
        self._folded = 0
        self._registered = Registered()
        self._lock = threading.RLock()

    def all(self) -> list[RegisteredModel]:
        """Every registered model, by name."""
        with self._lock:
            self._read()
            return [model.entity() for _, model in sorted(self._registered.models.items())]

    def get(self, name: str) -> RegisteredModel:
        """The registered model of this name. Raises UnknownModel."""
        with self._lock:
            self._read()
            return self._model(name).entity()

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """The versions of a model, or of all, the newest first. Raises UnknownModel."""
        with self._lock:
            self._read()
            models = [model for _, model in sorted(self._registered.models.items())] if name is None else [self._model(name)]
            return [model.version(number) for model in models for number in sorted(model.versions, reverse=True)]

    def version(self, name: str, number: int) -> ModelVersion:
        """One version. Raises UnknownModel."""
        with self._lock:
            self._read()
            self._version(name, number)
            return self._model(name).version(number)

    def aliased(self, name: str, alias: str) -> ModelVersion:
        """The version that has this alias. Raises UnknownModel."""
        with self._lock:
            self._read()
            return self._model(name).version(self._alias(name, alias))

    def history(self, name: str) -> list[RegistryChange]:
        """Every change of what has, or had, this name, the first one first. Raises UnknownModel where nothing ever had it."""
        with self._lock:
            self._read()
            if name not in self._registered.history:
                self._model(name)
            return list(self._registered.history[name])

    def contents(self) -> set[str]:
        """The hashes of the contents that versions are made of."""
        with self._lock:
            self._read()
            return {sha256 for model in self._registered.models.values() for each in model.contents.values() for sha256 in each}

    def contents_of(self, name: str, number: int) -> list[str]:
        """Those of one version. Raises UnknownModel."""
        with self._lock:
            self._read()
            self._version(name, number)
            return list(self._model(name).contents[number])

    def make(self, name: str, description: str, tags: Mapping[str, str], by: By) -> RegisteredModel:
        """A new one, without versions. Raises where the name is taken."""

        def entry() -> Entry:
            self._must_be_free(name)
            return {"op": "create", "name": name, "description": description, "tags": dict(tags)}

        with self._lock:
            self._change(by, entry)
            return self._model(name).entity()

    def add_version(
        self, name: str, origin: Origin, description: str, tags: Mapping[str, str], by: By, *, may_make: bool = False
    ) -> ModelVersion:
        """A new version; with `may_make` also where there is no such model yet, in the same step. Raises UnknownModel."""
        about = {key: value for key, value in vars(origin).items() if value is not None} | {"contents": sorted(origin.contents)}

        def entry() -> Entry:
            if not may_make:
                self._model(name)
            number = self._registered.last.get(name, 0) + 1
            return {"op": "version", "name": name, "version": number, "description": description, "tags": dict(tags), **about}

        hold(self._layout, origin.contents)  # whatever becomes of the run
        with self._lock:
            self._change(by, entry)
            return self._model(name).version(self._registered.last[name])

    def rename(self, name: str, to: str, by: By) -> RegisteredModel:
        """Give a model another name, which must be free. Raises UnknownModel."""

        def entry() -> Entry:
            self._model(name)
            self._must_be_free(to)
            return {"op": "rename", "name": name, "to": to}

        with self._lock:
            self._change(by, entry)
            return self._model(to).entity()

    def describe(self, name: str, description: str, by: By, version: int | None = None) -> None:
        """Say what a model is, or a version of it. Raises UnknownModel."""
        self._change_one(name, version, by, lambda found: None if found.description == description else {"description": description})

    def tag(self, name: str, key: str, value: str, by: By, version: int | None = None) -> None:
        """Set a tag of a model, or of a version of it. Raises UnknownModel."""
        self._change_one(name, version, by, lambda found: None if found.tags.get(key) == value else {"tag": key, "value": value})

    def untag(self, name: str, key: str, by: By, version: int | None = None) -> None:
        """Take a tag back. Raises UnknownModel, or InvalidValue where there is none."""

        def change(found: ModelState | ModelVersion) -> Entry:
            if key not in found.tags:
                what = f"The registered model {name!r}" if version is None else f"Version {version} of the registered model {name!r}"
                raise InvalidValue(f"{what} has no tag {key!r}; it has {sorted(found.tags)[:SHOWN]}.")
            return {"untag": key}

        self._change_one(name, version, by, change)

    def delete(self, name: str, by: By, version: int | None = None) -> None:
        """Take a model out of the registry, or a version with its aliases. Its run and its files stay. Raises UnknownModel."""
        self._change_one(name, version, by, lambda found: {"delete": True})

    def move(self, name: str, version: int, stage: Stage, by: By, *, archive: bool = False) -> ModelVersion:
        """Say that a version is at this stage; with `archive` those that are there are archived in the same step. Raises UnknownModel."""

        def change(found: ModelState | ModelVersion) -> Entry | None:
            standing = self._model(name).at(stage)
            others = [number for number in standing if number != version] if archive else []
            return {"stage": str(stage), "archived": others} if others or version not in standing else None

        with self._lock:
            self._change_one(name, version, by, change)
            return self._model(name).version(version)

    def alias(self, name: str, alias: str, version: int, by: By) -> None:
        """Have an alias mean this version, whichever it meant before. Raises UnknownModel."""

        def change(found: ModelState | ModelVersion) -> Entry | None:
            return None if self._model(name).aliases.get(alias) == version else {"alias": alias}

        self._change_one(name, version, by, change)

    def unalias(self, name: str, alias: str, by: By) -> None:
        """Take an alias back. Raises UnknownModel where there is none."""

        def change(found: ModelState | ModelVersion) -> Entry:
            self._alias(name, alias)
            return {"unalias": alias}

        self._change_one(name, None, by, change)

    def _change_one(self, name: str, version: int | None, by: By, change: Callable[[ModelState | ModelVersion], Entry | None]) -> None:
        """Change a model or a version as `change` says; None where it is so already."""

        def entry() -> Entry | None:
            said = change(self._model(name) if version is None else self._version(name, version))
            number = {} if version is None else {"version": version}
            return None if said is None else {"op": "change", "name": name, **number, **said}

        with self._lock:
            self._change(by, entry)

    def _change(self, by: By, decide: Callable[[], Entry | None]) -> None:
        """Put the entry that `decide` makes of the state as it is; it may raise, or find that there is nothing to do."""

        def decided() -> Entry:
            self._fold()
            entry = decide()
            if entry is None:
                raise _AlreadySo
            said = {"reason": by.reason} if by.reason else {}
            return {"time_ms": time.time_ns() // 1_000_000, "user": by.user, **said, **entry}

        try:
            self._log.append(decided)
        except _AlreadySo:
            return
        self._fold()

    def _must_be_free(self, name: str) -> None:
        if name in self._registered.models:
            raise RunlakeError(f"The registered model {name!r} exists. Choose another name, or give it a version with register_model.")

    def _model(self, name: str) -> ModelState:
        models = self._registered.models
        if name not in models:
            there = f"there are {', '.join(sorted(models)[:SHOWN])}" if models else "there is none yet: register_model makes one"
            raise UnknownModel(f"There is no registered model {name!r}; {there}.")
        return models[name]

    def _version(self, name: str, number: int) -> ModelVersion:
        versions = self._model(name).versions
        if number not in versions:
            there = ", ".join(map(str, sorted(versions, reverse=True)[:SHOWN])) or "none"
            raise UnknownModel(f"The registered model {name!r} has no version {number}; it has {there}.")
        return versions[number]

    def _alias(self, name: str, alias: str) -> int:
        aliases = self._model(name).aliases
        if alias not in aliases:
            there = ", ".join(sorted(aliases)[:SHOWN]) or "none"
            raise UnknownModel(f"The registered model {name!r} has no alias {alias!r}; it has {there}.")
        return aliases[alias]

    def _read(self) -> None:
        self._log.refresh()
        self._fold()

    def _fold(self) -> None:
        for entry in self._log.entries[self._folded :]:
            self._registered.apply(entry)
        self._folded = len(self._log.entries)


class _AlreadySo(Exception):
    """There is nothing to change."""
