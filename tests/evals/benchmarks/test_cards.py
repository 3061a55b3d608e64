"""The shipped benchmark cards: what they say, and that they fit the problems they pin."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evals.benchmarks import describe, grader_of, load_problems, names
from evals.benchmarks.cards import GeneratedSource, RemoteSource
from evals.grading import graders
from harness.errors import ConfigError

SHARED = Path(__file__).parents[4] / "shared" / "benchmarks"
GENERATED = [name for name in names() if isinstance(describe(name).source, GeneratedSource)]
IN_FILES = [name for name in names() if name not in GENERATED]


def test_the_benchmarks_of_the_protocols_are_there() -> None:
    wanted = {"aime24", "aime25", "amc23", "amc83", "math500", "minerva", "olympiadbench"}
    assert wanted | {"gsm8k", "countdown", "knights_and_knaves"} <= set(names())


def test_names_is_a_directory_listing_without_yaml() -> None:
    code = (
        "import sys, yaml; yaml.safe_load = None; from evals.benchmarks import names; "
        "assert 'aime24' in names(); "
        "print([m for m in ('torch', 'lm_eval', 'reasoning_gym', 'sympy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", names())
def test_a_card_is_complete(name: str) -> None:
    card = describe(name)
    assert card.content_sha256 and card.notes
    assert len(card.row_digests.split()) == card.rows
    assert grader_of(card) in graders()
    if isinstance(card.source, RemoteSource):
        assert {"problem", *card.truth} <= set(card.source.columns)


def test_an_unknown_benchmark_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no benchmark 'amie24'; did you mean aime24\? There"):
        describe("amie24")


@pytest.mark.parametrize("name", IN_FILES)
def test_the_pinned_content_is_the_file_at_hand(name: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("no ../shared/benchmarks")
    loaded = load_problems(name, SHARED)
    assert loaded.pinned and len(loaded.problems) == describe(name).rows
    assert loaded.sha256 == describe(name).content_sha256


def test_the_forty_problems_are_a_subset_of_the_eighty_three() -> None:
    if not SHARED.is_dir():
        pytest.skip("no ../shared/benchmarks")
    few, many = (load_problems(name, SHARED).problems for name in ("amc23", "amc83"))
    golds = sorted(p.truth["answer"] for p in many)
    assert (len(few), len(many)) == (40, 83)
    for problem in few:
        golds.remove(problem.truth["answer"])


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATED)
def test_the_pinned_content_is_what_is_generated(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CACHE", str(tmp_path))
    monkeypatch.delenv("REPRISE_BENCHMARKS", raising=False)
    made = load_problems(name)
    assert made.pinned and made.origin.startswith("generator")
    cached = load_problems(name)
    assert cached.origin == str(tmp_path / "benchmarks" / f"{name}.jsonl")
    assert cached.problems == made.problems
    assert len({json.dumps(p.truth) + p.problem for p in made.problems}) == len(made.problems)
