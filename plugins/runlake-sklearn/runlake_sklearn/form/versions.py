"""The libraries that a form was written with, and what to say where it is read with others."""

from __future__ import annotations

import warnings

import numpy
import scipy
import sklearn

from runlake_sklearn.form.errors import InvalidForm

FORM = 1

WRITTEN_WITH: dict[str, str] = {"numpy": numpy.__version__, "scikit-learn": sklearn.__version__, "scipy": scipy.__version__}


def check_versions(written_with: object) -> None:
    """Warn where scikit-learn's minor version is another: what its attributes mean changes between those, not between patches."""
    if type(written_with) is not dict or not all(type(version) is str for version in written_with.values()):
        raise InvalidForm("The form does not say which versions it was written with.")
    then, now = written_with.get("scikit-learn", "an unknown version"), WRITTEN_WITH["scikit-learn"]
    if then.split(".")[:2] != now.split(".")[:2]:
        message = f"The model was written with scikit-learn {then:.40} and is read with {now}: what it predicts may differ."
        warnings.warn(f"{message} Fit it again, or read it with {then:.40}.", stacklevel=3)
