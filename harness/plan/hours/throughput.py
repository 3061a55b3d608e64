"""How much of a GPU's peak each part of a step uses: numbers with sources, which turn the work of
a run into seconds."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from pydantic import PositiveFloat, TypeAdapter

from harness.cards import Fact, Text
from harness.files import read_yaml

PATH = Path(__file__).parent / "throughput.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What seconds are computed with."""

    decode_bandwidth: float
    """Share of the memory bandwidth that decoding reaches."""
    decode_compute: float
    """Share of the peak FLOP/s that decoding and prefill reach."""
    decode_layer_s: float
    """Seconds of one decoding iteration in a layer besides reading and arithmetic."""
    eager_layer_s: float
    """The same where an engine works without CUDA graphs, or the trainer's own model generates."""
    mfu: float
    """Share of the peak FLOP/s that the trainer's passes reach, its fixed times left out."""
    layer_s: float
    """Seconds of a micro-batch in a layer that no arithmetic explains: starting its kernels and
    gathering its weights."""
    step_s: float
    """Seconds a step besides: the engine wakes and sleeps, rewards, advantages."""
    sync_gb_per_s: float
    """Weights on their way from the trainer to the engine."""
    offload_gb_per_s: float
    """Between a GPU and its host."""
    disk_gb_per_s: float
    """One node writing a checkpoint."""
    length_spread: float
    """Standard deviation of the logarithm of the response lengths of a batch."""
    slowdown: float
    """Reported over computed time of whole runs, median: what the other numbers do not explain."""


class Parameter(Fact):
    """One number with what it rests on."""

    value: PositiveFloat
    sources: list[Text]


@cache
def throughput() -> Throughput:
    """The numbers of throughput.yaml."""
    return Throughput(**{name: found.value for name, found in parameters().items()})


@cache
def parameters() -> dict[str, Parameter]:
    """The numbers with their sources, in the order of Throughput."""
    read = TypeAdapter(dict[str, Parameter]).validate_python(read_yaml(PATH))
    return {field.name: read[field.name] for field in fields(Throughput)}
