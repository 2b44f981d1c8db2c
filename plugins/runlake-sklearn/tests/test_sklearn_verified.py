"""A digest of an estimator is of what it learned and how it is set, and `runlake verify` finds programs unchanged by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runlake_sklearn import model_digest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from toys import write_plugin
from verifying import digest_elsewhere, verdicts_of, verified

X = np.arange(60.0).reshape(20, 3) % 7
Y = np.arange(20) % 2
FOREST = """
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    model = RandomForestClassifier(3, random_state=0).fit(np.arange(60.0).reshape(20, 3) % 7, np.arange(20) % 2)
"""
DEMO = """
    import numpy as np
    import runlake_sklearn
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    def main():
        np.random.seed(0)
        inputs, targets = load_iris(return_X_y=True)
        search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3).fit(inputs, targets)
        model = LogisticRegression(max_iter=5).fit(inputs, targets)
        print(model.score(inputs, targets), model.coef_.sum())

    runlake_sklearn.demo()
    main()
"""
OFFENDER = """
@hookimpl
def patches():
    return [Patch("sklearn.linear_model._logistic:LogisticRegression.fit", capture, why="to offend", role="inside")]

def capture(call):
    yield
    call.instance.coef_[0, 0] += 1e-9

@hookimpl
def model_fitted(fitted):
    if hasattr(fitted.model, "coef_"):
        fitted.model.coef_[0, 0] += 1e-9
"""


def test_models_alike_have_one_digest_whatever_process_made_them() -> None:
    """A search, too, though it took another time."""
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    searches = [GridSearchCV(LogisticRegression(), {"C": [1.0, 2.0]}, cv=2).fit(X, Y) for _ in range(2)]

    assert model_digest(forest) == digest_elsewhere(FOREST, "runlake_sklearn")
    assert model_digest(searches[0]) == model_digest(searches[1]) is not None
    assert "refit_time_" in vars(searches[0])


def test_another_weight_or_setting_is_another_digest() -> None:
    """By the last bit."""
    model = LogisticRegression().fit(X, Y)
    before = model_digest(model)
    model.coef_[0, 0] = np.nextafter(model.coef_[0, 0], 9)
    changed = model_digest(model)

    assert len({before, changed, model_digest(model.set_params(tol=0.5))}) == 3


def test_what_is_no_fitted_estimator_of_the_library_has_none() -> None:
    """Nothing was learned, or nothing is known of it."""
    assert [model_digest(each) for each in (LogisticRegression(), LogisticRegression, X, "model", None)] == [None] * 5


@pytest.mark.long
def test_the_demo_and_a_program_with_a_main_function_are_not_changed(tmp_path: Path) -> None:
    """A warning of convergence is where it was, and every model is compared."""
    found = verified(tmp_path, DEMO)

    assert verdicts_of(found) == dict.fromkeys(("exit", "stdout", "stderr", "random", "models"), "same") | {
        "random": verdicts_of(found)["random"]
    }
    assert found["findings"][-1]["what"] == "2 compared bit for bit: search (GridSearchCV), model (LogisticRegression)"
    assert (found["recorded"]["models"] >= 5, found["recorded"]["errors"]) == (True, [])


def test_a_coefficient_that_a_plugin_changes_is_found(tmp_path: Path) -> None:
    """By the variable that holds the model."""
    write_plugin(tmp_path / "plugin", "offender", OFFENDER)
    program = "import numpy as np\nfrom sklearn.linear_model import LogisticRegression\n"
    program += "def main():\n    mine = LogisticRegression().fit(np.eye(4), [0, 1, 0, 1])\nmain()"
    found = verified(tmp_path, program, PYTHONPATH=str(tmp_path / "plugin"), RUNLAKE_PLUGINS="sklearn,offender")

    assert {each["about"]: each["what"] for each in found["findings"] if each["verdict"] == "differs"} == {
        "models": "changed: mine (LogisticRegression)"
    }
