"""`runlake gc`: what was deleted goes for good."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from runlake.cli.completing import complete_experiment, complete_run
from runlake.cli.exporting import print_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import experiments_of, open_named, store_option
from runlake.display.grid import Column, lines
from runlake.display.words import count, moment, one_line, size
from runlake.entities import Experiment, LifecycleStage
from runlake.errors import InvalidValue, StoreError
from runlake.jobs.claims import is_held
from runlake.read import Store
from runlake.read.naming import find_experiment, find_run
from runlake.store.layout import Layout

if TYPE_CHECKING:
    from runlake.store.gc.doomed import Asked, DoomedRun
    from runlake.store.gc.whole import Collected

__all__ = ["gc"]

DEFAULT_AGE = "7d"
LISTED = 25
ALL_MS = 1 << 62  # the clock of another machine may be ahead

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])|0")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


@click.command()
@click.option(
    *("--older-than", "age"),
    metavar="AGE",
    help=f"What was deleted so long ago goes: 12h, 7d, 0 for all of it. {DEFAULT_AGE}, unless runs or experiments are named.",
)
@click.option("--run", "runs", metavar="RUN", multiple=True, shell_complete=complete_run, help="This deleted run; may be given again.")
@click.option(
    *("--experiment", "experiments"),
    metavar="NAME|ID",
    multiple=True,
    shell_complete=complete_experiment,
    help="This deleted experiment, with its runs; may be given again.",
)
@click.option("--yes", is_flag=True, help="Do it. Without it, what would be done is told.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with sizes in bytes.")
@store_option
def gc(age: str | None, runs: tuple[str, ...], experiments: tuple[str, ...], yes: bool, as_json: bool, store: Path | None) -> None:
    """Remove for good what was deleted a while ago, contents that no run refers to, and what ended processes left behind.

    Runs that were deleted go, and experiments that were deleted with all of their runs; the names of these are free again. Of runs and
    experiments that are named no others go with them. Contents of artifacts go a week after they were kept last. A run that is
    running, or has rows that cannot be published yet, stays. Safe at any time, while programs log and beside another one.

    \b
    runlake gc
    runlake gc --older-than 30d --yes
    runlake gc --run brave-otter-41 --yes
    """
    from runlake.read.search.cache import keep_up
    from runlake.store.gc.whole import collect, would_collect  # late: a process that trains never imports what they do

    opened = open_named(store)
    layout, asked = Layout(opened.path), _asked(opened, age, runs, experiments)
    if not yes:
        _tell(opened, would_collect(layout, asked), as_json=as_json, is_done=False)
        return
    try:
        collected = collect(layout, asked)
    except OSError as error:
        reason = re.split(r"↳\S*\s+", str(error))[-1].strip()  # where the tables are written, a text of several lines ends in it
        raise StoreError(f"{layout.root} could not be written: {reason}. Run it again when that is mended: it goes on there.") from error
    keep_up(layout)
    _tell(opened, collected, as_json=as_json, is_done=True)


def _asked(store: Store, age: str | None, runs: Sequence[str], experiments: Sequence[str]) -> Asked:
    from runlake.store.gc.doomed import Asked

    seconds = _seconds(age if age is not None else "0" if runs or experiments else DEFAULT_AGE)
    now_ms = time.time_ns() // 1_000_000
    shelves = experiments_of(store.path)
    held = {
        run_id for run_id, jobs in store.jobs().items() for job in jobs.values() if job.is_open and is_held(Layout(store.path), run_id, job)
    }
    return Asked(
        before_ms=now_ms - round(seconds * 1000) if seconds else ALL_MS,
        run_ids={_deleted_run(store, text) for text in runs},
        experiment_ids={_deleted_experiment(shelves, text) for text in experiments},
        worked_on=held,
    )


def _seconds(age: str) -> float:
    found = _AGE.fullmatch(age.strip())
    if found is None:
        raise InvalidValue(f"--older-than takes a number with s, m, h, d or w behind it, as in 12h or 7d, or 0 for all; not {age!r}.")
    return float(found[1]) * _SECONDS[found[2]] if found[1] else 0.0


def _deleted_run(store: Store, text: str) -> str:
    info = find_run(store, text).info
    if info.lifecycle_stage != LifecycleStage.DELETED:
        raise InvalidValue(
            f"The run {info.run_name} ({info.run_id}) is not deleted, and gc removes what is. "
            f'Delete it first, with runlake.delete_run("{info.run_id}"); or, if you mean a deleted run of that name, say its id.'
        )
    return info.run_id


def _deleted_experiment(shelves: Sequence[Experiment], text: str) -> str:
    found = find_experiment(shelves, text)
    if found.lifecycle_stage != LifecycleStage.DELETED:
        raise InvalidValue(
            f"The experiment {found.name} ({found.experiment_id}) is not deleted, and gc removes what is. "
            f"Delete it first:  runlake experiments delete {found.experiment_id}"
        )
    return found.experiment_id


def _tell(store: Store, collected: Collected, *, as_json: bool, is_done: bool) -> None:
    sizes = {} if is_done else _sizes(store.path, collected.runs)
    if as_json:
        print_object(_object(collected, sizes, is_done=is_done))
        return
    shelves = {each.experiment_id: each.name for each in [*experiments_of(store.path), *collected.experiments]}
    console = console_for(sys.stdout)
    for line in _table(collected.runs, shelves, sizes, console.width):
        print_line(console, line)
    for text in _lines(collected, is_done=is_done):
        print_line(console, Text(text))
    for passed in collected.passed_over:
        print_line(console, Text(one_line(f"passed over: the {passed.what} {passed.name or passed.id} ({passed.id}): {passed.why}")))
    if collected.is_nothing:
        click.echo(f"There is nothing to remove in {store.path}.")
    elif not is_done:
        click.echo("nothing deleted; add --yes")


def _sizes(path: Path, runs: Sequence[DoomedRun]) -> dict[str, int]:
    """What each takes, of its artifacts and points."""
    from runlake.store.sizes import by_run
    from runlake.store.view import View

    if not runs:
        return {}
    view = View(Layout(path))
    view.refresh()
    return {use.id: use.n_bytes for use in by_run(view, {run.run_id for run in runs})}


def _table(runs: Sequence[DoomedRun], shelves: Mapping[str, str], sizes: Mapping[str, int], room: int) -> Iterator[Text]:
    """A line for each of the first, and how many more there are."""
    if not runs:
        return
    now_ms, shown = time.time_ns() // 1_000_000, runs[:LISTED]
    columns = [
        Column(Text("run", "dim"), [Text(one_line(run.name or run.run_id), "bold") for run in shown], is_needed=True, least=12, most=60),
        Column(Text("experiment", "dim"), [Text(one_line(shelves.get(run.experiment_id, run.experiment_id))) for run in shown]),
        Column(Text("deleted", "dim"), [Text(moment(run.deleted_ms, now_ms)) for run in shown], is_needed=True),
    ]
    if sizes:
        columns.append(Column(Text("size", "dim"), [Text(size(sizes[run.run_id])) for run in shown], is_right=True, is_needed=True))
    columns.append(Column(Text("id", "dim"), [Text(run.run_id, "dim") for run in shown], most=40))
    yield from lines(columns, room)
    if len(runs) > len(shown):
        yield Text(f"and {len(runs) - len(shown):,} more; all: --json", "dim")


def _lines(collected: Collected, *, is_done: bool) -> Iterator[str]:
    """What goes, or is gone, a line for each kind of it."""
    gone = "deleted" if is_done else "would be deleted"
    if collected.runs or collected.experiments:
        names = ", ".join(f"{one_line(each.name)} ({each.experiment_id})" for each in collected.experiments)
        free = "whose name is" if len(collected.experiments) == 1 else "whose names are"
        also = f", and {count(len(collected.experiments), 'experiment')}, {free} free then: {names}" if names else ""
        yield f"{gone}: {count(len(collected.runs), 'run')}{also}"
    if collected.contents.files:
        yield f"{gone}: {count(collected.contents.files, 'content')} that no run refers to, {size(collected.contents.n_bytes)}"
    if collected.leftovers:
        kinds = ", ".join(count(n, kind) for kind, n in sorted(Counter(each.what for each in collected.leftovers).items()))
        yield f"{gone}: {kinds}, left behind by ended processes, {size(sum(each.size for each in collected.leftovers))}"
    if collected.young.files:
        young = f"{count(collected.young.files, 'content')} that no run refers to, {size(collected.young.n_bytes)}"
        yield f"stays until it is a week old: {young}"
    if collected.unsure:
        yield f"passed over: all contents, since {collected.unsure}"
    if is_done and not collected.is_nothing:
        more = f"; {size(collected.later)} more with a gc or compact in a day, when nobody reads the old files"
        later = more if collected.later > 0 else ""
        yield f"free now: {size(collected.n_bytes)}{later}"


def _object(collected: Collected, sizes: Mapping[str, int], *, is_done: bool) -> dict[str, Any]:
    """All of it; times are milliseconds since 1970."""
    return {
        "deleted": is_done,
        "runs": list(_run_objects(collected.runs, sizes)),
        "experiments": [{"experiment_id": each.experiment_id, "name": each.name} for each in collected.experiments],
        "contents": {"files": collected.contents.files, "bytes": collected.contents.n_bytes},
        "young_contents": {"files": collected.young.files, "bytes": collected.young.n_bytes},
        "leftovers": [{"path": str(each.path), "what": each.what, "bytes": each.size} for each in collected.leftovers],
        "passed_over": [{"what": each.what, "id": each.id, "name": each.name, "why": each.why} for each in collected.passed_over]
        + ([{"what": "contents", "id": None, "name": None, "why": collected.unsure}] if collected.unsure else []),
        "bytes_free": collected.n_bytes,
        "bytes_free_in_a_day": max(0, collected.later),
    }


def _run_objects(runs: Iterable[DoomedRun], sizes: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for run in runs:
        said = {"run_id": run.run_id, "run_name": run.name, "experiment_id": run.experiment_id, "deleted_time": run.deleted_ms}
        yield said | ({"bytes": sizes[run.run_id]} if sizes else {})
