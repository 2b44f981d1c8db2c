"""What the entries of the registry's log come to: the registered models as they stand, and how they came to stand so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from runlake.entities.registered import ModelVersion, RegisteredModel, RegistryChange, Stage, VersionNumber
from runlake.store.log import Entry

__all__ = ["ModelState", "Registered"]


@dataclass
class ModelState:
    """A registered model, and its versions without their aliases."""

    name: str
    made: int
    changed: int
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    versions: dict[int, ModelVersion] = field(default_factory=dict)
    contents: dict[int, list[str]] = field(default_factory=dict)  # of each version

    def at(self, stage: Stage) -> list[int]:
        """The versions that are at this stage."""
        return [number for number, version in self.versions.items() if version.current_stage == stage]

    def version(self, number: int) -> ModelVersion:
        """One version, as others see it."""
        return replace(self.versions[number], aliases=sorted(alias for alias, each in self.aliases.items() if each == number))

    def entity(self) -> RegisteredModel:
        """The model, as others see it."""
        newest = {self.versions[number].current_stage: number for number in sorted(self.versions)}
        return RegisteredModel(
            self.name,
            self.made,
            self.changed,
            self.description,
            dict(self.tags),
            {alias: VersionNumber(number) for alias, number in sorted(self.aliases.items())},
            [self.version(number) for number in sorted(newest.values())],
        )


class Registered:
    """The registered models by name, the greatest version that each name ever had, and every change of what had it."""

    def __init__(self) -> None:
        self.models: dict[str, ModelState] = {}
        self.last: dict[str, int] = {}
        self.history: dict[str, list[RegistryChange]] = {}

    def apply(self, entry: Entry) -> None:
        """Take one entry into account. What a later version of runlake knows besides these is not known here."""
        name, op, when = entry["name"], entry["op"], int(entry["time_ms"])
        if op in ("create", "version") and name not in self.models:
            self.models[name] = ModelState(name, when, when)
            self._note(entry, None, "registered", None, name)
        if (model := self.models.get(name)) is None:
            return
        model.changed = when
        if op == "create":
            model.description, model.tags = entry["description"], dict(entry["tags"])
        elif op == "version":
            self._add(model, entry)
        elif op == "rename":
            self._rename(model, entry)
        elif "version" in entry:
            self._change_version(model, int(entry["version"]), entry)
        else:
            self._change_model(model, entry)

    def _add(self, model: ModelState, entry: Entry) -> None:
        number, when = int(entry["version"]), int(entry["time_ms"])
        model.versions[number] = ModelVersion(
            model.name,
            VersionNumber(number),
            when,
            when,
            entry["source"],
            run_id=entry.get("run_id"),
            digest=entry["digest"],
            user_id=entry["user"],
            description=entry["description"],
            tags=dict(entry["tags"]),
            run_link=entry.get("run_link"),
        )
        model.contents[number] = entry["contents"]
        self.last[model.name] = number
        self._note(entry, number, "registered", None, entry["source"])

    def _rename(self, model: ModelState, entry: Entry) -> None:
        old, new = model.name, entry["to"]
        del self.models[old]
        self.models[new] = model
        self.last[new] = max(self.last.get(old, 0), self.last.get(new, 0))
        self.history[new] = [*self.history.get(new, []), *self.history.pop(old)]
        model.name = new
        model.versions = {number: replace(version, name=new) for number, version in model.versions.items()}
        for name in (old, new):
            self._note({**entry, "name": name}, None, "name", old, new)

    def _change_model(self, model: ModelState, entry: Entry) -> None:
        if "description" in entry:
            self._note(entry, None, "description", model.description, entry["description"])
            model.description = entry["description"]
        elif "tag" in entry or "untag" in entry:
            model.tags = self._retagged(model.tags, entry, None)
        elif "unalias" in entry:
            number = model.aliases.pop(entry["unalias"])
            self._note(entry, number, f"alias {entry['unalias']}", str(number), None)
        elif "delete" in entry:
            self._note(entry, None, "deleted", model.name, None)
            del self.models[model.name]

    def _change_version(self, model: ModelState, number: int, entry: Entry) -> None:
        version = replace(model.versions[number], last_updated_timestamp=int(entry["time_ms"]))
        model.versions[number] = version
        if "description" in entry:
            self._note(entry, number, "description", version.description, entry["description"])
            model.versions[number] = replace(version, description=entry["description"])
        elif "tag" in entry or "untag" in entry:
            model.versions[number] = replace(version, tags=self._retagged(dict(version.tags), entry, number))
        elif "stage" in entry:
            for each in entry["archived"]:
                self._stand(model, each, Stage.ARCHIVED, entry)
            self._stand(model, number, Stage(entry["stage"]), entry)
        elif "alias" in entry:
            before = model.aliases.get(entry["alias"])
            self._note(entry, number, f"alias {entry['alias']}", None if before is None else str(before), str(number))
            model.aliases[entry["alias"]] = number
        elif "delete" in entry:
            for alias in sorted(alias for alias, each in model.aliases.items() if each == number):
                self._note(entry, number, f"alias {alias}", str(model.aliases.pop(alias)), None)
            self._note(entry, number, "deleted", version.source, None)
            del model.versions[number], model.contents[number]

    def _stand(self, model: ModelState, number: int, stage: Stage, entry: Entry) -> None:
        found = model.versions[number]
        if found.current_stage != stage:
            self._note(entry, number, "stage", found.current_stage, stage)
        model.versions[number] = replace(found, current_stage=stage, last_updated_timestamp=int(entry["time_ms"]))

    def _retagged(self, tags: dict[str, str], entry: Entry, version: int | None) -> dict[str, str]:
        key = str(entry.get("tag", entry.get("untag")))
        self._note(entry, version, f"tag {key}", tags.get(key), entry.get("value"))
        others = {each: text for each, text in tags.items() if each != key}
        return others | {key: str(entry["value"])} if "tag" in entry else others

    def _note(self, entry: Entry, version: int | None, what: str, before: str | None, after: str | None) -> None:
        name, number = entry["name"], None if version is None else VersionNumber(version)
        who, why = entry["user"], entry.get("reason", "")
        change = RegistryChange(name, number, what, before or None, after or None, int(entry["time_ms"]), who, why)
        self.history.setdefault(name, []).append(change)
