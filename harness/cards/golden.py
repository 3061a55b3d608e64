"""How a function of the golden cases is repeated here; harness/conformance.py reads card.golden."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, model_validator

from harness.cards.facts import Fact
from harness.spec.training import FunctionName


class GoldenFunction(Fact):
    """One function of the golden cases, and what is called in its place."""

    function: FunctionName
    """A scorer of one response, or a function over a group or over a whole step."""
    plain: bool = False
    """Call it with the inputs of the case as keyword arguments and compare what it returns: for
    functions that give no rewards (kept indices, target lengths, a score and a level)."""
    per_group: bool = False
    """Cases with rollouts: call it once with each group instead of once with the whole step."""
    score: FunctionName | None = None
    """Scorer of one response that judges the members of a group or step first; null takes their
    base_score, else 0 and not correct."""
    state: dict[str, str] = {}
    """Cases with rollouts: input -> name in the state of the step, instead of an argument."""

    @model_validator(mode="after")
    def one_form(self) -> Self:
        """A plain function sees the inputs and nothing made of them."""
        if self.plain and (self.per_group or self.score or self.state):
            raise ValueError("plain functions take the inputs alone: leave out the other keys")
        if self.per_group and self.state:
            raise ValueError("a function over one group has no state: leave out per_group or state")
        return self


def _as_entry(value: Any) -> Any:
    return {"function": value} if isinstance(value, str) else value


Golden = Annotated[GoldenFunction, BeforeValidator(_as_entry)]
"""An entry of card.golden; the name of the function alone will do."""
