"""What every part of a RunSpec is made of; the other files of this folder read it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]


class Part(BaseModel):
    """A frozen piece of a RunSpec that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )


class Sampling(Part):
    """How tokens are drawn."""

    temperature: Annotated[float, Field(ge=0)] = 1.0
    """Softmax temperature; 0 is greedy."""
    top_p: Fraction = 1.0
    """Nucleus mass kept; 1 keeps everything."""
    top_k: Annotated[int, Field(ge=-1)] = -1
    """Most likely tokens kept; -1 keeps everything."""
