"""The estimate against everything that is published: how often it is right, and its interval."""

from dataclasses import replace
from math import exp, log
from pathlib import Path
from statistics import median

import pytest

from harness.plan.gpus import gpu_kinds
from harness.plan.hours.calibration import (
    COVERED,
    FACTOR,
    compare,
    correction,
    half_width,
    left_out,
    spread,
)
from harness.plan.hours.reported import Row, rows
from harness.plan.hours.reported_work import machine_of
from harness.plan.hours.throughput import parameters, throughput
from tests.composing import spec_of

CALIBRATE = [row for row in rows() if row.use == "calibrate"]
RESIDUALS = [compare(row, throughput()).residual for row in CALIBRATE]
LIMIT = log(FACTOR)


def row_of(id: str) -> Row:
    return next(row for row in rows() if row.id == id)


def test_seven_of_ten_published_rows_are_within_the_factor() -> None:
    assert len(CALIBRATE) >= 15
    right = sum(abs(value) <= LIMIT for value in RESIDUALS)
    assert right >= 0.7 * len(RESIDUALS)
    assert sum(abs(value) <= LIMIT for value in left_out(RESIDUALS)) >= 0.65 * len(RESIDUALS)


def test_the_slowdown_is_the_median_of_the_rows() -> None:
    assert exp(median(RESIDUALS)) == pytest.approx(1.0, abs=0.05)


def test_the_interval_covers_four_rows_of_five() -> None:
    inside = sum(abs(value) <= spread() + 1e-9 for value in left_out(RESIDUALS))
    assert inside >= COVERED * len(RESIDUALS)
    assert 1.2 < exp(spread()) < 3


def test_no_number_is_tuned_to_the_rows() -> None:
    for name in ("decode_bandwidth", "decode_layer_s", "eager_layer_s", "mfu", "layer_s"):
        for factor in (0.8, 1.25):
            changed = replace(throughput(), **{name: factor * getattr(throughput(), name)})
            found = [compare(row, changed).residual for row in CALIBRATE]
            level = median(found)
            right = sum(abs(value - level) <= LIMIT for value in found)
            assert right >= 0.6 * len(found), (name, factor)


def test_leaving_out_and_covering_by_hand() -> None:
    assert left_out([1.0, 2.0, 4.0]) == [1 - 3, 2 - 2.5, 4 - 1.5]
    assert left_out([1.0]) == [1.0]
    assert half_width([-5, 1, 2, -3, 4]) == 4


def test_every_row_is_compared_in_its_own_unit() -> None:
    units = {compare(row, throughput()).unit for row in rows()}
    assert units == {"h", "GPU-h", "USD", "s/step"}


def test_money_is_gpu_hours_times_the_price() -> None:
    hours, money = compare(row_of("deepscaler"), throughput()), row_of("deepscaler-cost")
    price = gpu_kinds()["a100"].usd_per_gpu_hour
    assert price is not None
    found = compare(money, throughput()).predicted.mid
    assert found == pytest.approx(hours.predicted.mid * price)


def test_a_stage_counts_the_gpus_that_it_ran_on() -> None:
    row = row_of("deepscaler")
    assert [machine_of(row, part).gpus for part in row.trainings] == [8, 32, 32]


def test_every_number_has_a_source() -> None:
    for name, found in parameters().items():
        assert found.sources, name


def test_without_measured_runs_nothing_is_corrected(tmp_path: Path) -> None:
    found = correction(spec_of("hardware=8xA100", f"output_root={tmp_path}"))
    assert (found.factor, found.spread, found.runs) == (1.0, spread(), 0)
