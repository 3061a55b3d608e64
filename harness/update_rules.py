"""Rules between fields that decide what a step's update is made of; rules.py asks them with its
own. Each answers with what to set, or with nothing."""

from collections.abc import Iterator

from harness.selection import mini_batch_responses, selects, trained_responses
from harness.spec import RLAlgorithm, RunSpec

COMPARES = ("grpo", "rloo", "reinforce_plus_plus_baseline")
"""Advantages that compare the responses to one prompt."""


def update_violations(spec: RunSpec, algorithm: RLAlgorithm) -> Iterator[str]:
    """Broken rules of one run."""
    yield from _selection(spec, algorithm)
    yield from _entropy(algorithm)
    if algorithm.preference_loss:
        yield from _preference(spec, algorithm)


def _selection(spec: RunSpec, algorithm: RLAlgorithm) -> Iterator[str]:
    first, group = algorithm.train_group_size, algorithm.group_size
    if first is not None and first > group:
        yield (
            f"algorithm.train_group_size={first} responses cannot be taken from a group of "
            f"{group}: set it to at most {group}, or raise algorithm.group_size"
        )
    if first == 1 and algorithm.advantage in COMPARES:
        yield (
            f"algorithm.advantage={algorithm.advantage} compares the responses to one prompt, and "
            "algorithm.train_group_size=1 leaves nothing to compare: set it to 2 or more"
        )
    pruning, prompts = algorithm.pruning, algorithm.prompts_per_step
    divides = algorithm.mini_batch_prompts <= prompts and not prompts % algorithm.mini_batch_prompts
    if pruning and divides and not mini_batch_responses(algorithm, algorithm.mini_batch_prompts):
        yield (
            f"algorithm.pruning.rate={pruning.rate:g} keeps {trained_responses(algorithm)} of "
            f"{prompts} x {first or group} responses: lower the rate, or set "
            "algorithm.pruning.rounding=up"
        )
    if pruning and trained_responses(algorithm) == prompts * (first or group):
        yield (
            f"algorithm.pruning.rate={pruning.rate:g} with rounding={pruning.rounding} keeps all "
            f"{first or group} responses to a prompt: raise the rate, or set algorithm.pruning=null"
        )
    if algorithm.drop_groups and (first or group) < 2:
        yield (
            f"algorithm.drop_groups={algorithm.drop_groups} asks whether the responses to one "
            "prompt differ, and there is one: set algorithm.group_size (and train_group_size) to 2 "
            "or more, or drop_groups=null"
        )
    if algorithm.drop_groups and algorithm.filter_groups:
        yield (
            "algorithm.filter_groups replaces the groups that algorithm.drop_groups="
            f"{algorithm.drop_groups} leaves out: set one of them to null"
        )
    if selects(algorithm) and algorithm.shuffle_mini_batches:
        yield (
            "algorithm.shuffle_mini_batches=true mixes responses that the update leaves out into "
            "its mini-batches: set it to false, or leave train_group_size, drop_groups and pruning "
            "null"
        )
    if selects(algorithm) and spec.reward.dense:
        yield (
            "reward.dense adds to advantages after responses were chosen by them: set it to null, "
            "or leave algorithm.train_group_size, drop_groups and pruning null"
        )


def _entropy(algorithm: RLAlgorithm) -> Iterator[str]:
    adaptive = algorithm.adaptive_entropy
    if adaptive is None:
        return
    if algorithm.entropy_coef:
        yield (
            f"algorithm.entropy_coef={algorithm.entropy_coef:g} is a fixed weight, and "
            "algorithm.adaptive_entropy sets it anew every step: set entropy_coef=0"
        )
    if adaptive.min_coef > adaptive.max_coef:
        yield (
            f"algorithm.adaptive_entropy has min_coef={adaptive.min_coef:g} above "
            f"max_coef={adaptive.max_coef:g}: exchange them"
        )


def _preference(spec: RunSpec, algorithm: RLAlgorithm) -> Iterator[str]:
    unread = {
        "reward.group": spec.reward.group,
        "reward.batch": spec.reward.batch,
        "reward.dense": spec.reward.dense,
        "algorithm.kl_in_reward": algorithm.kl_in_reward,
    }
    if given := [name for name, value in unread.items() if value is not None]:
        yield (
            "algorithm.preference_loss ranks responses by a component of reward.function's score "
            f"and reads no reward, so that {', '.join(given)} would change nothing: set "
            f"{' and '.join(f'{name}=null' for name in given)} (a penalty for leaving the "
            "reference is algorithm.kl_loss)"
        )
    if algorithm.group_size < 2:
        yield (
            "algorithm.preference_loss compares the responses to one prompt, and "
            f"algorithm.group_size={algorithm.group_size}: set it to 2 or more"
        )
    if selects(algorithm) or algorithm.shuffle_mini_batches:
        yield (
            "algorithm.preference_loss takes every response, group by group: set train_group_size, "
            "drop_groups and pruning to null, and shuffle_mini_batches to false"
        )
    if algorithm.critic:
        yield (
            "algorithm.preference_loss has no use for a value model: set algorithm.critic=null and "
            "algorithm.advantage=grpo"
        )
