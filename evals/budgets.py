"""Token budgets that prompts ask for: which a protocol asks, and how a prompt says them;
problem_sets.py makes a set of problems for each."""

from evals.job import Frozen
from harness.spec import Evaluation, PromptBudgets, PromptFormat
from harness.spec.evaluation import BUDGET, TOKENS


class AskedBudget(Frozen):
    """The budget that all prompts of one score ask for."""

    benchmark: str
    """The benchmark; the score's own name adds the number."""
    tokens: int
    """The budget."""
    suffix: str | None
    """What stands with the problem, {tokens} for the number."""
    system: str | None
    """What stands at the end of the system message, likewise."""
    max_tokens: int | None
    """Longest response; None where all budgets of the protocol have the same."""


def asked_tokens(protocol: Evaluation) -> list[int | None]:
    """The budgets for each named benchmark of a protocol; None asks for none."""
    return [*protocol.budgets.tokens] if protocol.budgets else [None]


def asked(benchmark: str, budgets: PromptBudgets, tokens: int) -> AskedBudget:
    """One budget for one benchmark."""
    return AskedBudget(
        benchmark=benchmark,
        tokens=tokens,
        suffix=budgets.suffix,
        system=budgets.system,
        max_tokens=longest(budgets, tokens),
    )


def longest(budgets: PromptBudgets, tokens: int) -> int | None:
    """Longest response to a prompt with this budget, where the protocol relates the two."""
    return None if budgets.longest is None else max(1, int(budgets.longest * tokens))


def named(benchmark: str, tokens: int | None) -> str:
    """What a score, its folder and its samples' seeds are called: aime25@512."""
    return benchmark if tokens is None else f"{benchmark}@{tokens}"


def with_budget(prompt: PromptFormat, budget: AskedBudget) -> PromptFormat:
    """The prompt with the budget's texts in their places."""
    template, system = prompt.template, prompt.system
    if budget.suffix is not None:
        text = budget.suffix.replace(TOKENS, str(budget.tokens))
        if BUDGET in template:
            template = template.replace(BUDGET, text)
        else:
            template += text
    if budget.system is not None:
        system = (system or "") + budget.system.replace(TOKENS, str(budget.tokens))
    return prompt.model_copy(update={"template": template, "system": system})
