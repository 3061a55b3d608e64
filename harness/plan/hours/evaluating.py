"""Seconds that measuring a model under a protocol takes on a run's machine, and the validations
inside a training. Pure functions."""

from dataclasses import replace
from math import ceil

from evals import HELD_OUT
from evals.benchmarks import describe
from evals.budgets import asked_tokens
from harness.plan.hours.decode import Responses, generation_seconds
from harness.plan.hours.lengths import measured_tokens
from harness.plan.hours.throughput import Throughput
from harness.plan.hours.workload import Machine, Workload, machine
from harness.plan.interval import Interval, certain
from harness.plan.shape import ModelShape
from harness.spec import Benchmark, Hardware, RunSpec, SlurmLaunch

ENGINE_SEQUENCES = 256
"""Sequences that are decoded at a time unless told otherwise: by the hf back end, and by vLLM on
A100s and on GPUs of less than LARGE_GB."""
LARGE_SEQUENCES = 1024
LARGE_GB = 75.0
"""What vLLM 0.24.0 calls large: 70 GiB (vllm/engine/arg_utils.py)."""
ENGINE_START_S = 120.0
"""Loading a model into the engine and compiling its graphs."""


def evaluation_machine(spec: RunSpec, *, apart: bool) -> Machine | None:
    """What one model is measured on; nothing where its GPU's facts are not known.

    vLLM takes the GPUs of one node, or those of a job of its own, with a copy of the model on each
    share of them; the hf back end takes one.

    Args:
        spec: the run as its last training sees it.
        apart: whether launch.split gives it a job of its own; a control stays with the training.
    """
    if apart and isinstance(spec.launch, SlurmLaunch) and spec.launch.split:
        own = {"nodes": 1, "gpus_per_node": spec.launch.eval_gpus}
        spec = spec.model_copy(update={"hardware": spec.hardware.model_copy(update=own)})
    sits, backend = machine(spec), spec.backend
    if sits is None:
        return None
    if backend.engine == "hf":
        alone = backend.batch_size or ENGINE_SEQUENCES
        return replace(sits, generate_gpus=1, tensor_parallel=1, max_sequences=alone, engine="hf")
    copies = backend.data_parallel or max(1, sits.gpus_per_node // sits.tensor_parallel)
    return replace(
        sits,
        generate_gpus=copies * sits.tensor_parallel,
        memory_fraction=backend.memory_fraction,
        max_sequences=_engine_sequences(spec.hardware),
        engine="vllm",
    )


def _engine_sequences(hardware: Hardware) -> int:
    large = (hardware.gpu_mem_gb or 0.0) >= LARGE_GB and "A100" not in (hardware.gpu or "")
    return LARGE_SEQUENCES if large else ENGINE_SEQUENCES


def evaluation_seconds(
    spec: RunSpec, shape: ModelShape, machine: Machine, facts: Throughput
) -> Interval:
    """Seconds for one model on all benchmarks of a run's protocol."""
    count, lengths = responses(spec), measured_tokens(spec)

    def seconds(tokens: float) -> float:
        batch = Responses(
            count=count, prompt_tokens=lengths.prompt_tokens, tokens=tokens, limit=lengths.limit
        )
        return ENGINE_START_S + facts.slowdown * generation_seconds(shape, batch, machine, facts)

    return lengths.response_tokens.map(seconds)


def responses(spec: RunSpec) -> int:
    """Responses that one model gives to all benchmarks of a run's protocol, at every budget."""
    return sum(
        problems(b, spec) * b.samples_per_problem * times_asked(b, spec)
        for b in spec.eval.benchmarks
    )


def times_asked(benchmark: Benchmark, spec: RunSpec) -> int:
    """Prompts made of each problem of a benchmark: one for each budget."""
    return 1 if benchmark.name == HELD_OUT else len(asked_tokens(spec.eval))


def problems(benchmark: Benchmark, spec: RunSpec) -> int:
    """Problems of a benchmark as this protocol uses it."""
    known = spec.data.test_rows if benchmark.name == HELD_OUT else describe(benchmark.name).rows
    return min(known, benchmark.max_problems or known)


def validation_seconds(
    spec: RunSpec, work: Workload, machine: Machine, facts: Throughput
) -> Interval:
    """Seconds of all validations inside one training: every so many steps, at the last, and before
    the first where that is asked for (verl==0.9.1:verl/trainer/ppo/v1/trainer_base.py)."""
    schedule = spec.schedule
    if work.kind == "sft":
        return certain(0.0)
    times = ceil(work.steps / schedule.validate_every) if schedule.validate_every else 0
    times += schedule.validate_first
    count = spec.data.test_rows * schedule.validation_samples
    return _passes_seconds(times, count, work, machine, facts)


def monitor_seconds(spec: RunSpec, work: Workload, machine: Machine, facts: Throughput) -> Interval:
    """Seconds of all monitor passes inside one training: before a step, every so many steps."""
    monitor = spec.schedule.monitor
    if work.kind == "sft" or monitor is None:
        return certain(0.0)
    times, count = (work.steps - 1) // monitor.every, monitor.rows * monitor.samples
    return _passes_seconds(times, count, work, machine, facts)


def _passes_seconds(
    times: int, count: int, work: Workload, machine: Machine, facts: Throughput
) -> Interval:
    """Seconds of generating so many responses so many times, as long as those of training."""

    def seconds(tokens: float) -> float:
        batch = Responses(
            count=count,
            prompt_tokens=work.prompt_tokens,
            tokens=tokens,
            limit=work.max_response_tokens,
        )
        return times * facts.slowdown * generation_seconds(work.shape, batch, machine, facts)

    return work.response_tokens.map(seconds)
