"""`runlake verify COMMAND`: whether a program does the same when it is recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.text import Text

from runlake.cli.printing import console_for, print_line
from runlake.verify import Finding, Observed, Recorded, Verdict, compared, observed

__all__ = ["verify"]

_SIGNS = {Verdict.SAME: ("✓", "green"), Verdict.DIFFERS: ("✕", "red"), Verdict.BY_ITSELF: ("~", "yellow"), Verdict.UNKNOWN: ("·", "dim")}


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--globals-only", is_flag=True, help="Look for models in globals alone: plain Python then runs at its own speed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def verify(command: tuple[str, ...], globals_only: bool, as_json: bool) -> None:
    """Run COMMAND twice as it is and once with autologging, and compare: exit, output, random generators, models and time.

    What differs between the two runs without autologging is marked ~ and blamed on nobody. The exit code is 1 where
    autologging changed anything, or the program does not end the same each time by itself, so that nothing is proven.
    What is recorded meanwhile is thrown away.

    Example: runlake verify train.py --lr 0.1
    """
    runs, recorded = observed(command, lambda what: click.echo(f"runlake verify: {what}", err=True), is_watched=not globals_only)
    findings = compared(*runs)
    is_same = _is_same(findings)
    if as_json:
        click.echo(json.dumps(_as_json(command, findings, runs, recorded), indent=2))
    else:
        _print(findings, [*_notes(runs, recorded)])
        click.echo(_last_line(findings, is_same))
    if not is_same:
        sys.exit(1)


def _is_same(findings: Sequence[Finding]) -> bool | None:
    """Whether autologging changed nothing; None where the program ends now so, now so, and nothing that it does proves anything."""
    if any(finding.verdict == Verdict.DIFFERS for finding in findings):
        return False
    return None if any(finding.about == "exit" and finding.verdict == Verdict.BY_ITSELF for finding in findings) else True


def _last_line(findings: Sequence[Finding], is_same: bool | None) -> str:
    if is_same is None:
        return "This program does not end the same each time, without autologging either, so nothing is proven."
    changed = [finding.about for finding in findings if finding.verdict == Verdict.DIFFERS]
    return f"Autologging changed this program: {', '.join(changed)}." if changed else "Autologging did not change this program."


def _notes(runs: Sequence[Observed], recorded: Recorded) -> list[tuple[str, str]]:
    *bare, now = (run.seconds for run in runs)
    notes = [("time", f"{min(bare):.2f} s without autolog, {now:.2f} s with it, {now / min(bare):.2f} times as long")]
    counts = [(recorded.runs, "run"), (recorded.models, "model"), (recorded.metrics, "metric")]
    told = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)
    notes.append(("recorded", told if recorded.runs else "nothing: no training of a library that has a plugin"))
    if recorded.own_runs:
        own = "1 run is" if recorded.own_runs == 1 else f"{recorded.own_runs} runs are"
        notes.append(("alone", f"the program uses runlake itself, and {own} there without autolog too: that much is its own"))
    return notes + [("failed", error.splitlines()[0]) for error in recorded.errors]


def _print(findings: Sequence[Finding], notes: Sequence[tuple[str, str]]) -> None:
    console = console_for(sys.stdout)
    for finding in findings:
        print_line(console, Text.assemble(_SIGNS[finding.verdict], f" {finding.about:<9}", finding.what))
        for line in finding.lines:
            print_line(console, Text(f"  {line}"))
    for about, what in notes:
        print_line(console, Text.assemble(("·", "dim"), f" {about:<9}", what))


def _as_json(command: Sequence[str], findings: Sequence[Finding], runs: Sequence[Observed], recorded: Recorded) -> dict[str, object]:
    return {
        "command": list(command),
        "is_same": _is_same(findings),
        "findings": [asdict(finding) for finding in findings],
        "seconds": [run.seconds for run in runs],
        "recorded": asdict(recorded),
    }
