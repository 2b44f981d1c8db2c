"""What a capture sees of one call of a library."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runlake.errors import InvalidValue, RunlakeError
from runlake.instrument.training import Fitted, Training, run_of
from runlake.recording.offered import OfferedRun

if TYPE_CHECKING:
    from runlake.instrument.engine import Invocation

__all__ = ["Call"]


class Call:
    """One call of the library, as one capture sees it. `args` and `kwargs` are what the library is called with."""

    def __init__(self, invocation: Invocation, plugin: str, target: str, training: Training | None, *, is_owner: bool) -> None:
        self.target = target
        self.instance = invocation.instance
        self.owner = None if is_owner else training
        self.error: BaseException | None = None
        self.outcome: Any = None
        self.plugin = plugin
        self._invocation = invocation
        self._training = training

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments."""
        return self._invocation.args

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments."""
        return self._invocation.kwargs

    @property
    def arguments(self) -> dict[str, Any]:
        """Every argument by its name, with the defaults of those that were not given."""
        bound = self._invocation.signature.bind(*self.args, **self.kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    @property
    def options(self) -> Mapping[str, Any]:
        """The settings of `autolog()` that hold here, and the plugin's own."""
        return self._invocation.options_of(self.plugin)

    @property
    def name(self) -> str:
        """What a run that is opened for this training is named."""
        return self._known_training().name

    @name.setter
    def name(self, name: str) -> None:
        """Another name, before the run is opened."""
        self._known_training().name = name

    @property
    def run(self) -> OfferedRun:
        """The run to record in: of the training that encloses this call, or this one's own, which the first use opens."""
        return self._known_training().run

    def run_of(self, trained: object) -> OfferedRun | None:
        """The run in which an object was trained, while it lives."""
        return run_of(trained)

    def skip(self, reason: str) -> None:
        """Leave no run for this call; for one that owns its training, and before `run` is used."""
        if self.owner is None:
            self._known_training().skip(reason)

    def rewrite(self, **changed: Any) -> None:
        """Have the library called with other arguments. Raises InvalidValue for a name that it does not take."""
        self._invocation.rewrite(changed)

    def fitted(self, model: Any, inputs: Any = None, targets: Any = None, sample_weight: Any = None) -> None:
        """Hand over the model for what is recorded of every model, once the call's captures are through."""
        training = self._known_training()
        facts = Fitted(model, inputs, targets, sample_weight, training.run, self.plugin, self.options)
        training.add_fitted(facts, is_owners=self.owner is None)

    def belongs_to(self, training: Training) -> bool:
        """Whether what it records goes to this training."""
        return self._training is training

    def _known_training(self) -> Training:
        if self._training is None:
            raise RunlakeError(f"The capture of {self.target} comes after a training and has none; ask call.run_of(object) for a run.")
        return self._training


def changed_arguments(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any], changed: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with some of them changed."""
    bound = signature.bind(*args, **kwargs)
    rest = next((p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    for name, value in changed.items():
        parameter = signature.parameters.get(name)
        if parameter is not None and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            bound.arguments[name] = value
        elif rest is not None:
            bound.arguments[rest] = {**bound.arguments.get(rest, {}), name: value}
        else:
            raise InvalidValue(f"The call takes no argument {name!r}; it takes {', '.join(signature.parameters)}.")
    return bound.args, dict(bound.kwargs)
