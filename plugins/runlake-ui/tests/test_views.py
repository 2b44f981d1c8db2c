"""Views with a name are files of the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import runlake
from paging import API, Asker, some_runs

STATE = {"filter": "metrics.val_loss < 0.5", "columns": ["params.lr"], "größe": 1}


def test_a_view_is_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    """As a file that people can read; nothing else of the store minds it."""
    lake = some_runs(tmp_path / "lake", 2)
    asker = Asker(lake)

    asker.put("/views/best-ones", {"name": "Best", "state": {"a": 1}})
    asker.put("/views/best-ones", {"name": "Best ones", "state": STATE})
    (file,) = (lake / "views").iterdir()

    assert asker.get("/views")["views"] == [{"slug": "best-ones", "name": "Best ones", "state": STATE}]
    assert json.loads(file.read_text(encoding="utf-8")) == {"name": "Best ones", "state": STATE}
    assert runlake.read.open_store(lake).findings() == []
    assert asker.delete("/views/best-ones") == {}
    assert asker.get("/views")["views"] == []
    assert asker.delete("/views/best-ones")["status"] == 404


@pytest.mark.parametrize("content", ["{", "[]", '{"name": 1}', '{"name": "x", "state": 3}', "[" * 9000], ids=lambda text: text[:10])
def test_a_file_that_is_no_view_is_passed_over(tmp_path: Path, content: str) -> None:
    """Somebody put it there."""
    asker = Asker(some_runs(tmp_path / "lake", 1))
    asker.put("/views/good", {"name": "Good", "state": {}})
    (tmp_path / "lake" / "views" / "bad.json").write_text(content, encoding="utf-8")
    (tmp_path / "lake" / "views" / "Not A Slug.json").write_text('{"name": "x", "state": {}}', encoding="utf-8")

    assert [each["slug"] for each in asker.get("/views")["views"]] == ["good"]


@pytest.mark.parametrize("slug", ["Big", "a_b", "a.b", "x" * 65, "%2e%2e", "..%2fSTORE", "a%00"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, slug: str) -> None:
    """Nor to another kind of file."""
    asker = Asker(some_runs(tmp_path / "lake", 1))

    assert asker.ask("PUT", f"{API}/views/{slug}", json={"name": "x", "state": {}}).status_code in (404, 422)
    assert asker.ask("DELETE", f"{API}/views/{slug}").status_code in (404, 422)
    assert not (tmp_path / "lake" / "views").exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x"}, 422),
        ({"name": " ", "state": {}}, 422),
        ({"name": "x" * 201, "state": {}}, 422),
        ({"name": "x", "state": []}, 422),
        ({"name": "x", "state": {"a": "x" * 70_000}}, 413),
    ],
    ids=["no state", "no name", "long name", "a list", "large"],
)
def test_a_view_is_small_and_has_a_name(tmp_path: Path, body: Any, status: int) -> None:
    """Else nothing is kept."""
    asker = Asker(some_runs(tmp_path / "lake", 1))

    assert asker.put("/views/a", body)["status"] == status
    assert asker.get("/views")["views"] == []


def test_views_need_a_store(tmp_path: Path) -> None:
    """They are kept in it, and do not make one."""
    asker = Asker(tmp_path / "lake")

    assert asker.put("/views/a", {"name": "x", "state": {}})["status"] == 409
    assert not (tmp_path / "lake").exists()
