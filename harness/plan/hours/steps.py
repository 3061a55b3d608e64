"""Seconds of one training step and of what comes between steps, by part. Pure functions."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.plan.hours.decode import Responses, generation_seconds
from harness.plan.hours.passes import log_prob_seconds, other_seconds, update_seconds
from harness.plan.hours.throughput import Throughput
from harness.plan.hours.workload import Machine, Workload
from harness.plan.interval import Interval, total


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Seconds of one step; low and high stand for short and long responses."""

    generate: Interval
    log_probs: Interval
    update: Interval
    other: Interval

    @property
    def total(self) -> Interval:
        """The whole step."""
        return total([self.generate, self.log_probs, self.update, self.other])


def step_time(work: Workload, machine: Machine, facts: Throughput) -> StepTime:
    """The time of a step, from the expected response lengths."""
    drawn = work.generation_batches

    def generate(tokens: float) -> float:
        batch = Responses(
            count=work.generated_prompts * work.group // max(1, drawn),
            prompt_tokens=work.prompt_tokens,
            tokens=tokens,
            limit=work.max_response_tokens,
        )
        return drawn * generation_seconds(work.shape, batch, machine, facts)

    def over_lengths(seconds: Callable[[float], float]) -> Interval:
        return work.response_tokens.map(lambda tokens: facts.slowdown * seconds(tokens))

    return StepTime(
        generate=over_lengths(generate),
        log_probs=over_lengths(lambda tokens: log_prob_seconds(work, tokens, machine, facts)),
        update=over_lengths(lambda tokens: update_seconds(work, tokens, machine, facts)),
        other=over_lengths(lambda _: other_seconds(work, machine, facts)),
    )
