"""Sends step metrics to Weights & Biases or TensorBoard; the pipeline calls it with what it
appends to events.jsonl. Neither tracker is imported unless it is asked for."""

import netrc
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from harness.errors import ConfigError
from harness.spec import RunSpec, Tracking

Metrics = Mapping[str, float]


class Tracker(Protocol):
    """Where metrics go."""

    def log(self, step: int, metrics: Metrics) -> None:
        """Records the metrics of one training step."""

    def close(self) -> None:
        """Flushes what is left."""


def trackers(spec: RunSpec, run_dir: Path, run_id: str) -> list[Tracker]:
    """Opens the trackers that the run asks for."""
    makers: dict[str, Callable[[RunSpec, Path, str], Tracker]] = {
        "wandb": _WandB,
        "tensorboard": _TensorBoard,
    }
    return [makers[backend](spec, run_dir, run_id) for backend in spec.tracking.backends]


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
            id=run_id,
            resume="allow" if spec.tracking.wandb_mode == "online" else None,
            mode=spec.tracking.wandb_mode,
            dir=run_dir,
            config=spec.model_dump(mode="json"),
            settings=wandb.Settings(console="off", silent=True),
        )

    def log(self, step: int, metrics: Metrics) -> None:
        self.run.log(dict(metrics), step=step)

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

    def close(self) -> None:
        self.writer.close()
