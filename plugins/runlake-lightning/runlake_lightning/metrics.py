"""What was logged with `self.log`, read where Lightning keeps it: nothing is computed, reduced or waited for because of us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Changes", "of_epoch", "of_evaluation", "of_step", "taken"]


class Changes:
    """Lightning keeps what was logged, be it long ago: what is another object than before was logged since."""

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def among(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those that were logged since."""
        found = {key: value for key, value in values.items() if self._seen.get(key) is not value}
        self._seen.update(found)
        return found


def of_step(results: Any) -> dict[str, Any]:
    """What was logged by step, up to this one."""
    return dict(_named(results, "_forward_cache", is_step=True))


def of_evaluation(results: Any) -> dict[str, Any]:
    """What was logged by epoch, once Lightning has made it of all batches and processes."""
    return dict(_named(results, "_computed", is_step=False))


def of_epoch(results: Any, computed: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a training, of which Lightning keeps what it computed apart."""
    found = ((_name(results, logged, is_step=False), logged) for logged in results.values() if logged.meta.on_epoch)
    return {name: computed[name] for name, _ in found if name in computed}


def taken(value: Any) -> Any:
    """The number as it is now: read where it lies in memory, else a copy on its device. None where it is not one number."""
    if not hasattr(value, "detach"):
        return value if isinstance(value, (int, float)) else None
    if value.numel() != 1:
        return None
    return value.item() if value.is_cpu else value.detach().clone()


def _named(results: Any, held: str, *, is_step: bool) -> Iterator[tuple[str, Any]]:
    for logged in results.values():
        wanted = logged.meta.on_step if is_step else logged.meta.on_epoch
        value = getattr(logged, held, None)
        if wanted and value is not None and not logged.has_reset:
            yield _name(results, logged, is_step=is_step), value


def _name(results: Any, logged: Any, *, is_step: bool) -> str:
    """With the suffix that it has where it is logged both ways, and the one of its loader of several."""
    meta = logged.meta
    name: str = meta.forked_name(is_step)
    if meta.add_dataloader_idx and meta.dataloader_idx is not None:
        name += results.DATALOADER_SUFFIX.format(meta.dataloader_idx)
    return name
