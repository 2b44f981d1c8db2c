"""Nothing in a model's folder runs unless somebody consented to these very bytes: a payload that would leave a file leaves none."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runlake
from children import environment
from runlake.entities.models import MANIFEST, MLMODEL
from runlake.models import Consent
from runlake.models.code.pickles import types_in
from runlake.models.manifest import listed
from runlake.models.mlmodel import written_mlmodel

NOT_LOADED = (runlake.RunlakeError,)


class Payload:
    """What runs when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self._canary,)


def pickled(canary: Path) -> bytes:
    """A pickle that leaves a file."""
    return pickle.dumps(Payload(canary))


def source(canary: Path) -> bytes:
    """Code that leaves a file."""
    return f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n".encode()


def numpy_objects(canary: Path) -> bytes:
    """An array of objects, as NumPy pickles it."""
    sink = io.BytesIO()
    np.save(sink, np.array([Payload(canary)], dtype=object), allow_pickle=True)
    return sink.getvalue()


def zipped(canary: Path) -> bytes:
    """An archive as torch writes one, whose data is a pickle."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(canary))
        archive.writestr("../../escaped", b"x")
    return sink.getvalue()


PAYLOADS: dict[str, Callable[[Path], bytes]] = {
    "pickle": pickled,
    "gzip": lambda canary: gzip.compress(pickled(canary)),
    "xz": lambda canary: lzma.compress(pickled(canary)),
    "source": source,
    "npy": numpy_objects,
    "zip": zipped,
}
SLOTS = {
    "sklearn/1": ["estimator.json", "buffers.bin.zst"],
    "sklearn/skops": ["model.skops"],
    "xgboost/1": ["model.ubj", "estimator.json"],
    "lightgbm/1": ["model.txt", "estimator.json", "booster.json"],
    "torch/1": ["model.json", "model.safetensors"],
    "transformers/1": ["model.json", "config.json", "model.safetensors", "tokenizer.json"],
    "pickle/1": ["model.pkl"],
    "python/1": ["model.py", "python.json", "state.json", "code/sitecustomize.py"],
}
APART, FEW = ("xgboost/1", "lightgbm/1"), ("pickle", "zip")  # each of those starts a process for each of these
ABOUT = {
    "flavors": {"python_function": {"loader_module": "planted", "code": "code", "data": "."}, "sklearn": {"pickled_model": "model.pkl"}},
    "utc_time_created": "",
}


def hostile(format_id: str, payload: bytes) -> dict[str, bytes]:
    """A folder in which every file of the format is the payload, with a true list of them."""
    files = dict.fromkeys(SLOTS[format_id], payload)
    if "python.json" in files:
        about = {"kind": "class", "name": "Model", "artifacts": {}, "model_config": {}}
        files |= {"python.json": json.dumps(about).encode(), "state.json": b"{}"}
    files |= {MLMODEL: written_mlmodel(ABOUT), "requirements.txt": payload}
    if format_id != "pickle/1":  # which has one file
        files |= {"planted.py": payload, "lightgbm.py": payload}
    return {**files, MANIFEST: listed(format_id, files).to_bytes()}


def kept(files: Mapping[str, bytes]) -> str:
    """The folder in a run."""
    with runlake.start_run() as run:
        run.keep_files("model", files)
        runlake.set_tag("runlake.model.format", "sklearn/1")
    return run.run_id


def refused(way: Callable[[], Any]) -> bool:
    """Whether it is our error that comes of it."""
    try:
        way()
    except NOT_LOADED:
        return True
    return False


@pytest.mark.parametrize(
    ("format_id", "payload"), [(slot, each) for slot in SLOTS for each in PAYLOADS if slot not in APART or each in FEW]
)
def test_nothing_runs_whatever_opens_it(store: Path, tmp_path: Path, format_id: str, payload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a run and on the disk, by every verb that opens a model; from inside the folder, too."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    canary = tmp_path / "canary"
    files = hostile(format_id, PAYLOADS[payload](canary))
    run_id = kept(files)
    copied = runlake.artifacts.download_artifacts(f"runs:/{run_id}/model", dst_path=tmp_path / "copy")
    monkeypatch.chdir(copied)
    modules, path = set(sys.modules), list(sys.path)

    library = format_id.partition("/")[0]
    load = getattr(runlake, library).load_model if library not in ("pickle", "python") else runlake.pyfunc.load_model
    for uri in (f"runs:/{run_id}/model", copied, f"./mlruns/0/{run_id}/artifacts/model"):
        assert refused(lambda uri=uri: load(uri))  # type: ignore[misc]  # the default binds the loop's address
        assert refused(lambda uri=uri: runlake.pyfunc.load_model(uri, allow_unsafe=Consent("0" * 64, "of another")))  # type: ignore[misc]  # as above
        runlake.models.get_model_info(uri)
    run = runlake.get_run(run_id)
    assert (run.signature, len(run.artifacts)) == (None, len(files))
    assert "MLmodel" in str(runlake.list_artifacts(run_id=run_id, artifact_path="model"))
    assert not canary.exists()
    assert not {"planted", "lightgbm.py"} & (set(sys.modules) - modules)
    assert sys.path == path


def test_nothing_that_is_recorded_by_itself_is_a_pickle(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever of a training is kept: each artifact is held against what reads the names in a pickle."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    rows, targets = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    with runlake.autolog("sklearn", "xgboost"):
        make_pipeline(StandardScaler(), RandomForestClassifier(5)).fit(rows, targets)
        XGBClassifier(n_estimators=3).fit(rows, targets)
    runlake.flush()
    runs = runlake.read.open_store(store).runs()
    contents = [run.read_artifact(name) for run in runs for name in run.artifacts]

    assert {run.tags["runlake.model.format"] for run in runs} == {"xgboost/1", "sklearn/1"}
    assert all(refused(lambda content=content: types_in(content)) for content in contents)  # type: ignore[misc]  # as above


def test_commands_that_show_a_run_run_nothing_of_it(store: Path, tmp_path: Path) -> None:
    """They list, copy and describe; and no variable, however it is named, is consent."""
    canary = tmp_path / "canary"
    run_id = kept(hostile("pickle/1", pickled(canary)))
    runlake.flush()
    guesses = {"RUNLAKE_ALLOW_UNSAFE": "1", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true", "RUNLAKE_STRICT": "0"}
    surroundings = environment(store, RUNLAKE_JOBS="off", **guesses)
    load = f"import runlake; runlake.pyfunc.load_model('runs:/{run_id}/model')"
    commands = [
        ["show", run_id],
        ["artifacts", "ls", run_id],
        ["artifacts", "get", run_id, "model", "-o", str(tmp_path)],
        ["ls"],
        ["finish"],
    ]
    for words in commands:
        done = subprocess.run([sys.executable, "-m", "runlake", *words], env=surroundings, capture_output=True, text=True, check=False)
        assert (done.returncode, canary.exists()) == (0, False), done.stderr
    refusal = subprocess.run([sys.executable, "-c", load], env=surroundings, capture_output=True, text=True, check=False)

    assert (refusal.returncode, canary.exists()) == (1, False)
    assert "ConsentNeeded" in refusal.stderr
    assert "pathlib.Path.touch" in refusal.stderr  # what it names
    assert "Consent('" in refusal.stderr  # one way on
    assert "format='pickle'" in refusal.stderr  # and the other


def test_consent_is_for_these_bytes(store: Path, tmp_path: Path) -> None:
    """With it the code runs, which a second model's does not; what is no consent is said to be none."""
    canary = tmp_path / "canary"
    run_id, other_id = kept(hostile("pickle/1", pickled(canary))), kept(hostile("pickle/1", pickled(tmp_path / "other")))
    digest = runlake.models.get_model_info(f"runs:/{run_id}/model").digest
    consent = Consent(digest, "this test wrote it")
    for wrong in (True, "yes", digest, {"sha256": digest}):
        with pytest.raises(runlake.InvalidValue, match="allow_unsafe"):
            runlake.sklearn.load_model(f"runs:/{run_id}/model", allow_unsafe=wrong)
    for arguments in ((digest[:8], "short"), (digest, ""), (digest, " "), (None, "why")):
        with pytest.raises(runlake.InvalidValue, match="consent"):
            Consent(*arguments)
    with pytest.raises(runlake.ConsentNeeded, match="for another model"):
        runlake.sklearn.load_model(f"runs:/{other_id}/model", allow_unsafe=consent)
    assert not canary.exists()

    runlake.sklearn.load_model(f"runs:/{run_id}/model", allow_unsafe=consent)
    assert (canary.exists(), (tmp_path / "other").exists()) == (True, False)


def test_consent_does_not_help_where_the_bytes_were_changed(store: Path, tmp_path: Path) -> None:
    """The list is what consent is for, and the files are held to the list."""
    canary = tmp_path / "canary"
    path = tmp_path / "model"
    path.mkdir()
    files = hostile("pickle/1", pickle.dumps("harmless"))
    for name, content in {**files, "model.pkl": pickled(canary)}.items():
        (path / name).write_bytes(content)
    digest = listed("pickle/1", {name: content for name, content in files.items() if name != MANIFEST})

    from runlake.models.manifest import digest_of

    with pytest.raises(runlake.InvalidModel, match=r"model\.pkl"):
        runlake.sklearn.load_model(str(path), allow_unsafe=Consent(digest_of(digest.to_bytes()), "as it was"))
    assert not canary.exists()
