"""What a training is given, and what it comes to: models and data as the library has them, to be looked at and let go of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlake.entities.tags import SKIPPED_TAG
from runlake.instrument.options import options_of
from runlake.instrument.plugins import ask_plugins, find_plugins, records, standing_work
from runlake.instrument.work import Work
from runlake.recording.offered import OfferedRun

if TYPE_CHECKING:
    from runlake.instrument.training import Training

__all__ = ["Fitted", "Given"]


@dataclass
class Given:
    """What a model is about to be trained on, as the library will have it, to be looked at and let go of; `kept` goes on to `Fitted`.

    `name` tells it from other data of the run: "train", or "first batch" where more is to come. `held_out` is what the training judges
    itself by, inputs and targets by name.
    """

    model: Any
    inputs: Any
    targets: Any
    sample_weight: Any
    plugin: str
    options: Mapping[str, Any]
    name: str = "train"
    held_out: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    training: Training | None = None

    @property
    def run(self) -> OfferedRun:
        """The run of the training; opened now if it was not."""
        assert self.training is not None
        return self.training.run


@dataclass
class Fitted:
    """A model that was trained, with what it was trained on: as the library has them, to be looked at and let go of."""

    model: Any
    inputs: Any
    targets: Any
    sample_weight: Any
    run: OfferedRun
    plugin: str
    options: Mapping[str, Any]
    inner: list[Fitted] = field(default_factory=list)  # what was trained inside
    kept: dict[str, Any] = field(default_factory=dict)  # of what was given, from before the training
    work_of: Callable[[str, str], Work] = standing_work

    def skipped(self, what: str, why: str) -> None:
        """Say in the run why something is not recorded that could be."""
        self.run.set_tag(f"{SKIPPED_TAG}{what}", why)

    def ask(self, hook: str, **said: Any) -> Any:
        """What a plugin answers that knows the model; None where none does."""
        return ask_plugins(hook, self.model, self.work_of, self._options_of, self._is_on, **said)

    def own_options(self) -> dict[str, dict[str, Any]]:
        """Of every plugin that is loaded, the options that it alone has, as far as they are plain values: for what is asked later."""
        found = {}
        for plugin in find_plugins().values():
            known = self._options_of(plugin.name) if plugin.options else {}
            own = {name: known[name] for name in plugin.options if _is_plain(known[name])}
            found.update({plugin.name: own} if own else {})
        return found

    def _is_on(self, plugin: str) -> bool:
        """Its own is, though it may have been disabled in the meantime, which ends the training."""
        return plugin == self.plugin or records(plugin)

    def _options_of(self, plugin: str) -> Mapping[str, Any]:
        return self.options if plugin == self.plugin else options_of(plugin)


def _is_plain(value: Any) -> bool:
    """Whether JSON has it."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)
