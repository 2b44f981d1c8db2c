"""Processes that register and promote models at once: every number once, and one history that each of them is a part of."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import let_go_together, start_program

PROCESSES, VERSIONS = 8, 25

REGISTERS = """
    import json, sys
    import runlake

    folder, worker, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    client = runlake.MlflowClient()
    print("ready", flush=True)
    input()
    mine, lengths, newest = [], [], []
    seen = []
    for number in range(n):
        version = runlake.register_model(folder, "shared", reason=f"{worker}/{number}/a")
        mine.append(int(version.version))
        client.set_registered_model_alias("shared", "newest", version.version, reason=f"{worker}/{number}/b")
        stage = ("Staging", "Production")[number % 2]
        client.transition_model_version_stage("shared", version.version, stage, number % 3 == 0, reason=f"{worker}/{number}/c")
        history = [(each.user_id, each.timestamp, each.what, each.after) for each in client.get_registered_model_history("shared")]
        assert history[: len(seen)] == seen, "what was read before is not there any more"
        seen = history
        newest.append(int(client.search_model_versions("name = 'shared'")[0].version))
        assert client.get_model_version_by_alias("shared", "newest").version <= client.search_model_versions("")[0].version
    print(json.dumps({"mine": mine, "newest": newest}))
"""


def echo(model_input: list[str]) -> list[str]:
    """A model that gives back what it is asked."""
    return model_input


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model on the disk, beside the store."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    runlake.pyfunc.save_model(tmp_path / "model", python_model=echo)
    return tmp_path / "model"


def entries_of(store: Path) -> list[dict[str, Any]]:
    """The entries of the registry as they lie there, each in its place; those that stand together in one more file are the same."""
    paths = sorted(path for path in (store / "registry").iterdir() if "-" not in path.name)
    assert [path.name for path in paths] == [f"{number:08d}.json" for number in range(len(paths))]
    for together in (store / "registry").glob("*-*"):
        first, last = map(int, together.stem.split("-"))
        assert json.loads(together.read_bytes())["entries"] == [
            {key: value for key, value in json.loads(path.read_bytes()).items() if key != "check"} for path in paths[first : last + 1]
        ]
    return [json.loads(path.read_bytes()) for path in paths]


class Replayed:
    """What one entry after the other comes to, each of which must be allowed where it stands; it knows of one name."""

    def __init__(self) -> None:
        self.stages: dict[int, str] = {}
        self.aliases: dict[str, int] = {}

    def take(self, entry: dict[str, Any]) -> None:
        """The next entry."""
        number = entry["version"]
        if entry["op"] == "version":
            assert number == len(self.stages) + 1
            self.stages[number] = "None"
            return
        assert number in self.stages
        if "alias" in entry:
            self.aliases[entry["alias"]] = number
            return
        assert number not in entry["archived"]
        assert all(self.stages[each] == entry["stage"] for each in entry["archived"])
        self.stages |= dict.fromkeys(entry["archived"], "Archived") | {number: entry["stage"]}


def register_at_once(store: Path, folder: Path, processes: int, versions: int) -> None:
    """Have processes register at the same moment, in a store that none of them finds, and look at all that they left and saw."""
    programs = [start_program(REGISTERS, store, str(folder), str(worker), str(versions), RUNLAKE_JOBS="off") for worker in range(processes)]
    let_go_together(programs)
    ended = [program.communicate(timeout=600) for program in programs]
    assert [errors for _, errors in ended] == [""] * processes
    said = [json.loads(output) for output, _ in ended]

    entries, replayed = entries_of(store), Replayed()
    for entry in entries:
        replayed.take(entry)
    assert sorted(number for each in said for number in each["mine"]) == list(range(1, processes * versions + 1))
    assert len(entries) == 3 * processes * versions
    orders: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for entry in entries:
        worker, number, step = entry["reason"].split("/")
        orders[worker].append((int(number), step))
    assert all(order == [(number, step) for number in range(versions) for step in "abc"] for order in orders.values())
    assert all(each["newest"] == sorted(each["newest"]) for each in said)
    assert all(own <= newest for each in said for own, newest in zip(each["mine"], each["newest"], strict=True))

    client = runlake.MlflowClient(store)
    found = client.search_model_versions("name = 'shared'")
    assert {int(each.version): each.current_stage for each in found} == replayed.stages
    assert dict(client.get_registered_model("shared").aliases) == replayed.aliases
    assert {each.digest for each in found} == {found[0].digest}
    assert not list((store / "tmp").iterdir())


def test_numbers_are_given_once_and_the_history_is_one(store: Path, folder: Path) -> None:
    """A few processes, a few versions each."""
    register_at_once(store, folder, 3, 6)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_numbers_are_given_once_by_many(store: Path, folder: Path) -> None:
    """Eight processes, two hundred versions."""
    register_at_once(store, folder, PROCESSES, VERSIONS)
