"""A quantity of the plan with the interval that it lies in four times of five; hours, GPU-hours and
cost are given as one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, hypot, log


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Low, middle and high estimate of one quantity."""

    low: float
    mid: float
    high: float

    def map(self, function: Callable[[float], float]) -> "Interval":
        """The interval of a quantity that grows with this one."""
        return Interval(low=function(self.low), mid=function(self.mid), high=function(self.high))

    def times(self, factor: float) -> "Interval":
        """The interval, scaled."""
        return self.map(lambda value: factor * value)

    def widened(self, spread: float) -> "Interval":
        """With an independent uncertainty of the factor exp(+-spread) on top."""
        if self.mid == 0:
            return self
        down = hypot(log(self.mid / self.low), spread) if self.low > 0 else spread
        return Interval(
            low=self.mid * exp(-down),
            mid=self.mid,
            high=self.mid * exp(hypot(log(self.high / self.mid), spread)),
        )


def certain(value: float) -> Interval:
    """A quantity without an interval."""
    return Interval(low=value, mid=value, high=value)


def total(parts: Iterable[Interval]) -> Interval:
    """The sum of quantities whose errors go the same way, as those of one run's stages do."""
    found = list(parts)
    return Interval(
        low=sum(part.low for part in found),
        mid=sum(part.mid for part in found),
        high=sum(part.high for part in found),
    )
