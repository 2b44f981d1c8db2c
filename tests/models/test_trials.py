"""Files of others that a library reads in C or C++ are first opened by a process that may crash; our own are read at once."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import runlake
from runlake.entities.models import MANIFEST
from runlake.instrument.plugins import load, plugin_named
from runlake.models.manifest import listed
from toys import LIBRARY, installed, write_plugin

# A plugin of a library that crashes where its files say so, and that tells in a file where it read any.
FRAGILE = """
import os, pathlib, signal, sys

@hookimpl
def patches():
    return [Patch("toylib.core:train", print, why="it is never applied")]

@hookimpl
def save_model(model, max_bytes):
    return Saved("fragile/1", {"model.bin": model.encode()}) if isinstance(model, str) else None

@hookimpl
def native_formats():
    return ["fragile/1"]

@hookimpl
def load_model(format_id, files):
    said = files["model.bin"].decode()
    if said == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if said == "hang":
        while True:
            pass
    if said == "write":
        pathlib.Path(TOLD).write_text("written " * 1000)
    if said == "memory":
        bytearray(1 << 40)
    if said == "refuse":
        raise RunlakeError("this is no model")
    if said == "secret" and "SECRET" in os.environ:
        raise RunlakeError("it knows the secret")
    sys.modules[__name__].read = [*globals().get("read", []), said]
    return said
"""


@pytest.fixture
def fragile(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plugin, installed here and for processes that are started; the path of what it may write."""
    told = tmp_path / "told"
    code = f"TOLD = {str(told)!r}\n" + FRAGILE.replace("import os", "from runlake import RunlakeError, Saved\nimport os", 1)
    folder = write_plugin(tmp_path / "site", "fragile", code)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{LIBRARY}")
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setattr("runlake.models.trial.SECONDS", 2)
    with installed(LIBRARY, folder):
        importlib.import_module("toylib")
        load(plugin_named("fragile"))
        yield told


def foreign(path: Path, said: str) -> str:
    """A folder that somebody else wrote."""
    files = {"model.bin": said.encode()}
    path.mkdir()
    for name, content in {**files, MANIFEST: listed("fragile/1", files).to_bytes()}.items():
        (path / name).write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("crash", "ended by SIGSEGV"),
        ("hang", "ended by SIGXCPU|ended by SIGKILL"),
        ("write", "ended by SIGXFSZ|File too large"),
        ("memory", "MemoryError"),
        ("refuse", "this is no model"),
    ],
)
def test_what_crashes_hangs_or_reaches_out_does_so_elsewhere(fragile: Path, tmp_path: Path, said: str, why: str) -> None:
    """This process goes on, and is told what became of the other."""
    with pytest.raises(runlake.InvalidModel, match=why):
        runlake.fragile.load_model(foreign(tmp_path / "model", said))
    assert not fragile.exists() or fragile.read_text() == ""


def test_what_another_process_could_read_is_read_here(fragile: Path, tmp_path: Path) -> None:
    """Which knew nothing of this one's secrets; once for the same bytes."""
    path = foreign(tmp_path / "model", "secret")
    with pytest.raises(runlake.RunlakeError, match="it knows the secret"):
        runlake.fragile.load_model(path)  # here, where it went on
    good = foreign(tmp_path / "good", "good")

    assert [runlake.fragile.load_model(good) for _ in range(2)] == ["good", "good"]


def test_what_this_process_or_this_user_wrote_is_read_at_once(
    fragile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    """Without another process, which here could not be started; of a run that somebody else recorded it would have to be."""
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    runlake.fragile.save_model("mine", tmp_path / "mine")
    with runlake.start_run() as run:
        runlake.fragile.log_model("ours", "model")
        runlake.log_dict({"host": "elsewhere"}, "environment.json")
    with runlake.start_run() as other:
        files = {"model.bin": b"kept by another process"}
        other.keep_files("model", {**files, MANIFEST: listed("fragile/1", files).to_bytes()})
    with runlake.start_run() as strange:
        strange.keep_files("model", {**files, MANIFEST: listed("fragile/1", files).to_bytes()})
        runlake.log_dict({"host": "elsewhere"}, "environment.json")
    runlake.flush()
    monkeypatch.setattr("sys.executable", "/nowhere/python")

    assert runlake.fragile.load_model(str(tmp_path / "mine")) == "mine"
    assert runlake.fragile.load_model(f"runs:/{run.run_id}/model") == "ours"
    assert json.loads(runlake.get_run(other.run_id).read_artifact("environment.json"))["host"]
    assert runlake.fragile.load_model(f"runs:/{other.run_id}/model") == "kept by another process"
    with pytest.raises(runlake.InvalidModel, match="could not be tried"):
        runlake.fragile.load_model(f"runs:/{strange.run_id}/model")
