"""Where problems come from and how they become prompts."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from harness.spec.base import Part, Probability


class HubSource(Part):
    """A data set on the Hugging Face hub."""

    kind: Literal["hub"]
    """Discriminates the source."""
    dataset: str
    """Hub id of the data set."""
    subset: str | None = None
    """Configuration name of the data set; null takes its default."""
    revision: str | None = None
    """Hub commit; null takes the newest and records which one it was."""
    split: str = "train"
    """Split to read; train and test rows are cut from it unless test_split is given."""
    test_split: str | None = None
    """Split with the held-out rows."""
    files: str | dict[str, str] | None = None
    """File of the data set to read, or split -> file, where the hub's default is not meant."""


class FileSource(Part):
    """One or two local files (.parquet, .jsonl, .json, .csv or .arrow)."""

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


class Turn(Part):
    """One message of a conversation that precedes the problem."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: str
    """What is said, as it stands (no placeholders)."""


class Budget(Part):
    """A number of tokens that each row's response shall have, drawn once when data are prepared.

    Template and ground truth may name two fields more: `budget`, the number, negative where it is
    a maximum, and `budget_text`, one of the texts below.
    """

    low: PositiveInt
    """Smallest budget in tokens."""
    high: PositiveInt
    """Largest budget in tokens; all whole numbers between are equally likely."""
    seed: int
    """Seed of the draws; independent of the run's seed so that seeds share one data set."""
    at_most_share: Probability = 0.0
    """Chance that a row's budget is a maximum instead of a target."""
    exact: str
    """Request to hit a target, with {tokens}."""
    at_most: str | None = None
    """Request to stay below a maximum, with {tokens}."""


class Data(Part):
    """Training and held-out problems and how they become prompts."""

    name: str
    """Short name used in tables and file names."""
    task: str
    """What kind of problem it is (countdown, math, ...); the reward must support it."""
    source: Source
    """Where the rows come from."""
    source_rows: PositiveInt | None = None
    """Rows that the source (its training split or file) must have, before anything is left out or
    cut from it; null does not check."""
    train_rows: PositiveInt | None
    """Rows for training, from the start; null takes all but the test rows."""
    subset_seed: int | None = None
    """Draws the rows at random with this seed, in the order of `datasets.Dataset.shuffle(seed)`;
    null takes them from the start."""
    repeat: PositiveInt = 1
    """Copies of the training rows that are left, one after the other."""
    test_rows: PositiveInt
    """Held-out rows, after the training rows."""
    columns: dict[str, str]
    """Field name -> column of the source; the fields fill the template. Dots reach inside:
    `prompt.0.content` is a key of the first element of a list."""
    readers: dict[str, str] = {}
    """Field name -> how its value is read from the column, a name in harness.data.readers."""
    keep: dict[str, list[Any]] = {}
    """Field name -> values it may have; other rows are left out and counted, before the cut."""
    drop_duplicates: bool = False
    """Leave out rows whose prompt stood before, before the cut."""
    decontaminate: list[str] = []
    """Benchmarks whose problems must not be trained on; training rows that share 13 words in a row
    with one are left out."""
    template: str
    """Prompt text with {field} placeholders."""
    render: Literal["raw", "chat"]
    """raw: the template's text is the whole prompt; chat: it is a user message."""
    before: list[Turn] = []
    """Messages before the problem: system prompt, worked examples (chat only)."""
    prefill: str | None = None
    """Start of the response that the prompt already writes (chat only)."""
    ground_truth: list[str]
    """Fields that the reward receives."""
    budget: Budget | None = None
    """A token budget for each row, for its prompt and its reward; null draws none."""
    demonstration: str | None = None
    """Column with a worked response, for supervised fine-tuning (dots reach inside)."""
    max_prompt_tokens: PositiveInt
    """Longest prompt."""
    max_response_tokens: PositiveInt
    """Longest response."""
    max_prompt_characters: PositiveInt | None = None
    """Rows with a longer prompt text are left out; null does not look."""
    overlong_prompts: Literal["error", "filter", "cut_left"] = "filter"
    """What to do with a prompt above max_prompt_tokens; cut_left drops its start, as verl does."""
    shuffle: bool = True
    """Visit the training rows in random order."""
