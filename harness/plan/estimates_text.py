"""The estimates of a plan as text: memory, hours and cost, and what decides published claims."""

from collections.abc import Iterator, Sequence
from math import exp

from harness.plan.decide import Decision
from harness.plan.hours.calibration import COVERED, used
from harness.plan.hours.calibration import spread as residuals
from harness.plan.hours.stages import StageHours
from harness.plan.memory import Memory
from harness.plan.run_plan import RunPlan, Totals, TrainingPlan, together
from harness.plan.tables import UNKNOWN, amount, columns, pairs, plural, spread

HOURS = ("hours", "GPU-hours", "USD")


def fitting(training: TrainingPlan, place: str) -> str:
    """Memory by component in every phase, and whether it suffices.

    Args:
        training: one of the run's.
        place: what has the memory: GPU, or process on a laptop.
    """
    found = training.memory
    names = list(dict.fromkeys(part.name for phase in found.phases for part in phase.parts))
    head = (f"GB per {place}, at most", *(phase.name for phase in found.phases))
    rows = [(name, *_held(found, name)) for name in names]
    peaks = ("in all", *(f"{phase.gb:.1f}" for phase in found.phases))
    return "\n".join([columns([head, *rows, peaks]), pairs([*_verdict(found, place)])])


def _held(found: Memory, name: str) -> Iterator[str]:
    for phase in found.phases:
        size = sum(part.gb for part in phase.parts if part.name == name)
        yield f"{size:.1f}" if size >= 0.05 else ("0" if size else "")


def _verdict(found: Memory, place: str) -> Iterator[tuple[str, str]]:
    yield "memory", f"{found.verdict.upper()}: {found.reason}"
    if found.approximate:
        yield "", "the model's shape is not known here; it was scaled from a known one"
    if cache := found.kv_cache:
        held = plural(int(cache.sequences), "sequence")
        yield (
            "KV cache",
            f"{cache.gb:.1f} GB per {place}; one copy of the engine holds {cache.tokens:,} tokens, "
            f"{held} at the length limit",
        )
    if found.host:
        parts = ", ".join(f"{part.name} {part.gb:.0f}" for part in found.host)
        yield "host", f"{found.host_gb:.0f} of {found.host_budget_gb:.0f} GB per node ({parts})"


def changing(found: RunPlan) -> Iterator[str]:
    """The change that makes a run fit; its overrides on one line, ready to paste."""
    if found.change:
        words = f"{found.change.words}; the highest peak is then {found.change.peak_gb:.1f} GB"
        yield f"{pairs([('change', words)])}\n        {' '.join(found.change.overrides)}"
    elif not found.fits:
        yield pairs([("change", "none of the settings tried makes it fit; choose other hardware")])


def costs(found: RunPlan) -> str:
    """Hours, GPU-hours and cost of every stage."""
    rows = [(stage.name, *_numbers(stage)) for stage in found.stages]
    rows = [("", *HOURS), *rows, ("total", *_numbers(found.total))]
    lines = [columns(rows), how()] if any(stage.hours for stage in found.stages) else []
    if lines and not found.fits:
        lines.append("It does not fit: the hours are those of the settings above, were they to.")
    return "\n".join([*lines, pairs([*_notes(found)])])


def _notes(found: RunPlan) -> Iterator[tuple[str, str]]:
    names: dict[str, list[str]] = {}
    for stage in found.stages:
        names.setdefault(stage.note, []).append(stage.name)
    for note, same in names.items():
        yield same[0], f"{note}; {', '.join(same[1:])}: the same" if same[1:] else note
    if found.price:
        source = found.price.source or "set by hand"
        yield "price", f"{found.price.usd_per_gpu_hour:g} USD per GPU-hour ({source})"
    elif any(stage.hours for stage in found.stages):
        yield "price", "not known: set hardware.usd_per_gpu_hour"
    yield from (("upstream", said) for said in found.reported)


def how() -> str:
    """What the intervals are, with the evidence."""
    return (
        f"Middle, and the interval for four cases in five: {COVERED:.0%} of {len(used())} "
        f"published runs lie within a factor of\n{exp(residuals()):.1f} of the estimate for their "
        "lengths (python bench/plan_calibration.py)."
    )


def sweep_text(plans: Sequence[RunPlan]) -> str:
    """Several plans, a line each, and what they take together."""
    rows = [(run.name, str(run.gpus), _worst(run), *_numbers(run.total)) for run in plans]
    table = columns([("run", "GPUs", "memory", *HOURS), *rows, ("total", "", "", *_in_all(plans))])
    return (
        f"{table}\n{how()}\nHours in all: one run after the other. "
        "A run by itself shows its plan, and why a ? is one."
    )


def _in_all(plans: Sequence[RunPlan]) -> tuple[str, ...]:
    return _numbers(together(plans))


def _worst(run: RunPlan) -> str:
    order = ("does not fit", "tight", "unknown", "fits")
    return min((training.memory.verdict for training in run.trainings), key=order.index)


def _numbers(found: StageHours | Totals) -> tuple[str, ...]:
    return spread(found.hours), spread(found.gpu_hours), spread(found.usd)


def deciding(found: RunPlan) -> Iterator[str]:
    """What it takes to decide the published claims; nothing where there are none."""
    if found.decisions:
        head = ("claim", "", "problems", "k", "k needed", "SD of one run", "", "GPU-hours", "USD")
        rows = [_decision(item) for item in found.decisions]
        yield (
            f"{columns([head, *rows], words=2)}\n"
            "k: samples per problem; k needed: with which an equal model is called reproduced four "
            "times in five\n(none: the claim's own samples are too few for that). SD in points. "
            "GPU-hours and USD: of drawing\nk needed, or k where none is enough, once."
        )


def _decision(item: Decision) -> tuple[str, ...]:
    cost = item.cost
    return (
        item.benchmark,
        f"{item.percent:g} {item.metric} {item.at}".rstrip(),
        f"{item.problems:,}",
        str(item.k),
        str(item.k_needed or "none"),
        f"{100 * item.run_sd:.1f}",
        item.run_sd_from,
        amount(cost.gpu_hours.mid) if cost and cost.gpu_hours else UNKNOWN,
        amount(cost.usd.mid) if cost and cost.usd else UNKNOWN,
    )
