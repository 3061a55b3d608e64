"""Prompts and worked answers of three-number countdown, from which the tiny base learns."""

import random
from collections.abc import Sequence

TASK = (
    "Using the numbers {numbers}, create an equation that equals {target}. You can use basic "
    "arithmetic operations (+, -, *, /) and each number can only be used once. Show your work in "
    "<think> </think> tags. And return the final answer in <answer> </answer> tags, for example "
    "<answer> (1 + 2) / 3 </answer>."
)
BASE_PROMPT = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant "
    "solves it. The assistant first thinks about the reasoning process in the mind and then "
    "provides the user with the answer.\nUser: {task}\n"
    "Assistant: Let me solve this step by step.\n<think>"
)
CHAT_PROMPT = "<|im_start|>user\n{task}<|im_end|>\n<|im_start|>assistant\n"


def prompt(numbers: Sequence[int], target: int, chat: bool = False) -> str:
    """The text before the response; the base form already opens the think tag."""
    task = TASK.format(numbers=list(numbers), target=target)
    return (CHAT_PROMPT if chat else BASE_PROMPT).format(task=task)


def candidates(numbers: Sequence[int]) -> list[tuple[str, int]]:
    """The four expressions over + and - that can reach a target above zero, with their values."""
    a, b, c = sorted(numbers, reverse=True)
    last = (f"{a} - {b} - {c}", a - b - c) if a >= b + c else (f"{b} + {c} - {a}", b + c - a)
    return [
        (f"{a} + {b} + {c}", a + b + c),
        (f"{a} + {b} - {c}", a + b - c),
        (f"{a} - {b} + {c}", a - b + c),
        last,
    ]


def listing(numbers: Sequence[int]) -> str:
    """Every candidate with its value, one a line."""
    return "\n".join(f" {expression} = {value}" for expression, value in candidates(numbers))


def response(
    numbers: Sequence[int],
    target: int,
    rng: random.Random,
    spoiled: float = 0.0,
    chat: bool = False,
) -> str:
    """List every candidate, then answer: rightly, or with any candidate in a `spoiled` share."""
    listed = candidates(numbers)
    right = [expression for expression, value in listed if value == target]
    if rng.random() < spoiled:
        right = [expression for expression, _ in listed]
    opening = "<think>" if chat else ""
    return f"{opening}{listing(numbers)} </think>\n<answer> {rng.choice(right)} </answer>"
