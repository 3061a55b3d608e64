"""The estimates of a plan as text: memory, hours and cost, and what decides published claims."""

from collections.abc import Iterator, Sequence

from harness.plan.decide import Decision
from harness.plan.hours.stages import StageHours
from harness.plan.memory import Memory
from harness.plan.run_plan import RunPlan, Totals, TrainingPlan, together
from harness.plan.tables import amount, columns, pairs, spread

HOURS = ("hours", "GPU-hours", "USD")
HOW = (
    "Middle and 80 % interval, as wide as this estimate is wrong about published runs "
    "(bench/plan_calibration.py)."
)


def fitting(training: TrainingPlan) -> str:
    """Memory of one GPU by component in every phase, and whether it suffices."""
    found = training.memory
    names = list(dict.fromkeys(part.name for phase in found.phases for part in phase.parts))
    head = ("GB per GPU, at most", *(phase.name for phase in found.phases))
    rows = [(name, *_held(found, name)) for name in names]
    peaks = ("in all", *(f"{phase.gb:.1f}" for phase in found.phases))
    return "\n".join([columns([head, *rows, peaks]), pairs([*_verdict(training)])])


def _held(found: Memory, name: str) -> Iterator[str]:
    for phase in found.phases:
        size = sum(part.gb for part in phase.parts if part.name == name)
        yield f"{size:.1f}" if size >= 0.05 else ("0" if size else "")


def _verdict(training: TrainingPlan) -> Iterator[tuple[str, str]]:
    found = training.memory
    yield "fit", f"{found.verdict.upper()}: {found.reason}"
    if found.approximate:
        yield "", "the model's shape is not known here; it was scaled from a known one"
    if training.change:
        yield "change", training.change.words
        yield "", " ".join(training.change.overrides)
    elif found.verdict == "does not fit":
        yield "change", "none of the settings tried makes it fit"
    if cache := found.kv_cache:
        yield (
            "KV cache",
            f"{cache.gb:.1f} GB a GPU, {cache.tokens:,} tokens an engine: "
            f"{cache.sequences:,.0f} sequences at the length limit at a time",
        )
    if found.host:
        parts = ", ".join(f"{part.name} {part.gb:.0f}" for part in found.host)
        yield "host", f"{found.host_gb:.0f} of {found.host_budget_gb:.0f} GB a node ({parts})"


def costs(found: RunPlan) -> str:
    """Hours, GPU-hours and cost of every stage."""
    rows = [(stage.name, *_numbers(stage)) for stage in found.stages]
    rows = [("", *HOURS), *rows, ("total", *_numbers(found.total))]
    notes = [(stage.name, stage.note) for stage in found.stages]
    if found.price:
        source = found.price.source or "set by hand"
        notes.append(("price", f"{found.price.usd_per_gpu_hour:g} USD a GPU-hour ({source})"))
    elif found.total.hours:
        notes.append(("price", "not known: set hardware.usd_per_gpu_hour"))
    notes += [("upstream", said) for said in found.reported]
    table = f"{columns(rows)}\n{HOW}\n" if any(stage.hours for stage in found.stages) else ""
    return table + pairs(notes)


def sweep_text(plans: Sequence[RunPlan]) -> str:
    """Several plans, a line each, and what they take together."""
    rows = [(run.name, str(run.gpus), _worst(run), *_numbers(run.total)) for run in plans]
    table = columns([("run", "GPUs", "memory", *HOURS), *rows, ("total", "", "", *_in_all(plans))])
    return f"{table}\n{HOW}\nHours in all: one run after the other. A run by itself shows its plan."


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
        head = ("claim", "", "problems", "k", "k needed", "SD of one run", "GPU-hours", "USD")
        rows = [_decision(item) for item in found.decisions]
        yield (
            f"{columns([head, *rows], words=2)}\n"
            "k needed: samples a problem with which an equal model is called reproduced four times "
            "in five;\nGPU-hours and USD: of drawing them once."
        )


def _decision(item: Decision) -> tuple[str, ...]:
    cost = item.cost
    return (
        item.benchmark,
        f"{item.percent:g} {item.metric}",
        str(item.problems),
        str(item.k),
        str(item.k_needed or "no k is enough"),
        f"{100 * item.run_sd:.1f} ({item.run_sd_from})",
        amount(cost.gpu_hours.mid) if cost and cost.gpu_hours else "?",
        amount(cost.usd.mid) if cost and cost.usd else "?",
    )
