"""Rules between a protocol's budgets, limits and prompts; harness/rules.py asks before anything
runs."""

from collections.abc import Iterator

from evals import HELD_OUT
from evals.budgets import longest
from harness.spec import Evaluation
from harness.spec.evaluation import BUDGET


def budget_violations(protocol: Evaluation) -> Iterator[str]:
    """Broken rules of eval.budgets and eval.limits, as text."""
    ends = protocol.max_tokens
    if beyond := [limit for limit in protocol.limits if ends and limit > ends]:
        yield (
            f"eval.limits has {beyond[0]}, and responses end at eval.max_tokens={ends}: no "
            "sample says what happens beyond; raise eval.max_tokens, or leave the limit out"
        )
    if protocol.budgets is None:
        return
    most = longest(protocol.budgets, protocol.budgets.tokens[-1])
    if most and ends and most > ends:
        yield (
            f"eval.budgets.longest={protocol.budgets.longest:g} lets responses to the largest "
            f"budget have {most} tokens, and eval.max_tokens={ends}: raise eval.max_tokens to "
            f"{most}, or lower eval.budgets.longest"
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
