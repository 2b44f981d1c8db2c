"""The verbs for registered models: those of MlflowClient, at its positions, and those that programs call without a client.

Every change is kept with who made it and when; `reason=` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runlake.client.registered import SCHEME, latest_versions, version_at
from runlake.client.searching import PagedList, page_of_models, page_of_versions
from runlake.entities.registered import ModelVersion, RegisteredModel, RegistryChange, Stage, stage_named
from runlake.errors import InvalidValue
from runlake.recording import registry as recorded
from runlake.recording.registry import Origin, change_registry, checked_alias, checked_name, checked_tags, checked_text, checked_version
from runlake.recording.telling import name_unused
from runlake.recording.values import as_key

__all__ = ["RegistryVerbs", "register_model", "search_model_versions", "search_registered_models"]


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    reason: str | None = None,
) -> ModelVersion:
    """A new version, under this name, of the model at an address; the registered model is made where it is not there.

    Raises InvalidModel or UnknownArtifact where there is no model; nothing is registered then.
    """
    from runlake.client.models import origin_of  # late: it loads what opens models

    return recorded.register(checked_name(name), origin_of(model_uri), tags, description, reason)


def search_registered_models(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[RegisteredModel]:
    """The registered models that a filter lets through, by name, unless `order_by` says else."""
    return list(page_of_models(filter_string, max_results, order_by))


def search_model_versions(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[ModelVersion]:
    """The versions that a filter lets through, by name, the newest first, unless `order_by` says else."""
    return list(page_of_versions(filter_string, max_results, order_by))


class RegistryVerbs:
    """What a client does with the registered models of its store."""

    _store: Path

    # Models

    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: Any = None,
        *,
        reason: str | None = None,
    ) -> RegisteredModel:
        """Make one, without versions. Raises where the name is taken."""
        name_unused("create_registered_model", deployment_job_id=deployment_job_id)
        name, texts, about = checked_name(name), checked_tags(tags, self._store), self._text("description", description)
        return change_registry(lambda found, by: found.make(name, about, texts, by), reason, self._store)

    def get_registered_model(self, name: str) -> RegisteredModel:
        """The registered model of this name. Raises UnknownModel."""
        return recorded.registry(self._store).get(checked_name(name))

    def get_registered_model_history(self, name: str) -> list[RegistryChange]:
        """Every change of what has, or had, this name, the first one first. Raises UnknownModel."""
        return recorded.registry(self._store).history(checked_name(name))

    def update_registered_model(
        self, name: str, description: str | None = None, deployment_job_id: Any = None, *, reason: str | None = None
    ) -> RegisteredModel:
        """Say what it is. Raises UnknownModel."""
        name_unused("update_registered_model", deployment_job_id=deployment_job_id)
        about = self._text("description", description)
        change_registry(lambda found, by: found.describe(name, about, by), reason, self._store)
        return self.get_registered_model(name)

    def rename_registered_model(self, name: str, new_name: str, *, reason: str | None = None) -> RegisteredModel:
        """Give it another name, which must be free; its versions keep their numbers. Raises UnknownModel."""
        new_name = checked_name(new_name)
        return change_registry(lambda found, by: found.rename(name, new_name, by), reason, self._store)

    def delete_registered_model(self, name: str, *, reason: str | None = None) -> None:
        """Take it out of the registry, with its versions; their runs and files stay. Raises UnknownModel."""
        change_registry(lambda found, by: found.delete(name, by), reason, self._store)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = 100,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """A page of the registered models that a filter lets through; `.token` asks for the next."""
        return page_of_models(filter_string, max_results, order_by, page_token, self._store)

    def get_latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        """The newest version of each stage, or of these stages, that has one. Raises UnknownModel."""
        if isinstance(stages, str):
            raise InvalidValue(f"stages is a list, such as [{stages!r}].")
        return latest_versions(name, list(Stage) if stages is None else [stage_named(stage) for stage in stages], self._store)

    def set_registered_model_tag(self, name: str, key: str, value: Any, *, reason: str | None = None) -> None:
        """Set a tag of a registered model. Raises UnknownModel."""
        self._tag(name, key, value, None, reason)

    def delete_registered_model_tag(self, name: str, key: str, *, reason: str | None = None) -> None:
        """Take a tag back. Raises UnknownModel, or InvalidValue where there is none."""
        change_registry(lambda found, by: found.untag(name, key, by), reason, self._store)

    # Versions

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
        *,
        reason: str | None = None,
    ) -> ModelVersion:
        """A new version of a registered model: of the model at `source`. Raises UnknownModel where there is no such registered model."""
        from runlake.client.models import origin_of  # late: it loads what opens models

        name_unused("create_model_version", local_model_path=local_model_path, model_id=model_id)
        self.get_registered_model(name)
        origin = origin_of(source, run_id, run_link, store=self._store)
        texts, about = checked_tags(tags, self._store), self._text("description", description)
        return change_registry(lambda found, by: found.add_version(name, origin, about, texts, by), reason, self._store)

    def copy_model_version(self, src_model_uri: str, dst_name: str, *, reason: str | None = None) -> ModelVersion:
        """A new version of `dst_name`, which is made where it is not there, of the model that `models:/<name>/<version>` means."""
        if not str(src_model_uri).startswith(SCHEME):
            raise InvalidValue(f"What is copied is a version, models:/<name>/<version>, not {src_model_uri!r}.")
        found = version_at(src_model_uri, self._store)
        contents = recorded.registry(self._store).contents_of(found.name, found.version)
        origin = Origin(found.source, found.run_id, found.digest, contents, found.run_link)
        return recorded.register(dst_name, origin, found.tags, found.description, reason, self._store)

    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """One version. Raises UnknownModel."""
        return recorded.registry(self._store).version(name, checked_version(version))

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias means now. Raises UnknownModel."""
        return recorded.registry(self._store).aliased(name, alias)

    def get_model_version_download_uri(self, name: str, version: int | str) -> str:
        """The address of a version, for `download_artifacts`: its files are there whatever became of its source. Raises UnknownModel."""
        found = self.get_model_version(name, version)
        return f"{SCHEME}/{found.name}/{found.version}"

    def get_model_version_stages(self, name: str, version: int | str) -> list[str]:
        """The stages that there are. Raises UnknownModel."""
        self.get_model_version(name, version)
        return [str(stage) for stage in Stage]

    def update_model_version(
        self, name: str, version: int | str, description: str | None = None, *, reason: str | None = None
    ) -> ModelVersion:
        """Say what a version is. Raises UnknownModel."""
        number, about = checked_version(version), self._text("description", description)
        change_registry(lambda found, by: found.describe(name, about, by, number), reason, self._store)
        return self.get_model_version(name, number)

    def transition_model_version_stage(
        self, name: str, version: int | str, stage: str, archive_existing_versions: bool = False, *, reason: str | None = None
    ) -> ModelVersion:
        """Move a version to a stage, written in any case; those that are there are archived in the same step, if that is asked for."""
        number, at = checked_version(version), stage_named(stage)
        archive = bool(archive_existing_versions)
        if archive and at not in (Stage.STAGING, Stage.PRODUCTION):
            raise InvalidValue(f"archive_existing_versions is for Staging and Production, not for {at}.")
        return change_registry(lambda found, by: found.move(name, number, at, by, archive=archive), reason, self._store)

    def delete_model_version(self, name: str, version: int | str, *, reason: str | None = None) -> None:
        """Take a version out, with its aliases; its number is not used again. Raises UnknownModel."""
        number = checked_version(version)
        change_registry(lambda found, by: found.delete(name, by, number), reason, self._store)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = 10_000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """A page of the versions that a filter lets through; `.token` asks for the next."""
        return page_of_versions(filter_string, max_results, order_by, page_token, self._store)

    def set_model_version_tag(
        self,
        name: str,
        version: int | str | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
        *,
        reason: str | None = None,
    ) -> None:
        """Set a tag of a version, given by its number or as the newest of a stage. Raises UnknownModel."""
        self._tag(name, key, value, self._meant(name, version, stage), reason)

    def delete_model_version_tag(
        self,
        name: str,
        version: int | str | None = None,
        key: str | None = None,
        stage: str | None = None,
        *,
        reason: str | None = None,
    ) -> None:
        """Take a tag of a version back. Raises UnknownModel, or InvalidValue where there is none."""
        number, key = self._meant(name, version, stage), as_key(key, "tag")
        change_registry(lambda found, by: found.untag(name, key, by, number), reason, self._store)

    # Aliases

    def set_registered_model_alias(self, name: str, alias: str, version: int | str, *, reason: str | None = None) -> None:
        """Have an alias mean this version, whichever it meant before. Raises UnknownModel."""
        alias, number = checked_alias(alias), checked_version(version)
        change_registry(lambda found, by: found.alias(name, alias, number, by), reason, self._store)

    def delete_registered_model_alias(self, name: str, alias: str, *, reason: str | None = None) -> None:
        """Take an alias back. Raises UnknownModel where there is none."""
        change_registry(lambda found, by: found.unalias(name, alias, by), reason, self._store)

    def _tag(self, name: str, key: Any, value: Any, version: int | None, reason: Any) -> None:
        ((key, text),) = checked_tags({key: value}, self._store).items()
        change_registry(lambda found, by: found.tag(name, key, text, by, version), reason, self._store)

    def _meant(self, name: str, version: Any, stage: Any) -> int:
        if (version is None) == (stage is None):
            raise InvalidValue("Give a version or a stage, one of the two.")
        return checked_version(version) if stage is None else version_at(f"{SCHEME}/{name}/{stage_named(stage)}", self._store).version

    def _text(self, what: str, text: Any) -> str:
        return checked_text(what, text, self._store)
