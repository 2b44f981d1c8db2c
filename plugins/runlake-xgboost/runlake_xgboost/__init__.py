"""Record XGBoost's trainings: settings, every evaluation of every round, where they stopped, and the model as files and in numbers.

training    `train` and `cv`
rounds      the callback that listens to each round
estimators  the `fit` of the classes in scikit-learn's manner
settings    what was asked for, as plain values
matrices    what is inside a DMatrix
asking      what a model says of rows, and how well it does on them
predicting  what it says of rows as its users give them
learning    how much features matter, and how predictions come apart by them
categories  the features that are categories
saving      a model as files, and back
checking    that files can be given to the library: damaged ones would end the process
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runlake import InvalidValue, Patch, hookimpl

if TYPE_CHECKING:
    from runlake import Call, DataFacts, Explainer, Learner, Saved, Unexplained

FORMAT = "xgboost/1"
IMPORTANCES = ("weight", "gain", "cover", "total_gain", "total_cover")
MODEL_FORMATS = ("ubj", "json")


@hookimpl
def options() -> Mapping[str, Any]:
    """Which measures of importance, in this order, None for all of them; and the format in which models are kept."""
    return {"importance_types": None, "model_format": "ubj"}


@hookimpl
def patches() -> list[Patch]:
    """Whoever trains comes through `train` or `cv`; a `fit` has the data as the user has it."""
    return [
        Patch("xgboost.training:train", capture_train, why="the function that trains"),
        Patch("xgboost.training:cv", capture_cv, why="the function that trains once for each fold"),
        Patch("xgboost.callback:CallbackContainer.__init__", capture_rounds, role="inside", why="it has the callbacks of both"),
        Patch("xgboost.sklearn:XGBModel.fit", capture_fit, why="it has the data and settings as they were given", subclasses=True),
    ]


def capture_train(call: Call) -> Generator[None, Any, None] | None:
    """A call of `train`, by the program or by an estimator."""
    from runlake_xgboost.training import capture_train

    return capture_train(call)


def capture_cv(call: Call) -> Generator[None, Any, None] | None:
    """A call of `cv`."""
    from runlake_xgboost.training import capture_cv

    return capture_cv(call)


def capture_rounds(call: Call) -> Generator[None, Any, None]:
    """Each round of either."""
    from runlake_xgboost.rounds import capture_rounds

    return capture_rounds(call)


def capture_fit(call: Call) -> Generator[None, Any, None]:
    """A `fit`."""
    from runlake_xgboost.estimators import capture_fit

    return capture_fit(call)


@hookimpl
def model_fitted(fitted: Any) -> None:
    """The rounds of the estimator that a search found."""
    if hasattr(fitted.model, "best_estimator_"):
        from runlake_xgboost.estimators import log_rounds_of_best

        log_rounds_of_best(fitted)


@hookimpl
def describe_data(data: Any) -> DataFacts | None:
    """What is inside a DMatrix of any kind."""
    from runlake_xgboost.matrices import facts_of

    return facts_of(data)


@hookimpl
def predict_sample(model: Any, rows: Any) -> Any:
    """What a booster or an estimator says of a few rows."""
    from runlake_xgboost.asking import said_of

    return said_of(model, rows)


@hookimpl(trylast=True)  # the plugin of scikit-learn has metrics of every estimator, alike
def training_metrics(model: Any, inputs: Any, targets: Any, sample_weight: Any) -> Mapping[str, Any] | None:
    """What an estimator and its booster say themselves."""
    from runlake_xgboost.asking import training_metrics

    return training_metrics(model, inputs, targets, sample_weight)


@hookimpl
def save_model(model: Any, max_bytes: int, options: Mapping[str, Any], form: str | None) -> Saved | None:
    """A booster or an estimator as XGBoost itself saves it, in the format that is asked for, else that of the option."""
    from runlake_xgboost.saving import is_saved, saved

    if form is not None and form not in MODEL_FORMATS and is_saved(model):
        raise InvalidValue(f"A model of XGBoost is kept in the format {' or '.join(MODEL_FORMATS)}, not {form!r}.")
    return saved(model, max_bytes, form or _chosen(options)[1])


@hookimpl
def load_model(format_id: str, files: Mapping[str, bytes]) -> Any:
    """What was saved so."""
    if format_id != FORMAT:
        return None
    from runlake_xgboost.saving import loaded

    return loaded(files)


@hookimpl
def native_formats() -> Sequence[str]:
    """XGBoost's own."""
    return (FORMAT,)


@hookimpl
def predict(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """What a booster or an estimator says of rows of any kind."""
    from runlake_xgboost.predicting import predicted

    return predicted(model, data, params)


@hookimpl
def model_digest(model: Any) -> str | None:
    """Of a booster's own bytes, and an estimator's settings."""
    from runlake_xgboost.saving import digest_of

    return digest_of(model)


@hookimpl
def learner(model: Any, rows: Any) -> Learner | Unexplained | None:
    """The rows as a matrix of numbers."""
    from runlake_xgboost.learning import learner_of

    return learner_of(model, rows)


@hookimpl
def feature_importance(model: Any, options: Mapping[str, Any]) -> Mapping[str, Mapping[str, Sequence[float]]] | None:
    """Every measure that the booster has, or the coefficients of a linear one."""
    from runlake_xgboost.learning import importance_of

    return importance_of(model, _chosen(options)[0])


@hookimpl
def explainer(model: Any) -> Explainer | Unexplained | None:
    """XGBoost's own TreeSHAP, and the terms of a linear booster."""
    from runlake_xgboost.learning import explainer_of

    return explainer_of(model)


def _chosen(options: Mapping[str, Any]) -> tuple[Sequence[str], str]:
    """The plugin's options. Raises InvalidValue for what they cannot be."""
    given, model_format = options.get("importance_types"), options.get("model_format", "ubj")
    if given is not None and (not isinstance(given, (list, tuple)) or not set(given) <= set(IMPORTANCES)):
        raise InvalidValue(f"The option importance_types is a list of some of {', '.join(IMPORTANCES)}, or None for all, not {given!r}.")
    if model_format not in MODEL_FORMATS:
        raise InvalidValue(f"The option model_format is one of {', '.join(MODEL_FORMATS)}, not {model_format!r}.")
    return IMPORTANCES if given is None else given, model_format


def demo() -> None:
    """For `runlake demo`: a training that stops early, and a classifier."""
    import numpy as np
    import xgboost

    inputs = np.random.default_rng(0).normal(size=(200, 4))
    targets = inputs[:, 0] + inputs[:, 1] > 0
    train, evaluated = xgboost.DMatrix(inputs[:150], targets[:150]), xgboost.DMatrix(inputs[150:], targets[150:])
    params = {"objective": "binary:logistic", "max_depth": 3}
    xgboost.train(params, train, 50, evals=[(train, "train"), (evaluated, "eval")], early_stopping_rounds=3, verbose_eval=False)
    xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(inputs, targets)
