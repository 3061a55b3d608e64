"""What an evaluation measured: scores.json of one benchmark, written by evals/run.py, read by the
statement, the report and scripts."""

from typing import Any

from pydantic import NonNegativeInt, PositiveInt

from evals.budgets import AskedBudget
from evals.intervals import Interval
from evals.job import Frozen


class Lengths(Frozen):
    """Response lengths in tokens, the end token included."""

    mean: float
    """Mean."""
    median: float
    """Median."""
    p95: float
    """95th percentile."""
    longest: int
    """Maximum."""


class TokenMeans(Frozen):
    """Mean response length in tokens; the intervals cover other problems of the same kind."""

    all: Interval
    """Of all responses: the mean over problems of each problem's mean."""
    right: Interval | None
    """Of right responses; null where fewer than two problems have one."""
    wrong: Interval | None
    """Of wrong responses, likewise."""


class AtLimit(Frozen):
    """The same samples at a token limit: cut at the limit, not asked again."""

    tokens: PositiveInt
    """The limit; a longer response counts as wrong, whatever stands in its first tokens."""
    accuracy: Interval
    """avg@k at the limit; the interval covers other problems of the same kind."""
    sampling: Interval
    """avg@k at the limit; the interval covers other draws on the same problems."""
    longer: float
    """Share of responses that are longer than the limit."""


class BudgetKept(Frozen):
    """How well responses keep to the budget that their prompts ask for."""

    error: Interval
    """Mean of |tokens - budget| / budget; the interval covers other problems of this kind."""
    above: Interval
    """Share of responses longer than the budget, likewise."""


class TokenChange(Frozen):
    """Relative change of the mean response length between two models on the same problems."""

    over_problems: Interval
    """after / before - 1 (-0.5: half as long); bootstrap over problems, paired."""
    sampling: Interval
    """The same for these very problems: the noise of drawing samples only."""


class SecondOpinion(Frozen):
    """Another grader on the same responses."""

    grader: str
    """Its name."""
    accuracy: float
    """avg@k by its verdicts."""
    only_first: NonNegativeInt
    """Responses that only the protocol's grader accepts."""
    only_second: NonNegativeInt
    """Responses that only the second grader accepts."""


class ModelScore(Frozen):
    """The score of one model on one benchmark."""

    label: str
    """base, trained, released, or model."""
    path: str
    """The model as given."""
    fingerprint: str
    """Hash of the model's files."""
    accuracy: Interval
    """avg@k; the interval covers other problems of the same kind."""
    sampling: Interval
    """avg@k; the interval covers other draws on the same problems."""
    run_sd: float | None
    """Standard deviation of the accuracy over sample indices, each a run; null at k = 1."""
    detectable: float
    """Smallest difference to another such model, on the same problems with the same k, that would
    be found four times in five (5 % two-sided)."""
    pass_at: dict[int, Interval]
    """Unbiased pass@k for powers of two up to k, and k."""
    majority: Interval
    """maj@k: the answer given most often; ties count by the share of right ones among them."""
    mean_reward: Interval | None
    """Mean value of the reward function; null where a grader judges."""
    right: list[NonNegativeInt]
    """Right responses to each problem, in the benchmark's order."""
    drawn: list[PositiveInt]
    """Responses to each problem: k, where the score is valid."""
    truncation_rate: float | None
    """Share of responses that hit the token limit; null where the back end does not tell."""
    no_answer_rate: float
    """Share of responses in which no answer was found."""
    lengths: Lengths | None
    """Null where the back end does not tell token counts."""
    tokens: TokenMeans | None = None
    """Mean lengths with intervals; null likewise."""
    limits: list[AtLimit] = []  # noqa: RUF012  (pydantic copies it)
    """The score at the protocol's token limits; empty likewise."""
    budget: BudgetKept | None = None
    """Null likewise, and where no budget is asked for."""
    doubts: dict[str, int]
    """Class of doubt -> responses; doubtful-<label>.jsonl lists them."""
    second: SecondOpinion | None
    """Another grader's view."""
    samples: PositiveInt
    """Responses graded."""
    generation: dict[str, Any]
    """What the engine really used; empty for responses from elsewhere."""


class Difference(Frozen):
    """Two models on the same problems."""

    before: str
    """Label of the first model."""
    after: str
    """Label of the second model."""
    paired: Interval
    """Mean of after - before over problems of this kind."""
    sampling: Interval
    """The same for these very problems: the noise of drawing samples only."""
    verdict: str
    """The result in words."""
    tokens: TokenChange | None = None
    """Of the response lengths; null where the back end does not tell them."""


class Check(Frozen):
    """One invariant of the instrument that was looked at."""

    name: str
    """What must hold."""
    passed: bool
    """False when it does not."""
    detail: str
    """What was seen."""
    spoils: bool = False
    """A failure that makes the score invalid; others are findings to know about."""


class Scores(Frozen):
    """All that one evaluation found on one benchmark."""

    benchmark: str
    """Name of the test set, with the budget that was asked for: aime25@512."""
    budget: AskedBudget | None = None
    """The budget that all prompts ask for."""
    protocol: dict[str, Any]
    """How it was sampled and graded, in full."""
    protocol_hash: str
    """sha256 of the canonical JSON of the protocol."""
    key: str
    """Hash of all that the numbers depend on: protocol, seed, models, back end."""
    seed: int
    """Seed of the draws; not part of the protocol."""
    problem_ids: list[str]
    """The problems, in order."""
    origin: str
    """Where they come from, in words."""
    samples_per_problem: PositiveInt
    """k."""
    models: list[ModelScore]
    """One per model."""
    difference: Difference | None
    """trained against base, when both were evaluated."""
    checks: list[Check]
    """Instrument invariants."""

    @property
    def test_set(self) -> str:
        """Name of the test set by itself."""
        return self.budget.benchmark if self.budget else self.benchmark

    @property
    def problems(self) -> int:
        """Problems in the test set as used."""
        return len(self.problem_ids)

    @property
    def invalid(self) -> list[Check]:
        """The broken invariants that spoil the score."""
        return [check for check in self.checks if check.spoils and not check.passed]

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        if self.invalid:
            return "INVALID, for this does not hold: " + "; ".join(c.name for c in self.invalid)
        if self.difference is not None:
            return self.difference.verdict
        return "; ".join(f"{model.label} {model.accuracy.value:.1%}" for model in self.models)

    def matrix(self, label: str) -> list[list[float]]:
        """0/1 per sample for each problem of one model; the order of samples is not kept."""
        (found,) = [model for model in self.models if model.label == label]
        pairs = zip(found.right, found.drawn, strict=True)
        return [[1.0] * right + [0.0] * (drawn - right) for right, drawn in pairs]
