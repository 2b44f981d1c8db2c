"""What is installed has the page inside, and needs no Node.js."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

PLUGIN = Path(__file__).parent.parent


def test_a_wheel_has_the_page_inside(tmp_path: Path) -> None:
    """As `make page` built it; neither its sources nor what they are built with."""
    built = subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=PLUGIN, check=False)
    assert built.returncode == 0

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert "runlake_ui/assets/index.html" in names
    assert {Path(name).suffix for name in names if name.startswith("runlake_ui/assets/assets/")} == {".js", ".css", ".woff2"}
    assert [name for name in names if "node_modules" in name or "web/" in name or "/tests/" in name] == []
