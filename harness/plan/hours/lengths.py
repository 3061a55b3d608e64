"""How long prompts and responses will be: what the card says, or a share of the limits as in the
runs that say; the estimate of hours rests on it more than on anything else."""

from dataclasses import dataclass, replace

from harness.cards import load_card
from harness.plan.interval import Interval
from harness.spec import RunSpec

DEFAULT_SHARE = Interval(low=0.15, mid=0.24, high=0.6)
"""Mean response over the response limit: median, and 80 % of the trainings whose cards say it."""
DEFAULT_PROMPT_SHARE = 0.13
"""Mean prompt over the prompt limit: median of the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLengths:
    """Lengths in tokens and where they are from."""

    prompt_tokens: float
    response_tokens: Interval
    """Mean over the run."""
    limit: int
    """Longest response allowed."""
    source: str


def expected_lengths(spec: RunSpec, stage: str = "") -> ExpectedLengths:
    """The lengths of one training of a run.

    Args:
        spec: the run as this training sees it.
        stage: the training's name; empty for a run that trains once, and for the last of a chain.
    """
    limit, prompt_limit = spec.data.max_response_tokens, spec.data.max_prompt_tokens
    known = load_card(spec.repro).lengths if spec.repro and not spec.miniature else {}
    named = [known[name] for name in (stage, spec.variant or "", "") if name in known]
    if found := next(iter(named or [*known.values()][-1:]), None):
        said = found.response_tokens
        return ExpectedLengths(
            prompt_tokens=found.prompt_tokens or DEFAULT_PROMPT_SHARE * prompt_limit,
            response_tokens=Interval(low=said.low, mid=said.mid, high=said.high).map(
                lambda tokens: min(tokens, limit)
            ),
            limit=limit,
            source=found.source,
        )
    return ExpectedLengths(
        prompt_tokens=DEFAULT_PROMPT_SHARE * prompt_limit,
        response_tokens=DEFAULT_SHARE.times(limit),
        limit=limit,
        source=f"not known: {DEFAULT_SHARE.mid:.0%} of the limit, as in other trainings",
    )


def measured_tokens(spec: RunSpec) -> ExpectedLengths:
    """The lengths of a model that is measured under a run's protocol.

    They are those of the training, where the protocol's limit is not another. A longer limit lets
    responses go on that the training cut, the more of them the closer their mean came to its limit:
    from no change (a mean far below it) to growth in proportion (a mean at it). That is assumed.

    Args:
        spec: the run as its last training sees it.
    """
    known = expected_lengths(spec)
    limit = spec.eval.max_tokens or known.limit
    longer = max(1.0, limit / known.limit)
    return replace(
        known,
        response_tokens=known.response_tokens.map(
            lambda tokens: min(limit, tokens * longer ** (tokens / known.limit))
        ),
        limit=limit,
    )
