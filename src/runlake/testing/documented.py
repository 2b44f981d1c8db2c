"""What a plugin says of itself is so: its targets are there, each with a reason, and its options stand in its README."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from runlake.testing.scenario import Trial

__all__ = ["every_option_is_documented", "every_patch_says_why", "every_target_is_there"]


def every_target_is_there(trial: Trial) -> None:
    """The installed library has each function and method that is not `optional`; no other check is made before that."""
    trial.require()


def every_patch_says_why(trial: Trial) -> None:
    """In words, for `runlake plugins --targets`."""
    assert [asked.target for asked in trial.asked if len(asked.why.split()) < 2] == [], "these have no reason"
    assert trial.asked, "the plugin captures nothing"


def every_option_is_documented(trial: Trial) -> None:
    """By its name in the README that the plugin is shipped with."""
    if not trial.found.options:
        pytest.skip("the plugin has no options")
    readme = _readme(trial)
    if not readme:
        pytest.skip("the plugin is installed without a README")

    assert [name for name in trial.found.options if name not in readme] == [], "these options are not in the README"


def _readme(trial: Trial) -> str:
    """Beside the source where the plugin is installed from its folder, else as its distribution has it."""
    for folder in list(Path(trial.found.module.__file__ or "").parents)[:2] if trial.found.module is not None else []:
        if (folder / "README.md").is_file() and (folder / "pyproject.toml").is_file():
            return (folder / "README.md").read_text(encoding="utf-8")
    return str(importlib.metadata.metadata(trial.found.distribution).json.get("description", ""))
