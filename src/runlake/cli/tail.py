"""`runlake tail RUN`: a run as it goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console, Group
from rich.live import Live

from runlake.cli.completing import complete_run
from runlake.cli.exporting import json_text
from runlake.cli.printing import console_for, print_line, readable
from runlake.cli.stores import open_named, store_option
from runlake.display.following import DRAWN, PIECES, Progress, ending, news, progress_of, progress_page
from runlake.entities import Status
from runlake.read import Store
from runlake.read.naming import find_run

__all__ = ["tail"]

EVERY = 0.5  # seconds, which is how often a run writes what it logs
REST = 4  # times as long as a look took nothing is done: the run may need the processor


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--every", metavar="SECONDS", type=click.FloatRange(0.05), default=EVERY, show_default=True, help="How often to look.")
@click.option("--json", "as_json", is_flag=True, help="Print an object a line.")
@store_option
def tail(run: str, every: float, as_json: bool, store: Path | None) -> None:
    """Follow a run until it ends.

    \b
    runlake tail @last
    runlake tail brave-otter-41 && ./deploy.sh

    On a terminal its metrics are drawn as they go on, elsewhere there is a line for what each look found to be new. RUN is an id, a name,
    @last or @best(METRIC). The exit code is 0 where the run ends FINISHED, 1 where it is FAILED, KILLED or CRASHED; Ctrl-C leaves the run
    alone.

    JSON is an object for each look that found something, with run_id, run_name, status, duration in seconds, the greatest step, values,
    which are the last ones of what is new, and errors.
    """
    opened = open_named(store)
    looks = _looks(opened, find_run(opened, run).info.run_id, every)
    console = console_for(sys.stdout)
    try:
        if as_json:
            last = _print_objects(looks)
        elif console.is_terminal:
            last = _draw(opened, console, looks)
        else:
            last = _print_lines(console, looks)
    except KeyboardInterrupt:
        sys.exit(130)
    if last.status != Status.FINISHED:
        sys.exit(1)


def _looks(store: Store, run_id: str, every: float) -> Iterator[Progress]:
    """How the run stands, again and again until it has ended."""
    while True:
        began = time.perf_counter()
        steps = {key: summary.last_step for key, summary in store.summaries(run_id).items()}
        yield (now := progress_of(store.run(run_id), steps, time.time_ns() // 1_000_000))
        if now.has_ended:
            return
        time.sleep(max(every, REST * (time.perf_counter() - began)))  # by now it is printed, too
        store.refresh()


def _print_lines(console: Console, looks: Iterator[Progress]) -> Progress:
    before = None
    for now in looks:
        if line := news(now, before):
            print_line(console, line)
        for error in now.errors[0 if before is None else len(before.errors) :]:
            click.echo(f"error: {error}")
        before = now
        sys.stdout.flush()
    assert before is not None
    print_line(console, ending(before))
    return before


def _print_objects(looks: Iterator[Progress]) -> Progress:
    before = None
    for now in looks:
        values = {key: each.last for key, each in now.series.items() if before is None or before.points(key) != each.n}
        if values or before is None or now.has_ended:
            click.echo(json_text(_object(now, values)))
        before = now
    assert before is not None
    return before


def _object(now: Progress, values: dict[str, float]) -> dict[str, Any]:
    return {
        "run_id": now.run_id,
        "run_name": now.name,
        "status": now.status,
        "duration": now.seconds,
        "step": now.step,
        "values": values,
        "errors": list(now.errors),
    }


def _draw(store: Store, console: Console, looks: Iterator[Progress]) -> Progress:
    """A page that changes; a curve is read again where it has new points."""
    curves: dict[str, tuple[int, np.ndarray]] = {}
    last = None
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for last in looks:
            for each in list(last.series.values())[:DRAWN]:
                if curves.get(each.key, (0,))[0] != each.n:
                    means = store.curve(last.run_id, each.key, pixels=PIECES)["mean"].to_pylist()
                    curves[each.key] = each.n, np.asarray(means, float)
            drawn = {key: values for key, (_, values) in curves.items()}
            lines = [*progress_page(last, drawn, console.width)] + ([ending(last)] if last.has_ended else [])
            live.update(Group(*(readable(console, line) for line in lines)), refresh=True)
    assert last is not None
    return last
