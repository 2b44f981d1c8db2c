"""A run as captures write to it: what they write is marked, and yields to whatever the user says under the same name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from runlake.entities import Dataset, Scope
from runlake.entities.params import kind_of
from runlake.entities.signatures import SIGNATURE_FILE, ModelSignature
from runlake.recording import documents
from runlake.recording.metrics import MetricLog
from runlake.recording.values import as_key, as_offered_text, goal_tag
from runlake.store.fold import RunState

if TYPE_CHECKING:
    from runlake.recording.runs import ActiveRun, Child

__all__ = ["OfferedRun"]

Step = SupportsIndex | float | None


class OfferedRun(MetricLog):
    """The tracking verbs for plugins. Nothing here raises because of what somebody else has recorded."""

    def __init__(self, run: ActiveRun, state: RunState) -> None:
        super().__init__(run.recorder, run.run_id)
        self._run = run
        self.params = {key: text for key, (_, text) in state.offered_params.items()}
        self.tags = dict(state.offered_tags)
        self._kept: dict[str, tuple[str, int] | None] = {}  # as it was kept: it is another one once the user keeps one
        self.signature: ModelSignature | None = None  # of the run's model, as far as it is known

    @property
    def active(self) -> ActiveRun:
        """The run itself."""
        return self._run

    @property
    def name(self) -> str:
        """The run's name."""
        return self._run.name

    def log_param(self, key: str, value: Any) -> Any:
        """Offer a value for the run, and give it back; the first offer of a key counts."""
        self.log_params({key: value})
        return value

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Offer several values. One that has no text does not cost the others theirs."""
        texts = {as_key(key, "param"): as_offered_text(value) for key, value in params.items()}
        for key, (text, is_whole) in texts.items():
            if not self._run.has_logged(Scope.PARAM, key) and self.params.setdefault(key, text) is text:
                self._run.add(Scope.PARAM, key, text, kind_of(params[key]) if is_whole else "object", op="offer")

    def set_tag(self, key: str, value: Any) -> None:
        """Offer a tag."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Offer several tags; a later offer takes the place of an earlier one."""
        texts = {as_key(key, "tag"): as_offered_text(value)[0] for key, value in tags.items()}
        for key, text in texts.items():
            self.tags[key] = text
            self._run.add(Scope.TAG, key, text, op="offer")

    def set_metric_goal(self, key: str, goal: Literal["min", "max"]) -> None:
        """Offer which way a metric is better; what the user says of it counts."""
        self.set_tags(goal_tag(key, goal))

    def log_metric(self, key: str, value: Any, step: Step = None, timestamp: int | None = None) -> None:
        """Record a point, unless the user logs this metric."""
        if not self._run.has_series(key):
            super().log_metric(key, value, step, timestamp)

    def log_metrics(self, metrics: Mapping[str, Any], step: Step = None, timestamp: int | None = None) -> None:
        """Record a point of each metric that the user does not log."""
        offered = {key: value for key, value in metrics.items() if not self._run.has_series(key)}
        super().log_metrics(offered, step, timestamp)

    def log_batch(self, key: str, values: Any, steps: Any = None, timestamps: Any = None) -> None:
        """Record many points of one key, unless the user logs this metric."""
        if not self._run.has_series(key):
            super().log_batch(key, values, steps, timestamps)

    def last_step(self, key: str) -> int:
        """The greatest step of this key so far, also of what was there when the run was resumed; -1 where it has none."""
        return max(super().last_step(key), self._run.last_step(key))

    def log_artifact(self, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Keep a copy of a file, or of every file of a folder, under `artifact_path`."""
        self._keep(f"{artifact_path or '.'}/{Path(local_path).name}", lambda: self._run.log_artifact(local_path, artifact_path))

    def log_text(self, text: str, artifact_file: str) -> None:
        """Keep a text."""
        self.log_bytes(text.encode("utf-8", "replace"), artifact_file)

    def log_bytes(self, data: bytes, artifact_file: str) -> None:
        """Keep these bytes."""
        self._keep(artifact_file, lambda: self._run.keep_soon(artifact_file, data, len(data)))

    def log_made(self, make: Callable[[], bytes], artifact_file: str, n_bytes: int) -> None:
        """Keep what the function makes, about so many bytes; it is called by the thread that writes."""
        self._keep(artifact_file, lambda: self._run.keep_soon(artifact_file, make, n_bytes))

    def log_signature(self, signature: ModelSignature) -> None:
        """Keep what the run's model takes and gives."""
        self.signature = signature
        self.log_text(json.dumps(signature.to_dict(), indent=2), SIGNATURE_FILE)

    def log_dict(self, dictionary: Any, artifact_file: str) -> None:
        """Keep a dictionary or list, as JSON or YAML."""
        self._keep(artifact_file, lambda: self._run.log_dict(dictionary, artifact_file))

    def log_columns(self, columns: Mapping[str, Sequence[Any]], artifact_file: str) -> None:
        """Keep columns of numbers and texts, all of one length, as a Parquet file."""

        def make() -> bytes:
            from runlake.store.tables import column_bytes  # late: it imports Arrow

            return column_bytes(columns)

        self.log_made(make, artifact_file, 8 * sum(map(len, columns.values())))

    def add_child(self, name: str, child: Child) -> None:
        """Record a run inside this one that is over: something that was tried, a candidate of a search say."""
        self._run.add_child(name, child)

    def log_figure(self, figure: Any, artifact_file: str) -> None:
        """Keep a figure of matplotlib or plotly."""
        self._keep(artifact_file, lambda: self._run.keep_bytes(artifact_file, documents.figure_bytes(figure, artifact_file, {})))

    def log_input(self, dataset: Dataset, context: str | None = None, tags: Mapping[str, Any] | None = None) -> None:
        """Note a data set that the run uses, for training say."""
        self._run.log_input(dataset, context, tags)

    def flush(self) -> None:
        """Have what was logged in the store, for other processes and should this one be killed, unless that takes long."""
        self.recorder.flusher.flush(1.0, sync=False)

    def note(self, scope: Scope, key: str, text: str) -> None:
        """Record what recording itself did or failed at."""
        self._run.add(scope, key, text, "json" if scope == Scope.CAPTURE else "str")

    def __repr__(self) -> str:
        return repr(self._run)

    def gives_way(self, name: str) -> bool:
        """Whether the user keeps something under this name, which counts."""
        name = str(PurePosixPath(name))
        return self._run.kept_as(name) is not self._kept.get(name)

    def _keep(self, name: str, keep: Callable[[], Any]) -> None:
        """Keep it unless the user keeps something under this name."""
        name = str(PurePosixPath(name))
        if not self.gives_way(name):
            keep()
            self._kept[name] = self._run.kept_as(name)
