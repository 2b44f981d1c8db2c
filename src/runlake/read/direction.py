"""Which way a metric is better: as its run was told, else by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

__all__ = ["Goal", "direction", "has_direction"]

Goal = Literal["min", "max"]

GOAL_TAG = "runlake.goal."

_DOWN = re.compile(
    r"loss|error|err\b|rmse|mse|mae|mape|rmsle|logloss|deviance|perplexity|wer\b|cer\b|fid\b|distance|regret|latency|time\b|seconds"
)
_UP = re.compile(
    r"acc|auc|f1|f2|fbeta|score|precision|recall|r2\b|map\b|ndcg|mrr|bleu|rouge|iou|dice|kappa|mcc|reward|return|throughput|per_second"
)
_NEITHER = re.compile(
    r"(?<![a-z])(?:epochs?|lr|learning_rate|momentum|betas?|weight_decay|(?:global_)?steps?|iterations?|grad(?:ient)?_norm|total_flos)(?![a-z_])"
)
_LIKELY = re.compile(r"likelihood|log_?lik|log_?prob|elbo\b")


def has_direction(key: str, tags: Mapping[str, str] | None = None) -> bool:
    """Whether one value is better than another at all: an epoch or a learning rate is as it is, unless its run was told a goal."""
    name = key.lower()
    return GOAL_TAG + key in (tags or {}) or not _NEITHER.search(name) or bool(_DOWN.search(name) or _UP.search(name))


def direction(key: str, tags: Mapping[str, str] | None = None) -> Goal:
    """ "min" or "max". What nothing tells is taken to be better when it is smaller, as most losses are."""
    told = (tags or {}).get(GOAL_TAG + key)
    if told in ("min", "max"):
        return "min" if told == "min" else "max"
    name = re.sub(r"[^a-z0-9_]+", " ", key.lower())
    if _LIKELY.search(name) and not _DOWN.search(name):
        return "min" if len(re.findall(r"(?<![a-z])neg(?:ative)?_", name)) % 2 else "max"
    if _DOWN.search(name) and not re.search(r"^neg_|_neg_", name):  # an error negated so that greater is better
        return "min"
    return "max" if _UP.search(name) or re.search(r"^neg_|_neg_", name) else "min"
