"""Progress of a batch: one live line a worker on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from evidence.run.jobs import Job
from evidence.run.runner import Outcome


class Live:
    """Shows a batch while it runs; use it as a context manager.

    Parameters
    ----------
    console : Console
        Where to write.
    total : int
        Jobs that will be run.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total, self.count = console, total, 0
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.whole = self.progress.add_task("reports", total=total)
        self.lines: dict[int, int] = {}

    def __enter__(self) -> Live:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def cell(self, worker: int, job: Job, k: int, n: int) -> None:
        """Show that a worker has reached cell `k` of `n`."""
        if worker not in self.lines:
            self.lines[worker] = self.progress.add_task("", total=n)
        self.progress.update(self.lines[worker], description=f"  {job.label}", completed=k, total=n)

    def ended(self, worker: int, outcome: Outcome) -> None:
        """Show that a job has ended."""
        self.count += 1
        self.progress.advance(self.whole)
        failed = outcome.state == "failed"
        self.console.print(
            f"[{self.count}/{self.total}] {outcome.job.label}: "
            f"{'FAILED: ' + outcome.error if failed else 'done'} ({outcome.seconds:.1f} s)",
            markup=False,
            highlight=False,
            style="bold red" if failed else None,
        )
