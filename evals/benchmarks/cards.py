"""What a benchmark is and where its problems come from: the model of the YAML files beside it."""

import difflib
import functools
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from harness.errors import ConfigError
from harness.files import read_yaml
from harness.spec import Part

FOLDER = Path(__file__).parent
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Task = Literal["math", "countdown", "knights_and_knaves"]


class RemoteSource(Part):
    """One file of a public repository at a fixed commit."""

    kind: Literal["remote"]
    """Discriminates the source."""
    repo: str
    """owner/name on GitHub."""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{12,40}$")]
    """Commit of the file."""
    path: str
    """Path of the file in the repository."""
    sha256: Sha256
    """Digest of the file's bytes; anything else is refused before it is parsed."""
    format: Literal["jsonl", "json"]
    """jsonl: one object a line; json: one list of objects."""
    columns: dict[str, str]
    """Field here (problem, answer, ...) -> column there."""
    answer: tuple[Literal["first", "last_box", "after_hashes", "integer"], ...] = ()
    """How the gold answer is read from its column: functions of remote.py, in this order."""

    @property
    def where(self) -> str:
        """The source as one would cite it."""
        return f"{self.repo}@{self.commit[:12]}:{self.path}"


class GeneratedSource(Part):
    """Problems made here, the same on every machine."""

    kind: Literal["generated"]
    """Discriminates the source."""
    generator: Literal["countdown", "knights_and_knaves"]
    """A name in generated.GENERATORS."""
    seed: int
    """Seed of the problems."""
    arguments: dict[str, Any]
    """Keyword arguments of the generator."""

    @property
    def where(self) -> str:
        """The source as one would cite it."""
        return f"generator {self.generator}, seed {self.seed}"


class BenchmarkCard(Part):
    """One benchmark: a YAML file of this folder."""

    name: str
    """The file's name without .yaml; its problems are looked for in <name>.jsonl."""
    title: str
    """What it is, in words."""
    task: Task
    """Decides the default grader."""
    rows: PositiveInt
    """Number of problems."""
    truth: tuple[str, ...]
    """Fields of a row that make the ground truth."""
    source: Annotated[RemoteSource | GeneratedSource, Field(discriminator="kind")] | None
    """Where the problems come from when no file is at hand; null: a file must be given."""
    content_sha256: Sha256 | None
    """Digest of the normalised problems (problems.content_sha256); null: not pinned yet."""
    row_digests: Annotated[str, Field(pattern=r"^[0-9a-f ]*$")] = ""
    """The start of each row's digest, in order; names the row in which a file differs."""
    samples_per_problem: PositiveInt
    """Samples a final score should have for each problem (k)."""
    licence: str
    """What is known about the licence of the problems."""
    notes: tuple[str, ...] = ()
    """What one must know before comparing numbers."""

    @property
    def file_name(self) -> str:
        """The file with the problems, in a folder of benchmarks."""
        return f"{self.name}.jsonl"


def names() -> tuple[str, ...]:
    """All benchmarks, in alphabetical order; reads no card."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@functools.cache
def describe(name: str) -> BenchmarkCard:
    """The card of a benchmark.

    Raises:
        ConfigError: there is no such benchmark; names the nearest.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"no benchmark {name!r}; {hint}There are: {', '.join(names())}")
    content = read_yaml(FOLDER / f"{name}.yaml")
    return BenchmarkCard(name=name, **content)


def grader_of(card: BenchmarkCard) -> str:
    """The grader of a benchmark unless a protocol chooses another; a name of evals.grading."""
    return "reprise" if card.task == "math" else card.task
