"""What a capture sees of one call of a library."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from runlake.errors import InvalidValue, RunlakeError
from runlake.instrument.given import Fitted, Given
from runlake.instrument.predictions import Judged, another_speaks, judged, remember_prediction
from runlake.instrument.training import Training, loop_here, run_of
from runlake.instrument.trials import Begin, End, Trial, trying
from runlake.recording.offered import OfferedRun

if TYPE_CHECKING:
    from runlake.instrument.engine import Invocation

__all__ = ["Call"]


class Call:
    """One call of the library, as one capture sees it: what it is called with, the training it belongs to, and where to record.

    `target` and `plugin` are those of the patch. Once the library is back, `outcome` is what it gave, and `error` the exception with
    which it ended, which a capture sees in its `finally` alone: its generator is closed then.
    """

    def __init__(self, invocation: Invocation, plugin: str, target: str, training: Training | None, *, is_owner: bool) -> None:
        self.target = target
        self.error: BaseException | None = None
        self.outcome: Any = None
        self.plugin = plugin
        self._invocation = invocation
        self._training = training
        self._owner = None if is_owner else training

    @property
    def instance(self) -> Any:
        """The object whose method is called, or the class of a class method; None for a function. It is not among the arguments."""
        return self._invocation.instance

    @property
    def owner(self) -> Training | None:
        """The training that this call is part of; None for a call that owns its own, or has none."""
        return self._owner

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments."""
        return self._invocation.args

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments; `rewrite` changes them."""
        return MappingProxyType(self._invocation.kwargs)

    @property
    def arguments(self) -> dict[str, Any]:
        """Every argument by its name, with the defaults of those that were not given."""
        bound = self._invocation.signature.bind(*self.args, **self.kwargs)
        bound.apply_defaults()
        return _Arguments(bound.arguments, self.target, has_instance=self.instance is not None)

    @property
    def noted(self) -> dict[str, Any]:
        """What the captures of this training keep from one call to the next."""
        return self._known_training().noted

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

    def holds_trainings(self) -> None:
        """What is trained inside is recorded in runs of its own, inside this one's: this is a search, which trains candidates."""
        if self.owner is None:
            self._known_training().holds_trainings = True

    def resumes(self) -> None:
        """This goes on with an earlier training: it is recorded in the run that the user has open, be there one in it already."""
        if self.owner is None:
            self._known_training().resumes = True

    def is_of(self, identity: str, start_ns: int, *, is_of_many: bool = True) -> None:
        """What is begun here is known by this text and the time of its start, so that all calls, and all processes if it `is_of_many`,
        record it in one run; before `run` is used."""
        if self.owner is None:
            self._known_training().is_of(identity, start_ns, is_of_many=is_of_many)

    def trial_run_id(self, identity: str, start_ns: int) -> str:
        """The id of the run of a trial, whichever process begins it."""
        return self._known_training().trial_run_id(identity, start_ns)

    def trial(self, name: str, identity: str | None = None, start_ns: int | None = None, *, is_new: bool = True) -> Trial:
        """A run inside this one's, opened now, for one thing that is tried; of this identity, or one that was begun elsewhere."""
        return self._known_training().trial(name, identity, start_ns, is_new=is_new)

    def tries(self, begin: Begin, function: Callable[..., Any], end: End) -> Callable[..., Any]:
        """The function, each call of which is a trial: its run is the active one meanwhile.

        `begin(*args, **kwargs)` gives the trial; `end(trial, outcome, error)` says what came of it, and ends it unless that is said later.
        """
        return trying(self._known_training(), begin, function, end)

    def rewrite(self, **changed: Any) -> None:
        """Have the library called with other arguments. Raises InvalidValue for a name that it does not take."""
        self._invocation.rewrite(changed)

    def given(
        self,
        model: Any,
        inputs: Any = None,
        targets: Any = None,
        sample_weight: Any = None,
        held_out: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> None:
        """Before the `yield`: hand over what the model is about to be trained on, and judged by, which the library may change."""
        if self.owner is None:
            given = Given(model, inputs, targets, sample_weight, self.plugin, self.options, held_out=held_out or {})
            self._known_training().add_given(given)

    def fitted(self, model: Any, inputs: Any = None, targets: Any = None, sample_weight: Any = None) -> None:
        """Hand over the model for what is recorded of every model, once the call's captures are through."""
        training = self._known_training()
        facts = Fitted(model, inputs, targets, sample_weight, training.run, self.plugin, self.options)
        training.add_fitted(facts, is_owners=self.owner is None)

    def predicted(self, model: Any, outcome: Any, classes: Any = None) -> None:
        """Remember what a model said, so that what judges it is recorded in the run of the model: of this training if it is one's own.

        `classes` are those of the columns, where they are probabilities. Nothing is kept but hashes and where it lies in memory.
        """
        run = run_of(model) if self._training is None else self.run
        if run is not None:
            another_speaks()
            remember_prediction(run, outcome, classes)

    def judged(self, *predictions: Any, others: Sequence[Any] = (), by_rows: bool = True) -> Judged | None:
        """The run of the model that said this, to record in how good it is; None where no model did that is known.

        One of the `others`, which are not predictions by their name, is taken for one if it is a prediction's own memory. Where nothing
        tells, `by_rows` takes the one model that said something of as many rows in this thread or task, or the loop that goes on in it.
        """
        return judged(predictions, others, by_rows=by_rows, loop=loop_here())

    def judges(self, model: Any) -> Judged | None:
        """The same where the model itself was asked."""
        run = run_of(model)
        return Judged(run, "model") if run is not None else None

    def belongs_to(self, training: Training) -> bool:
        """Whether what it records goes to this training."""
        return self._training is training

    def _known_training(self) -> Training:
        if self._training is None:
            raise RunlakeError(f"The capture of {self.target} comes after a training and has none; ask call.run_of(object) for a run.")
        return self._training


class _Arguments(dict[str, Any]):
    """The arguments by their names, which says what there is to who asks for another."""

    def __init__(self, known: Mapping[str, Any], target: str, *, has_instance: bool) -> None:
        super().__init__(known)
        self._target = target
        self._has_instance = has_instance

    def __missing__(self, name: str) -> Any:
        if self._has_instance and name in ("self", "cls"):
            raise KeyError(f"The object of the method {self._target} is `call.instance`; its arguments are {', '.join(self) or 'none'}.")
        raise KeyError(f"{self._target} takes no argument {name!r}; its arguments are {', '.join(self) or 'none'}.")


def changed_arguments(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any], changed: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with some of them changed; each stays where the caller gave it, by place or by name."""
    new_args, new_kwargs = list(args), dict(kwargs)
    parameters = signature.parameters.values()
    places = [p.name for p in parameters if p.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    names = {p.name for p in parameters if p.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)}
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    for name, value in changed.items():
        place = places.index(name) if name in places else None
        if place is not None and place < len(new_args):
            new_args[place] = value
        elif name in names or (takes_any and place is None):
            new_kwargs[name] = value
        elif place == len(new_args):
            new_args.append(value)
        else:
            raise InvalidValue(f"The call takes no argument {name!r} here; it takes {', '.join(signature.parameters)}.")
    signature.bind(*new_args, **new_kwargs)
    return tuple(new_args), new_kwargs
