"""What cannot be registered or changed: one clear error each, and the registry as it was before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runlake
from runlake.errors import InvalidModel, InvalidValue, RunlakeError, UnknownModel, UnknownRun
from runlake.store.layout import Layout
from runlake.store.registry import By, Registry

STRANGE_NAMES = ["a/b", "a:b", "a\nb", "  ", "", "x" * 600, "ä" * 251, "a\udc80", "a\x00b", "\u200e", " a", None, 3, b"a"]
STRANGE_ALIASES = ["latest", "LATEST", "v3", "V3", "", "a" * 256, "a b", "champion\n", "@x", "a/b", None, 3]
STRANGE_VERSIONS: list[tuple[Any, type[Exception]]] = [
    (0, UnknownModel),
    (-1, UnknownModel),
    (10**30, UnknownModel),
    *((each, InvalidValue) for each in ("x", True, "\u0663", "+1", " 1", "", 1.0, "1" * 40, None, [1])),
]
STRANGE_STAGES = ["Live", "", " production", "productioń", None, 3]
STRANGE_SOURCES: list[tuple[Any, type[Exception]]] = [
    (f"runs:/{'0' * 32}/model", UnknownRun),
    ("models:/nobody/1", UnknownModel),
    ("models:/doubling/\u0663", InvalidValue),
    ("models:/doubling/9", UnknownModel),
    ("models:/doubling@nobody", UnknownModel),
    *((each, InvalidValue) for each in ("", "runs:/", "models:/", "http://host/model", "s3://bucket/model", None, 3)),
]


def double(model_input: list[int]) -> list[int]:
    """Twice what it is asked."""
    return [2 * each for each in model_input]


@pytest.fixture
def doubling(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> runlake.MlflowClient:
    """A model with two versions, an alias and a stage, from a folder."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    runlake.pyfunc.save_model(tmp_path / "model", python_model=double)
    client = runlake.MlflowClient(store)
    for _ in range(2):
        runlake.register_model(str(tmp_path / "model"), "doubling")
    client.set_registered_model_alias("doubling", "champion", 1)
    client.transition_model_version_stage("doubling", 1, "Production")
    return client


def refused(store: Path, error: type[Exception], *attempts: Callable[[], Any]) -> None:
    """Each raises this, in one line, and leaves every file of the registry as it is."""
    before = {path.name: path.read_bytes() for path in (store / "registry").iterdir()}
    for attempt in attempts:
        with pytest.raises(RunlakeError) as raised:
            attempt()
        assert type(raised.value) is error
        assert len(str(raised.value).splitlines()) == 1
        assert len(str(raised.value)) < 300
    assert {path.name: path.read_bytes() for path in (store / "registry").iterdir()} == before


@pytest.mark.parametrize("name", STRANGE_NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name(doubling: runlake.MlflowClient, store: Path, name: Any) -> None:
    """By each verb that gives one."""
    refused(
        store,
        InvalidValue,
        lambda: doubling.create_registered_model(name),
        lambda: runlake.register_model("models:/doubling/1", name),
        lambda: doubling.rename_registered_model("doubling", name),
        lambda: doubling.copy_model_version("models:/doubling/1", name),
    )


@pytest.mark.parametrize("alias", STRANGE_ALIASES, ids=lambda alias: ascii(alias)[:20])
def test_an_alias(doubling: runlake.MlflowClient, store: Path, alias: Any) -> None:
    """What it meant before, it means."""
    refused(store, InvalidValue, lambda: doubling.set_registered_model_alias("doubling", alias, 1))


@pytest.mark.parametrize(("version", "error"), STRANGE_VERSIONS, ids=lambda value: ascii(value)[:20])
def test_a_version(doubling: runlake.MlflowClient, store: Path, version: Any, error: type[Exception]) -> None:
    """By each verb that takes one."""
    refused(
        store,
        error,
        lambda: doubling.get_model_version("doubling", version),
        lambda: doubling.set_registered_model_alias("doubling", "new", version),
        lambda: doubling.transition_model_version_stage("doubling", version, "Staging"),
        lambda: doubling.delete_model_version("doubling", version),
        lambda: doubling.update_model_version("doubling", version, "said"),
    )


@pytest.mark.parametrize("stage", STRANGE_STAGES, ids=lambda stage: ascii(stage)[:20])
def test_a_stage(doubling: runlake.MlflowClient, store: Path, stage: Any) -> None:
    """It says which there are."""
    refused(store, InvalidValue, lambda: doubling.transition_model_version_stage("doubling", 2, stage, True))


@pytest.mark.parametrize(("source", "error"), STRANGE_SOURCES, ids=lambda value: ascii(value)[:20])
def test_a_source(doubling: runlake.MlflowClient, store: Path, source: Any, error: type[Exception]) -> None:
    """Neither a name that is there nor a new one gets a version."""
    refused(
        store,
        error,
        lambda: runlake.register_model(source, "doubling"),
        lambda: runlake.register_model(source, "new"),
        lambda: doubling.create_model_version("doubling", source),
    )


def test_a_folder_that_is_no_model(doubling: runlake.MlflowClient, store: Path, tmp_path: Path) -> None:
    """Empty, without its manifest, or with a file too many."""
    (tmp_path / "empty").mkdir()
    refused(store, InvalidModel, lambda: runlake.register_model(str(tmp_path / "empty"), "doubling"))
    (tmp_path / "model" / "more.txt").write_text("of somebody else")
    refused(store, InvalidModel, lambda: runlake.register_model(str(tmp_path / "model"), "doubling"))
    (tmp_path / "model" / "manifest.json").unlink()
    refused(store, InvalidModel, lambda: runlake.register_model(str(tmp_path / "model"), "doubling"))


def test_what_somebody_else_deleted_meanwhile(doubling: runlake.MlflowClient, store: Path) -> None:
    """It is found out when the change is made, not by what was read before; no alias or stage means it."""
    assert doubling.get_model_version("doubling", 1).aliases == ["champion"]
    Registry(Layout(store)).delete("doubling", By("somebody"), 1)

    refused(
        store,
        UnknownModel,
        lambda: doubling.set_registered_model_alias("doubling", "new", 1),
        lambda: doubling.transition_model_version_stage("doubling", 1, "Staging"),
        lambda: doubling.get_model_version_by_alias("doubling", "champion"),
        lambda: runlake.models.get_model_info("models:/doubling/Production"),
        lambda: runlake.register_model("models:/doubling/1", "doubling"),
    )
    Registry(Layout(store)).delete("doubling", By("somebody"))
    refused(store, UnknownModel, lambda: doubling.get_registered_model("doubling"), lambda: doubling.create_model_version("doubling", "x"))
    assert [each.what for each in doubling.get_registered_model_history("doubling")][-2:] == ["deleted", "deleted"]


def test_a_run_in_the_trash(doubling: runlake.MlflowClient) -> None:
    """Its model is registered, and what is registered loads, as long as somebody can take it back."""
    with runlake.start_run() as run:
        info = runlake.pyfunc.log_model(python_model=double, name="model")
    runlake.delete_run(run.info.run_id)

    version = runlake.register_model(info.model_uri, "doubling")
    assert (version.version, version.run_id) == (3, run.info.run_id)
    assert runlake.models.get_model_info("models:/doubling/3").digest == info.digest
