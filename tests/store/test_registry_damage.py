"""What `runlake fsck` says of the registry: damage to its log, to the files of its models, and what is ordinary."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

import runlake
from runlake.errors import InvalidModel, StoreError
from runlake.store.check.problems import Checked
from runlake.store.check.whole import check_store
from runlake.store.layout import Layout
from runlake.store.log import TOGETHER
from runlake.store.packs import contents_in, keep_together
from runlake.store.registry import By, Origin, Registry
from runlake.store.sizes import by_kind

ANA = By("ana")


@pytest.fixture
def registry(store: Path) -> Registry:
    """Two versions of one model, of three contents, and an alias."""
    runlake.create_experiment("churn")
    layout = Layout(store)
    for n in range(2):
        blobs = keep_together(layout, [b"the same in both", f"version {n}".encode()])
        Registry(layout).add_version(
            "churn", Origin("runs:/r/model", "r", "d", [each.sha256 for each in blobs]), "", {}, ANA, may_make=True
        )
    found = Registry(layout)
    found.alias("churn", "champion", 2, ANA)
    return found


def said(store: Path) -> list[tuple[str, str, str]]:
    """What is found, without where the store is."""
    checked: Checked = check_store(Layout(store), lambda what: None)
    assert checked.is_good == all(problem.grade not in ("damaged", "missing") for problem in checked.problems)
    return [(str(each.grade), each.path.relative_to(store).as_posix(), each.what) for each in checked.problems]


def entry(store: Path, number: int, folder: str = "registry") -> Path:
    """The file of an entry."""
    return store / folder / f"{number:08d}.json"


@pytest.mark.usefixtures("registry")
def test_a_registry_as_it_was_written(store: Path) -> None:
    """Its contents are wanted, though no run has them."""
    assert said(store) == []


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_is_told_and_nothing_is_read_past_it(store: Path, seed: int) -> None:
    """Whichever it is, by who checks and by who reads; nothing can be registered either."""
    numbers = random.Random(seed)
    path = entry(store, numbers.randrange(3))
    data = bytearray(path.read_bytes())
    data[numbers.randrange(data.index(b'"check"'))] ^= 1 << numbers.randrange(7)
    path.write_bytes(data)

    (problem,) = said(store)
    assert problem[:2] == ("damaged", f"registry/{path.name}")
    for read in (lambda: Registry(Layout(store)).all(), lambda: Registry(Layout(store)).make("new", "", {}, ANA)):
        with pytest.raises(StoreError, match=rf"{path.name} is damaged .*Put it back from a copy"):
            read()
    assert len(list((store / "registry").iterdir())) == 3


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("folder", ["registry", "experiments"])
def test_an_entry_that_is_gone_is_missed(store: Path, folder: str) -> None:
    """Since no later one is read."""
    entry(store, 0, folder).unlink()

    assert said(store)[0] == ("missing", f"{folder}/00000000.json", "this entry is not there, so later ones are not read")


@pytest.mark.usefixtures("registry")
def test_contents_of_a_version_are_missed_and_held_against_their_names(store: Path) -> None:
    """With which version needs them."""
    (pack,), (blob,) = (store / "packs").iterdir(), (store / "blobs").rglob("*/*")
    pack.unlink()
    blob.write_bytes(b"something else")

    missing, damage = "it is not there: it is of version 1", "its bytes are not those that its name speaks of: it is of version 2"
    of_churn = " of the registered model 'churn'"
    assert sorted((grade, what) for grade, _, what in said(store)) == [
        ("damaged", damage + of_churn),
        *[("missing", missing + of_churn)] * 2,
    ]


def test_many_entries_in_one_file(store: Path, registry: Registry) -> None:
    """It stands for its entries; one that is not whole is no loss, and one that says something else is."""
    for number in range(TOGETHER):
        registry.tag("churn", "n", str(number), ANA)
    together = store / "registry" / f"{0:08d}-{TOGETHER - 1:08d}.json"
    whole = together.read_bytes()
    assert said(store) == []

    together.write_bytes(whole[:-9])
    ((grade, path, what),) = said(store)
    assert (grade, path) == ("note", f"registry/{together.name}")
    assert "its entries are read one by one" in what

    together.write_bytes(whole)
    entry(store, 7).write_bytes(entry(store, 8).read_bytes())
    assert said(store) == [("damaged", f"registry/{together.name}", "its entry 7 is not the one in 00000007.json")]

    entry(store, 7).unlink()
    assert said(store) == []


@pytest.mark.usefixtures("registry")
def test_du_tells_the_registry_apart(store: Path) -> None:
    """Its log is small, and is told by itself."""
    found = by_kind(store)["registered models"]

    assert (found.files, found.n_bytes) == (3, sum(path.stat().st_size for path in (store / "registry").iterdir()))


def test_a_folder_that_changed_after_it_was_registered(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is what was registered; the folder is refused, whatever file of it changed, and registers nothing."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    runlake.pyfunc.save_model(tmp_path / "model", python_model=double)
    version = runlake.register_model(str(tmp_path / "model"), "doubling")
    consent = runlake.models.Consent(version.digest, "it is ours")
    for file in sorted(path for path in (tmp_path / "model").rglob("*") if path.is_file()):
        before = file.read_bytes()
        file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))

        with pytest.raises(InvalidModel):
            runlake.register_model(str(tmp_path / "model"), "doubling")
        with pytest.raises(InvalidModel):
            runlake.pyfunc.load_model(str(tmp_path / "model"), allow_unsafe=consent)
        file.write_bytes(before)

    (tmp_path / "model" / "MLmodel").unlink()
    assert runlake.pyfunc.load_model("models:/doubling/1", allow_unsafe=consent).predict([2]) == [4]
    assert len(runlake.MlflowClient().get_registered_model_history("doubling")) == 2


def test_a_model_is_whole_whatever_else_of_its_run_is_damaged(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as what says on which machine it ran; only nobody takes it for a model of this machine."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    with runlake.start_run() as run:
        info = runlake.pyfunc.log_model(python_model=double, name="model", registered_model_name="doubling")
    runlake.flush()
    wanted = hashlib.sha256(runlake.get_run(run.info.run_id).read_artifact("environment.json")).hexdigest()
    spoil(Layout(store), wanted)

    with pytest.raises(StoreError):
        _ = runlake.get_run(run.info.run_id).environment
    for uri in (info.model_uri, "models:/doubling/1"):
        assert runlake.pyfunc.load_model(uri).predict([2]) == [4]


def spoil(layout: Layout, wanted: str) -> None:
    """Change the content with this hash, by itself or in the pack that it came in."""
    if layout.blob(wanted).exists():
        layout.blob(wanted).write_bytes(b"something else")
    for pack in layout.packs():
        for sha256, start, _ in contents_in(pack):
            if sha256 == wanted:
                data = pack.read_bytes()
                pack.write_bytes(data[:start] + bytes([data[start] ^ 1]) + data[start + 1 :])


def double(model_input: list[int]) -> list[int]:
    """Twice what it is asked."""
    return [2 * each for each in model_input]
