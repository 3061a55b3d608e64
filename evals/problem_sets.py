"""What is measured: a benchmark under a protocol, or the held-out part of a run's data, as prompts,
truths and a judge; evals/run.py samples and grades them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals import HELD_OUT
from evals.benchmarks import Problem, describe, grader_of, load_problems
from evals.budgets import AskedBudget, asked, asked_tokens, named, with_budget
from evals.grading import canonical
from evals.job import Prompt, canonical_hash
from evals.judges import GraderJudge, Judge, RewardJudge
from harness.data.prompts import shows_raw
from harness.errors import EvaluationError
from harness.spec import Benchmark, Data, Evaluation, PromptFormat, Reward
from harness.spec.evaluation import BUDGET

MATHEMATICS = "reprise"
"""The grader of benchmarks whose answers are mathematics; a protocol may choose another."""
BARE = PromptFormat(name="bare", render="chat", template="{problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemSet:
    """Problems, how they are shown and who judges."""

    name: str
    """The benchmark's name, with the budget that its prompts ask for."""
    task: str
    """What kind of problem it is."""
    prompts: list[Prompt]
    """In the benchmark's order."""
    texts: dict[str, str]
    """Problem id -> the problem without any instruction."""
    truths: dict[str, Any]
    """Problem id -> ground truth."""
    prompt: PromptFormat
    """How problems become prompts."""
    judge: Judge
    """Who says what is right."""
    second: GraderJudge | None
    """A second opinion."""
    samples_per_problem: int
    """k."""
    origin: str
    """Where the problems come from, in words."""
    sha256: str
    """Hash of the problems as shown, with their truths."""
    budget: AskedBudget | None = None
    """The budget that the prompts ask for."""

    def ballot(self, answer: str) -> str:
        """The answer as it votes: mathematics in one form, anything else as it stands."""
        return canonical(answer) if self.task == "math" else answer


def from_benchmark(benchmark: Benchmark, protocol: Evaluation) -> list[ProblemSet]:
    """A named benchmark, shown and graded as the protocol says: once, or once for each budget."""
    loaded = load_problems(benchmark.name, Path(protocol.folder) if protocol.folder else None)
    problems = loaded.problems[: benchmark.max_problems]
    return [
        from_problems(
            benchmark.name,
            problems,
            protocol,
            origin=loaded.origin,
            benchmark=benchmark,
            tokens=tokens,
        )
        for tokens in asked_tokens(protocol)
    ]


def from_problems(
    name: str,
    problems: Sequence[Problem],
    protocol: Evaluation,
    *,
    origin: str,
    benchmark: Benchmark | None = None,
    tokens: int | None = None,
) -> ProblemSet:
    """Problems as a protocol shows and grades them; mathematics, if no benchmark says otherwise.

    Args:
        name: of the benchmark.
        problems: in its order.
        protocol: prompt and graders.
        origin: where the problems come from, in words.
        benchmark: the protocol's own settings for it.
        tokens: one of the protocol's budgets, which the prompts ask for.
    """
    prompt = (benchmark and benchmark.prompt) or protocol.prompt or BARE
    budget = asked(name, protocol.budgets, tokens) if protocol.budgets and tokens else None
    prompt = with_budget(prompt, budget) if budget else prompt
    card = describe(name) if benchmark else None
    own = grader_of(card) if card else MATHEMATICS
    judge = (benchmark and benchmark.grader) or (protocol.grader if own == MATHEMATICS else own)
    second = protocol.second_grader if own == MATHEMATICS else None
    prompts = [Prompt(id=p.id, messages=messages(prompt, p.problem)) for p in problems]
    truths = {p.id: p.truth for p in problems}
    return ProblemSet(
        name=named(name, tokens),
        task=card.task if card else "math",
        prompts=prompts,
        texts={p.id: p.problem for p in problems},
        truths=truths,
        prompt=prompt,
        judge=GraderJudge(judge),
        second=GraderJudge(second) if second and second != judge else None,
        samples_per_problem=benchmark.samples_per_problem if benchmark else 1,
        origin=origin,
        sha256=_digest(prompts, truths),
        budget=budget,
    )


def messages(prompt: PromptFormat, problem: str) -> list[dict[str, str]]:
    """The conversation that shows a problem; {budget} without a budget is left out."""
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    # Not str.format: templates are full of LaTeX braces.
    content = prompt.template.replace(BUDGET, "").replace("{problem}", problem)
    return [*system, {"role": "user", "content": content}]


def from_held_out(path: Path, benchmark: Benchmark, data: Data, reward: Reward) -> ProblemSet:
    """The rows of a run's test.parquet (verl's row format), judged by the run's reward."""
    import pyarrow.parquet

    if not path.exists():
        raise EvaluationError(f"{path} does not exist; run the prepare stage first")
    rows = pyarrow.parquet.read_table(path).to_pylist()[: benchmark.max_problems]
    prompts = [
        Prompt(
            id=str(row["extra_info"]["index"]),
            messages=[{"role": m["role"], "content": m["content"]} for m in row["prompt"]],
        )
        for row in rows
    ]
    truths = {
        prompt.id: json.loads(row["reward_model"]["ground_truth"])
        for prompt, row in zip(prompts, rows, strict=True)
    }
    if not prompts or len(truths) < len(prompts):
        raise EvaluationError(
            f"{path} has {len(prompts)} rows with {len(truths)} different extra_info.index; it "
            "needs at least one row and a different index in each"
        )
    return ProblemSet(
        name=HELD_OUT,
        task=data.task,
        prompts=prompts,
        texts={prompt.id: prompt.messages[-1]["content"] for prompt in prompts},
        truths=truths,
        prompt=PromptFormat.model_construct(
            name=data.name,
            render="raw" if shows_raw(data) else "chat",
            template=data.template,
            system=next((turn.content for turn in data.before if turn.role == "system"), None),
        ),
        judge=RewardJudge(reward),
        second=None,
        samples_per_problem=benchmark.samples_per_problem,
        origin=f"{len(prompts)} held-out rows of {data.name}",
        sha256=_digest(prompts, truths),
    )


def _digest(prompts: list[Prompt], truths: dict[str, Any]) -> str:
    return canonical_hash([[prompt.messages, truths[prompt.id]] for prompt in prompts])
