"""What the shell offers where a registered model is expected."""

from __future__ import annotations

import re

import click
from click.shell_completion import CompletionItem

from runlake.errors import RunlakeError

__all__ = ["complete_model", "complete_version"]

MOST = 200  # offered

_PLAIN = re.compile(r"[\w.+-]+")  # a word to every shell


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of registered models; nothing where there is no store."""
    from runlake.recording.registry import registry

    try:
        there = registry(context.params.get("store")).all()
    except (RunlakeError, OSError):
        return []
    names = [model.name for model in there if _PLAIN.fullmatch(model.name)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)][:MOST]


def complete_version(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Numbers of the model's versions, the newest first, its aliases, and latest."""
    from runlake.recording.registry import registry

    try:
        found, name = registry(context.params.get("store")), str(context.params.get("name"))
        words = ["latest", *(str(each.version) for each in found.versions(name)), *(f"@{alias}" for alias in found.get(name).aliases)]
    except (RunlakeError, OSError):
        return []
    return [CompletionItem(word) for word in words if word.startswith(incomplete)][:MOST]
