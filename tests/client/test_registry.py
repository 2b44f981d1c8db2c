"""The verbs for registered models: what each one changes, keeps and refuses."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import runlake
from children import environment
from runlake import InvalidValue, RunlakeClient, RunlakeError, UnknownArtifact, UnknownModel, UnknownRun
from runlake.entities.registered import ModelVersion, Stage, VersionNumber
from runlake.recording import recorders

PROGRAM = """
import time
import mlflow
import mlflow.sklearn
from mlflow import MlflowClient
from mlflow.entities.model_registry.model_version_status import ModelVersionStatus
from sklearn.datasets import make_regression
from sklearn.ensemble import RandomForestRegressor

x, y = make_regression(n_samples=60, n_features=4, random_state=0)
with mlflow.start_run() as run:
    model = RandomForestRegressor(n_estimators=5, max_depth=2, random_state=42).fit(x, y)
    mlflow.sklearn.log_model(sk_model=model, name="forest", registered_model_name="first")
registered = mlflow.register_model(f"runs:/{run.info.run_id}/forest", "second", await_registration_for=10)
client = MlflowClient()
while ModelVersionStatus.from_string(client.get_model_version(registered.name, registered.version).status) != ModelVersionStatus.READY:
    time.sleep(0.1)
client.transition_model_version_stage(name="second", version=registered.version, stage="Production", archive_existing_versions=True)
client.set_registered_model_alias("second", "champion", registered.version)
print([dict(model)["name"] for model in client.search_registered_models()])
print([(int(each.version), str(each.current_stage), each.aliases) for each in client.search_model_versions("name='second'")])
print(mlflow.pyfunc.load_model(model_uri="models:/second/Production").predict(x[:2]).shape)
"""
FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["height", "weight"])
TARGETS = (FRAME["height"] > 0).astype(int)


@pytest.fixture(autouse=True)
def _no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is explained here."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


@pytest.fixture
def uris(store: Path) -> list[str]:
    """Two models in two runs; they say the opposite of each other."""
    found = []
    for targets in (TARGETS, 1 - TARGETS):
        with runlake.start_run():
            found.append(runlake.sklearn.log_model(LogisticRegression().fit(FRAME, targets)).model_uri)
    return found


@pytest.fixture
def two(uris: list[str]) -> list[ModelVersion]:
    """Both as versions of one registered model."""
    return [runlake.register_model(uri, "churn") for uri in uris]


def said(uri: str) -> list[int]:
    """What the model at an address says of the first rows."""
    return list(map(int, runlake.pyfunc.load_model(uri).predict(FRAME[:5])))


def test_register_model_makes_the_name_and_counts_its_versions(uris: list[str], client: RunlakeClient) -> None:
    """With what each is of, and who made it."""
    first = runlake.register_model(uris[0], "churn", tags={"rows": 40}, description="the first", reason="asked for")
    second = runlake.register_model(uris[1], "churn")

    run_id = uris[0].split("/")[1]
    digest = runlake.models.get_model_info(uris[0]).digest
    assert (first.name, first.version, first.source, first.run_id, first.digest) == ("churn", 1, uris[0], run_id, digest)
    assert (first.tags, first.description, first.status) == ({"rows": "40"}, "the first", "READY")
    assert (first.user_id, first.current_stage, first.aliases) == (getpass.getuser(), "None", [])
    assert (second.version, [model.name for model in client.search_registered_models()]) == (2, ["churn"])
    assert client.get_registered_model_history("churn")[1].reason == "asked for"


@pytest.mark.parametrize("kept", ["log_model", "pyfunc", "autolog", "library's autolog"])
def test_what_keeps_a_model_can_register_it(store: Path, client: RunlakeClient, kept: str) -> None:
    """`registered_model_name`, wherever MLflow takes it."""
    if kept == "log_model":
        with runlake.start_run():
            info = runlake.sklearn.log_model(LogisticRegression().fit(FRAME, TARGETS), "m", registered_model_name="churn")
        assert info.registered_model_version == 1
    elif kept == "pyfunc":
        with runlake.start_run():
            info = runlake.pyfunc.log_model("m", python_model=says_one, registered_model_name="churn")
        assert info.registered_model_version == 1
    else:
        runlake.autolog(registered_model_name="churn" if kept == "autolog" else None)
        if kept != "autolog":
            runlake.sklearn.autolog(registered_model_name="churn")
        LogisticRegression().fit(FRAME, TARGETS)
        runlake.disable_autolog()

    (version,) = client.search_model_versions("name = 'churn'")
    assert version.source.startswith(f"runs:/{version.run_id}/m")
    assert len(runlake.pyfunc.load_model("models:/churn/latest").predict(FRAME)) == len(FRAME)


def says_one(model_input: Any) -> Any:
    """A model that is a function."""
    return [1] * len(model_input)


def test_two_fits_in_one_run_are_two_versions_that_both_last(store: Path) -> None:
    """The second model takes the first one's place in the run, not in the registry."""
    with runlake.autolog(registered_model_name="churn"), runlake.start_run():
        LogisticRegression().fit(FRAME, TARGETS)
        LogisticRegression().fit(FRAME, 1 - TARGETS)

    assert said("models:/churn/1") == [1 - each for each in said("models:/churn/2")]


def test_a_version_is_a_number_and_a_text(two: list[ModelVersion], client: RunlakeClient) -> None:
    """As programs have it from one source or another."""
    version = two[1].version

    assert version == 2
    assert version == "2"
    assert version != "02"
    assert "1" < version < "10"
    assert version <= 2 <= version
    assert version > 1
    assert version >= "2"
    assert max(client.get_model_version("churn", "1").version, version) == 2
    assert f"models:/churn/{version}" == "models:/churn/2"
    with pytest.raises(InvalidValue, match="whole number"):
        _ = VersionNumber(1) < "x"


def test_an_alias_means_one_version_and_moves(two: list[ModelVersion], client: RunlakeClient) -> None:
    """The address follows it."""
    client.set_registered_model_alias("churn", "champion", 1)
    first = said("models:/churn@champion")
    client.set_registered_model_alias("churn", "champion", "2", reason="better on March's data")
    client.set_registered_model_alias("churn", "beta", 2)

    assert said("models:/churn@champion") == said("models:/churn/2") != first
    assert client.get_model_version_by_alias("churn", "champion").aliases == ["beta", "champion"]
    assert client.get_model_version("churn", 1).aliases == []
    assert client.get_registered_model("churn").aliases == {"beta": 2, "champion": 2}
    client.delete_registered_model_alias("churn", "champion")
    with pytest.raises(UnknownModel, match="'churn' has no alias 'champion'; it has beta"):
        client.get_model_version_by_alias("churn", "champion")
    with pytest.raises(UnknownModel, match="has no alias 'champion'"):
        client.delete_registered_model_alias("churn", "champion")


def test_stages_in_any_case_and_those_that_make_room(two: list[ModelVersion], client: RunlakeClient) -> None:
    """With `archive_existing_versions` whatever stood there is archived in the same step; without it stays."""
    client.transition_model_version_stage("churn", 1, "production")
    client.transition_model_version_stage("churn", 2, "PRODUCTION")
    assert [each.version for each in client.get_latest_versions("churn", ["Production"])] == [2]
    assert [version.current_stage for version in client.search_model_versions()] == ["Production", "Production"]

    moved = client.transition_model_version_stage("churn", "1", "Production", archive_existing_versions=True)

    assert moved.current_stage == Stage.PRODUCTION
    assert {each.version: each.current_stage for each in client.get_latest_versions("churn")} == {1: "Production", 2: "Archived"}
    assert said("models:/churn/production") == said("models:/churn/1")
    assert client.get_model_version_stages("churn", 1) == ["None", "Staging", "Production", "Archived"]
    with pytest.raises(InvalidValue, match="for Staging and Production"):
        client.transition_model_version_stage("churn", 2, "None", archive_existing_versions=True)


def test_every_change_is_kept_with_who_and_why(two: list[ModelVersion], client: RunlakeClient) -> None:
    """In order, with what was before; what changes nothing is no change."""
    client.update_registered_model("churn", "who leaves")
    client.update_model_version("churn", 1, "a first try")
    client.set_registered_model_tag("churn", "team", "growth")
    client.set_model_version_tag("churn", "1", "seen", True)
    client.set_model_version_tag("churn", "1", "seen", "True")
    client.delete_model_version_tag("churn", 1, "seen", reason="a slip")
    client.delete_registered_model_tag("churn", "team")
    client.set_registered_model_alias("churn", "champion", 1)
    client.set_registered_model_alias("churn", "champion", 1)
    client.transition_model_version_stage("churn", 1, "Staging")
    client.transition_model_version_stage("churn", 2, "Staging", True)
    client.delete_model_version("churn", 1)
    client.rename_registered_model("churn", "leavers")

    changes = client.get_registered_model_history("leavers")
    assert [(each.version, each.what, each.before, each.after) for each in changes] == [
        (None, "registered", None, "churn"),
        (1, "registered", None, two[0].source),
        (2, "registered", None, two[1].source),
        (None, "description", None, "who leaves"),
        (1, "description", None, "a first try"),
        (None, "tag team", None, "growth"),
        (1, "tag seen", None, "True"),
        (1, "tag seen", "True", None),
        (None, "tag team", "growth", None),
        (1, "alias champion", None, "1"),
        (1, "stage", "None", "Staging"),
        (1, "stage", "Staging", "Archived"),
        (2, "stage", "None", "Staging"),
        (1, "alias champion", "1", None),
        (1, "deleted", two[0].source, None),
        (None, "name", "churn", "leavers"),
    ]
    assert {each.user_id for each in changes} == {getpass.getuser()}
    assert [each.reason for each in changes if each.reason] == ["a slip"]
    assert [each.what for each in client.get_registered_model_history("churn")] == ["name"]


def test_numbers_are_never_used_again(two: list[ModelVersion], uris: list[str], client: RunlakeClient) -> None:
    """Neither of a version that was deleted nor of a model; an alias goes with its version."""
    client.set_registered_model_alias("churn", "champion", 2)
    client.delete_model_version("churn", 2)

    assert client.get_registered_model("churn").aliases == {}
    assert runlake.register_model(uris[0], "churn").version == 3
    client.delete_registered_model("churn")
    with pytest.raises(UnknownModel, match="no registered model 'churn'"):
        client.get_registered_model("churn")
    assert runlake.register_model(uris[0], "churn").version == 4
    assert [each.what for each in client.get_registered_model_history("churn")][-3:] == ["deleted", "registered", "registered"]


def test_a_name_is_changed_with_all_that_hangs_on_it(two: list[ModelVersion], client: RunlakeClient) -> None:
    """And the old one is free, but goes on counting where it stood."""
    client.set_registered_model_alias("churn", "champion", 2)
    client.rename_registered_model("churn", "leavers")

    assert client.get_model_version_by_alias("leavers", "champion").name == "leavers"
    assert [each.version for each in client.search_model_versions("name = 'leavers'")] == [2, 1]
    with pytest.raises(UnknownModel):
        client.get_registered_model("churn")
    again = client.create_registered_model("churn", tags={"a": 1}, description="anew")
    assert (again.tags, again.description, again.latest_versions) == ({"a": "1"}, "anew", [])
    with pytest.raises(RunlakeError, match="'leavers' exists"):
        client.rename_registered_model("churn", "leavers")


def test_a_version_is_copied_under_another_name(two: list[ModelVersion], client: RunlakeClient) -> None:
    """With what it is of, its description and tags."""
    client.set_model_version_tag("churn", 2, "seen", "yes")
    client.update_model_version("churn", 2, "good")
    copied = client.copy_model_version("models:/churn/2", "churn-production")

    assert (copied.name, copied.version, copied.source, copied.digest) == ("churn-production", 1, two[1].source, two[1].digest)
    assert (copied.tags, copied.description, copied.run_id) == ({"seen": "yes"}, "good", two[1].run_id)
    assert said("models:/churn-production/1") == said("models:/churn/2")
    with pytest.raises(InvalidValue, match="What is copied is a version"):
        client.copy_model_version(two[0].source, "x")


def test_the_client_makes_versions_of_a_model_that_is_there(uris: list[str], client: RunlakeClient) -> None:
    """`create_model_version`, with MLflow's words; a source that its run does not have is refused."""
    with pytest.raises(UnknownModel, match="no registered model 'churn'"):
        client.create_model_version("churn", uris[0])
    client.create_registered_model("churn")
    run_id = uris[0].split("/")[1]
    made = client.create_model_version("churn", uris[0], run_id, {"a": "b"}, "http://here", "about")

    assert (made.version, made.run_id, made.run_link, made.tags, made.description) == (1, run_id, "http://here", {"a": "b"}, "about")
    assert client.get_model_version_download_uri("churn", 1) == "models:/churn/1"
    with pytest.raises(InvalidValue, match=f"is of the run {run_id}"):
        client.create_model_version("churn", uris[0], "0" * 32)


def test_a_model_in_a_folder_is_kept_with_its_version(store: Path, tmp_path: Path) -> None:
    """The folder may go, or change: the version does not."""
    folder = tmp_path / "iris"
    runlake.sklearn.save_model(LogisticRegression().fit(FRAME, TARGETS), folder)
    version = runlake.register_model(str(folder), "churn")
    before = said(str(folder))
    for file in folder.iterdir():
        file.write_bytes(b"")

    assert (version.source, version.run_id) == (str(folder), None)
    assert said("models:/churn/1") == before


def test_a_saved_model_that_a_run_keeps_is_of_that_run(store: Path, tmp_path: Path, client: RunlakeClient) -> None:
    """Whatever the folder says, which was written before the run began, or in another one."""
    runlake.sklearn.save_model(LogisticRegression().fit(FRAME, TARGETS), tmp_path / "iris")
    with runlake.start_run() as first:
        runlake.log_artifacts(str(tmp_path / "iris"), "iris")
        in_first = runlake.sklearn.log_model(LogisticRegression().fit(FRAME, TARGETS))
    copied = runlake.artifacts.download_artifacts(in_first.model_uri, dst_path=tmp_path / "copy")
    with runlake.start_run() as second:
        runlake.log_artifacts(copied, "again")

    assert runlake.register_model(f"runs:/{first.info.run_id}/iris", "churn").run_id == first.info.run_id
    assert runlake.register_model(f"runs:/{second.info.run_id}/again", "churn").run_id == second.info.run_id
    assert client.create_model_version("churn", f"runs:/{second.info.run_id}/again", second.info.run_id).version == 3


def test_the_files_of_a_version_are_found_whatever_became_of_their_source(store: Path, tmp_path: Path, client: RunlakeClient) -> None:
    """`download_artifacts` takes what `get_model_version_download_uri` gives."""
    runlake.sklearn.save_model(LogisticRegression().fit(FRAME, TARGETS), tmp_path / "iris")
    runlake.register_model(str(tmp_path / "iris"), "churn")
    shutil.rmtree(tmp_path / "iris")
    uri = client.get_model_version_download_uri("churn", "1")

    assert said(client.get_model_version_download_uri("churn", 1)) == said(runlake.artifacts.download_artifacts(uri))


@pytest.mark.parametrize("uri", ["models:/nobody/1", f"runs:/{'0' * 32}/model", "nothing"])
def test_a_download_of_nothing_leaves_no_folder(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """Where none was named."""
    (tmp_path / "made").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "made"))
    with runlake.start_run(), pytest.raises(RunlakeError):
        runlake.artifacts.download_artifacts(uri)

    assert list((tmp_path / "made").iterdir()) == []


def test_searches_have_filters_orders_and_pages(two: list[ModelVersion], uris: list[str], client: RunlakeClient) -> None:
    """In the words of the other searches."""
    runlake.register_model(uris[0], "a-model", tags={"team": "growth"})
    client.set_registered_model_tag("churn", "team", "growth")
    client.transition_model_version_stage("churn", 1, "Staging")

    def versions(query: str, **more: Any) -> list[tuple[str, int]]:
        return [(each.name, int(each.version)) for each in client.search_model_versions(query, **more)]

    assert versions("") == [("a-model", 1), ("churn", 2), ("churn", 1)]
    assert versions("name = 'churn' AND version_number > 1") == [("churn", 2)]
    assert versions(f"run_id = '{two[0].run_id}'", order_by=["name DESC"]) == [("churn", 1), ("a-model", 1)]
    assert versions(f"source_path = '{uris[1]}'") == [("churn", 2)]
    assert versions("current_stage = 'Staging' OR tags.team = 'growth'") == [("a-model", 1), ("churn", 1)]
    assert [each.name for each in runlake.search_registered_models(filter_string="name LIKE 'ch%' AND tags.team = 'growth'")] == ["churn"]
    assert [each.version for each in runlake.search_model_versions(filter_string="name = 'churn'", order_by=["version_number ASC"])] == [
        1,
        2,
    ]
    page = client.search_model_versions(max_results=2)
    assert [each.name for each in client.search_model_versions(max_results=2, page_token=page.token)] == ["churn"]
    assert client.search_registered_models(max_results=1).token is not None


@pytest.mark.parametrize(
    ("uri", "error", "what"),
    [
        ("models:/churn/9", UnknownModel, "has no version 9; it has 2, 1"),
        ("models:/nobody/1", UnknownModel, "no registered model 'nobody'; there are churn"),
        ("models:/churn@nobody", UnknownModel, "no alias 'nobody'; it has none"),
        ("models:/churn/Staging", UnknownModel, "No version of the registered model 'churn' is at the stage Staging"),
        ("models:/churn/Prodction", InvalidValue, "'Prodction' is no version of 'churn'"),
        ("models:/churn/\u0663", InvalidValue, "is no version of 'churn'"),
        ("models:/churn", InvalidValue, "address is models:/<name>/<version>"),
        ("models:/", InvalidValue, "address is models:/<name>/<version>"),
        ("models:/churn@", InvalidValue, "address is models:/<name>/<version>"),
    ],
)
def test_an_address_that_means_nothing_says_what_there_is(two: list[ModelVersion], uri: str, error: type[Exception], what: str) -> None:
    """By whichever verb."""
    for use in (runlake.pyfunc.load_model, runlake.sklearn.load_model, runlake.models.get_model_info, runlake.artifacts.download_artifacts):
        with pytest.raises(error, match=what):
            use(uri)


@pytest.mark.parametrize("alias", ["latest", "Latest", "v3", "V12", "", "a b", "a/b", "x" * 256, 3, None])
def test_an_alias_that_cannot_be_one(two: list[ModelVersion], client: RunlakeClient, alias: Any) -> None:
    """What means a version already, or could not stand in an address."""
    with pytest.raises(InvalidValue, match="alias"):
        client.set_registered_model_alias("churn", alias, 1)

    assert client.get_registered_model("churn").aliases == {}


@pytest.mark.parametrize("name", ["a/b", "a:b", "", " ", " a", "a\nb", "x" * 501, "\ud800", None, 3])
def test_a_name_that_cannot_be_one(store: Path, client: RunlakeClient, uris: list[str], name: Any) -> None:
    """Nothing is registered, and no model kept where that was asked for in one go."""
    with runlake.start_run() as run:
        keeps: list[Callable[[], Any]] = [
            lambda: client.create_registered_model(name),
            lambda: runlake.register_model(uris[0], name),
            *([lambda: runlake.sklearn.log_model(LogisticRegression(), registered_model_name=name)] if name is not None else []),
            *([lambda: runlake.autolog(registered_model_name=name)] if name is not None else []),
        ]
        for keep in keeps:
            with pytest.raises(InvalidValue, match="name of a registered model"):
                keep()

    assert client.search_registered_models() == []
    assert runlake.get_run(run.info.run_id).artifacts == {}


@pytest.mark.parametrize("version", [True, 1.0, "x", "", "1.0", "\u0661", None, "9" * 30])
def test_a_version_that_cannot_be_one(two: list[ModelVersion], client: RunlakeClient, version: Any) -> None:
    """Numbers are whole, and texts are of digits."""
    with pytest.raises(InvalidValue, match="A version is a number"):
        client.get_model_version("churn", version)


def test_what_is_no_model_is_not_registered(uris: list[str], client: RunlakeClient, tmp_path: Path) -> None:
    """Nor is its name taken."""
    run_id = uris[0].split("/")[1]
    attempts: list[tuple[str, type[Exception]]] = [
        (f"runs:/{run_id}/nothing", UnknownArtifact),
        (f"runs:/{'0' * 32}/model", UnknownRun),
        (str(tmp_path), runlake.InvalidModel),
        ("nowhere", InvalidValue),
        ("models:/nobody/1", UnknownModel),
    ]
    for uri, error in attempts:
        with pytest.raises(error):
            runlake.register_model(uri, "churn")

    assert client.search_registered_models() == []


def test_another_store_that_cannot_be_written_does_not_matter(uris: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered waits for its own store alone."""
    monkeypatch.setenv("RUNLAKE_STRICT", "0")
    other = RunlakeClient(tmp_path / "other")
    run_id = other.create_run("0").info.run_id
    shutil.rmtree(tmp_path / "other")
    (tmp_path / "other").write_text("in the way")
    other.log_metric(run_id, "loss", 1.0)

    assert not recorders.flush_all(sync=True)
    assert runlake.register_model(uris[0], "churn").version == 1
    (tmp_path / "other").unlink()
    assert recorders.flush_all(sync=True)  # for the tests that come


def test_texts_are_kept_without_secrets(two: list[ModelVersion], client: RunlakeClient) -> None:
    """As those of runs are."""
    client.set_model_version_tag("churn", 1, "api_token", "sk-abcdefghijklmnopqrstuvwxyz012345")
    client.update_registered_model("churn", "see https://me:secret@example.org")

    assert "sk-abc" not in client.get_model_version("churn", 1).tags["api_token"]
    assert "secret@" not in client.get_registered_model("churn").description


def test_tags_are_meant_by_stage_too(two: list[ModelVersion], client: RunlakeClient) -> None:
    """The newest version of it; with both, or neither, it is not clear which."""
    client.transition_model_version_stage("churn", 1, "Staging")
    client.set_model_version_tag("churn", key="a", value="b", stage="staging")

    assert client.get_model_version("churn", 1).tags == {"a": "b"}
    with pytest.raises(InvalidValue, match="a version or a stage"):
        client.set_model_version_tag("churn", 1, "a", "b", stage="Staging")
    with pytest.raises(InvalidValue, match="a version or a stage"):
        client.delete_model_version_tag("churn", key="a")
    with pytest.raises(InvalidValue, match="has no tag 'z'; it has \\['a'\\]"):
        client.delete_model_version_tag("churn", 1, "z")


def test_a_program_written_for_mlflow_runs_as_it_is(tmp_path: Path) -> None:
    """With the waiting that its tutorials have."""
    (tmp_path / "register.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "runlake", "as-mlflow", "register.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path / "lake"), capture_output=True, text=True, timeout=60, check=False)

    assert (ran.stderr, ran.stdout.splitlines()) == ("", ["['first', 'second']", "[(1, 'Production', ['champion'])]", "(2,)"])


def test_files_of_a_version_are_copied_out(two: list[ModelVersion], tmp_path: Path) -> None:
    """By its address, as they were registered."""
    copied = runlake.artifacts.download_artifacts("models:/churn/2", dst_path=tmp_path / "copy")

    assert said(copied) == said("models:/churn/2")
