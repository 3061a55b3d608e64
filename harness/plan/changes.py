"""The cheapest change of settings under which all trainings of a run fit into memory, as overrides
ready to paste; the plan shows it beside a verdict that is not `fits`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from harness.fit import fit, longest_sequence
from harness.plan.gpus import gpu_kinds
from harness.plan.memory import Memory, memory
from harness.plan.memory.setting import CALCULATE_ENTROPY, CHUNKED_ENTROPY, setting_of
from harness.rules import violations
from harness.spec import RLAlgorithm, RunSpec

FRACTIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
GPUS_OF_A_NODE = 8
FEWER_SEQUENCES = 256
FREE = 1
"""Cost up to which a change is also tried as the partner of one that helps, if it does not help
alone: what it saves may count on other GPUs only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Settings under which a run fits."""

    overrides: tuple[str, ...]
    """Words of the command line."""
    words: str
    """What they do and what they cost."""
    peak_gb: float
    """The highest peak that is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One setting that may help."""

    cost: float
    """Order in which candidates are tried; below 10 none costs quality or money."""
    words: str
    settings: Mapping[str, Any]
    """Dotted field -> value; a key of verl after `verl.`."""
    override: str | None = None
    """How it is written, where that is not the settings one by one."""

    def overrides(self) -> list[str]:
        """Words of the command line."""
        written = [f"{key}={_written(value)}" for key, value in self.settings.items()]
        return [self.override] if self.override else written


def cheapest_change(trainings: Sequence[RunSpec]) -> Change | None:
    """The first change, in the order of what it costs, under which every training of a run fits.

    Settings alone are tried first and with one other, those that only rearrange before those that
    cost time, and these before more or larger GPUs. Null where the run fits as it is, where the
    memory of the GPU is not known, and where nothing was found.

    Args:
        trainings: the specs of the run's legs.
    """
    found = [(memory(spec), spec) for spec in _different(trainings)]
    lacking = [(now, spec) for now, spec in found if now.verdict not in ("fits", "unknown")]
    if not lacking:
        return None
    now, worst = max(lacking, key=lambda pair: pair[0].peak_gb)
    useful = [
        one
        for one in sorted(_candidates(worst), key=_cost)
        if one.cost <= FREE or _helps(worst, one, now)
    ]
    tries = [(one,) for one in useful] + [
        pair
        for pair in combinations(useful, 2)
        if not set(pair[0].settings) & set(pair[1].settings)
    ]
    others = [spec for _, spec in found if spec is not worst]
    for chosen in sorted(tries, key=lambda several: sum(map(_cost, several))):
        peak = _highest_peak(applied(spec, chosen) for spec in (worst, *others))
        if peak is not None:
            return Change(
                overrides=tuple(word for one in chosen for word in one.overrides()),
                words=", and ".join(one.words for one in chosen),
                peak_gb=peak,
            )
    return None


def _different(trainings: Sequence[RunSpec]) -> Iterator[RunSpec]:
    """One of those that memory cannot tell apart: the stages of a chain may differ in data only."""
    seen = set()
    for spec in trainings:
        parts = (spec.model, spec.algorithm, spec.hardware, spec.verl)
        what = (longest_sequence(spec), *map(str, parts))
        if what not in seen:
            seen.add(what)
            yield spec


def _highest_peak(trainings: Iterable[RunSpec]) -> float | None:
    """Of trainings that all fit and break no rule; null otherwise."""
    peaks = []
    for spec in trainings:
        found = memory(spec)
        if found.verdict != "fits" or violations(spec):
            return None
        peaks.append(found.peak_gb)
    return max(peaks)


def applied(spec: RunSpec, candidates: Sequence[Candidate]) -> RunSpec:
    """The spec with the settings of some candidates."""
    hardware: dict[str, Any] = {}
    rollout: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for name, value in ((n, v) for one in candidates for n, v in one.settings.items()):
        if name.startswith("verl."):
            keys[name.removeprefix("verl.")] = value
        elif name.startswith("hardware.rollout."):
            rollout[name.rsplit(".", 1)[1]] = value
        else:
            hardware[name.removeprefix("hardware.")] = value
    hardware["rollout"] = spec.hardware.rollout.model_copy(update=rollout)
    machine = spec.hardware.model_copy(update=hardware)
    return spec.model_copy(update={"hardware": machine, "verl": spec.verl | keys})


def _cost(one: Candidate) -> float:
    return one.cost


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _helps(spec: RunSpec, one: Candidate, now: Memory) -> bool:
    """Whether it lowers the share of memory that is taken, at the peak or while generating, or
    leaves more room for the cache where that is what is short."""
    found = memory(applied(spec, [one]))
    before, after = now.kv_cache, found.kv_cache
    if before and after and before.sequences < min(1, after.sequences):
        return True
    sizes = ((found.peak_gb, now.peak_gb), (_generate(found), _generate(now)))
    return any(_share(new, found) < _share(old, now) for new, old in sizes)


def _share(size_gb: float, found: Memory) -> float:
    return size_gb / (found.budget_gb or 1.0)


def _generate(found: Memory) -> float:
    return next((phase.gb for phase in found.phases if phase.name == "generate"), 0.0)


def _candidates(spec: RunSpec) -> Iterator[Candidate]:
    if spec.hardware.device == "cuda":
        yield from _entropy(spec)
        yield from _engine(spec)
        yield from _gpus(spec)
    yield from _training(spec)


def _entropy(spec: RunSpec) -> Iterator[Candidate]:
    algorithm, setting = spec.algorithm, setting_of(spec)
    if not isinstance(algorithm, RLAlgorithm):
        return
    unweighted = algorithm.entropy_coef == 0 and algorithm.adaptive_entropy is None
    idle = unweighted and setting.log_probs
    if idle and setting.update_entropy != "none":
        yield Candidate(
            cost=1,
            words="leave the entropy, which has no weight in the loss, out of the update "
            "(the pass before it still reports it)",
            settings={f"verl.{CALCULATE_ENTROPY}": False},
        )
    if setting.log_prob_entropy == "full" and spec.hardware.remove_padding:
        yield Candidate(
            cost=1,
            words="compute the entropy in chunks of tokens (the same numbers)",
            settings={f"verl.{CHUNKED_ENTROPY}": True},
        )


def _engine(spec: RunSpec) -> Iterator[Candidate]:
    if not isinstance(spec.algorithm, RLAlgorithm):
        return
    rollout, gpus = spec.hardware.rollout, spec.hardware.gpus_per_node
    for fraction in FRACTIONS:
        if fraction != rollout.memory_fraction:
            less = fraction < rollout.memory_fraction
            yield Candidate(
                cost=2 + abs(fraction - rollout.memory_fraction),
                words=f"give the engine {'less' if less else 'more'} memory ({fraction:.0%})",
                settings={"hardware.rollout.memory_fraction": fraction},
            )
    if rollout.max_sequences > FEWER_SEQUENCES:
        yield Candidate(
            cost=3,
            words=f"decode {FEWER_SEQUENCES} sequences at a time (generation may take longer)",
            settings={"hardware.rollout.max_sequences": FEWER_SEQUENCES},
        )
    now = fit(spec).tensor_parallel
    for split in (n for n in range(now + 1, gpus + 1) if gpus % n == 0):
        yield Candidate(
            cost=3 + split / 10,
            words=f"split the engine over {split} GPUs (generation takes somewhat longer)",
            settings={"hardware.rollout.tensor_parallel": split},
        )


def _training(spec: RunSpec) -> Iterator[Candidate]:
    now, longest = fit(spec), longest_sequence(spec)
    for tokens in sorted({longest, max(longest, now.tokens_per_gpu // 2)} - {now.tokens_per_gpu}):
        if tokens < now.tokens_per_gpu:
            yield Candidate(
                cost=4 - tokens / now.tokens_per_gpu,
                words=f"micro-batches of {tokens:,} tokens instead of {now.tokens_per_gpu:,}",
                settings={"hardware.tokens_per_gpu": tokens},
            )
    if not now.offload and spec.hardware.device == "cuda":
        yield Candidate(
            cost=5,
            words="move models to host memory between uses (steps take somewhat longer)",
            settings={"hardware.offload": True},
        )
    if not spec.hardware.gradient_checkpointing:
        yield Candidate(
            cost=8,
            words="recompute activations in the backward pass (updates take about a third longer)",
            settings={"hardware.gradient_checkpointing": True},
        )


def _gpus(spec: RunSpec) -> Iterator[Candidate]:
    """More of the same GPUs, whole nodes above one; then larger ones, as conf/hardware/gpu has."""
    hardware = spec.hardware
    for factor in (2, 4, 8, 16):
        gpus = hardware.nodes * hardware.gpus_per_node * factor
        nodes, left = divmod(gpus, GPUS_OF_A_NODE)
        if hardware.nodes == 1 and gpus <= GPUS_OF_A_NODE:
            settings = {"hardware.gpus_per_node": gpus}
            yield Candidate(cost=20 * factor, words=f"use {gpus} GPUs", settings=settings)
        elif not left and spec.algorithm.kind == "rl":
            settings = {"hardware.gpus_per_node": GPUS_OF_A_NODE, "hardware.nodes": nodes}
            if hardware.gpus_per_node == GPUS_OF_A_NODE:
                del settings["hardware.gpus_per_node"]
            words = f"use {nodes} nodes of {GPUS_OF_A_NODE} GPUs"
            yield Candidate(cost=20 * factor, words=words, settings=settings)
    for file, facts in gpu_kinds().items():
        size = facts.gpu_mem_gb
        if hardware.gpu_mem_gb and size > hardware.gpu_mem_gb:
            yield Candidate(
                cost=35 * size / hardware.gpu_mem_gb,
                words=f"use GPUs with {size:g} GB ({facts.gpu})",
                settings={f"hardware.{field}": value for field, value in facts},
                override=f"+hardware/gpu@hardware={file}",
            )
