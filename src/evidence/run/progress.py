"""Progress of a batch: a live line for each report at work on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from evidence.run.job import Outcome
from evidence.run.plan_jobs import Job

_ENDS = {"done": "done", "kept": "done by another runner"}


class Live(Progress):
    """Shows a batch while it runs; use it as a context manager.

    Parameters
    ----------
    console : Console
        Where to write.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[of]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
        )
        self.total = self.count = 0
        self.whole = self.add_task("all reports", total=None, of="reports")
        self.lines: dict[str, TaskID] = {}

    def begin(self, total: int) -> None:
        """Show how many jobs there are to do."""
        self.total = total
        self.update(self.whole, total=total)

    def cell(self, job: Job, k: int, n: int) -> None:
        """Show that a job has reached cell `k` of `n`."""
        if job.key not in self.lines:
            self.lines[job.key] = self.add_task(f"  {job.label}", total=n, of="cells")
        self.update(self.lines[job.key], completed=k)

    def ended(self, outcome: Outcome) -> None:
        """Show that a job has ended."""
        self.count += 1
        self.advance(self.whole)
        if outcome.job.key in self.lines:
            self.remove_task(self.lines.pop(outcome.job.key))
        failed = outcome.state == "failed"
        end = f"FAILED: {outcome.error}" if failed else _ENDS[outcome.state]
        self.console.print(
            f"[{self.count}/{self.total}] {outcome.job.label}: {end} ({outcome.seconds:.1f} s)",
            markup=False,
            highlight=False,
            style="bold red" if failed else None,
        )

    def note(self, line: str) -> None:
        """Show what whoever runs the jobs should know."""
        self.console.print(line, markup=False, highlight=False, style="yellow")


def summary(outcomes: Iterable[Outcome]) -> Table:
    """Return how a batch ended, a row a programme."""
    programmes: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        programmes.setdefault(outcome.job.programme, []).append(outcome)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("programme")
    for column in ("done", "unchanged", "failed", "not run", "seconds", "most MB"):
        table.add_column(column, justify="right")
    for name, ends in programmes.items():
        states = [outcome.state for outcome in ends]
        counts = (states.count(state) for state in ("done", "kept", "failed", "stopped"))
        seconds = sum(outcome.seconds for outcome in ends)
        peak = max((outcome.peak_mb or 0 for outcome in ends), default=0)
        table.add_row(
            name,
            *(str(count) if count else "" for count in counts),
            f"{seconds:.1f}" if seconds else "",
            f"{peak:.0f}" if peak else "",
        )
    return table
