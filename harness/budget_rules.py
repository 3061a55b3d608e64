"""Rules between a protocol's budgets, limits and prompts; harness/rules.py asks before anything
runs."""

from collections.abc import Iterator

from evals import HELD_OUT
from evals.budgets import longest
from harness.spec import Evaluation
from harness.spec.evaluation import BUDGET


def budget_violations(protocol: Evaluation, response_tokens: int | None = None) -> Iterator[str]:
    """Broken rules of eval.budgets and eval.limits, as text.

    Args:
        protocol: what is asked.
        response_tokens: data.max_response_tokens, which holds where eval.max_tokens is null.
    """
    ends = protocol.max_tokens or response_tokens
    where = "eval.max_tokens" if protocol.max_tokens else "data.max_response_tokens"
    if beyond := [limit for limit in protocol.limits if ends and limit > ends]:
        yield (
            f"eval.limits has {beyond[0]}, and responses end at {where}={ends}: no "
            "sample says what happens beyond; set a larger eval.max_tokens, or leave the limit out"
        )
    if protocol.budgets is None:
        return
    most = longest(protocol.budgets, protocol.budgets.tokens[-1])
    if most and ends and most > ends:
        yield (
            f"eval.budgets.longest={protocol.budgets.longest:g} lets responses to the largest "
            f"budget have {most} tokens, and {where}={ends}: set eval.max_tokens={most}, or "
            "lower eval.budgets.longest"
        )
    named = [benchmark for benchmark in protocol.benchmarks if benchmark.name != HELD_OUT]
    if not named:
        yield (
            f"eval.budgets asks nobody: {HELD_OUT} is always shown as in training. Add a benchmark "
            "to eval.benchmarks, or set eval.budgets=null"
        )
    for benchmark in named:
        prompt = benchmark.prompt or protocol.prompt
        if prompt is None or prompt.render == "chat":
            continue
        if protocol.budgets.suffix is not None and BUDGET not in prompt.template:
            yield (
                f"eval.budgets.suffix has no place in the prompt {prompt.name} of "
                f"{benchmark.name}, which is raw text: write {BUDGET} into its template where the "
                "text belongs, for example right behind {problem}"
            )
        if protocol.budgets.system is not None:
            yield (
                f"eval.budgets.system needs a system message, and the prompt {prompt.name} of "
                f"{benchmark.name} is raw text: set eval.budgets.suffix instead, with {BUDGET} in "
                "the template"
            )
