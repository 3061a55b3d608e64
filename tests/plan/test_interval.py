"""Intervals keep their order, and independent uncertainties add up as they should."""

from math import e, exp, sqrt

import pytest

from harness.plan.interval import Interval, certain, total


def test_scaled_and_added() -> None:
    one = Interval(low=1, mid=2, high=3)
    assert total([one.times(2), certain(1)]) == Interval(low=3, mid=5, high=7)
    assert total([]) == certain(0)


def test_independent_uncertainties_add_in_quadrature() -> None:
    wide = Interval(low=1 / e, mid=1, high=e).widened(1)
    assert wide.low == pytest.approx(exp(-sqrt(2)))
    assert wide.high == pytest.approx(exp(sqrt(2)))
    assert wide.mid == 1


def test_nothing_stays_nothing() -> None:
    assert certain(0).widened(0.5) == certain(0)
