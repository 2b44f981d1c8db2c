"""The README shows the files that `runlake plugin new` writes, whole, and says what the kit has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import runlake
from runlake.cli.new_plugin import files_of_plugin
from runlake.testing import Scenario, fixtures

README = (Path(runlake.__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
LANGUAGES = {".py": "python", ".toml": "toml", ".md": "markdown"}


@pytest.mark.parametrize("path", files_of_plugin("statistics"))
def test_the_readme_shows_the_file_that_is_written(path: str) -> None:
    """To the letter."""
    text = files_of_plugin("statistics")[path]

    assert f"`{path}`\n\n```{LANGUAGES[Path(path).suffix]}\n{text}```\n" in README


def test_every_field_of_a_scenario_stands_in_the_readme() -> None:
    """In the table of the kit."""
    section = README.partition("### The kit")[2].partition("### Hooks")[0]

    assert [field.name for field in dataclasses.fields(Scenario) if f"`{field.name}`" not in section] == []
    assert [name for name in fixtures.__all__ if f"`{name}`" not in section] == []
