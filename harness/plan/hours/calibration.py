"""Estimates held against what others report and what runs here measured: how far off they are is
the interval of every estimate. bench/plan_calibration.py prints the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, exp, log
from pathlib import Path
from statistics import median

from harness.plan.gpus import gpu_kinds, gpu_name
from harness.plan.hours.measured import own_rows
from harness.plan.hours.reported import Row, rows
from harness.plan.hours.reported_work import machine_of, workload_of
from harness.plan.hours.steps import step_time
from harness.plan.hours.throughput import Throughput, throughput
from harness.plan.interval import Interval, total
from harness.spec import RunSpec

FACTOR = 1.5
"""An estimate within this factor of what is reported counts as right."""
COVERED = 0.8
"""Share of rows whose residual lies within the interval."""
OWN_ROWS = 5
"""Measured trainings from which on their own residuals make the interval."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One reported number and the estimate of it, in the report's own unit."""

    row: Row
    unit: str
    reported: float
    predicted: Interval
    """From the range of response lengths alone."""

    @property
    def residual(self) -> float:
        """Logarithm of reported over predicted."""
        return log(self.reported / self.predicted.mid)

    @property
    def right(self) -> bool:
        """Whether the two are within FACTOR of each other."""
        return abs(self.residual) <= log(FACTOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What runs of one's own change in an estimate."""

    factor: float
    spread: float
    """Half the width of the interval for given lengths, as a logarithm."""
    runs: int
    """Measured trainings on this GPU."""


def compare(row: Row, facts: Throughput) -> Comparison:
    """The estimate of one reported number."""
    said = row.reported
    seconds = [
        step_time(workload_of(part), machine_of(row, part), facts).total.times(part.steps)
        for part in row.trainings
    ]
    gpu_hours = total(
        found.times((part.gpus or row.gpus) / HOUR)
        for part, found in zip(row.trainings, seconds, strict=True)
    )
    unit, reported, predicted = "GPU-h", said.gpu_hours, gpu_hours
    if said.seconds_per_step:
        unit, reported = "s/step", said.seconds_per_step
        predicted = seconds[0].times(1 / row.trainings[0].steps)
    elif said.hours:
        unit, reported, predicted = "h", said.hours, total(seconds).times(1 / HOUR)
    elif said.usd:
        unit, reported = "USD", said.usd
        predicted = gpu_hours.times(gpu_kinds()[row.gpu].usd_per_gpu_hour or 1.0)
    return Comparison(row=row, unit=unit, reported=reported or 0.0, predicted=predicted)


def left_out(residuals: Sequence[float]) -> list[float]:
    """Each residual from the median of the others: what it had been without its own row."""
    others = [[*residuals[:index], *residuals[index + 1 :]] for index in range(len(residuals))]
    return [own - median(rest or [0.0]) for own, rest in zip(residuals, others, strict=True)]


def half_width(residuals: Sequence[float]) -> float:
    """The size that COVERED of the residuals do not exceed."""
    return sorted(abs(value) for value in residuals)[ceil(COVERED * len(residuals)) - 1]


def used() -> list[Row]:
    """The published numbers that calibrate."""
    return [row for row in rows() if row.use == "calibrate"]


@cache
def spread() -> float:
    """Half the width, as a logarithm, of the interval that an estimate has for given lengths."""
    return half_width(left_out([compare(row, throughput()).residual for row in used()]))


def correction(spec: RunSpec) -> Correction:
    """What the measured trainings of an output root say about estimates on a run's GPU."""
    gpu = gpu_name(spec.hardware)
    measured = own_rows(Path(spec.output_root).expanduser())
    residuals = [compare(row, throughput()).residual for row in measured if row.gpu == gpu]
    if not residuals:
        return Correction(factor=1.0, spread=spread(), runs=0)
    own = half_width(left_out(residuals)) if len(residuals) >= OWN_ROWS else spread()
    return Correction(factor=exp(median(residuals)), spread=own, runs=len(residuals))
