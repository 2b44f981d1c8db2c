"""`runlake verify` finds programs unchanged by the plugin."""

from __future__ import annotations

from pathlib import Path

from verifying import verdicts_of, verified

PROGRAM = """
    import optuna

    def objective(trial):
        x = trial.suggest_float("x", -1, 1)
        trial.report(x, 0)
        if trial.should_prune():
            raise optuna.TrialPruned
        return x * trial.suggest_int("n", 1, 3)

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=3))
    study.optimize(objective, n_trials=14)
    tried = [(trial.params, trial.values, trial.state.name) for trial in study.trials]
    print(tried, study.best_trial.number)
"""


def test_a_seeded_study_is_not_changed(tmp_path: Path) -> None:
    """It tries and finds the same, and says the same."""
    found = verified(tmp_path, PROGRAM)

    assert found["is_same"], found["findings"]
    assert verdicts_of(found)["stdout"] == "same"
    assert (found["recorded"]["runs"], found["recorded"]["errors"]) == (15, [])
