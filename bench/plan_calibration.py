"""Predicted against reported hours, cost and seconds a step of published runs, and of one's own.
Run: python bench/plan_calibration.py [--runs outputs/] [--numbers]"""

import argparse
from collections.abc import Iterator, Sequence
from math import exp, log
from pathlib import Path
from statistics import median

from harness.plan.hours.calibration import FACTOR, Comparison, compare, half_width, left_out
from harness.plan.hours.measured import FILE, collect
from harness.plan.hours.reported import Row, rows
from harness.plan.hours.throughput import parameters, throughput

TITLES = {
    "calibrate": "Rows that calibrate",
    "bound": "Upper or lower bounds",
    "context": "Context: too much of their workload is unknown",
}


def line(found: Comparison) -> str:
    """One row of the table; the interval is that of the response lengths alone."""
    guess = found.predicted
    word = "" if found.row.use == "bound" else "yes" if found.right else "no"
    return (
        f"{found.row.id:<30} {found.reported:>8,.4g} {found.unit:<7}"
        f"{guess.mid:>8,.4g} ({guess.low:,.4g} to {guess.high:,.4g})".ljust(76)
        + f"{exp(found.residual):>6.2f}  {word}"
    ).rstrip()


def table(found: Sequence[Comparison]) -> Iterator[str]:
    """The rows of one kind, each miss with what was assumed."""
    head = f"{'row':<30} {'reported':>8} {'':<7}{'predicted':>8} (short to long responses)"
    yield f"{head:<76}{'ratio':>6}  within x{FACTOR:g}"
    for item in found:
        yield line(item)
        if not item.right:
            yield from (f"    {reason}" for reason in item.row.assumed)


def summary(found: Sequence[Comparison]) -> Iterator[str]:
    """How many rows are right, and what their residuals say."""
    residuals = [item.residual for item in found]
    apart = left_out(residuals)
    count, limit = len(found), log(FACTOR)
    inside, outside = (sum(abs(value) <= limit for value in part) for part in (residuals, apart))
    yield f"within x{FACTOR:g}: {inside} of {count} ({inside / count:.0%})"
    yield f"each without its own row: {outside} of {count} ({outside / count:.0%})"
    yield f"median of reported / predicted: {exp(median(residuals)):.3f}"
    yield f"80 % of rows lie within a factor of {exp(half_width(apart)):.2f}"


def numbers() -> Iterator[str]:
    """What seconds are computed with, and what each number rests on."""
    for name, found in parameters().items():
        yield f"{name} = {found.value:g}"
        yield from (f"    {source}" for source in found.sources)


def main() -> None:
    """Prints the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=Path, help=f"output root to collect; writes its {FILE}")
    options.add_argument("--numbers", action="store_true", help="print the numbers and sources")
    chosen = options.parse_args()
    own: tuple[Row, ...] = collect(chosen.runs) if chosen.runs else ()
    for use, title in TITLES.items():
        found = [compare(row, throughput()) for row in rows() if row.use == use]
        print(f"{title}\n" + "\n".join(table(found)) + "\n")
        if use == "calibrate":
            print("\n".join(summary(found)) + "\n")
    published = [compare(row, throughput()) for row in rows() if row.use != "bound"]
    print(f"all {len(published)} rows with a number: {sum(r.right for r in published)} right\n")
    if chosen.runs:
        measured = [compare(row, throughput()) for row in own]
        print(f"{len(own)} measured trainings in {chosen.runs / FILE}")
        print("\n".join([*table(measured), *summary(measured)]) if own else "")
    if chosen.numbers:
        print("\n".join(numbers()))


if __name__ == "__main__":
    main()
