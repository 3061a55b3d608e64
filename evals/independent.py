"""Scores that a third party measured, the third column beside claim and ours; read by evals/run.py.

The facts are in independent.yaml with their source. They were taken under that party's protocol, so
they stand beside a claim and are never tested against it.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.files import read_yaml

FACTS = Path(__file__).with_name("independent.yaml")
SEPARATOR = re.compile(r"(?<!\d)[-_ ]+|[-_ ]+(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndependentScore:
    """pass@1 of one model on one benchmark, over seeds."""

    model: str
    """Name in the source."""
    organization: str
    """Publisher in the source's words; a model of the same name by someone else matches as well."""
    benchmark: str
    mean: float
    """Share (0..1)."""
    sd: float
    """Standard deviation of a one-sample run over seeds, share; not the error of the mean."""
    seeds: str
    """Number of seeds, and how well it is known."""
    protocol: str
    source: str


@cache
def facts() -> dict[str, Any]:
    """The content of independent.yaml."""
    content: dict[str, Any] = read_yaml(FACTS)
    return content


def plain_name(model: str) -> str:
    """The last part of a hub id or path without case and separators.

    A separator between two digits stays, and so does the dot, so that 1.5B is not 15B.
    """
    return SEPARATOR.sub("", model.rstrip("/").split("/")[-1].casefold())


@cache
def names() -> dict[str, str]:
    """Plain name -> name in the source."""
    return {plain_name(name): name for name in facts()["models"]}


def independent_score(model: str, benchmark: str) -> IndependentScore | None:
    """The third party's score of a model (hub id or name) on a benchmark.

    Only equal names match: a fine-tune, another size or another version is another model.

    Returns:
        None when the model or the benchmark was not measured.
    """
    name = names().get(plain_name(model))
    entry = facts()["models"][name] if name else None
    if name is None or entry is None or benchmark not in entry["scores"]:
        return None
    mean, sd = entry["scores"][benchmark]
    return IndependentScore(
        model=name,
        organization=entry["organization"],
        benchmark=benchmark,
        mean=mean / 100,
        sd=sd / 100,
        seeds=facts()["seeds"],
        protocol=", ".join(f"{key} {value}" for key, value in facts()["protocol"].items()),
        source=f"{facts()['source']} ({facts()['paper']})",
    )
