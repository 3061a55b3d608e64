"""Which prepared problems are left out, and why, each counted; prepare.py applies them in turn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.data.manifest import LeftOut, Manifest, Split
from harness.errors import DataError
from harness.spec import Data

LISTED = 20
EXCERPT_CHARACTERS = 120
REASONS = {
    "no_answer": "without an answer",
    "unscorable": "whose answer the reward cannot score",
    "long_text": "with too many characters",
    "contaminated": "that share a benchmark's problem",
    "overlong_prompt": "with too long a prompt",
    "overlong_demonstration": "with too long a demonstration",
    "not_kept": "outside data.keep",
    "duplicate": "that repeat a prompt",
}
"""Why a row is left out -> in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One row on its way: its place in the split, what is shown and what is judged."""

    index: int
    text: str
    """data.template with its fields."""
    ground_truth: str
    """JSON text of what the reward receives."""
    demonstration: str | None
    subject: str
    """The text without the row's budget: equal ones are the same problem."""
    budget: int | None = None
    """Tokens for the response, negative where they are a maximum."""


@dataclass(slots=True)
class Dropped:
    """Rows that were left out so far."""

    counts: dict[str, int] = field(default_factory=dict)
    """Reason (a key of REASONS) -> rows."""
    listed: list[LeftOut] = field(default_factory=list)
    """The first rows without a usable answer, for the manifest."""

    def note(self, reason: str, problem: Problem, why: str = "") -> None:
        """Counts a row; lists it when the row itself is at fault."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if why and len(self.listed) < LISTED:
            excerpt = problem.text[-EXCERPT_CHARACTERS:]
            self.listed.append(
                LeftOut(row=problem.index + 1, reason=reason, why=why, prompt_end=excerpt)
            )


def scorable(
    problems: Sequence[Problem], check: Callable[[str], str | None], dropped: Dropped
) -> list[Problem]:
    """Problems whose ground truth the check accepts."""
    kept = []
    for problem in problems:
        if why := check(problem.ground_truth):
            dropped.note("unscorable", problem, why)
        else:
            kept.append(problem)
    return kept


def short_enough(problems: Sequence[Problem], data: Data, dropped: Dropped) -> list[Problem]:
    """Problems whose text has at most max_prompt_characters."""
    limit = data.max_prompt_characters
    if limit is None:
        return list(problems)
    kept = [problem for problem in problems if len(problem.text) <= limit]
    for problem in problems:
        if len(problem.text) > limit:
            dropped.note("long_text", problem)
    return kept


def clean(
    problems: Sequence[Problem], shared: Mapping[int, str], dropped: Dropped
) -> list[Problem]:
    """Problems that share none of a benchmark's.

    Args:
        shared: Position in `problems` -> id of the benchmark's problem.
    """
    for place, name in shared.items():
        dropped.note("contaminated", problems[place], f"shares {name}")
    return [problem for place, problem in enumerate(problems) if place not in shared]


def within_limits(
    problems: Sequence[Problem],
    lengths: Sequence[tuple[int, int]],
    data: Data,
    split: Split,
    dropped: Dropped,
) -> list[int]:
    """Positions of the problems whose prompt and demonstration fit.

    Args:
        lengths: Tokens of each problem's prompt and demonstration.
    """
    kept = []
    for place, (problem, (prompt, response)) in enumerate(zip(problems, lengths, strict=True)):
        if prompt > data.max_prompt_tokens and data.overlong_prompts != "cut_left":
            refuse_overlong(problem, data, split, "prompt", prompt)
            dropped.note("overlong_prompt", problem)
        elif response > data.max_response_tokens:
            refuse_overlong(problem, data, split, "response", response)
            dropped.note("overlong_demonstration", problem)
        else:
            kept.append(place)
    return kept


def refuse_overlong(problem: Problem, data: Data, split: Split, part: str, tokens: int) -> None:
    """Ends the preparation at a row over the limit, unless such rows are to be filtered."""
    if data.overlong_prompts == "error":
        limit = data.max_prompt_tokens if part == "prompt" else data.max_response_tokens
        raise DataError(
            f"data={data.name}, {split} row {problem.index + 1}: the {part} has {tokens} tokens, "
            f"data.max_{part}_tokens={limit}; raise it or set data.overlong_prompts=filter"
        )


def losses(manifest: Manifest) -> list[str]:
    """What preparation left out or cut, a phrase each; nothing when every row was kept."""
    found = [f"not used: {in_words(manifest.left_out)}"] if manifest.left_out else []
    for split, part in manifest.splits.items():
        name = "training" if split == "train" else "held-out"
        if part.dropped:
            found.append(f"left out of the {name} rows: {in_words(part.dropped)}")
        if part.cut_prompts:
            found.append(f"{part.cut_prompts} {name} prompts lose their start")
    return found


def in_words(counts: Mapping[str, int]) -> str:
    """Counts of rows by reason as one phrase."""
    return ", ".join(f"{rows} {REASONS[reason]}" for reason, rows in counts.items())
