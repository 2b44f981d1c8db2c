"""A client of the store of the test, and a run of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runlake import RunlakeClient


@pytest.fixture
def client(store: Path) -> RunlakeClient:
    """On the store that the settings name."""
    return RunlakeClient()


@pytest.fixture
def run_id(client: RunlakeClient) -> str:
    """Of a run that it has just opened."""
    return client.create_run("0", run_name="of the client").info.run_id
