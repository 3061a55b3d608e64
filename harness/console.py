"""What a person sees while a run goes on; the pipeline and the training stage talk to it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console as RichConsole
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

Metrics = Mapping[str, float]

SHOWN = (
    ("reward", "critic/score/mean", "{:.3f}"),
    ("accuracy", "reward/accuracy", "{:.1%}"),
    ("length", "response_length/mean", "{:.1f}"),
    ("KL", "actor/reward_kl_penalty", "{:.4f}"),
    ("KL", "actor/kl_loss", "{:.4f}"),
    ("loss", "train/loss", "{:.3f}"),
    ("tok/s", "perf/throughput", "{:,.0f}"),
    ("s/step", "timing_s/step", "{:.1f}"),
)
"""Label, verl's metric name, format; a metric that the trainer does not report is left out."""


def step_line(metrics: Metrics) -> str:
    """The shown metrics of one step as text."""
    return "  ".join(
        f"{label} {form.format(metrics[name])}" for label, name, form in SHOWN if name in metrics
    )


class Console:
    """Stages and steps as lines; below them, on a terminal, a bar with the time left."""

    def __init__(self) -> None:
        self.rich = RichConsole(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """One line of text."""
        self.rich.print(text, markup=False)

    def stage(self, name: str, note: str) -> None:
        """A stage starts, or was done already."""
        self.rich.print(f"[bold]{name:<9}[/bold] ", end="")
        self.say(note)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """A spinner, shown on a terminal only, for what cannot be counted."""
        with self.rich.status(text):
            yield

    @contextmanager
    def progress(self, total: int, unit: str) -> Iterator["Console"]:
        """A bar over `total` units, shown on a terminal only."""
        columns = (
            TextColumn(f"          {unit}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.rich, disable=not self.rich.is_terminal) as bar:
            self._progress, self._task = bar, bar.add_task(unit, total=total)
            try:
                yield self
            finally:
                self._progress = self._task = None

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Moves the bar, and prints `note` as a line above it."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)
        if note:
            self.say(f"          {done:>4}/{total}  {note}")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table after an empty line."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*row)
        self.rich.print()
        self.rich.print(table)


def short(path: Path) -> Path:
    """The path, relative to the working folder where that is shorter."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
