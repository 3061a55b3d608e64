"""The functions that the task files beside it name: problems, prompt, gold, grading, intervals."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from evals import stats
from evals.benchmarks import describe, grader_of, load_problems
from evals.grading import Item, grade_all

PROMPTS = Path(__file__).parents[2] / "conf" / "eval" / "prompt"

Doc = Mapping[str, Any]


def problems(benchmark: str, folder: str | None = None, **_: Any) -> dict[str, Any]:
    """The data set of a task.

    Args:
        benchmark: From the task's metadata.
        folder: Where <benchmark>.jsonl lies: `--metadata '{"folder": "..."}'`; else the
            environment's REPRISE_BENCHMARKS, the cache or the pinned source.
        _: The rest of the metadata: lm-eval hands over all of it, the model's arguments too.
    """
    from datasets import Dataset

    loaded = load_problems(benchmark, Path(folder) if folder else None)
    rows = [
        {
            "id": problem.id,
            "problem": problem.problem,
            "benchmark": benchmark,
            # JSON text: a column of a data set has one type, and empty fields must stay apart.
            "truth": json.dumps(problem.truth, ensure_ascii=False),
        }
        for problem in loaded.problems
    ]
    return {"test": Dataset.from_list(rows)}


def boxed(doc: Doc) -> str:
    """A problem of mathematics with the request for a box."""
    return shown("boxed", doc)


def answer_tags(doc: Doc) -> str:
    """A puzzle whose text asks for no answer format, with a request for one."""
    return shown("answer_tags", doc)


def shown(prompt: str, doc: Doc) -> str:
    """A problem as the protocols' prompt of that name shows it."""
    return template(prompt).replace("{problem}", doc["problem"])


@cache
def template(prompt: str) -> str:
    """The text of a prompt of conf/eval/prompt."""
    content = yaml.safe_load((PROMPTS / f"{prompt}.yaml").read_text(encoding="utf-8"))
    return str(content["template"])


def target(doc: Doc) -> str:
    """The gold answer; the ground truth as JSON where it is more than an answer."""
    truth = json.loads(doc["truth"])
    return str(truth.get("answer", doc["truth"]))


def score(doc: Doc, results: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Grades the k responses to one problem.

    `k` is the number graded and `distinct` the share of different texts among them: near 1/k at a
    temperature above zero means that the back end repeats one seed, and k says nothing.
    """
    (responses,) = results
    truth = json.loads(doc["truth"])
    items = [Item(truth=truth, response=response) for response in responses]
    verdicts = grade_all(items, grader=grader_of(describe(doc["benchmark"])))
    right = [float(verdict.correct) for verdict in verdicts]
    k = len(right)
    return {
        "avg@k": sum(right) / k,
        "avg@k_low": right,
        "avg@k_high": right,
        "pass@k": stats.pass_at(k, int(sum(right)), k),
        "k": k,
        "distinct": len(set(responses)) / k,
    }


def low(scores: list[list[float]]) -> float:
    """Lower end of the 95 % interval of avg@k."""
    return stats.accuracy(scores).low


def high(scores: list[list[float]]) -> float:
    """Upper end of the 95 % interval of avg@k."""
    return stats.accuracy(scores).high
