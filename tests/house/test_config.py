"""Settings come from the first place that gives them, and the store is found where people would look."""

from __future__ import annotations

from pathlib import Path

import pytest

from runlake import config
from runlake.errors import InvalidValue


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder that is the working directory, with nothing set."""
    for setting in config.SETTINGS:
        for name in setting.environment:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "_start", None)
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    return tmp_path


def make_store(path: Path) -> None:
    """What tells a store from any folder."""
    path.mkdir(parents=True)
    (path / "STORE.json").write_text("{}")


def test_the_default_is_a_folder_named_lake_here(project: Path) -> None:
    """Made by the first run."""
    assert config.find_store() == project / "src" / "lake"


def test_a_store_further_up_in_the_same_work_tree_is_found(project: Path) -> None:
    """Scripts in sub-folders write to the project's store."""
    make_store(project / "lake")

    assert config.find_store() == project / "lake"


def test_a_store_outside_the_work_tree_is_not(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake in the home folder must not catch every project's runs."""
    make_store(project / "lake")
    (project / "src" / ".git").mkdir()

    assert config.find_store() == project / "src" / "lake"


def test_without_a_work_tree_a_store_further_up_is_not_looked_for(project: Path) -> None:
    """It belongs to somebody else: a store in the folder of temporary files caught every program below it."""
    (project / ".git").rmdir()
    make_store(project / "lake")

    assert config.find_store() == project / "src" / "lake"

    make_store(project / "src" / "lake")
    assert config.find_store() == project / "src" / "lake"


def test_the_projects_table_outranks_what_is_found_and_is_relative_to_its_file(project: Path) -> None:
    """`[tool.runlake] store`."""
    make_store(project / "lake")
    (project / "pyproject.toml").write_text('[tool.runlake]\nstore = "runs"\nflush_seconds = 2\n')

    loaded = config.load()

    assert (loaded.store, loaded.flush_seconds) == (project / "runs", 2.0)


def test_the_environment_outranks_the_file_and_an_argument_both(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, environment, file, default."""
    (project / "pyproject.toml").write_text('[tool.runlake]\nstore = "runs"\ndurability = "process"\n')
    monkeypatch.setenv("RUNLAKE_TRACKING_URI", str(project / "uri"))
    monkeypatch.setenv("RUNLAKE_DURABILITY", "power")
    assert (config.load().store, config.load().durability) == (project / "uri", "power")

    monkeypatch.setenv("RUNLAKE_STORE", "relative")
    assert config.load().store == project / "src" / "relative"
    assert config.load(Path("given")).store == project / "src" / "given"


@pytest.mark.parametrize(
    ("name", "value"),
    [("RUNLAKE_FLUSH_SECONDS", "soon"), ("RUNLAKE_FLUSH_SECONDS", "0"), ("RUNLAKE_DURABILITY", "none"), ("RUNLAKE_STRICT", "2")],
)
def test_a_wrong_setting_is_named_with_its_value(project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """So that it can be found and mended."""
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidValue, match=f"{name} is '{value}'"):
        config.load()


def test_an_unknown_key_of_the_table_is_named(project: Path) -> None:
    """A typing error must not be passed over."""
    (project / "pyproject.toml").write_text("[tool.runlake]\nflush = 2\n")

    with pytest.raises(InvalidValue, match=r"'flush'.*flush_seconds"):
        config.load()


def test_switches_take_the_usual_words(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On and off in any of their spellings."""
    for word, meaning in [("1", True), ("true", True), ("ON", True), ("0", False), ("no", False), ("", False)]:
        monkeypatch.setenv("RUNLAKE_STRICT", word)
        assert config.load().strict is meaning
