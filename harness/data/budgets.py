"""A token budget for each row, drawn from the row's place alone; preparation and the prompts that
tests pin take the fields `budget` and `budget_text` from here."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from harness.data.generators import stable_hash
from harness.spec import Budget, Data

FIELDS = ("budget", "budget_text")
"""Fields that a data option with a budget has besides its columns."""

UNIT = 2**64  # stable_hash lies below it


def budget_of(budget: Budget, split: str, index: int) -> int:
    """Tokens for one row; negative where they are a maximum.

    It depends on seed, split and place and on nothing else: the same in every process, for however
    many rows, whichever of them are left out later.

    Args:
        index: Place of the row in its split, from 0, before anything is left out.
    """
    drawn = stable_hash((budget.seed, split, index, "tokens"))
    tokens = budget.low + drawn % (budget.high - budget.low + 1)
    chance = stable_hash((budget.seed, split, index, "at most")) / UNIT
    return -tokens if chance < budget.at_most_share else tokens


def text_of(budget: Budget, tokens: int) -> str:
    """What the prompt says of a row's budget."""
    template = budget.exact if tokens > 0 else budget.at_most or ""
    return template.format(tokens=abs(tokens))


def budget_fields(data: Data, split: str, index: int) -> dict[str, Any]:
    """The fields that one row has from its budget; none without one."""
    if data.budget is None:
        return {}
    tokens = budget_of(data.budget, split, index)
    return {"budget": tokens, "budget_text": text_of(data.budget, tokens)}


def without_budget(data: Data) -> dict[str, Any]:
    """The same fields when two rows are compared: one problem with two budgets is one problem."""
    return {} if data.budget is None else {"budget": 0, "budget_text": ""}


def digest(budgets: Sequence[int]) -> str:
    """sha256 of budgets in the order of their rows, written in decimal with spaces between."""
    return sha256(" ".join(map(str, budgets)).encode()).hexdigest()


def budget_mistakes(data: Data, named: Sequence[str]) -> Iterator[str]:
    """What contradicts itself in data.budget, as text.

    Args:
        named: The placeholders of data.template.
    """
    budget = data.budget
    if budget is None:
        return
    if taken := [name for name in FIELDS if name in data.columns]:
        yield (
            f"data.columns maps {', '.join(taken)}, which data.budget fills; give the column "
            "another field name, or set data.budget=null"
        )
    if budget.low > budget.high:
        yield f"data.budget: low={budget.low} is above high={budget.high}; swap or correct them"
    if budget.at_most_share > 0 and budget.at_most is None:
        yield (
            f"data.budget: at_most_share={budget.at_most_share:g} asks for maxima, and at_most is "
            "null; give its text, or set data.budget.at_most_share=0"
        )
    if not set(FIELDS) & {*named, *data.ground_truth}:
        yield (
            "data.budget is drawn and not used: name budget_text (or budget) in data.template, or "
            "budget in data.ground_truth, or set data.budget=null"
        )
