"""Memory of one GPU and of a node's host, for one training of a run: peak, parts, and whether it
fits; the plan shows it, changes.py looks for settings under which it does."""

from dataclasses import dataclass
from typing import Literal

from harness.plan.memory.engine import KVCache, kv_cache
from harness.plan.memory.passes import Part
from harness.plan.memory.phases import Phase, host_parts, phases
from harness.plan.memory.setting import setting_of
from harness.spec import RunSpec

__all__ = ["KVCache", "Memory", "Part", "Phase", "Verdict", "kv_cache", "memory"]

Verdict = Literal["fits", "tight", "does not fit", "unknown"]

FITS_UP_TO = 0.95
"""Share of the nominal memory up to which the peak is safe: the rest is for what the allocator
cannot reuse, and for the error of the estimate."""
TIGHT_UP_TO = 1.05
"""Up to here it may still fit: a card shows about 6 % more than its nominal decimal GB (79.22 GiB
of "80 GB", vllm-project/vllm#10511)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one training needs of a GPU (on a laptop: of a process) and of a node's host."""

    phases: tuple[Phase, ...]
    """Each at its peak, in the order of a step."""
    peak: str
    """Name of the phase with the highest peak."""
    peak_gb: float
    budget_gb: float | None
    """Nominal memory of a GPU; null where it is not known."""
    kv_cache: KVCache | None
    """Null where nothing is generated, and where the memory of the GPU is not known."""
    host: tuple[Part, ...]
    """Host memory of a node, by component; empty on a laptop, where it is the process's."""
    host_gb: float
    host_budget_gb: float
    """Host memory of a node that a scheduler is asked for."""
    verdict: Verdict
    reason: str
    """The verdict in words, with the arithmetic."""
    approximate: bool
    """The model's shape is not known and was scaled from another model's."""


def memory(spec: RunSpec) -> Memory:
    """Memory of one leg's spec. Figures are GB = 1e9 bytes and hold for sequences at their limits.

    A micro-batch is taken to hold the tokens it may hold; how verl balances micro-batches can
    exceed that by a few percent.
    """
    setting, hardware = setting_of(spec), spec.hardware
    found = tuple(phases(spec, setting))
    worst = max(found, key=lambda phase: phase.gb)
    cpu = hardware.device == "cpu"
    budget = hardware.host_mem_gb_per_gpu if cpu else hardware.gpu_mem_gb
    host = () if cpu else tuple(host_parts(spec, setting))
    cache = kv_cache(spec) if spec.algorithm.kind == "rl" and budget is not None else None
    verdict, reason = _verdict(worst, budget, cache)
    return Memory(
        phases=found,
        peak=worst.name,
        peak_gb=worst.gb,
        budget_gb=budget,
        kv_cache=cache,
        host=host,
        host_gb=sum(piece.gb for piece in host),
        host_budget_gb=hardware.host_mem_gb_per_gpu * hardware.gpus_per_node,
        verdict=verdict,
        reason=reason,
        approximate=setting.shape.approximate,
    )


def _verdict(worst: Phase, budget: float | None, cache: KVCache | None) -> tuple[Verdict, str]:
    largest = max(worst.parts, key=lambda piece: piece.gb)
    top = f"the most of it {largest.name}, {largest.gb:.1f} GB ({largest.note})"
    if budget is None:
        return "unknown", f"{worst.name} peaks at {worst.gb:.1f} GB; hardware.gpu_mem_gb is not set"
    if cache and cache.sequences < 1:
        held = f"the KV cache holds {cache.tokens:,} tokens ({cache.gb:.1f} GB)"
        return "does not fit", f"{held}, less than one sequence at its limit"
    text = f"{worst.name} peaks at {worst.gb:.1f} of {budget:g} GB, {top}"
    if worst.gb <= FITS_UP_TO * budget:
        return "fits", text
    return ("tight" if worst.gb <= TIGHT_UP_TO * budget else "does not fit"), text
