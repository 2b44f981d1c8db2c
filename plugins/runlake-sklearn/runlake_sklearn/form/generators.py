"""Random generators: where they stand, and only positions that they can stand at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import SeedSequence

from runlake_sklearn.form.errors import NoSafeForm
from runlake_sklearn.form.names import class_name
from runlake_sklearn.form.parts import Parts, array_of, require, whole

_WORD = 2**32 - 1
_LONG = 2**128 - 1


def take_random_state(state: Any) -> Parts:
    """Numpy's older generator; what it was seeded with it does not use again."""
    held = state.get_state(legacy=False)
    if held["bit_generator"] != "MT19937":
        raise NoSafeForm(f"draws from {held['bit_generator']}")
    return {
        "key": held["state"]["key"],
        "position": int(held["state"]["pos"]),
        "has_gauss": int(held["has_gauss"]),
        "gauss": float(held["gauss"]),
    }


def put_random_state(kind: Any, parts: Parts) -> Any:
    """A generator that stands within its 624 words."""
    words = {"key": _words(parts["key"], np.uint32, 624), "pos": whole(parts["position"], 0, 624, "The position of a generator")}
    require(type(parts["gauss"]) is float, "The number that a generator keeps is none.")
    state = kind(0)
    gauss = {"has_gauss": whole(parts["has_gauss"], 0, 1, "Whether a generator keeps a number"), "gauss": parts["gauss"]}
    state.set_state({"bit_generator": "MT19937", "state": words, **gauss})
    return state


def take_generator(generator: Any) -> Parts:
    """Numpy's newer generator is what draws its bits."""
    return {"bits": generator.bit_generator}


def put_generator(kind: Any, parts: Parts) -> Any:
    """A generator over its bits."""
    require((class_name(type(parts["bits"])) or "").rpartition(":")[2] in _FIELDS, "A generator draws from no bits.")
    return kind(parts["bits"])


def take_bits(bits: Any) -> Parts:
    """Where a generator of bits stands, and the seeds from which it would make others."""
    if type(bits.seed_seq) is not SeedSequence:
        raise NoSafeForm(f"was seeded by {type(bits.seed_seq).__name__}")
    held = dict(bits.state)
    name = held.pop("bit_generator")
    inner = {key: value if isinstance(value, np.ndarray) else int(value) for key, value in held.pop("state").items()}
    outer = {key: value if isinstance(value, np.ndarray) else int(value) for key, value in held.items()}
    return {"name": name, "state": inner, "rest": outer, "seeds": bits.seed_seq}


def put_bits(kind: Any, parts: Parts) -> Any:
    """A generator of bits at a position that it can have."""
    name, inner, outer = kind.__name__, parts["state"], parts["rest"]
    require(parts["name"] == name and type(inner) is dict and type(outer) is dict, "The state of a generator is of another one.")
    require(type(parts["seeds"]) is SeedSequence, "A generator has no seeds.")
    fields = _FIELDS[name]
    require({*inner, *outer} == set(fields) and not set(inner) & set(outer), f"The state of {name} has other fields.")
    for key, value in {**inner, **outer}.items():
        limit = fields[key]
        if isinstance(limit, int):
            whole(value, 0, limit, f"{key} of {name}")
        else:
            _words(value, *limit)
    bits = kind(parts["seeds"])
    bits.state = {"bit_generator": name, "state": inner, **outer}
    return bits


# What each has in its state: the most that a number may be, or the dtype and length of an array.
_FIELDS: dict[str, dict[str, Any]] = {
    "MT19937": {"key": (np.uint32, 624), "pos": 624},
    "PCG64": {"state": _LONG, "inc": _LONG, "has_uint32": 1, "uinteger": _WORD},
    "PCG64DXSM": {"state": _LONG, "inc": _LONG, "has_uint32": 1, "uinteger": _WORD},
    "Philox": {
        "counter": (np.uint64, 4),
        "key": (np.uint64, 2),
        "buffer": (np.uint64, 4),
        "buffer_pos": 4,
        "has_uint32": 1,
        "uinteger": _WORD,
    },
    "SFC64": {"state": (np.uint64, 4), "has_uint32": 1, "uinteger": _WORD},
}


def take_seeds(seeds: Any) -> Parts:
    """What a sequence of seeds was made from, and how many were taken."""
    entropy: Any = seeds.entropy if np.ndim(seeds.entropy) else int(seeds.entropy)
    parts = {
        "entropy": entropy if type(entropy) is int else [int(seed) for seed in entropy],
        "spawn_key": [int(key) for key in seeds.spawn_key],
    }
    return parts | {"pool_size": int(seeds.pool_size), "spawned": int(seeds.n_children_spawned)}


def put_seeds(kind: Any, parts: Parts) -> Any:
    """A sequence of seeds, of a size that takes no time to mix."""
    entropy, key = parts["entropy"], parts["spawn_key"]
    numbers = entropy if type(entropy) is list else [entropy]
    require(type(key) is list and len(numbers) + len(key) <= 1024, "There are more than 1,024 seeds.")
    require(
        all(type(number) is int and 0 <= number.bit_length() <= 4096 and number >= 0 for number in (*numbers, *key)), "A seed is no number."
    )
    size = whole(parts["pool_size"], 4, 64, "The size of the pool of seeds")
    return kind(entropy, spawn_key=tuple(key), pool_size=size, n_children_spawned=whole(parts["spawned"], 0, 2**31, "The seeds taken"))


def _words(value: Any, dtype: Any, length: int) -> np.ndarray[Any, Any]:
    words = array_of(value, dtype, 1, "The words of a generator")
    require(len(words) == length, f"The words of a generator are {len(words)}, not {length}.")
    return words
