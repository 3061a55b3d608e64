"""Seconds that measuring a model under a protocol takes on a run's machine, and the validations
inside a training. Pure functions."""

from dataclasses import replace

from evals import HELD_OUT
from evals.benchmarks import describe
from harness.plan.hours.decode import Responses, generation_seconds
from harness.plan.hours.lengths import expected_lengths
from harness.plan.hours.throughput import Throughput
from harness.plan.hours.workload import Machine, Workload
from harness.plan.interval import Interval, certain
from harness.plan.shape import ModelShape
from harness.spec import Benchmark, RunSpec, SlurmLaunch

ENGINE_SEQUENCES = 256
"""Sequences that vLLM decodes at a time unless it is told otherwise, on GPUs of up to 80 GB."""
ENGINE_START_S = 120.0
"""Loading a model into the engine and compiling its graphs."""


def evaluation_machine(spec: RunSpec, machine: Machine) -> Machine:
    """What an evaluation generates on: one node of the run's, or the GPUs of a job of its own."""
    apart = isinstance(spec.launch, SlurmLaunch) and spec.launch.split
    gpus = spec.launch.eval_gpus if apart else machine.gpus  # type: ignore[union-attr]
    return replace(
        machine,
        gpus=gpus,
        generate_gpus=min(gpus, machine.gpus_per_node),
        memory_fraction=spec.backend.memory_fraction,
        max_sequences=ENGINE_SEQUENCES,
        engine="hf" if spec.backend.engine == "hf" else "vllm",
    )


def evaluation_seconds(
    spec: RunSpec, shape: ModelShape, machine: Machine, facts: Throughput
) -> Interval:
    """Seconds for one model on all benchmarks of a run's protocol."""
    lengths = expected_lengths(spec)
    limit = spec.eval.max_tokens or spec.data.max_response_tokens
    count = sum(problems(b, spec) * b.samples_per_problem for b in spec.eval.benchmarks)

    def seconds(tokens: float) -> float:
        batch = Responses(
            count=count, prompt_tokens=lengths.prompt_tokens, tokens=min(tokens, limit), limit=limit
        )
        return ENGINE_START_S + facts.slowdown * generation_seconds(shape, batch, machine, facts)

    return lengths.response_tokens.map(seconds)


def problems(benchmark: Benchmark, spec: RunSpec) -> int:
    """Problems of a benchmark as this protocol uses it."""
    known = spec.data.test_rows if benchmark.name == HELD_OUT else describe(benchmark.name).rows
    return min(known, benchmark.max_problems or known)


def validation_seconds(
    spec: RunSpec, work: Workload, machine: Machine, facts: Throughput
) -> Interval:
    """Seconds of all validations inside one training."""
    schedule = spec.schedule
    if work.kind == "sft":
        return certain(0.0)
    times = work.steps // schedule.validate_every if schedule.validate_every else 0
    times += 1 if schedule.validate_first and times else 0

    def seconds(tokens: float) -> float:
        batch = Responses(
            count=spec.data.test_rows * schedule.validation_samples,
            prompt_tokens=work.prompt_tokens,
            tokens=tokens,
            limit=work.max_response_tokens,
        )
        return times * facts.slowdown * generation_seconds(work.shape, batch, machine, facts)

    return work.response_tokens.map(seconds)
