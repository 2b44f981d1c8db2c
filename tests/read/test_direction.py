"""Which way a metric is better, by its name where nobody said."""

from __future__ import annotations

import pytest

from runlake.read import direction
from runlake.read.direction import has_direction

DOWN = "loss val_loss train/loss log_loss error_rate rmse val-rmse mean_squared_error mae mape perplexity eval_runtime_seconds logloss"
UP = "accuracy val_acc test/auc roc_auc f1_score precision recall r2_score ndcg@3 bleu mean_iou samples_per_second neg_mean_squared_error"
LIKELY = "log_prob val/log_prob logprob log_likelihood train_log_likelihood loglik elbo val_elbo neg_negative_likelihood_ratio"
UNLIKELY = "neg_log_likelihood val/negative_log_likelihood neg_elbo elbo_loss nll"


@pytest.mark.parametrize("key", DOWN.split())
def test_losses_and_errors_go_down(key: str) -> None:
    """The smaller the better."""
    assert direction(key) == "min"


@pytest.mark.parametrize("key", UP.split())
def test_scores_go_up(key: str) -> None:
    """The greater the better."""
    assert direction(key) == "max"


@pytest.mark.parametrize("key", LIKELY.split())
def test_likelihoods_and_bounds_of_them_go_up(key: str) -> None:
    """What is more likely is better."""
    assert direction(key) == "max"


@pytest.mark.parametrize("key", UNLIKELY.split())
def test_a_negated_likelihood_goes_down(key: str) -> None:
    """As a loss does."""
    assert direction(key) == "min"


def test_what_was_said_outranks_the_name() -> None:
    """By the run's own tag."""
    assert (direction("loss", {"runlake.goal.loss": "max"}), direction("loss", {"runlake.goal.other": "max"})) == ("max", "min")


NEITHER = "epoch train/epoch lr train/lr train/lr/group1 learning_rate lr-AdamW momentum train/grad_norm grad_norm global_step train/beta1"


@pytest.mark.parametrize("key", NEITHER.split())
def test_settings_and_counters_are_neither(key: str) -> None:
    """Unless the run was told."""
    assert not has_direction(key)
    assert has_direction(key, {f"runlake.goal.{key}": "min"})


@pytest.mark.parametrize(
    "key", [*DOWN.split(), *UP.split(), "epoch_loss", "step_loss", "lrap", "epoch_seconds", "steps_per_second", "reward/step"]
)
def test_outcomes_have_a_direction_whatever_else_is_in_their_name(key: str) -> None:
    """A loss by epoch is a loss."""
    assert has_direction(key)
