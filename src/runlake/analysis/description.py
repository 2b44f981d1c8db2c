"""The job `description`: pages that show people what a model is, drawn by its library from the model that the run keeps."""

from __future__ import annotations

from runlake import config
from runlake.errors import UnknownArtifact
from runlake.instrument.plugins import ask_plugins
from runlake.jobs.kinds import Skipped, Work
from runlake.models.trained import kept_model, name_of
from runlake.redaction import redacted_text

__all__ = ["description"]


def description(work: Work) -> None:
    """Keep each page as an artifact."""
    try:
        model = kept_model(work.run)
    except UnknownArtifact as error:
        raise Skipped(str(error)) from error
    pages = ask_plugins("describe_model", model, model=model)
    if not pages:
        raise Skipped(f"no plugin has a page for {name_of(model)}")
    for name, content in pages.items():
        work.keep(name, _without_secrets(content) if config.load().redact else content)


def _without_secrets(page: bytes) -> bytes:
    """A page shows how the model is set."""
    return redacted_text(page.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
