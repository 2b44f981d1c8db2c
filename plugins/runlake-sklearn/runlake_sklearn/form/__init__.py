"""The safe form of a fitted scikit-learn model: a tree of states in JSON, and the bytes of its arrays. No pickle, either way."""

from runlake_sklearn.form.decode import decode
from runlake_sklearn.form.encode import Form, encode
from runlake_sklearn.form.errors import InvalidForm, NoSafeForm, TooLarge
from runlake_sklearn.form.sizes import size_of
from runlake_sklearn.form.versions import WRITTEN_WITH

__all__ = ["WRITTEN_WITH", "Form", "InvalidForm", "NoSafeForm", "TooLarge", "decode", "encode", "size_of"]
