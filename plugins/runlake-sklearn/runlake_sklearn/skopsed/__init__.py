"""Models in the format of skops, which other tools read too: written by skops, and read through the checks of the own form."""

from runlake_sklearn.skopsed.reading import read
from runlake_sklearn.skopsed.writing import written

__all__ = ["read", "written"]
