"""A plugin that a stranger writes, installs and tests in an environment of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import runlake
from children import environment

ROOT = Path(runlake.__file__).parent.parent.parent


def build(source: Path, wheels: Path) -> Path:
    """A wheel of it, with the build tools that are here."""
    before = set(wheels.glob("*.whl"))
    options = ["-q", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(wheels)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True, timeout=200)
    (wheel,) = set(wheels.glob("*.whl")) - before
    return wheel


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_new_plugin_is_written_installed_and_passes_its_tests(tmp_path: Path) -> None:
    """Runlake and the plugin come from wheels; what both need is taken from where this runs."""
    here, settings = tmp_path / "environment", environment(tmp_path / "lake")
    subprocess.run([sys.executable, "-m", "venv", str(here)], check=True, timeout=200)
    python, site = here / "bin" / "python", next(here.glob("lib/python*/site-packages"))
    needed = tmp_path / "needed"
    needed.mkdir()
    (site / "needed.pth").write_text(f"{needed}\n")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "runlake" not in path.name:
            (needed / path.name).symlink_to(path)

    def do(*command: str) -> str:
        ended = subprocess.run(
            [str(python), "-m", *command], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    install = ("pip", "install", "-q", "--no-deps", "--no-index", "--force-reinstall")
    do(*install, str(build(ROOT, tmp_path / "wheels")))
    do("runlake", "plugin", "new", "statistics")
    do(*install, str(build(tmp_path / "runlake-statistics", tmp_path / "wheels")))
    said = do("pytest", "-p", "no:cacheprovider", "-q", "runlake-statistics")
    plugins = {plugin["plugin"]: plugin for plugin in json.loads(do("runlake", "plugins", "--json"))}

    assert (site / "runlake" / "testing" / "kit.py").is_file()
    assert " passed" in said
    assert "failed" not in said
    assert (plugins["statistics"]["state"], plugins["statistics"]["distribution"]) == ("usable", "runlake-statistics")
