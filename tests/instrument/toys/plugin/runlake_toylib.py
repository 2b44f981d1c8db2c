"""Record toylib's training: its arguments, a curve, where it stopped."""

from runlake import Patch, hookimpl, isolated


@hookimpl
def patches():
    """Every way to train goes through one of these."""
    return [
        Patch("toylib.core:train", capture_train, why="the function that trains"),
        Patch("toylib.core:Estimator.fit", capture_fit, why="the method that trains", subclasses=True),
    ]


@hookimpl
def options():
    """How the curve is named."""
    return {"curve": "loss"}


def capture_train(call):
    """Note the arguments, listen to each round, then hand the model to the shared captures."""
    call.run.log_params({"rounds": call.arguments["rounds"]})
    call.rewrite(callbacks=[*(call.arguments["callbacks"] or []), listen(call.run, call.options["curve"])])
    model = yield
    call.run.log_metric("best_round", model.best_round)
    call.fitted(model, inputs=call.arguments["data"])


def listen(run, curve):
    """A callback that logs each round."""

    @isolated
    def listener(number, loss):
        run.log_metric(curve, loss, step=number)

    return listener


def capture_fit(call):
    """Note the estimator's settings; of one inside another, only that it was there."""
    if call.owner is not None:
        call.run.log_params({"inner": type(call.instance).__name__})
        return
    call.run.log_params({"rounds": call.instance.rounds})
    yield
    call.fitted(call.instance, inputs=call.arguments["data"], targets=call.arguments["targets"])
