"""Projects as users write them, and repositories that they lie in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from children import environment

__all__ = ["ECHO", "TRAIN", "commit_all", "echoed", "git", "leftovers", "repository", "run_command", "write_project"]

ECHO = """
import json, os, sys
with open(os.environ["ECHOED"], "w") as file:
    json.dump({"argv": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(), "python": sys.executable}, file)
"""
TRAIN = """
import sys
import numpy as np
from sklearn.linear_model import ElasticNet
import runlake

alpha, l1_ratio = float(sys.argv[1]), float(sys.argv[2])
random = np.random.default_rng(0)
data = random.normal(size=(60, 3))
target = data @ [1.0, 2.0, 0.0] + random.normal(size=60)
with runlake.start_run():
    model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, random_state=42).fit(data, target)
    runlake.log_param("alpha", alpha)
    runlake.log_param("l1_ratio", l1_ratio)
    runlake.log_metric("rmse", float(np.sqrt(np.mean((model.predict(data) - target) ** 2))))
    runlake.sklearn.log_model(model, "model")
"""


def write_project(folder: Path, **files: str) -> Path:
    """A folder with these files: MLproject, and what ends in _py is a script."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        place = name.replace("_py", ".py").replace("_yaml", ".yaml").replace("_txt", ".txt").replace("_sh", ".sh")
        (folder / place).write_text(textwrap.dedent(text))
    return folder


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    named = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=os.environ | named, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path) -> str:
    """Make the folder one, with all that is in it in a commit, which is given."""
    git(folder, "init", "--quiet", "--initial-branch=main", ".")
    return commit_all(folder)


def commit_all(folder: Path) -> str:
    """Commit what there is."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a commit")
    return git(folder, "rev-parse", "HEAD")


def echoed(place: Path) -> dict[str, Any]:
    """What the echo program was given."""
    found: dict[str, Any] = json.loads(place.read_text())
    return found


def run_command(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`runlake ARGUMENTS` in this folder, with a store beside it."""
    given = environment(folder / "lake", **{"RUNLAKE_JOBS": "off", "RUNLAKE_ENVIRONMENT": "1", "OMP_NUM_THREADS": "1", **settings})
    command = [sys.executable, "-m", "runlake", *arguments]
    return subprocess.run(
        command, cwd=folder, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False
    )


def leftovers(folder: Path) -> list[str]:
    """What is left in a folder of temporary files."""
    return sorted(path.name for path in folder.iterdir())
