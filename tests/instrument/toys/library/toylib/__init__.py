"""A library that trains next to nothing, in every shape that a library's calls come in."""

from toylib.core import Child, Estimator, Grandchild, Model, atrain, checked_train, rounds, train

__all__ = ["Child", "Estimator", "Grandchild", "Model", "atrain", "checked_train", "rounds", "train"]
__version__ = "3.1"
