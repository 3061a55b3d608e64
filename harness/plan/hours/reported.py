"""Published hours, cost and seconds a step, each with its whole workload; the calibration of a
plan's estimates reads them."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from harness.cards import PUBLISHED, Fact, Range, Text
from harness.errors import ConfigError
from harness.explain import explain
from harness.files import read_yaml

PATH = Path(__file__).parents[3] / "reproductions/reported.yaml"


class SourcedRange(Range):
    """A range with where its numbers come from."""

    source: Text
    """What it was read or estimated from."""


class Reported(Fact):
    """What upstream publishes: exactly one of the four."""

    hours: PositiveFloat | None = None
    """Wall-clock hours."""
    gpu_hours: PositiveFloat | None = None
    """Hours times GPUs."""
    usd: PositiveFloat | None = None
    """Money, in US dollars."""
    seconds_per_step: PositiveFloat | None = None
    """Wall-clock seconds of one training step."""

    @model_validator(mode="after")
    def one(self) -> Self:
        """Exactly one number."""
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of hours, gpu_hours, usd and seconds_per_step")
        return self


class Split(Fact):
    """GPUs that only train and GPUs that only generate."""

    train: PositiveInt
    generate: PositiveInt


class Training(Fact):
    """The workload of one training."""

    model: Text
    """Hub id."""
    kind: Literal["rl", "sft"]
    steps: PositiveInt
    prompts: PositiveInt
    """Prompts trained on a step; sequences for sft."""
    group: PositiveInt
    """Responses to a prompt; 1 for sft."""
    generated_prompts: NonNegativeInt
    """Prompts that responses are generated for in a step; 0 for sft."""
    generation_batches: PositiveInt = 1
    """Batches in which a step generates them, one after the other."""
    micro_batch_tokens: PositiveInt | None = None
    """Tokens of one forward and backward on one GPU, where that is known."""
    gpus: PositiveInt | None = None
    """GPUs of this training, where they are not those of the row."""
    eager: bool = False
    """The engine starts every kernel by itself, without CUDA graphs (vLLM's enforce_eager)."""
    prompt_tokens: PositiveFloat
    """Mean prompt length."""
    response_tokens: SourcedRange
    """Mean response length over the training."""
    max_response_tokens: PositiveInt
    updates_per_step: PositiveInt
    """Optimizer updates in one pass over a step's batch."""
    epochs: PositiveInt
    """Passes over a step's batch."""
    critic: bool
    reference: bool
    """A reference model is run."""
    recomputes_log_probs: bool
    """The policy's log-probabilities are computed before the update."""
    gradient_checkpointing: bool
    tensor_parallel: PositiveInt
    """GPUs that one generation engine spans."""
    lora: bool

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """Supervised training generates nothing; responses end at their limit."""
        if (self.kind == "sft") != (self.generated_prompts == 0):
            raise ValueError("generated_prompts is 0 for sft, and more for rl")
        if self.response_tokens.high > self.max_response_tokens:
            raise ValueError("response_tokens.high is beyond max_response_tokens")
        return self


class Row(Fact):
    """One published number with the workload it is about."""

    id: Text
    project: Text
    """Id of a card or of a survey, or a name of its own."""
    what: Text
    source: Annotated[str, Field(pattern=PUBLISHED)]
    """Where the number is published."""
    reported: Reported
    gpu: Text
    """Name of a file in conf/hardware/gpu."""
    gpus: PositiveInt
    gpus_per_node: PositiveInt
    split: Split | None
    """Null where the same GPUs train and generate in turn."""
    engine: Literal["vllm", "hf"] | None
    """What generates: a serving engine (vllm stands for all), or the model itself; null for sft."""
    use: Literal["calibrate", "bound", "context"]
    """calibrate: compared with the estimate; bound: an upper or lower bound only; context: too much
    is unknown."""
    includes: list[Literal["train", "evaluate", "save"]]
    """What the number covers."""
    trainings: Annotated[list[Training], Field(min_length=1)]
    assumed: list[Text]
    """What upstream does not say, what was filled in, and why."""

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """The split adds up, a step belongs to one training, and an engine generates for rl."""
        if self.split and self.split.train + self.split.generate != self.gpus:
            raise ValueError("split.train + split.generate must be gpus")
        if self.reported.seconds_per_step and len(self.trainings) > 1:
            raise ValueError("seconds_per_step is about one training")
        if (self.engine is None) != all(training.kind == "sft" for training in self.trainings):
            raise ValueError("engine is null for sft, and vllm or hf for rl")
        return self


@cache
def rows() -> tuple[Row, ...]:
    """Every published number, in the order of the file.

    Raises:
        ConfigError: the file is missing or malformed.
    """
    return read_rows(PATH)


def read_rows(path: Path) -> tuple[Row, ...]:
    """The published numbers in a file.

    Raises:
        ConfigError: the file is missing or malformed.
    """
    try:
        return TypeAdapter(tuple[Row, ...]).validate_python(read_yaml(path))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        said = explain(error) if isinstance(error, ValidationError) else error
        raise ConfigError(
            f"{path} is not a list of reported numbers: {said}\nRepair the file; one with your own "
            "runs is written by python bench/plan_calibration.py --runs <output root>"
        ) from error
