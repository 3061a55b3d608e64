"""Claims of the user's own, from the command line: a number, or a curve; actions.py reads them."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError

from harness.cards import Claim
from harness.cards.claim import Claims
from harness.errors import ConfigError
from harness.spec import Evaluation

CLAIM_FIELDS = [name for name, field in Claim.model_fields.items() if field.is_required()]
CURVE_FIELDS = ("x", "points")
FORM = "claim={value: 43.1, metric: avg@16}"


def given_claims(value: Any, protocol: Evaluation) -> list[Claim]:
    """The claim of the command line, one for each point of a curve; what it leaves out is not
    stated.

    Args:
        value: of `claim=`; null gives none.
        protocol: must measure what the claim is about.

    Raises:
        ConfigError: it is malformed, or about something that the protocol does not measure.
    """
    if value is None:
        return []
    if isinstance(value, DictConfig):
        value = OmegaConf.to_container(value, resolve=True)
    stated: dict[str, Any] = dict.fromkeys(CLAIM_FIELDS) | {"source": "the command line"}
    if isinstance(value, Mapping):
        stated |= {str(key): field for key, field in value.items()}
    stated["benchmark"] = stated["benchmark"] or protocol.benchmarks[0].name
    if stated.get("kind") == "curve" and stated["value"] is None:
        del stated["value"]
    try:
        claims = TypeAdapter(Claims).validate_python([stated])
    except ValidationError as error:
        raise ConfigError(
            f"claim={value} is no claim: {_what_is_wrong(error, stated)}. "
            f"Write {FORM}; fields: {', '.join((*Claim.model_fields, *CURVE_FIELDS))}"
        ) from error
    for claim in claims:
        _refuse(claim, protocol)
    return claims


def _refuse(claim: Claim, protocol: Evaluation) -> None:
    """Raises ConfigError for a claim that this protocol cannot be held against."""
    if claim.kind == "length":
        raise ConfigError(
            "claim.kind=length is a change from a base model to a trained one, and one model is "
            "measured here: put it into the card of a recipe, whose run measures both"
        )
    if 0 < claim.value < 1:
        raise ConfigError(
            f"claim.value={claim.value:g} is in percent, as published numbers are: set "
            f"{100 * claim.value:g} if that is what you mean"
        )
    benchmarks = [benchmark.name for benchmark in protocol.benchmarks]
    if claim.benchmark not in benchmarks:
        raise ConfigError(
            f"claim.benchmark={claim.benchmark} is not measured by this protocol, which has "
            f"{', '.join(benchmarks)}: choose one of them, or another eval="
        )
    asked, at = protocol.budgets.tokens if protocol.budgets else [], claim.at
    if at and at.x == "prompt_budget" and at.tokens not in asked:
        has = f"asks for {', '.join(map(str, asked))}" if asked else "asks for no budget"
        raise ConfigError(
            f"the claim has a point at a budget of {at.tokens} tokens, and eval={protocol.name} "
            f"{has}: set eval.budgets.tokens={sorted({*asked, at.tokens})}, or leave the point out"
        )
    longest = protocol.max_tokens
    if at and at.x == "limit" and longest is not None and at.tokens > longest:
        raise ConfigError(
            f"the claim has a point at a limit of {at.tokens} tokens, and responses are drawn with "
            f"eval.max_tokens={longest}: raise it, or leave the point out"
        )
    if asked and (at is None or at.x == "limit"):
        raise ConfigError(
            f"eval={protocol.name} asks for budgets in every prompt, and the claim is of prompts "
            "without: set eval.budgets=null, or claim.kind=curve with x: prompt_budget"
        )


def _what_is_wrong(error: ValidationError, stated: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    named = [part for part in first["loc"] if isinstance(part, str)]
    if not named:
        return first["msg"].removeprefix("Value error, ")
    name = named[0]
    if name not in Claim.model_fields:
        return f"it has no field {name}"
    if stated.get(name) is None:
        return f"{name} is missing"
    if name == "metric":
        return (
            f"metric={stated[name]} is none of avg@k, mean@k, pass@k, maj@k, cons@k, accuracy and "
            "greedy"
        )
    return f"{name}={stated[name]}: {first['msg']}"
