"""A library that trains next to nothing, in every shape that a library's calls come in."""

from toylib.core import Estimator, Model, atrain, checked_train, rounds, train

__all__ = ["Estimator", "Model", "atrain", "checked_train", "rounds", "train"]
__version__ = "3.1"
