"""Which metrics tell how good something became, and which only how the work went: the words in their names say it."""

from __future__ import annotations

import re

__all__ = ["is_aside", "is_of_training", "is_of_validation", "words_of"]

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_VALIDATION = set("val valid validation eval evaluation test testing dev cv holdout".split())
_TRAINING = set("train training".split())
_ASIDE = set("std rank time seconds second epoch step steps iteration iter samples seen lr rate norm memory support size".split())


def is_of_validation(key: str) -> bool:
    """Whether it was measured on data that nothing was learned from."""
    return not _VALIDATION.isdisjoint(words_of(key))


def is_of_training(key: str) -> bool:
    """Whether it was measured on the data that was learned from."""
    return not _TRAINING.isdisjoint(words_of(key))


def is_aside(key: str) -> bool:
    """Whether it is of the work, not of the outcome."""
    return not _ASIDE.isdisjoint(words_of(key))


def words_of(key: str) -> list[str]:
    """The words that a key is made of, in small letters."""
    return [word.lower() for word in _WORD.findall(key)]
