"""Where everything is defined."""

import asyncio
import functools
import operator


class Model:
    """What training gives."""

    def __init__(self, best_round):
        self.best_round = best_round


def train(data, rounds=3, callbacks=None):
    """Train, and tell the callbacks of each round."""
    losses = [1.0 / (number + 1) for number in range(rounds)]
    for number, loss in enumerate(losses):
        for callback in callbacks or ():
            callback(number, loss)
    if data == "bad":
        raise ValueError("bad data")
    if isinstance(data, BaseException):
        raise data
    return Model(rounds - 1)


def checks(function):
    """Decorate as libraries do that check their arguments."""

    @functools.wraps(function)
    def checked(*args, **kwargs):
        return function(*args, **kwargs)

    return checked


@checks
def checked_train(data, rounds=3):
    """Train behind a decorator."""
    return Model(rounds - 1)


multiply = operator.mul  # made in C


async def atrain(data, rounds=3):
    """Train and let others run."""
    for _ in range(rounds):
        await asyncio.sleep(0)
    if data == "bad":
        raise ValueError("bad data")
    return Model(rounds - 1)


def rounds(data, rounds=3):
    """Train a round for each value that is asked for."""
    for number in range(rounds):
        sent = yield number
        if sent is not None:
            yield sent
    return Model(rounds - 1)


class available_if:  # noqa: N801 - a decorator
    """A method that is there only where a check says so."""

    def __init__(self, function, check):
        self.function = function
        self.check = check
        functools.update_wrapper(self, function)

    def __get__(self, instance, owner=None):
        if instance is not None and not self.check(instance):
            raise AttributeError("not available")
        return self.function.__get__(instance, owner)


class Estimator:
    """Trains as scikit-learn's estimators do."""

    def __init__(self, rounds=3, inner=None):
        self.rounds = rounds
        self.inner = inner

    def fit(self, data, targets=None):
        """Train, and what is inside before that."""
        if self.inner is not None:
            self.inner.fit(data, targets)
        if data == "bad":
            raise ValueError("bad data")
        self.model_ = Model(self.rounds - 1)
        return self

    @classmethod
    def from_data(cls, data):
        """Make one and train it."""
        return cls().fit(data)

    @staticmethod
    def quick(data):
        """Train without an object."""
        return train(data, 1)

    @property
    def fitted(self):
        """Train when first asked."""
        return self.fit("lazy")

    predict = available_if(lambda self, data: [0] * len(data), lambda self: hasattr(self, "model_"))


class Child(Estimator):
    """Trains as its parent does, and then some."""

    def fit(self, data, targets=None):
        """Train."""
        return super().fit(data, targets)


class Grandchild(Child):
    """Trains as what it derives from."""
