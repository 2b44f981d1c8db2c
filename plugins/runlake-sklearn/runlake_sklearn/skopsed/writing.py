"""Writing: what the own form has, and skops can write, and comes back through the checks."""

from __future__ import annotations

from typing import Any

from runlake import RunlakeError, Saved
from runlake_sklearn.form import NoSafeForm, TooLarge, encode
from runlake_sklearn.skopsed.reading import Untrusted, read, skops_io

__all__ = ["FILE", "written"]

FILE = "model.skops"


def written(model: Any, max_bytes: int, format_id: str) -> Saved:
    """Its one file, or why there is none. Raises RunlakeError where skops is not installed."""
    io = skops_io()
    try:
        encode(model, max_bytes)
        data = io.dumps(model)
        read(data)
    except (NoSafeForm, TooLarge) as error:
        return Saved(format_id, why_not=str(error))
    except (io.exceptions.UnsupportedTypeException, TypeError, ValueError, AttributeError, RecursionError) as error:
        return Saved(format_id, why_not=f"skops does not write it: {str(error).strip()[:300].rstrip('.')}")
    except Untrusted as error:
        return Saved(format_id, why_not=f"skops would write types of which its file cannot be checked: {', '.join(error.names)}")
    except RunlakeError as error:
        return Saved(format_id, why_not=f"what skops writes of it does not come back: {str(error)[:300].rstrip('.')}")
    if len(data) > max_bytes:
        return Saved(format_id, why_not=f"it takes more than {max_bytes:,} bytes")
    return Saved(
        format_id, {FILE: data}, flavors=_flavors(io.get_untrusted_types(data=data)), modules=("sklearn", "numpy", "scipy", "skops")
    )


def _flavors(untrusted: list[str]) -> dict[str, dict[str, Any]]:
    """MLflow's tools read it by skops, which is told of the types that it does not trust by itself."""
    import sklearn

    about = {"pickled_model": FILE, "sklearn_version": sklearn.__version__, "serialization_format": "skops"}
    return {"sklearn": {**about, "skops_trusted_types": untrusted}}
