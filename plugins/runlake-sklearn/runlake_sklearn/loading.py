"""An estimator again, from the files of either form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlake import InvalidValue
from runlake_sklearn import FORMAT
from runlake_sklearn.form import InvalidForm, decode

__all__ = ["loaded"]


def loaded(format_id: str, files: Mapping[str, bytes], options: Mapping[str, Any]) -> Any:
    """The estimator. Raises InvalidForm for files that none was saved as, InvalidValue for options that the format does not have."""
    known = () if format_id == FORMAT else ("trusted",)
    unknown = [name for name in options if name not in known]
    if unknown:
        what = f"takes {', '.join(known)}" if known else "is loaded as it is"
        raise InvalidValue(f"A model in the format {format_id} {what}; there is no option {', '.join(unknown)}.")
    if format_id == FORMAT:
        return decode(_file(files, "estimator.json"), _file(files, "buffers.bin.zst"))
    from runlake_sklearn.skopsed import read  # late: few models are in this form

    return read(_file(files, "model.skops"), options.get("trusted") or ())


def _file(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise InvalidForm(f"The model lacks its file {name}.")
    return files[name]
