"""Models that another process reads: their files in a folder each, and what that process has them say in a file of arrays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runlake import Saved

__all__ = ["answered", "put_down", "said_elsewhere"]

READER = """
import json, os, sys, warnings
from pathlib import Path

warnings.simplefilter("ignore")
import numpy as np
import runlake
from runlake.instrument.plugins import ask_one, load, plugin_named

sys.path[:0] = sys.argv[3:]
from fresh import answered

folder, plugin = Path(sys.argv[1]), plugin_named(sys.argv[2])
assert load(plugin)
said = {}
for place in sorted(folder.iterdir()):
    about = json.loads((place / "about.json").read_text())
    files = {path.name: path.read_bytes() for path in (place / "model").iterdir()}
    model = runlake.load_part(about["format"], files)
    given = dict(np.load(place / "rows.npz"))
    rows = given["rows"] if list(given) == ["rows"] else given
    for method, answer in answered(model, about["methods"], rows, plugin, ask_one).items():
        said[f"{place.name}/{method}"] = answer
np.savez(folder.parent / "said.npz", **said)
"""


def put_down(folder: Path, saved: Saved, rows: Any, methods: list[str]) -> None:
    """A model's files, the rows that it is to be asked of, and how."""
    (folder / "model").mkdir(parents=True)
    for name, content in saved.files.items():
        (folder / "model" / name).write_bytes(content)
    (folder / "about.json").write_text(json.dumps({"format": saved.format_id, "methods": methods}))
    np.savez(folder / "rows.npz", **(rows if isinstance(rows, Mapping) else {"rows": rows}))


def answered(model: Any, methods: list[str], rows: Any, plugin: Any, ask_one: Any) -> dict[str, Any]:
    """What the methods give, objects as texts; "hook" is what the plugin gives for `pyfunc`."""
    said = {}
    for method in methods:
        answer = ask_one(plugin, "predict", model=model, data=rows, params={}) if method == "hook" else getattr(model, method)(rows)
        array = np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)
        said[method] = array.astype(str) if array.dtype == object else array
    return said


def said_elsewhere(folder: Path, plugin: str) -> dict[str, Any]:
    """What one new process, which has nothing but the files, says of all of them, by folder and method."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLAKE_")}
    command = [sys.executable, "-c", READER, str(folder), plugin, str(Path(__file__).parent)]
    ended = subprocess.run(command, capture_output=True, text=True, env=kept | {"HF_HUB_OFFLINE": "1"}, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return dict(np.load(folder.parent / "said.npz"))
