"""`runlake verify` finds programs unchanged by the plugin."""

from __future__ import annotations

from pathlib import Path

from verifying import verdicts_of, verified

PROGRAM = """
    import hyperopt
    import numpy as np

    trials = hyperopt.Trials()
    space = {"x": hyperopt.hp.normal("x", 0, 1), "kind": hyperopt.hp.choice("kind", ["a", "b"])}
    rstate = np.random.default_rng(3)
    best = hyperopt.fmin(lambda point: point["x"] ** 2, space, hyperopt.tpe.suggest, 25, trials=trials, rstate=rstate, verbose=False)
    print(best, trials.vals, trials.losses())
"""


def test_a_seeded_search_is_not_changed(tmp_path: Path) -> None:
    """It tries and finds the same, and says the same."""
    found = verified(tmp_path, PROGRAM)

    assert found["is_same"], found["findings"]
    assert verdicts_of(found)["stdout"] == "same"
    assert (found["recorded"]["runs"], found["recorded"]["errors"]) == (26, [])
