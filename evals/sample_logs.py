"""Reads responses that others sampled and logged, and finds the problem that each belongs to.

`action=score samples=PATH` grades them. Read here: lm-eval's samples_*.jsonl, lighteval's
details_*.parquet, this project's samples-*.jsonl, and plain JSONL.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from evals.benchmarks import Problem
from evals.log_forms import FORMS, LoggedSample, Row, samples_of
from harness.errors import EvaluationError

__all__ = ["LoggedSample", "match", "match_some", "problems_of", "read_log"]

SAME_WORDS = 0.9
"""Share of a problem's words that a logged text needs before an equal gold settles the matter."""


def read_log(path: Path) -> list[LoggedSample]:
    """All samples of a log file, or of the log files in a folder.

    Raises:
        EvaluationError: there is no log, a line of it cannot be read (names the line), or the
            folder holds the logs of several models.
    """
    found: list[LoggedSample] = []
    for file in log_files(path):
        rows = parquet_rows(file) if file.suffix == ".parquet" else jsonl_rows(file)
        found += samples_of(rows)
    if not found:
        raise EvaluationError(f"{path}: holds no sample; expected one of {FORMS}")
    return found


def log_files(path: Path) -> list[Path]:
    """The files of a log, in order; a folder may hold them in one subfolder."""
    if path.is_file():
        if path.suffix not in (".jsonl", ".parquet"):
            raise EvaluationError(f"{path}: a log ends in .jsonl or .parquet; expected {FORMS}")
        return [path]
    if not path.is_dir():
        raise EvaluationError(f"{path}: no such file or folder; samples= names one of {FORMS}")
    named = {*path.rglob("samples*.jsonl"), *path.rglob("details*.parquet")}
    files = sorted(named or {*path.glob("*.jsonl"), *path.glob("*.parquet")})
    if not files:
        raise EvaluationError(f"{path}: no log in this folder; expected {FORMS}")
    runs = sorted({f"{file.parent.relative_to(path)}/{model_of(file)}" for file in files})
    if len(runs) > 1:
        raise EvaluationError(
            f"{path}: holds logs of several models or runs ({', '.join(runs)}); their samples "
            "must not be mixed: give the files of one"
        )
    return files


def model_of(file: Path) -> str:
    """The model's label in the name of this project's samples-<label>-<shard>.jsonl."""
    label = re.match(r"samples-([^-]+)", file.stem)
    return label.group(1) if label else ""


def jsonl_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Place and content of every line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise EvaluationError(
                    f"{where}: is damaged or cut off ({error}); remove the line or repeat the run"
                ) from error
            if not isinstance(row, dict):
                raise EvaluationError(f"{where}: is not a JSON object; expected {FORMS}")
            yield where, row


def parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Place and content of every row, without the columns of token ids."""
    import pyarrow
    import pyarrow.parquet

    columns = ("doc", "model_response", "example", "full_prompt", "predictions", "gold")
    try:
        file = pyarrow.parquet.ParquetFile(path)
        wanted = [name for name in file.schema_arrow.names if name in columns]
        number = 0
        for batch in file.iter_batches(batch_size=64, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise EvaluationError(f"{path}: is not a readable Parquet file ({error})") from error


def match(
    samples: Sequence[LoggedSample], problems: Sequence[Problem]
) -> dict[str, list[LoggedSample]]:
    """Samples by problem id, in the order of the log.

    Raises:
        EvaluationError: a sample belongs to none of the problems; counts and names them.
    """
    found, unmatched = match_some(samples, problems)
    if unmatched:
        names = Counter(sample.id or (sample.problem or "no problem text") for sample in unmatched)
        shown = "; ".join(
            f"{' '.join(name.split())[:80]!r} x {n}" for name, n in names.most_common(5)
        )
        raise EvaluationError(
            f"{len(unmatched)} of {len(samples)} logged samples ({len(names)} problems) belong to "
            f"none of the {len(problems)} problems of the benchmark: {shown}; choose the benchmark "
            "that was sampled, or give a log of this benchmark alone"
        )
    return found


def match_some(
    samples: Sequence[LoggedSample], problems: Sequence[Problem]
) -> tuple[dict[str, list[LoggedSample]], list[LoggedSample]]:
    """Samples by problem id, and the samples that belong to no problem."""
    finder = Finder(problems)
    found: dict[str, list[LoggedSample]] = defaultdict(list)
    unmatched: list[LoggedSample] = []
    known: dict[tuple[str | None, ...], str | None] = {}
    for sample in samples:
        key = (sample.id, sample.problem, sample.gold)
        if key not in known:
            known[key] = finder.find(sample)
        if (identifier := known[key]) is None:
            unmatched.append(sample)
        else:
            found[identifier].append(sample)
    return dict(found), unmatched


class Finder:
    """Finds the problem of a logged sample."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.texts = {problem.id: squeezed(problem.problem) for problem in problems}
        self.ids = {text: identifier for identifier, text in self.texts.items()}
        self.words = {problem.id: Counter(words(problem.problem)) for problem in problems}
        self.golds = {problem.id: plain_gold(problem.truth.get("answer")) for problem in problems}

    def find(self, sample: LoggedSample) -> str | None:
        """The id: by id, by the text as it is, inside a prompt, or nearly so with an equal gold.

        An id alone settles it only where the log has no text or the text agrees: ids of other
        publishers count other orders.
        """
        text = squeezed(sample.problem or "")
        seen = Counter(words(sample.problem or ""))
        if sample.id in self.texts and (not text or self.alike(sample.id, seen)):
            return sample.id
        if not text:
            return None
        return self.ids.get(text) or self.within(text) or self.near(seen, sample.gold)

    def within(self, text: str) -> str | None:
        """The longest problem that occurs whole in a prompt."""
        inside = [identifier for identifier, own in self.texts.items() if own in text]
        return max(inside, key=lambda identifier: len(self.texts[identifier]), default=None)

    def alike(self, identifier: str, seen: Counter[str]) -> bool:
        """Whether the words of a text hold nearly all words of a problem."""
        own = self.words[identifier]
        return (own & seen).total() >= SAME_WORDS * own.total() > 0

    def near(self, seen: Counter[str], gold: str | None) -> str | None:
        """The one problem with this gold and nearly all its words there: another typesetting."""
        wanted = plain_gold(gold)
        if wanted is None:
            return None
        close = [id_ for id_, own in self.golds.items() if own == wanted and self.alike(id_, seen)]
        return close[0] if len(close) == 1 else None


def squeezed(text: str) -> str:
    """A text without blanks, case and width variants: what two copies of a problem share."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()


def words(text: str) -> list[str]:
    """The words and numbers of a text."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


def plain_gold(gold: object) -> str | None:
    """A gold answer without dollars, blanks, leading zeros and a decimal part of zeros."""
    if gold is None:
        return None
    text = re.sub(r"[\s$]", "", str(gold))
    return re.sub(r"^(-?)0+(?=\d)|(?<=\d)\.0+$", r"\1", text)


def problems_of(samples: Sequence[LoggedSample]) -> list[Problem]:
    """The problems of a log by itself, for a benchmark that is not known here.

    Raises:
        EvaluationError: a sample has no gold, or one problem has two.
    """
    golds: dict[str, str] = {}
    texts: dict[str, str] = {}
    for sample in samples:
        identifier = sample.id or sample.problem
        if identifier is None or sample.gold is None:
            raise EvaluationError(
                "the log has samples without a problem or without a gold answer; name the "
                "benchmark that was sampled, so that its golds can be used"
            )
        texts.setdefault(identifier, sample.problem or identifier)
        if golds.setdefault(identifier, sample.gold) != sample.gold:
            raise EvaluationError(
                f"{identifier[:80]!r} has two golds in the log: {golds[identifier]!r} and "
                f"{sample.gold!r}; name the benchmark that was sampled"
            )
    return [
        Problem(id=identifier, problem=texts[identifier], truth={"answer": gold})
        for identifier, gold in golds.items()
    ]
