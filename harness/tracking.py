"""Sends step metrics, and at the end the report's tables, to Weights & Biases or TensorBoard; the
training and report stages call it. Neither tracker is imported unless it is asked for."""

import netrc
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.chain import run_folder
from harness.errors import ConfigError
from harness.spec import RunSpec, Tracking

if TYPE_CHECKING:
    from harness.report.tables import Table

Metrics = Mapping[str, float]
TENSORBOARD_ROWS = 100
"""Rows of a table that TensorBoard gets: it shows each table as one text."""


class Tracker(Protocol):
    """Where metrics go."""

    def log(self, step: int, metrics: Metrics) -> None:
        """Records the metrics of one training step."""

    def table(self, table: "Table") -> None:
        """Records one table of the report."""

    def close(self) -> None:
        """Flushes what is left."""


def trackers(spec: RunSpec, run_dir: Path, run_id: str) -> list[Tracker]:
    """Opens the trackers that the run asks for."""
    makers: dict[str, Callable[[RunSpec, Path, str], Tracker]] = {
        "wandb": _WandB,
        "tensorboard": _TensorBoard,
    }
    return [makers[backend](spec, run_dir, run_id) for backend in spec.tracking.backends]


def log_tables(spec: RunSpec, run_dir: Path, run_id: str, tables: Sequence["Table"]) -> None:
    """Sends the report's tables to the trackers that the run asks for.

    W&B continues the run when it is online. Offline it cannot, so that the tables get a run of
    their own in the same group, `<run_id>-report`.
    """
    own = run_id if spec.tracking.wandb_mode == "online" else f"{run_id}-report"
    for tracker in trackers(spec, run_dir, own):
        try:
            for table in tables:
                tracker.table(table)
        finally:
            tracker.close()


def check_tracking(tracking: Tracking) -> None:
    """Refuses what would ask for a key in the middle of a run.

    Raises:
        ConfigError: W&B is asked for online and no key is to be found.
    """
    if "wandb" not in tracking.backends or tracking.wandb_mode == "offline":
        return
    if os.environ.get("WANDB_API_KEY") or _in_netrc("api.wandb.ai"):
        return
    raise ConfigError(
        "tracking.wandb_mode=online needs a key, and neither WANDB_API_KEY nor ~/.netrc has one: "
        "export WANDB_API_KEY, or set tracking.wandb_mode=offline and `wandb sync` later"
    )


def _in_netrc(host: str) -> bool:
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


class _WandB:
    def __init__(self, spec: RunSpec, run_dir: Path, run_id: str) -> None:
        os.environ["WANDB_SILENT"] = "true"
        import wandb

        self.run = wandb.init(
            project=spec.tracking.project,
            name=run_dir.name,
            group=run_folder(run_dir).name,
            id=run_id,
            resume="allow" if spec.tracking.wandb_mode == "online" else None,
            mode=spec.tracking.wandb_mode,
            dir=run_dir,
            config=spec.model_dump(mode="json"),
            settings=wandb.Settings(console="off", silent=True),
        )

    def log(self, step: int, metrics: Metrics) -> None:
        self.run.log(dict(metrics), step=step)

    def table(self, table: "Table") -> None:
        import wandb

        # Mixed types: a reward that is no number stands as text.
        made = wandb.Table(columns=list(table.columns), data=table.rows, allow_mixed_types=True)
        self.run.log({f"report/{table.name}": made})
        if table.note:
            self.run.summary[f"report/{table.name}_note"] = table.note

    def close(self) -> None:
        self.run.finish()


class _TensorBoard:
    def __init__(self, spec: RunSpec, run_dir: Path, run_id: str) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.event, self.summary = Event, Summary
        self.writer: Any = EventFileWriter(str(run_dir / "tensorboard"))

    def log(self, step: int, metrics: Metrics) -> None:
        values = [self.summary.Value(tag=tag, simple_value=v) for tag, v in metrics.items()]
        event = self.event(step=step, summary=self.summary(value=values))
        self.writer.add_event(event)

    def table(self, table: "Table") -> None:
        from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
        from tensorboard.util.tensor_util import make_tensor_proto

        from harness.report.markdown import text_table

        rows = [["" if v is None else str(v) for v in row] for row in table.rows]
        text = text_table(table.columns, rows[:TENSORBOARD_ROWS])
        if len(rows) > TENSORBOARD_ROWS:
            text += f"\n\nThe first {TENSORBOARD_ROWS} of {len(rows)} rows."
        text += f"\n\n{table.note}" if table.note else ""
        plugin = SummaryMetadata.PluginData(plugin_name="text")
        value = self.summary.Value(
            tag=f"report/{table.name}",
            metadata=SummaryMetadata(plugin_data=plugin),
            tensor=make_tensor_proto([text.encode()], shape=(1,)),
        )
        self.writer.add_event(self.event(summary=self.summary(value=[value])))

    def close(self) -> None:
        self.writer.close()
