"""Columns, wrapping and rounding of the plan's text."""

import pytest

from harness.plan.interval import Interval
from harness.plan.tables import WIDTH, amount, pairs, plural, spread


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "<0.01"),
        (0.0744, "0.074"),
        (1.99, "2.0"),
        (9.96, "10"),
        (71.8, "72"),
        (1442.7, "1,400"),
        (58_500, "58,000"),
    ],
)
def test_an_amount_has_two_digits(value: float, written: str) -> None:
    assert amount(value) == written


def test_an_interval_stands_behind_its_middle() -> None:
    assert spread(Interval(low=17.2, mid=65.4, high=245)) == "65 [17, 240]"
    assert spread(None) == "?"


def test_things_are_counted() -> None:
    assert (plural(1, "step"), plural(1040, "step")) == ("1 step", "1,040 steps")
    assert plural(2, "copy", "copies") == "2 copies"


def test_long_values_go_on_below_and_addresses_stay_whole() -> None:
    address = "https://example.org/" + "a-b" * 60
    first, second, *rest = pairs([("name", f"{'word ' * 30}{address}"), ("x", "")]).split("\n")
    assert first.startswith("name  word") and len(first) <= WIDTH + 2
    assert second.startswith("      word")
    assert rest == [f"      {address}", "x"]
