"""The arithmetic of a run's steps: what one step holds and how many there are. Pure functions; the
pipeline takes its number of steps from here."""

from dataclasses import dataclass

from harness.fit import fit
from harness.rules import processes
from harness.selection import trained_responses
from harness.spec import RLAlgorithm, RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """The arithmetic of one training step."""

    prompts: int
    responses: int
    """Sampled."""
    trained: int
    """Of them, those that reach the update where no group is dropped."""
    optimizer_updates: int
    max_tokens: int
    max_tokens_per_gpu: int
    max_micro_batches_per_gpu: int


def batches(spec: RunSpec) -> Batches:
    """Batch arithmetic of one step; token counts are upper bounds (every sequence at its limit)."""
    algorithm, gpus = spec.algorithm, processes(spec)
    longest = spec.data.max_prompt_tokens + spec.data.max_response_tokens
    if isinstance(algorithm, RLAlgorithm):
        prompts, group = algorithm.prompts_per_step, algorithm.group_size
        updates = prompts // algorithm.mini_batch_prompts * algorithm.epochs
        trained = trained_responses(algorithm)
    else:
        prompts, group, updates = algorithm.sequences_per_step, 1, 1
        trained = prompts
    per_gpu = -(-prompts * group * longest // gpus)
    return Batches(
        prompts=prompts,
        responses=prompts * group,
        trained=trained,
        optimizer_updates=updates,
        max_tokens=prompts * group * longest,
        max_tokens_per_gpu=per_gpu,
        max_micro_batches_per_gpu=-(-per_gpu // fit(spec).tokens_per_gpu),
    )


def steps_per_epoch(spec: RunSpec, train_rows: int) -> int:
    """Training steps in one pass; a last incomplete batch is dropped, as verl does."""
    return train_rows // batches(spec).prompts


def total_steps(spec: RunSpec, train_rows: int) -> int:
    """Training steps in all: schedule.steps, or all epochs if that is less or steps is null."""
    all_epochs = steps_per_epoch(spec, train_rows) * spec.schedule.epochs
    return min(spec.schedule.steps or all_epochs, all_epochs)


def planned_steps(spec: RunSpec) -> int | None:
    """Steps known before the data are prepared; null when the rows are not known yet."""
    if spec.data.train_rows is not None:
        return total_steps(spec, spec.data.train_rows * spec.data.repeat)
    return spec.schedule.steps
