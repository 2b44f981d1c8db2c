"""What a tracking URI may be, and what is said of any other."""

from __future__ import annotations

from pathlib import Path

import pytest

import runlake
from runlake import config
from runlake.errors import InvalidValue, StoreError
from runlake.recording.uris import store_of


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("runs", "runs"),
        ("/a/b", "/a/b"),
        (Path("x/y"), "x/y"),
        ("file:///a/b", "/a/b"),
        ("file:a/b", "a/b"),
        ("sqlite:///x/mlflow.db", "x/mlflow.lake"),
    ],
)
def test_a_uri_means_a_folder(uri: str | Path, folder: str) -> None:
    """A path, and what other trackers are given."""
    assert store_of(uri) == Path(folder)


@pytest.mark.parametrize("uri", ["", "postgresql://host/db", "databricks", "s3://bucket/x", "https://example.org", "http://10.0.0.1:5000"])
def test_any_other_is_one_clear_error(uri: str) -> None:
    """It shows the URI and what would be right."""
    if uri == "databricks":
        assert store_of(uri) == Path("databricks")  # a word is a path
    else:
        with pytest.raises(InvalidValue, match="path"):
            store_of(uri)


def test_an_address_that_nobody_answers_at_says_so() -> None:
    """With the way out."""
    with pytest.raises(StoreError, match=r"No runlake page answers at http://127\.0\.0\.1:9: .*name the store's folder"):
        store_of("http://127.0.0.1:9")


def test_the_store_set_in_the_program_is_used_from_then_on(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is written and what is read."""
    monkeypatch.setattr(config, "_chosen", None)
    runlake.set_tracking_uri(tmp_path / "chosen")
    with runlake.start_run() as run:
        pass

    assert runlake.get_tracking_uri() == str(tmp_path / "chosen")
    assert runlake.get_run(run.run_id).info.run_name == run.name
    assert (tmp_path / "chosen" / "STORE.json").exists()
    assert not store.exists()
