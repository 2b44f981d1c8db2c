"""What a real kernel sends to a notebook for runs, series and comparisons."""

from __future__ import annotations

import asyncio
import json
import sys
import textwrap
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient

from children import environment

v4: Any = nbformat.v4  # untyped

CELLS = {
    "train": """
        import runlake
        for name, lr in (("otter", 0.1), ("fox", 0.01)):
            with runlake.start_run(run_name=name):
                runlake.log_param("lr", lr)
                runlake.log_batch("loss", [3.0, lr * 10, 2.0])
        runs = runlake.search_runs(output_format="list")
        """,
    "run": "runs[0]",
    "runs": "runs",
    "series": "runs[0].metrics['loss']",
    "plot": "runs.plot('loss')",
    "comparison": "runs[1].compare(runs[0])",
    "text": "print(runs[1].compare(runs[0])); print(runs.plot('loss'))",
    "imported": "import sys; print(sorted({'matplotlib', 'pandas', 'IPython.core.pylabtools'} & set(sys.modules)))",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each cell gives."""
    folder = tmp_path_factory.mktemp("jupyter")
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "ours", "language": "python"}
    (folder / "kernels" / "ours").mkdir(parents=True)
    (folder / "kernels" / "ours" / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(folder))
        book = v4.new_notebook(cells=[v4.new_code_cell(textwrap.dedent(cell)) for cell in CELLS.values()])
        client = NotebookClient(book, km=KernelManager(kernel_name="ours"), timeout=60, resources={"metadata": {"path": folder}})
        with client.setup_kernel(cleanup_kc=True, env=environment(folder / "lake")):
            for place, cell in enumerate(book.cells):
                client.execute_cell(cell, place)
        ensure_event_loop().close()
        asyncio.set_event_loop(None)
    nbformat.validate(book)
    return {name: cell.outputs for name, cell in zip(CELLS, book.cells, strict=True)}


def html(outputs: dict[str, Any], name: str) -> str:
    """What a cell shows."""
    (output,) = outputs[name]
    assert output["output_type"] == "execute_result"
    return str(output["data"]["text/html"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("run", ["<b>fox</b>", "finished", ">lr<", "0.01", "<svg"]),
        ("runs", ["<b>fox</b>", "<b>otter</b>", "loss ▼", ">lr<"]),
        ("series", ["<svg", "3 points · last 2 · least 0.1 · greatest 3"]),
        ("plot", ["<svg", "fox", "otter", "best 0.1 at 1"]),
        ("comparison", ["<b>otter</b>", "▼ better", "-90 %", "B is better in 1 of 1 metric that both have."]),
    ],
)
def test_what_stands_at_the_end_of_a_cell_is_shown(outputs: dict[str, Any], name: str, shown: list[str]) -> None:
    """As HTML, beside the text for what has no other."""
    page = html(outputs, name)

    assert [text for text in shown if text not in page] == []
    assert outputs[name][0]["data"]["text/plain"]


def test_printed_it_is_text(outputs: dict[str, Any]) -> None:
    """The same as the command prints."""
    text = outputs["text"][0]["text"]

    assert text.startswith("A ✓ otter")
    assert "▼ better" in text
    assert "o  fox" in text


def test_nothing_that_draws_is_imported(outputs: dict[str, Any]) -> None:
    """Nor pandas."""
    assert outputs["imported"][0]["text"] == "[]\n"
