"""Which samples go into a report and how they are packed: gzip blocks that the page's script
unpacks after the first paint; read by harness/report/run/page.py."""

import base64
import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from harness.report.read import Json
from harness.report.samples.records import TEXTS, printable, record

Problem = tuple[str, str]
"""Benchmark and problem id."""

PACKED_BYTES = 24_000_000
"""Most that the packed samples may add to the page."""
RAW_CHARACTERS = 96_000_000
"""Most text that the page is to hold in memory; repetitive responses pack to nearly nothing."""
BLOCK_CHARACTERS = 400_000
"""Text of one block: unpacking and parsing one takes a browser a few milliseconds."""
STATIC_PROBLEMS = 3
"""Problems that a page without JavaScript shows."""
NUMBERS = re.compile(r"(\d{1,18})")
OF_PROBLEM = {"benchmark", "id", "gold"}
"""Fields that all samples of a problem share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBrowser:
    """What templates/samples.html.j2 shows."""

    total: int
    """Samples in the run directory."""
    included: int
    """Samples in the page."""
    shortened: int
    """Samples in the page with a text that is left out in the middle."""
    labels: tuple[str, ...]
    """The models."""
    benchmarks: tuple[str, ...]
    """In the order of the files."""
    doubts: tuple[str, ...]
    """The grader's doubt classes."""
    pair: tuple[str, ...]
    """The models before and after; empty where there is one model."""
    blocks: tuple[str, ...]
    """Base64 of gzip of JSON, in the order of the problems."""
    static: tuple[Json, ...]
    """A few samples with texts that any HTML file may hold."""


def sample_browser(
    samples: Sequence[Json], *, packed_bytes: int = PACKED_BYTES, raw: int = RAW_CHARACTERS
) -> SampleBrowser | None:
    """All samples, or a fair choice of them where they do not fit; None where there are none.

    Args:
        samples: lines of samples-*.jsonl with benchmark, label and verdict; any field may be
            missing or of another type, for the files are written by others.
        packed_bytes: most that the blocks may take in the page.
        raw: most characters of text.
    """
    if not samples:
        return None
    records = [record(sample) for sample in samples]
    labels = ordered(one["label"] for one in records)
    pair = compared(labels)
    problems = by_problem(records, pair)
    ranked = sorted(range(len(records)), key=lambda i: priority(records[i], problems, i))
    while True:
        chosen = in_page_order(records, labels, within(records, ranked, raw))
        blocks = tuple(pack(block) for block in cut_into_blocks(chosen, problems))
        size = sum(map(len, blocks))
        if size <= packed_bytes or len(chosen) == 1:
            break
        raw = int(0.95 * sum(map(size_of, chosen)) * packed_bytes / size)
    return SampleBrowser(
        total=len(records),
        included=len(chosen),
        shortened=sum(any(isinstance(one[name], list) for name in TEXTS) for one in chosen),
        labels=labels,
        benchmarks=ordered(one["benchmark"] for one in records),
        doubts=tuple(sorted({one["doubt"] for one in records if one["doubt"]})),
        pair=pair,
        blocks=blocks,
        static=few(chosen),
    )


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order of appearance."""
    return tuple(dict.fromkeys(names))


def compared(labels: Sequence[str]) -> tuple[str, ...]:
    """The model before and the one after: base and trained where they are there."""
    if len(labels) < 2:
        return ()
    before = "base" if "base" in labels else labels[0]
    others = [label for label in labels if label != before]
    return before, "trained" if "trained" in others else others[0]


def problem_of(one: Json) -> Problem:
    """What the sample is an attempt at."""
    return one["benchmark"], one["id"]


def by_problem(records: Iterable[Json], pair: Sequence[str]) -> dict[Problem, Json]:
    """Per problem: gold, right and graded samples of each model, and whether it changed.

    A model gets a problem right when at least half of its graded samples are right.
    """
    found: dict[Problem, Json] = {}
    for one in records:
        problem = found.setdefault(problem_of(one), {"gold": one["gold"], "right": {}})
        if one["correct"] is not None:
            counts = problem["right"].setdefault(one["label"], [0, 0])
            counts[0] += one["correct"]
            counts[1] += 1
    for problem in found.values():
        counts = [problem["right"].get(label) for label in pair]
        solved = [2 * right >= graded for right, graded in filter(None, counts)]
        problem["change"] = {(False, True): "gained", (True, False): "lost"}.get(tuple(solved))
    return found


def priority(one: Json, problems: dict[Problem, Json], position: int) -> tuple[Any, ...]:
    """Doubtful and changed ones first, then one sample a problem after the other.

    Problems come in an order that their names do not tell, so that a choice is not the first ones.
    """
    problem = problem_of(one)
    plain = not one["doubt"] and not problems[problem]["change"]
    shuffled = hashlib.sha256(repr(problem).encode("utf-8", "replace")).digest()
    return plain, one["sample"], shuffled, problem, position


def size_of(one: Json) -> int:
    """Characters of one sample in a block, roughly."""
    texts = (one[name] for name in TEXTS)
    return 200 + sum(
        len(text) if isinstance(text, str) else len(text[0]) + len(text[2])
        for text in texts
        if text is not None
    )


def within(records: Sequence[Json], ranked: Sequence[int], limit: int) -> list[int]:
    """As many of the first ones as the limit allows, and one at least."""
    chosen: list[int] = []
    size = 0
    for index in ranked:
        size += size_of(records[index])
        if size > limit and chosen:
            break
        chosen.append(index)
    return chosen


def in_page_order(
    records: Sequence[Json], labels: Sequence[str], chosen: Iterable[int]
) -> list[Json]:
    """By benchmark, problem and sample; the models' samples alternate."""
    place = {problem: at for at, problem in enumerate(ordered_problems(records))}
    return sorted(
        (records[index] for index in chosen),
        key=lambda one: (place[problem_of(one)], one["sample"], labels.index(one["label"])),
    )


def ordered_problems(records: Iterable[Json]) -> list[Problem]:
    """Each problem once, by benchmark as they appear and then by name, 2 before 10."""
    problems = list(dict.fromkeys(problem_of(one) for one in records))
    benchmarks = ordered(benchmark for benchmark, _ in problems)
    return sorted(problems, key=lambda problem: (benchmarks.index(problem[0]), natural(problem[1])))


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sorts numbers in names as numbers."""
    parts = NUMBERS.split(name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], name


def cut_into_blocks(chosen: Iterable[Json], problems: dict[Problem, Json]) -> Iterator[Json]:
    """Blocks of a bearable size; a problem with many samples goes on in the next one."""
    block: list[Json] = []
    size = 0
    for one in chosen:
        block.append(one)
        size += size_of(one)
        if size >= BLOCK_CHARACTERS:
            yield block_of(block, problems)
            block, size = [], 0
    if block:
        yield block_of(block, problems)


def block_of(samples: Iterable[Json], problems: dict[Problem, Json]) -> Json:
    """What the page's script reads: problems with their samples."""
    groups = groupby(samples, key=problem_of)
    return {"problems": [together(name, problems[name], list(group)) for name, group in groups]}


def together(problem: Problem, facts: Json, samples: Sequence[Json]) -> Json:
    """One problem with its samples, which name its prompts by position."""
    positions: dict[str, int] = defaultdict(lambda: len(positions))
    slim = []
    for one in samples:
        rest = {name: value for name, value in one.items() if name not in OF_PROBLEM}
        slim.append({**rest, "prompt": positions[json.dumps(one["prompt"])]})
    benchmark, identifier = problem
    prompts = [json.loads(prompt) for prompt in positions]
    return {"benchmark": benchmark, "id": identifier, **facts, "prompts": prompts, "samples": slim}


def pack(block: Json) -> str:
    """Base64 of gzip of JSON; ASCII throughout, so no character of a response reaches the page."""
    text = json.dumps(block, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()


def few(chosen: Sequence[Json]) -> tuple[Json, ...]:
    """The first sample of each model of a few problems, for a page without JavaScript."""
    seen: dict[Problem, set[str]] = {}
    found = []
    for one in chosen:
        if problem_of(one) not in seen and len(seen) == STATIC_PROBLEMS:
            break
        labels = seen.setdefault(problem_of(one), set())
        if one["label"] not in labels:
            labels.add(one["label"])
            found.append({name: printable(value) for name, value in one.items()})
    return tuple(found)
