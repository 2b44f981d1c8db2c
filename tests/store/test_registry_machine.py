"""Whatever is done to registered models, in whichever order and by whom: the registry answers as a plain dictionary does."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from runlake.entities.registered import Stage
from runlake.errors import InvalidValue, RunlakeError, UnknownModel
from runlake.store.layout import Layout, create
from runlake.store.registry import By, Origin, Registry

NAMES = st.sampled_from(["churn", "Ää b"])
WORDS = st.sampled_from(["a", "b"])
TEXTS = st.sampled_from(["", "one", "two\nlines"])
NUMBERS = st.integers(1, 3)
STAGES = st.sampled_from(list(Stage))


@dataclass
class Version:
    """What is said of one."""

    source: str
    stage: str = "None"
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Model:
    """A name, as it ought to stand."""

    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)


Change = tuple[int | None, str, str | None, str | None]


class Registered(RuleBasedStateMachine):
    """Two registries of one folder, by turns, and what both must say."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.layout = create(self.folder / "lake")
        self.registries = [Registry(self.layout), Registry(self.layout)]
        self.turns = 0
        self.models: dict[str, Model] = {}
        self.last: dict[str, int] = defaultdict(int)
        self.history: dict[str, list[Change]] = {}

    def teardown(self) -> None:
        """Nothing is left on the disk."""
        shutil.rmtree(self.folder)

    @property
    def registry(self) -> Registry:
        """The one whose turn it is."""
        self.turns += 1
        return self.registries[self.turns % 2]

    def by(self) -> By:
        """Somebody else each time."""
        return By(f"user {self.turns % 3}", f"reason {self.turns}")

    def note(self, name: str, version: int | None, what: str, before: str | None, after: str | None) -> None:
        """What the history must say."""
        self.history.setdefault(name, []).append((version, what, before or None, after or None))

    def there(self, name: str, version: int | None = None) -> bool:
        """Whether there is such a one."""
        return name in self.models and (version is None or version in self.models[name].versions)

    def refused(self, error: type[Exception], verb: str, *arguments: Any, **options: Any) -> None:
        """It raises this, and says what was given."""
        with pytest.raises(error) as raised:
            getattr(self.registry, verb)(*arguments, **options)
        assert type(raised.value) is error

    @initialize(first=st.integers(0, 3), second=st.integers(0, 3))
    def begin(self, first: int, second: int) -> None:
        """With some versions of each."""
        for name, n in (("churn", first), ("Ää b", second)):
            for _ in range(n):
                self.version(name=name, description="", may_make=True)

    @rule(one=st.integers(0, 1))
    def reopen(self, one: int) -> None:
        """As another process does."""
        self.registries[one] = Registry(Layout(self.layout.root))

    @rule(name=NAMES, description=TEXTS, tags=st.dictionaries(WORDS, TEXTS))
    def create(self, name: str, description: str, tags: dict[str, str]) -> None:
        """A name without versions."""
        if self.there(name):
            self.refused(RunlakeError, "make", name, description, tags, self.by())
            return
        made = self.registry.make(name, description, tags, self.by())
        self.models[name] = Model(description, dict(tags))
        self.note(name, None, "registered", None, name)
        assert (made.name, made.description, made.tags, made.latest_versions) == (name, description, tags, [])

    @rule(name=NAMES, description=TEXTS, may_make=st.booleans())
    def version(self, name: str, description: str, may_make: bool) -> None:
        """The number after all that the name ever had."""
        origin = Origin(f"runs:/{self.turns}/model", None, "digest", ())
        if not self.there(name) and not may_make:
            self.refused(UnknownModel, "add_version", name, origin, "", {}, self.by())
            return
        made = self.registry.add_version(name, origin, description, {}, self.by(), may_make=may_make)
        if not self.there(name):
            self.models[name] = Model()
            self.note(name, None, "registered", None, name)
        self.last[name] += 1
        assert made.version == self.last[name]
        self.models[name].versions[self.last[name]] = Version(origin.source, description=description)
        self.note(name, self.last[name], "registered", None, origin.source)

    @rule(name=NAMES, alias=WORDS, number=NUMBERS)
    def alias(self, name: str, alias: str, number: int) -> None:
        """It means one version."""
        if not self.there(name, number):
            self.refused(UnknownModel, "alias", name, alias, number, self.by())
            return
        self.registry.alias(name, alias, number, self.by())
        before = self.models[name].aliases.get(alias)
        if before != number:
            self.note(name, number, f"alias {alias}", None if before is None else str(before), str(number))
        self.models[name].aliases[alias] = number

    @rule(name=NAMES, alias=WORDS)
    def unalias(self, name: str, alias: str) -> None:
        """It means none."""
        if not self.there(name) or alias not in self.models[name].aliases:
            self.refused(UnknownModel, "unalias", name, alias, self.by())
            return
        self.registry.unalias(name, alias, self.by())
        number = self.models[name].aliases.pop(alias)
        self.note(name, number, f"alias {alias}", str(number), None)

    @rule(name=NAMES, number=NUMBERS, stage=STAGES, archive=st.booleans())
    def move(self, name: str, number: int, stage: Stage, archive: bool) -> None:
        """Those that stand there make room, if that is asked for."""
        archive = archive and stage in (Stage.STAGING, Stage.PRODUCTION)
        if not self.there(name, number):
            self.refused(UnknownModel, "move", name, number, stage, self.by(), archive=archive)
            return
        moved = self.registry.move(name, number, stage, self.by(), archive=archive)
        versions = self.models[name].versions
        for each in sorted(versions) if archive else ():
            if each != number and versions[each].stage == stage:
                versions[each].stage = "Archived"
                self.note(name, each, "stage", stage, "Archived")
        if versions[number].stage != stage:
            self.note(name, number, "stage", versions[number].stage, stage)
        versions[number].stage = stage
        assert (moved.version, moved.current_stage) == (number, stage)

    @rule(name=NAMES, number=st.none() | NUMBERS, text=TEXTS)
    def describe(self, name: str, number: int | None, text: str) -> None:
        """A model, or a version."""
        if not self.there(name, number):
            self.refused(UnknownModel, "describe", name, text, self.by(), number)
            return
        self.registry.describe(name, text, self.by(), number)
        found = self.found(name, number)
        if found.description != text:
            self.note(name, number, "description", found.description, text)
        found.description = text

    @rule(name=NAMES, number=st.none() | NUMBERS, key=WORDS, text=TEXTS)
    def tag(self, name: str, number: int | None, key: str, text: str) -> None:
        """Others stay."""
        if not self.there(name, number):
            self.refused(UnknownModel, "tag", name, key, text, self.by(), number)
            return
        self.registry.tag(name, key, text, self.by(), number)
        tags = self.found(name, number).tags
        if tags.get(key) != text:
            self.note(name, number, f"tag {key}", tags.get(key), text)
        tags[key] = text

    @rule(name=NAMES, number=st.none() | NUMBERS, key=WORDS)
    def untag(self, name: str, number: int | None, key: str) -> None:
        """What is not there cannot be taken back."""
        if not self.there(name, number):
            self.refused(UnknownModel, "untag", name, key, self.by(), number)
        elif key not in self.found(name, number).tags:
            self.refused(InvalidValue, "untag", name, key, self.by(), number)
        else:
            self.registry.untag(name, key, self.by(), number)
            self.note(name, number, f"tag {key}", self.found(name, number).tags.pop(key), None)

    @rule(name=NAMES, to=NAMES)
    def rename(self, name: str, to: str) -> None:
        """With its versions and its history; no number is used twice under either name."""
        if not self.there(name) or self.there(to):
            self.refused(RunlakeError if self.there(name) else UnknownModel, "rename", name, to, self.by())
            return
        self.registry.rename(name, to, self.by())
        self.models[to] = self.models.pop(name)
        self.last[to] = max(self.last[name], self.last[to])
        self.history[to] = [*self.history.get(to, []), *self.history.pop(name)]
        for each in (name, to):
            self.note(each, None, "name", name, to)

    @rule(name=NAMES, number=st.none() | NUMBERS)
    def delete(self, name: str, number: int | None) -> None:
        """A model, or a version with its aliases."""
        if not self.there(name, number):
            self.refused(UnknownModel, "delete", name, self.by(), number)
            return
        self.registry.delete(name, self.by(), number)
        if number is None:
            self.note(name, None, "deleted", name, None)
            del self.models[name]
            return
        model = self.models[name]
        for alias in sorted(alias for alias, each in model.aliases.items() if each == number):
            self.note(name, number, f"alias {alias}", str(model.aliases.pop(alias)), None)
        self.note(name, number, "deleted", model.versions.pop(number).source, None)

    def found(self, name: str, number: int | None) -> Model | Version:
        """What is meant."""
        return self.models[name] if number is None else self.models[name].versions[number]

    @invariant()
    def both_say_the_same(self) -> None:
        """As a dictionary has it."""
        registry = self.registry
        for each in registry.all():
            model = self.models[each.name]
            assert (each.description, each.tags, each.aliases) == (model.description, model.tags, model.aliases)
        assert [each.name for each in registry.all()] == sorted(self.models)
        said = {
            (each.name, int(each.version)): (each.source, each.current_stage, each.description, each.tags, each.aliases)
            for each in registry.versions()
        }
        assert said == {
            (name, number): (
                version.source,
                version.stage,
                version.description,
                version.tags,
                sorted(alias for alias, each in model.aliases.items() if each == number),
            )
            for name, model in self.models.items()
            for number, version in model.versions.items()
        }
        for name, changes in self.history.items():
            assert [(each.version, each.what, each.before, each.after) for each in registry.history(name)] == changes
            assert all(each.user_id.startswith("user ") and each.reason.startswith("reason ") for each in registry.history(name))


def play(examples: int, steps: int) -> None:
    """So many games."""
    options = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Registered, settings=options)


def test_a_number_is_not_used_again_under_either_name(store: Path) -> None:
    """Nor where a model takes a name under which there were more."""
    registry, by = Registry(create(store)), By("ana")
    origin = Origin("runs:/r/model", None, "digest", ())

    def add(name: str) -> int:
        return registry.add_version(name, origin, "", {}, by, may_make=True).version

    assert [add("churn") for _ in range(3)] == [1, 2, 3]
    registry.delete("churn", by)
    assert add("taxi") == 1
    registry.rename("taxi", "churn", by)
    assert (add("churn"), add("taxi")) == (4, 2)


def test_with_a_version_its_aliases_go(store: Path) -> None:
    """So that none means what is not there."""
    registry, by = Registry(create(store)), By("ana")
    for _ in range(2):
        registry.add_version("churn", Origin("runs:/r/model", None, "digest", ()), "", {}, by, may_make=True)
    for alias, number in (("champion", 1), ("first", 1), ("new", 2)):
        registry.alias("churn", alias, number, by)
    registry.delete("churn", by, 1)

    assert registry.get("churn").aliases == {"new": 2}
    with pytest.raises(UnknownModel, match="has no alias 'champion'; it has new"):
        registry.aliased("churn", "champion")


def test_a_registry_answers_as_a_dictionary_does() -> None:
    """A few games."""
    play(20, 30)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_registry_answers_as_a_dictionary_does_however_long() -> None:
    """Many and long ones."""
    play(300, 80)
