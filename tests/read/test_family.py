"""Who stands inside whom, as walking from run to run finds it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlake.read import Family

RUNS = [f"{number:02d}" for number in range(14)]


def above(run: str, parents: Mapping[str, str]) -> list[str]:
    """All that a run is inside of, as long as none of it is in a ring."""
    found: list[str] = []
    while run in parents and not in_ring(run, parents):
        run = parents[run]
        found.append(run)
    return found


def in_ring(run: str, parents: Mapping[str, str]) -> bool:
    """Whether one comes back to a run by going up."""
    at = parents.get(run)
    for _ in parents:
        if at == run:
            return True
        at = parents.get(at) if at is not None else None
    return False


@settings(max_examples=300, deadline=None, database=None)
@given(parents=st.dictionaries(st.sampled_from(RUNS), st.sampled_from(RUNS)), shown=st.sets(st.sampled_from(RUNS)))
def test_it_is_what_walking_up_finds(parents: dict[str, str], shown: set[str]) -> None:
    """For any forest, with rings and runs that are inside themselves."""
    places = np.array([RUNS.index(parents[run]) if run in parents else -1 for run in RUNS])
    family = Family(pa.array(RUNS), places)
    asked = sorted(shown)

    n_inside = family.n_inside(pa.array(RUNS, pa.string()))
    outermost = family.outermost(pa.array(asked, pa.string()))

    assert n_inside.tolist() == [sum(run in above(other, parents) for other in RUNS) for run in RUNS]
    assert outermost.tolist() == [not shown & set(above(run, parents)) for run in asked]


@pytest.mark.parametrize("asked", [[], ["nobody"], ["01", "nobody"]], ids=str)
def test_of_runs_that_it_does_not_know_it_knows_nothing(asked: list[str]) -> None:
    """They are inside nothing, and nothing is inside them."""
    family = Family(pa.array(["01", "02"]), np.array([-1, 0]))

    assert family.n_inside(pa.array(asked, pa.string())).tolist() == [run == "01" for run in asked]
    assert family.outermost(pa.array(asked, pa.string())).all()
