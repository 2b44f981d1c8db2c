"""A model's folder comes back as it was kept, from a run and from the disk; one that was changed is refused before it is read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import yaml
from sklearn.linear_model import LogisticRegression

import runlake
from children import run_program
from runlake.entities.models import MANIFEST
from runlake.models.mlmodel import read_mlmodel, written_mlmodel

NUMBERS = np.random.default_rng(0)
FRAME = pd.DataFrame(NUMBERS.normal(size=(60, 3)), columns=["height", "weight", "age"])
TARGETS = (FRAME["height"] > 0).astype(int)


def fitted() -> LogisticRegression:
    """A small model."""
    return LogisticRegression(C=0.5).fit(FRAME, TARGETS)


@pytest.fixture(autouse=True)
def _no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is explained here."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in a folder of the disk."""
    path = tmp_path / "iris"
    runlake.sklearn.save_model(fitted(), path)
    return path


def test_a_folder_holds_what_tools_of_mlflow_read(store: Path, tmp_path: Path) -> None:
    """`MLmodel` in YAML with its keys, what must be installed in three forms, signature, example, metadata, and a list of all that."""
    path = tmp_path / "there"
    signature = runlake.models.infer_signature(FRAME, np.array([0, 1]))
    info = runlake.sklearn.save_model(fitted(), path, signature=signature, input_example=FRAME.head(2), metadata={"team": "a: b"})

    about = yaml.safe_load((path / "MLmodel").read_text())
    listing = json.loads((path / MANIFEST).read_text())
    names = {file.name for file in path.iterdir()}
    assert about["flavors"]["python_function"]["loader_module"] == "runlake.pyfunc"
    assert about["flavors"]["python_function"]["env"] == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    assert [each["name"] for each in json.loads(about["signature"]["inputs"])] == ["height", "weight", "age"]
    assert (about["metadata"], about["saved_input_example_info"]["artifact_path"]) == ({"team": "a: b"}, "input_example.json")
    assert names == set(listing["files"]) | {MANIFEST} >= {"estimator.json", "requirements.txt", "conda.yaml", "python_env.yaml"}
    assert all(hashlib.sha256((path / name).read_bytes()).hexdigest() == each["sha256"] for name, each in listing["files"].items())
    assert info.digest == hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest()
    requirements = (path / "requirements.txt").read_text().splitlines()
    conda, virtualenv = yaml.safe_load((path / "conda.yaml").read_text()), yaml.safe_load((path / "python_env.yaml").read_text())
    assert {line.partition("==")[0] for line in requirements} >= {"scikit-learn", "numpy", "pandas", "runlake", "runlake-sklearn"}
    assert conda["dependencies"][-1] == {"pip": requirements}
    assert (virtualenv["dependencies"], virtualenv["python"]) == (["-r requirements.txt"], ".".join(map(str, sys.version_info[:3])))


def test_a_model_comes_back_from_a_run_a_folder_and_a_tutorials_path(store: Path, folder: Path) -> None:
    """By every kind of address, with what is known of it; and a copy of its files where one is asked for."""
    model = fitted()
    with runlake.start_run() as run:
        info = runlake.sklearn.log_model(sk_model=model, name="best/net", input_example=FRAME.head(3))
    addresses = [info.model_uri, f"./mlruns/0/{run.run_id}/artifacts/best/net", f"{folder}", folder.as_uri()]

    for address in addresses:
        assert runlake.sklearn.load_model(address).predict(FRAME).tolist() == model.predict(FRAME).tolist()
        assert runlake.pyfunc.load_model(address).predict(FRAME).tolist() == model.predict(FRAME).tolist()
    copied = runlake.sklearn.load_model(info.model_uri, dst_path=str(folder.parent / "copy"))
    known = runlake.models.get_model_info(info.model_uri)
    assert runlake.models.get_model_info(str(folder.parent / "copy")).digest == known.digest == info.digest
    assert copied.get_params() == model.get_params()
    assert (known.run_id, known.artifact_path, known.signature) == (run.run_id, "best/net", info.signature)


@pytest.mark.parametrize("address", ["/nowhere/at/all", "runs:/5/model", "", "s3://bucket/model"])
def test_what_is_no_address_of_a_model_is_an_error_that_says_what_is(store: Path, address: str) -> None:
    """With what was given."""
    with pytest.raises(runlake.InvalidValue, match="give runs:/<run id>/<path>"):
        runlake.pyfunc.load_model(address)


def test_what_training_kept_is_loaded_in_another_process(store: Path, tmp_path: Path) -> None:
    """In one line, with its signature enforced; what is asked for wrongly is an error that names the column."""
    with runlake.autolog("sklearn"):
        fitted()
    runlake.flush()
    [run] = runlake.read.open_store(store).runs()
    program = """
        import sys, pandas as pd, runlake
        model = runlake.pyfunc.load_model(f"runs:/{sys.argv[1]}/model")
        frame = pd.read_csv(sys.argv[2])
        print(model.predict(frame[["age", "weight", "height"]]).tolist())
        try:
            model.predict(frame.drop(columns="age"))
        except runlake.RunlakeError as error:
            print(error)
    """
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    said = run_program(program, store, run.info.run_id, str(tmp_path / "rows.csv")).stdout.splitlines()

    assert json.loads(said[0]) == fitted().predict(FRAME).tolist()
    assert "'age'" in said[1]


def flip(path: Path) -> str:
    """One bit."""
    file = path / "estimator.json"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return "estimator.json"


def swap(path: Path) -> str:
    """Two files change places."""
    first, second = path / "requirements.txt", path / "conda.yaml"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    return "conda.yaml"


def add(path: Path) -> str:
    """A file that no list has."""
    (path / "sklearn.py").write_text("raise SystemExit('run')")
    return "sklearn.py"


def remove(path: Path) -> str:
    """One is missing."""
    (path / "python_env.yaml").unlink()
    return "python_env.yaml"


def link(path: Path) -> str:
    """The same bytes, elsewhere."""
    shutil.move(path / "estimator.json", path.parent / "elsewhere.json")
    (path / "estimator.json").symlink_to(path.parent / "elsewhere.json")
    return "estimator.json"


def hard_link(path: Path) -> str:
    """The same file, by another name too."""
    os.link(path / "estimator.json", path.parent / "elsewhere.json")
    return "estimator.json"


def pipe(path: Path) -> str:
    """What would be waited for."""
    os.mkfifo(path / "pipe")
    return "pipe"


def linked_folder(path: Path) -> str:
    """A folder of somewhere else."""
    (path / "code").symlink_to(path.parent)
    return "code"


def climb(path: Path) -> str:
    """A name that leads out of the folder."""
    listing = json.loads((path / MANIFEST).read_text())
    listing["files"]["../elsewhere"] = listing["files"].pop("estimator.json")
    (path / MANIFEST).write_text(json.dumps(listing))
    return MANIFEST


def double(path: Path) -> str:
    """A name twice, which each reader may believe otherwise."""
    text = (path / MANIFEST).read_text()
    (path / MANIFEST).write_text(text.replace('"files": {', '"files": {"estimator.json": {"sha256": "", "size": 0},'))
    return MANIFEST


def newer(path: Path) -> str:
    """A list as a later version may write it."""
    (path / MANIFEST).write_text((path / MANIFEST).read_text().replace('"manifest": 1', '"manifest": 2'))
    return "later runlake"


def deep(path: Path) -> str:
    """A list that would use up the stack."""
    (path / MANIFEST).write_text("[" * 100_000)
    return MANIFEST


def unlisted(path: Path) -> str:
    """No list at all."""
    (path / MANIFEST).unlink()
    return MANIFEST


CHANGES = [flip, swap, add, remove, link, hard_link, pipe, linked_folder, climb, double, newer, deep, unlisted]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_folder_that_was_changed_is_refused(folder: Path, change: Callable[[Path], str]) -> None:
    """With the name of what is wrong, by every way to open it; and nothing of it was loaded."""
    named = change(folder)
    ways: list[Callable[[str], Any]] = [runlake.sklearn.load_model, runlake.pyfunc.load_model, runlake.models.get_model_info]
    for way in ways:
        with pytest.raises(runlake.InvalidModel, match=named.replace(".", r"\.")):
            way(str(folder))


def test_a_file_that_was_added_to_a_models_place_in_a_run_is_refused(store: Path) -> None:
    """And so is one that was kept anew under a name of the model's."""
    with runlake.start_run() as run:
        info = runlake.sklearn.log_model(fitted(), "model")
        runlake.log_text("x", "model/notes.txt")
        with pytest.raises(runlake.InvalidModel, match=r"notes\.txt"):
            runlake.sklearn.load_model(info.model_uri)
        other = runlake.sklearn.log_model(fitted(), "other")
        runlake.log_text("{}", "other/estimator.json")
        with pytest.raises(runlake.InvalidModel, match=r"estimator\.json"):
            runlake.sklearn.load_model(f"runs:/{run.run_id}/other")
    assert other.digest != info.digest


def test_a_model_takes_the_place_of_an_earlier_one(store: Path) -> None:
    """Whatever files that had; and of the user's own files autologging keeps none of its own beside them."""
    with runlake.start_run():
        runlake.sklearn.log_model(fitted(), "model")
        second = runlake.sklearn.log_model(fitted(), "model", format="pickle")
    with runlake.start_run() as other, runlake.autolog("sklearn"):
        runlake.log_text("mine", "model/requirements.txt")
        fitted()
    runlake.flush()

    assert isinstance(runlake.sklearn.load_model(second.model_uri), LogisticRegression)
    run = runlake.get_run(other.run_id)
    assert run.tags["runlake.skipped.model"] == "the program keeps files of its own under model/"
    assert [name for name in run.artifacts if name.startswith("model/")] == ["model/requirements.txt"]


def test_a_place_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """And after an error nothing is there."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    (tmp_path / "empty").mkdir()

    with pytest.raises(runlake.InvalidValue, match="new or empty"):
        runlake.sklearn.save_model(fitted(), tmp_path / "full")
    with pytest.raises(runlake.InvalidValue, match="metadata"):
        runlake.sklearn.save_model(fitted(), tmp_path / "none", metadata={"a": object()})
    runlake.sklearn.save_model(fitted(), tmp_path / "empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full"]
    assert oct((tmp_path / "empty").stat().st_mode)[-3:] == oct((tmp_path / "full").stat().st_mode)[-3:]


def test_requirements_are_those_that_are_given(tmp_path: Path) -> None:
    """All of them, more of them, in files that name further ones, or as conda has them."""
    (tmp_path / "more.txt").write_text("# a remark\nscipy==1.0\n")
    (tmp_path / "all.txt").write_text("-r more.txt\n-c pins.txt\nnumpy==1.0\n")
    (tmp_path / "pins.txt").write_text("joblib==1.0\n")

    def of(**given: Any) -> list[str]:
        path = tmp_path / f"model{len(list(tmp_path.iterdir()))}"
        runlake.sklearn.save_model(fitted(), path, **given)
        return (path / "requirements.txt").read_text().splitlines()

    known = of()
    assert of(pip_requirements=["a==1"]) == ["a==1"]
    assert of(extra_pip_requirements=["a==1", known[0]]) == [*known, "a==1"]
    assert of(pip_requirements=str(tmp_path / "all.txt")) == ["scipy==1.0", "numpy==1.0", "-c constraints.txt"]
    assert of(conda_env={"dependencies": ["python=3.11", {"pip": ["b==2"]}]}) == ["b==2"]
    for wrong in ({"pip_requirements": ["a"], "conda_env": {}}, {"pip_requirements": ["a"], "extra_pip_requirements": ["b"]}):
        with pytest.raises(runlake.InvalidValue, match="not both"):
            of(**wrong)
    with pytest.raises(runlake.InvalidValue, match=r"nowhere\.txt"):
        of(pip_requirements="nowhere.txt")


def test_arguments_that_only_mlflow_has_are_named_once(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what nobody has is an error, as two models at once are."""
    monkeypatch.setenv("RUNLAKE_SILENT", "0")
    with runlake.start_run():
        for _ in range(2):
            runlake.sklearn.log_model(fitted(), "model", await_registration_for=5, serialization_format="cloudpickle")
    with pytest.raises(TypeError, match="nonsense"):
        runlake.sklearn.save_model(fitted(), tmp_path / "a", nonsense=1)
    with pytest.raises(runlake.InvalidValue, match="2 were given"):
        runlake.sklearn.log_model(fitted(), sk_model=fitted())
    with pytest.raises(runlake.InvalidValue, match="pyfunc_predict_fn"):
        runlake.sklearn.save_model(fitted(), tmp_path / "a", pyfunc_predict_fn="__class__")
    assert [line for line in capsys.readouterr().err.splitlines() if "no use" in line] == [
        "runlake: log_model() has no use for await_registration_for=5, and goes on without it"
    ]


def test_another_method_may_be_what_a_model_is_asked_by(tmp_path: Path) -> None:
    """Out of those that predict: a folder that names another one is refused."""
    path = tmp_path / "model"
    runlake.sklearn.save_model(fitted(), path, pyfunc_predict_fn="predict_proba")

    assert runlake.pyfunc.load_model(str(path)).predict(FRAME).tolist() == fitted().predict_proba(FRAME).tolist()
    forged = (path / "MLmodel").read_bytes().replace(b"predict_fn: predict_proba", b"predict_fn: __reduce__")
    relisted(path, {"MLmodel": forged})
    with pytest.raises(runlake.InvalidModel, match="__reduce__"):
        runlake.pyfunc.load_model(str(path))


def relisted(path: Path, files: dict[str, bytes]) -> None:
    """As somebody who knows the form would change a model: its list says the same."""
    listing = json.loads((path / MANIFEST).read_text())
    for name, content in files.items():
        (path / name).write_bytes(content)
        listing["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (path / MANIFEST).write_text(json.dumps(listing))


@pytest.mark.parametrize(
    "said",
    [b"", b"flavors", b"\xff", b"flavors: 3\n", b"a: 1\na: 2\n", b"flavors:\n  b: *x\n", b"signature: 5\nflavors: {}\n", b"{" * 9_999],
)
def test_a_forged_mlmodel_is_refused(folder: Path, said: bytes) -> None:
    """Whatever it says, it is our error."""
    relisted(folder, {"MLmodel": said})

    with pytest.raises(runlake.InvalidModel, match="MLmodel"):
        runlake.pyfunc.load_model(str(folder))


def test_of_a_model_of_a_newer_library_both_versions_are_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where it can be read all the same it is, with a word of it; where not, the error says what may be the reason."""
    listing = json.loads((folder / MANIFEST).read_text())
    assert listing["versions"] == {"sklearn": sklearn.__version__}
    (folder / MANIFEST).write_text(json.dumps(listing | {"versions": {"sklearn": "99.1.0", "nowhere": "1.0"}}))
    said = f"was written with sklearn 99.1.0, and is read with {sklearn.__version__}"

    assert isinstance(runlake.sklearn.load_model(str(folder)), LogisticRegression)
    assert said in caplog.text
    relisted(folder, {"estimator.json": b"{}"})
    with pytest.raises(runlake.InvalidModel, match=said):
        runlake.sklearn.load_model(str(folder))


def test_nothing_that_mlmodel_names_is_imported(folder: Path) -> None:
    """A loader, code, a library: what a model is loaded by is decided by the format in its list."""
    about = read_mlmodel((folder / "MLmodel").read_bytes(), "")
    about["flavors"]["python_function"] |= {"loader_module": "antigravity", "code": ".", "data": "antigravity"}
    relisted(folder, {"MLmodel": written_mlmodel(about)})
    before = list(sys.path)

    assert runlake.pyfunc.load_model(str(folder)).predict(FRAME).tolist() == fitted().predict(FRAME).tolist()
    assert ("antigravity" in sys.modules, sys.path) == (False, before)


@pytest.mark.parametrize("format_id", ["nonsense/1", "sklearn/99", "sklearn", "../x/1", 5])
def test_a_format_that_nobody_has_is_refused(folder: Path, format_id: Any) -> None:
    """By its name, which no plugin has, or has by now."""
    listing = json.loads((folder / MANIFEST).read_text()) | {"format": format_id}
    (folder / MANIFEST).write_text(json.dumps(listing))

    with pytest.raises(runlake.RunlakeError, match=r"nonsense|sklearn/99|damaged"):
        runlake.sklearn.load_model(str(folder))
