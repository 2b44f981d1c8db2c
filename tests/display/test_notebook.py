"""What a real kernel sends to a notebook for runs, series and comparisons."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from kernels import kernel, run_cells

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
    with kernel(tmp_path_factory.mktemp("jupyter")) as client:
        book = run_cells(client, CELLS.values())
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
