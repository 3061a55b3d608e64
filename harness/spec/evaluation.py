"""How a model is measured: protocol, generation back end, control; and an evaluation by itself."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from harness.spec.base import Fraction, Part, Sampling
from harness.spec.machine import Hardware

TOKENS = "{tokens}"
"""Where the number stands in the text that asks for a budget."""
BUDGET = "{budget}"
"""Where a prompt's template wants that text."""


def _increasing(tokens: Sequence[int], what: str) -> None:
    """Refuses token counts that are not positive, in increasing order and each there once."""
    if any(number < 1 for number in tokens):
        raise ValueError(f"{what} are numbers of tokens above 0, given are {list(tokens)}")
    if list(tokens) != sorted(set(tokens)):
        raise ValueError(
            f"{what} stand in increasing order, each once, given are {list(tokens)}: write "
            f"{sorted(set(tokens))}"
        )


def _limits(tokens: list[int]) -> list[int]:
    _increasing(tokens, "token limits")
    return tokens


class PromptBudgets(Part):
    """Token budgets that prompts ask for: each problem of a named benchmark is asked once for each.

    held_out is always shown as in training, with the budgets that its rows have themselves, if any.
    """

    tokens: Annotated[list[int], Field(min_length=1)]
    """The budgets, in increasing order."""
    suffix: str | None = None
    """Text with {tokens}: stands where the prompt's template says {budget}, else at the end of the
    user message; null adds none."""
    system: str | None = None
    """Text with {tokens} at the end of the system message, which it is if there is none; null adds
    none."""
    longest: PositiveFloat | None = None
    """Longest response in budgets: 2 ends it at twice its budget; null lets all have
    eval.max_tokens."""

    @model_validator(mode="after")
    def ask(self) -> Self:
        """Budgets are in order, and a text says each of them to the model."""
        _increasing(self.tokens, "budgets")
        texts = {"suffix": self.suffix, "system": self.system}
        given = {name: text for name, text in texts.items() if text is not None}
        if not given:
            raise ValueError(
                'nothing tells the model its budget: set suffix=" Think for {tokens} tokens.", or '
                "system"
            )
        if silent := [name for name, text in given.items() if TOKENS not in text]:
            raise ValueError(
                f"{silent[0]}={given[silent[0]]!r} does not say the number: write {{tokens}} where "
                "it belongs"
            )
        return self


class PromptFormat(Part):
    """How a benchmark's problem is shown to the model."""

    name: str = "custom"
    """Short name that a claim's template is compared with."""
    render: Literal["raw", "chat"]
    """raw: the template's text is the whole prompt; chat: it is a user message."""
    template: Annotated[str, Field(pattern=r"\{problem\}")]
    """Prompt text around {problem}, and {budget} where a budget's text belongs; other braces stay
    as they are."""
    system: str | None = None
    """System message; null sends none (the model's chat template may add its own)."""


class Benchmark(Part):
    """One test set of a protocol."""

    name: str
    """A name in evals/benchmarks; held_out is the test part of the run's own data."""
    samples_per_problem: PositiveInt
    """Responses drawn for each problem (k)."""
    max_problems: PositiveInt | None = None
    """Use only the first problems; null uses all."""
    grader: str | None = None
    """Overrides the grader for this benchmark."""
    prompt: PromptFormat | None = None
    """Overrides the prompt for this benchmark."""


class Evaluation(Part):
    """A protocol: how benchmarks are sampled. Numbers compare only under the same protocol."""

    name: str
    """Short name of the protocol."""
    benchmarks: Annotated[list[Benchmark], Field(min_length=1)]
    """Test sets."""
    prompt: PromptFormat | None = None
    """How problems are shown; held_out is always shown as in training."""
    sampling: Sampling
    """How responses are drawn."""
    max_tokens: PositiveInt | None = None
    """Longest response; null takes data.max_response_tokens."""
    budgets: PromptBudgets | None = None
    """Token budgets that the prompts ask for; null asks for none."""
    limits: Annotated[list[int], AfterValidator(_limits)] = []
    """Token limits for a curve from the samples as they are: a response counts as right at a limit
    if it is right and no longer. Nothing is drawn again."""
    stop: list[Annotated[str, Field(min_length=1)]] = []
    """Texts that end a response besides the end token."""
    grader: str = "reprise"
    """Judge of mathematical answers (evals/grading); puzzles and held_out have their own."""
    second_grader: str | None = "math_verify"
    """A second opinion: its score and the cases of disagreement are listed; null leaves it out."""
    seed: int = 0
    """Seed of the draws; each sample's own seed derives from it."""
    folder: str | None = None
    """Folder with benchmark files (<benchmark>.jsonl); null looks into the cache, then fetches."""


class Backend(Part):
    """What generates the responses of an evaluation."""

    name: str
    """Short name of the choice."""
    engine: Literal["auto", "hf", "vllm", "openai", "lm_eval"]
    """auto: vllm on GPUs, hf on a CPU; openai: a server; lm_eval: any lm-eval model class."""
    python: str | None = None
    """Interpreter of the generation process, where its packages live elsewhere; null: this one."""
    data_parallel: PositiveInt | None = None
    """vllm: copies of the model; null fills the machine's GPUs."""
    batch_size: PositiveInt | None = None
    """hf and lm_eval: responses generated together; null takes 256."""
    memory_fraction: Fraction = 0.85
    """vllm: share of GPU memory for weights and KV cache."""
    url: str | None = None
    """openai: base URL of the server, for example http://127.0.0.1:8000/v1."""
    api_key_env: str | None = None
    """openai: name of the environment variable that holds the key; the key is never written."""
    concurrency: PositiveInt = 32
    """openai: requests in flight."""
    timeout_s: PositiveFloat = 600
    """openai: longest wait for one response."""
    retries: Annotated[int, Field(ge=0)] = 5
    """openai: tries after a refused, failed or timed-out request."""
    model: str | None = None
    """lm_eval: name of the model class, for example local-completions."""
    arguments: dict[str, Any] = {}
    """lm_eval: arguments of the model class."""


class Control(Part):
    """Measuring the authors' released model first: does the instrument find their number?"""

    enabled: bool = False
    """Evaluate the released model before training starts."""
    model: str | None = None
    """Folder or hub id; null takes released_model of the repro's card."""
    revision: str | None = None
    """Hub commit; null takes the newest."""
    stop: bool = True
    """End the run when the claim does not hold even for the released model."""


class EvaluatedModel(Part):
    """A model that is only measured."""

    name: str
    """Short name used in run names and tables."""
    path: str
    """Local folder, hub id, or the name under which a server offers the model."""
    revision: str | None = None
    """Hub commit; null takes the newest and records which one it was."""
    adapter: str | None = None
    """Folder or hub id of a PEFT adapter on top of it; null measures the model itself."""
    trust_remote_code: bool = False
    """Run Python code shipped with the model."""


class EvalSpec(Part):
    """One evaluation without training: `action=eval` and `action=score`."""

    repro: str | None = None
    """Project whose claims the score is held against."""
    output_root: str
    """Folder that holds the evaluation's directory."""
    model: EvaluatedModel
    eval: Evaluation
    backend: Backend
    hardware: Hardware
