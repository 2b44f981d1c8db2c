"""A real kernel of Jupyter, which finds and leaves nothing outside a folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient

from children import environment

__all__ = ["close_event_loop", "kernel", "run_cells"]

v4: Any = nbformat.v4  # untyped


@contextlib.contextmanager
def kernel(folder: Path, **settings: str) -> Iterator[NotebookClient]:
    """It records into the folder `lake` there, with these settings."""
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "ours", "language": "python"}
    (folder / "kernels" / "ours").mkdir(parents=True)
    (folder / "kernels" / "ours" / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(folder))
        client = NotebookClient(
            v4.new_notebook(),
            km=KernelManager(kernel_name="ours"),
            timeout=60,
            allow_errors=True,
            resources={"metadata": {"path": folder}},
        )
        with client.setup_kernel(cleanup_kc=True, env=environment(folder / "lake", **settings)):
            yield client
        close_event_loop()


def run_cells(client: NotebookClient, cells: Iterable[str]) -> Any:
    """The notebook of these cells, run one after the other, also after one that fails."""
    client.nb = v4.new_notebook(cells=[v4.new_code_cell(textwrap.dedent(cell)) for cell in cells])
    for place, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, place)
    return client.nb


def close_event_loop() -> None:
    """Jupyter's calls that wait leave the one of their thread open, and warn of it."""
    ensure_event_loop().close()
    asyncio.set_event_loop(None)
