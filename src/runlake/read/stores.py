"""A store opened for reading: runs, points and artifacts, as of the last refresh."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runlake import config
from runlake.entities import Scope, Status
from runlake.errors import StoreError, UnknownRun
from runlake.store.layout import Layout, check_usable, is_store
from runlake.store.view import Finding, View

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RunRow", "Store", "open_store"]


@dataclass(frozen=True)
class RunRow:
    """What is known of a run without its points; `errors` is what could not be recorded, in words."""

    run_id: str
    name: str
    status: Status
    start_ns: int
    end_ns: int | None
    artifacts: dict[str, str]
    errors: list[str]


class Store:
    """Reads one store. Nothing here ever writes; `refresh` takes in what was written since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._view = View(Layout(path))
        self.refresh()

    def refresh(self) -> None:
        """Take in what is new."""
        self._view.refresh()

    def points(self, run_id: str | None = None, key: str | None = None) -> pa.Table:
        """Points as `run_id, key, step, wall_ns, value, writer, seq`, by run, key, step and time."""
        return self._view.points(run_id, key)

    def runs(self) -> list[RunRow]:
        """Every run, in the order they were started."""
        known: dict[str, dict[str, dict[str, dict[str, object]]]] = {}
        for event in self._view.events().to_pylist():
            scopes = known.setdefault(event["run_id"], {scope: {} for scope in Scope})
            key = f"{event['hlc']}" if event["scope"] == Scope.ERROR else event["key"]
            scopes.setdefault(event["scope"], {})[key] = event
        whole = (_row(run_id, scopes) for run_id, scopes in known.items() if {"status", "start_ns"} <= scopes[Scope.RUN].keys())
        return sorted(whole, key=lambda row: row.run_id)  # of a run whose beginning is damaged or on its way only points are known

    def read_artifact(self, run_id: str, name: str) -> bytes:
        """The content that the run keeps under this name."""
        for row in self.runs():
            if row.run_id == run_id:
                if name not in row.artifacts:
                    raise UnknownRun(f"The run {run_id} keeps no artifact {name!r}; it has {sorted(row.artifacts)}.")
                return Layout(self.path).blob(row.artifacts[name]).read_bytes()
        raise UnknownRun(f"There is no run {run_id!r} in {self.path}.")

    def findings(self) -> list[Finding]:
        """What is damaged or missing in the store's files."""
        return self._view.findings()


def open_store(path: str | os.PathLike[str] | None = None) -> Store:
    """Open a store, by default the one that the settings name. Raises StoreError where there is none."""
    root = Path(path).absolute() if path is not None else config.find_store()
    check_usable(root)
    if not is_store(root):
        raise StoreError(f"There is no store at {root} yet. It is made by the first run, or name another with RUNLAKE_STORE.")
    return Store(root)


def _row(run_id: str, scopes: dict[str, dict[str, dict[str, object]]]) -> RunRow:
    said = scopes[Scope.RUN]
    return RunRow(
        run_id=run_id,
        name=str(said["name"]["str"]) if "name" in said else run_id,
        status=Status(str(said["status"]["str"])),
        start_ns=int(str(said["start_ns"]["int"])),
        end_ns=int(str(said["end_ns"]["int"])) if "end_ns" in said else None,
        artifacts={name: str(event["str"]) for name, event in scopes[Scope.ARTIFACT].items()},
        errors=[f"{event['key']}: {event['str']}" for event in scopes[Scope.ERROR].values()],
    )
