"""Builds the page where a distribution is made of a checkout; what is made of a source distribution has it already."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent
WEB, ASSETS = HERE / "web", HERE / "runlake_ui" / "assets"


class BuildPage(BuildHookInterface[Any]):
    """Has npm install what the page is built with, and build it."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a distribution is made; an editable one is built by `make page`."""
        if version == "editable" or not WEB.is_dir() or (ASSETS / "index.html").exists():
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("The page of runlake-ui is built by npm, which is not here: install Node.js 20 or later, or take the wheel.")
        for words in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([npm, *words], cwd=WEB, check=True)
