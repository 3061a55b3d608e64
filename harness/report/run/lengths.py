"""Response lengths by model, counted into bins; the page draws them and says what was truncated."""

from collections.abc import Iterable
from statistics import fmean, median

from evals.job import Frozen
from harness.report.read import Json
from harness.report.render import is_number, number, percent

BINS = 32


class LengthRow(Frozen):
    """The lengths of one model's responses."""

    name: str
    """The model, and the benchmark where there are several."""
    responses: int
    truncated: int | None
    """Responses cut at the limit; null where the back end does not tell."""
    mean: float
    median: float
    longest: float
    finding: str
    """In words."""
    width: float
    """Tokens of a bin."""
    starts: list[float]
    """First token count of each bin."""
    whole: list[float]
    """Share of all responses that ended by themselves, by bin."""
    cut: list[float]
    """Share of all responses that were truncated, by bin."""


def length_rows(samples: Iterable[Json]) -> list[LengthRow]:
    """Histograms of all models over the same bins, a benchmark at a time."""
    groups: dict[str, dict[str, list[Json]]] = {}
    for sample in samples:
        if is_number(sample.get("response_tokens")):
            models = groups.setdefault(str(sample.get("benchmark")), {})
            models.setdefault(str(sample.get("label")), []).append(sample)
    return [
        row
        for benchmark, models in groups.items()
        for row in _of_benchmark(benchmark if len(groups) > 1 else "", models)
    ]


def _of_benchmark(benchmark: str, models: dict[str, list[Json]]) -> list[LengthRow]:
    longest = max(sample["response_tokens"] for found in models.values() for sample in found)
    width = max(1.0, -(-(longest + 1) // BINS))
    return [
        _row(f"{benchmark} · {label}" if benchmark else label, found, width, longest)
        for label, found in models.items()
    ]


def _row(name: str, samples: list[Json], width: float, longest: float) -> LengthRow:
    lengths = [float(sample["response_tokens"]) for sample in samples]
    known = all(isinstance(sample.get("truncated"), bool) for sample in samples)
    truncated = sum(sample["truncated"] for sample in samples) if known else None
    bins = int(longest // width) + 1
    whole, cut = [0] * bins, [0] * bins
    for sample, length in zip(samples, lengths, strict=True):
        (cut if sample.get("truncated") is True else whole)[int(length // width)] += 1
    total = len(lengths)
    if truncated is None:
        said = "it is not known which were truncated"
    else:
        said = f"{truncated} of {total:,} truncated ({percent(truncated / total)})"
    mean, middle, most = fmean(lengths), median(lengths), max(lengths)
    return LengthRow(
        name=name,
        responses=total,
        truncated=truncated,
        mean=mean,
        median=middle,
        longest=most,
        finding=f"Mean {number(mean)} tokens, median {number(middle)}, longest {number(most)}; "
        f"{said}.",
        width=width,
        starts=[index * width for index in range(bins)],
        whole=[count / total for count in whole],
        cut=[count / total for count in cut],
    )
