"""Where problems come from and how they become prompts."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from harness.spec.base import Part


class HubSource(Part):
    """A data set on the Hugging Face hub."""

    kind: Literal["hub"]
    """Discriminates the source."""
    dataset: str
    """Hub id of the data set."""
    revision: str | None = None
    """Hub commit; null takes the newest and records which one it was."""
    split: str = "train"
    """Split to read; train and test rows are cut from it."""


class FileSource(Part):
    """One or two local files (.parquet, .jsonl, .json or .csv)."""

    kind: Literal["file"]
    """Discriminates the source."""
    path: str
    """File to read; train and test rows are cut from it unless test_path is given."""
    test_path: str | None = None
    """File with the held-out rows."""


class GeneratorSource(Part):
    """Rows made here by a seeded generator."""

    kind: Literal["generator"]
    """Discriminates the source."""
    generator: str
    """A name in harness.data.generators.GENERATORS."""
    seed: int = 42
    """Seed of the rows; independent of the run's seed so that seeds share one data set."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of the generator."""


Source = Annotated[HubSource | FileSource | GeneratorSource, Field(discriminator="kind")]


class Data(Part):
    """Training and held-out problems and how they become prompts."""

    name: str
    """Short name used in tables and file names."""
    task: str
    """What kind of problem it is (countdown, math, ...); the reward must support it."""
    source: Source
    """Where the rows come from."""
    train_rows: PositiveInt | None
    """Rows for training, from the start; null takes all but the test rows."""
    test_rows: PositiveInt
    """Held-out rows, after the training rows."""
    columns: dict[str, str]
    """Field name -> column of the source; the fields fill the template."""
    template: str
    """Prompt text with {field} placeholders."""
    render: Literal["raw", "chat"]
    """raw: the template's text is the whole prompt; chat: it is a user message."""
    ground_truth: list[str]
    """Fields that the reward receives."""
    demonstration: str | None = None
    """Column with a worked response, for supervised fine-tuning."""
    max_prompt_tokens: PositiveInt
    """Longest prompt."""
    max_response_tokens: PositiveInt
    """Longest response."""
    overlong_prompts: Literal["error", "filter"] = "filter"
    """What to do with a prompt above max_prompt_tokens."""
    shuffle: bool = True
    """Visit the training rows in random order."""
