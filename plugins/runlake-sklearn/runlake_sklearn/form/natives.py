"""The classes that no bare object with attributes can stand for: how each is taken apart, and put together with every part checked."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from runlake_sklearn.form import generators, histograms, neighbors, sparse, trees
from runlake_sklearn.form.errors import InvalidForm, NoSafeForm
from runlake_sklearn.form.names import DISTRIBUTIONS, NAMES, NATIVES, name_of
from runlake_sklearn.form.parts import Parts, require


@dataclass(frozen=True)
class Native:
    """Both ways of one class; `put_together` may assume nothing about the parts that it is given."""

    take_apart: Callable[[Any], Parts]
    put_together: Callable[[Any, Parts], Any]


def _take_masked(array: Any) -> Parts:
    return {"data": array.data, "mask": np.ma.getmaskarray(array), "fill": array._fill_value, "hard": bool(array.hardmask)}


def _put_masked(kind: Any, parts: Parts) -> Any:
    data, mask, fill, hard = parts["data"], parts["mask"], parts["fill"], parts["hard"]
    require(type(data) is np.ndarray and type(mask) is np.ndarray and type(hard) is bool, "A masked array is made of arrays.")
    require(mask.dtype == bool and mask.shape == data.shape, "A mask is not of the shape of what it masks.")
    require(fill is None or (type(fill) is np.ndarray and fill.shape == ()), "A masked array is filled with one value.")
    masked = kind(data, mask=mask, hard_mask=hard)
    if fill is not None:
        masked.fill_value = fill[()]
    return masked


def _take_matrix(matrix: Any) -> Parts:
    return {"array": np.asarray(matrix)}


def _put_matrix(kind: Any, parts: Parts) -> Any:
    array = parts["array"]
    require(type(array) is np.ndarray and array.ndim == 2, "A matrix has two dimensions.")
    return array.view(kind)


def _take_spline(spline: Any) -> Parts:
    if spline.axis != 0:
        raise NoSafeForm(f"is a spline along axis {spline.axis}")
    return {"knots": spline.t, "coefficients": spline.c, "degree": int(spline.k), "extrapolate": spline.extrapolate}


def _put_spline(kind: Any, parts: Parts) -> Any:
    knots, coefficients, degree = parts["knots"], parts["coefficients"], parts["degree"]
    require(type(knots) is np.ndarray and type(coefficients) is np.ndarray, "A spline is made of arrays.")
    require(knots.dtype == np.float64 and coefficients.dtype == np.float64, "A spline is made of numbers.")
    require(type(degree) is int and 0 <= degree < 100, "A spline has a degree below 100.")
    # Its constructor checks the order and the number of the knots, which the loops in C rely on.
    return kind(knots, coefficients, degree, extrapolate=parts["extrapolate"])


def _take_partial(partial: Any) -> Parts:
    # Not `vars`: asking for attributes gives a partial some, which its pickle would then have too.
    function, arguments, keywords, attributes = partial.__reduce__()[2]
    if attributes:
        raise NoSafeForm("is a partial with attributes of its own")
    return {"function": function, "arguments": arguments, "keywords": keywords}


def _put_partial(kind: Any, parts: Parts) -> Any:
    require(name_of(parts["function"]) in NAMES, "A partial is of a function that a form may name.")
    require(type(parts["arguments"]) is tuple and type(parts["keywords"]) is dict, "A partial has a tuple and a dict.")
    return kind(parts["function"], *parts["arguments"], **parts["keywords"])


def _take_items(mapping: Any) -> Parts:
    return {"items": dict(mapping)}


def _put_items(kind: Any, parts: Parts) -> Any:
    require(type(parts["items"]) is dict, "A mapping is made of a dict.")
    made = kind()
    made.update(parts["items"])
    return made


def _take_fields(record: Any) -> Parts:
    return {"fields": list(record)}


def _put_fields(kind: Any, parts: Parts) -> Any:
    return kind(*parts["fields"])


def _take_arguments(loss: Any) -> Parts:
    made_by, arguments = loss.__reduce_ex__(4)[:2]
    # Where the class does not say how it is made, Cython does: with the class, a checksum, and its attributes.
    return {"arguments": list(arguments if made_by is type(loss) else arguments[2])}


def _put_arguments(kind: Any, parts: Parts) -> Any:
    arguments = parts["arguments"]
    require(type(arguments) is list and len(arguments) <= 2, "A loss has at most two arguments.")
    require(all(type(argument) in (int, float) for argument in arguments), "The arguments of a loss are numbers.")
    return kind(*arguments)


def _take_distribution(frozen: Any) -> Parts:
    if frozen.dist._random_state is not np.random.mtrand._rand:
        raise NoSafeForm("is a distribution with a random generator of its own")
    return {"name": frozen.dist.name, "arguments": frozen.args, "keywords": frozen.kwds}


def _put_distribution(kind: Any, parts: Parts) -> Any:
    name, arguments, keywords = parts["name"], parts["arguments"], parts["keywords"]
    require(f"scipy.stats:{name}" in DISTRIBUTIONS, "A distribution is one of scipy.stats.")
    require(type(arguments) is tuple and type(keywords) is dict, "A distribution has a tuple and a dict.")
    require(all(_is_number(value) for value in (*arguments, *keywords.values())), "The arguments of a distribution are numbers.")
    frozen = getattr(importlib.import_module("scipy.stats"), name)(*arguments, **keywords)
    require(type(frozen) is kind, f"{name} is not of this kind of distribution.")
    return frozen


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) or isinstance(value, np.number)


def _each(names: Iterable[str], native: Native) -> dict[str, Native]:
    return dict.fromkeys(names, native)


def _in_module(module: str) -> list[str]:
    return [name for name in NATIVES if name.partition(":")[0] == module]


NATIVE: dict[str, Native] = {
    **_each(["collections:OrderedDict", "sklearn.utils._bunch:Bunch"], Native(_take_items, _put_items)),
    **_each(["functools:partial"], Native(_take_partial, _put_partial)),
    **_each(["numpy:matrix"], Native(_take_matrix, _put_matrix)),
    **_each(["numpy.ma:MaskedArray"], Native(_take_masked, _put_masked)),
    **_each(["numpy.random._generator:Generator"], Native(generators.take_generator, generators.put_generator)),
    **_each(["numpy.random.mtrand:RandomState"], Native(generators.take_random_state, generators.put_random_state)),
    **_each(["numpy.random.bit_generator:SeedSequence"], Native(generators.take_seeds, generators.put_seeds)),
    **_each(
        ["numpy.random._mt19937:MT19937", *_in_module("numpy.random._pcg64"), "numpy.random._philox:Philox", "numpy.random._sfc64:SFC64"],
        Native(generators.take_bits, generators.put_bits),
    ),
    **_each(["scipy.interpolate._bsplines:BSpline"], Native(_take_spline, _put_spline)),
    **_each([*_in_module("scipy.sparse._csr"), *_in_module("scipy.sparse._csc")], Native(sparse.take_rows, sparse.put_rows)),
    **_each(_in_module("scipy.sparse._coo"), Native(sparse.take_coordinates, sparse.put_coordinates)),
    **_each(_in_module("scipy.stats._distn_infrastructure"), Native(_take_distribution, _put_distribution)),
    **_each([*_in_module("sklearn._loss._loss"), *_in_module("sklearn.linear_model._sgd_fast")], Native(_take_arguments, _put_arguments)),
    **_each(
        ["sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor"], Native(histograms.take_predictor, histograms.put_predictor)
    ),
    **_each(_in_module("sklearn.metrics._dist_metrics"), Native(neighbors.take_metric, neighbors.put_metric)),
    **_each(
        [*_in_module("sklearn.neighbors._ball_tree"), *_in_module("sklearn.neighbors._kd_tree")],
        Native(neighbors.take_tree, neighbors.put_tree),
    ),
    **_each(["sklearn.impute._iterative:_ImputerTriplet"], Native(_take_fields, _put_fields)),
    **_each(["sklearn.tree._tree:Tree"], Native(trees.take_tree, trees.put_tree)),
}


def put_together(name: str, kind: Any, parts: Parts) -> Any:
    """An object of a listed C class from its parts."""
    try:
        return NATIVE[name].put_together(kind, parts)
    except KeyError as error:
        raise InvalidForm(f"{name} lacks its part {error}.") from error
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise InvalidForm(f"The parts of {name} do not make one: {error}") from error
