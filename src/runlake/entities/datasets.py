"""Data sets as runs name them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Dataset", "DatasetInput", "InputTag"]


@dataclass(frozen=True)
class Dataset:
    """What is known of some data: a name, a digest, where it came from, its schema and profile as JSON."""

    name: str
    digest: str
    source_type: str = "code"
    source: str = ""
    schema: str = ""
    profile: str = ""


@dataclass(frozen=True)
class InputTag:
    """A note on how a run used a data set."""

    key: str
    value: str


@dataclass(frozen=True)
class DatasetInput:
    """A data set used by a run, for training say."""

    dataset: Dataset
    tags: list[InputTag] = field(default_factory=list)
