"""The third party's scores: the facts as carried over, and names that must not be mixed up."""

import json
from pathlib import Path

import pytest

from evals.independent import facts, independent_score, names

SHARED = Path(__file__).parents[3] / "shared" / "benchmarks" / "independent_scores.json"
RENAMED = {"olympiad": "olympiadbench"}


def test_lookup_gives_shares_with_their_source() -> None:
    found = independent_score("agentica-org/DeepScaleR-1.5B-Preview", "aime24")
    assert found is not None
    assert (found.mean, found.sd) == (pytest.approx(0.37), pytest.approx(0.066))
    assert found.source.startswith("bethgelab/sober-reasoning@8fceffd:")
    assert "arXiv:2504.07086" in found.source
    assert "temperature 0.8, top_p 0.9, max_tokens 32768" in found.protocol
    assert "not checked" in found.seeds


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "DeepSeek-R1-Distill-Qwen-1.5B"),
        ("deepseek_r1_distill_qwen_1.5b", "DeepSeek-R1-Distill-Qwen-1.5B"),
        ("hkust-nlp/Qwen-2.5-Math-7B-SimpleRL-Zoo", "Qwen-2.5-Math-7B-SimpleRL-Zoo"),
        ("hkust-nlp/Qwen2.5-Math-7B-SimpleRL-Zoo", "Qwen-2.5-Math-7B-SimpleRL-Zoo"),
        ("/models/GAIR/LIMO/", "LIMO"),
    ],
)
def test_spelling_does_not_matter(given: str, name: str) -> None:
    found = independent_score(given, "math500")
    assert found is not None
    assert found.model == name


@pytest.mark.parametrize(
    "other",
    [
        "agentica-org/DeepScaleR-1.5B-Preview-16k",
        "agentica-org/DeepScaleR-1.5B",
        "agentica-org/DeepScaleR-15B-Preview",
        "agentica-org/DeepCoder-1.5B-Preview",
        "Qwen/Qwen2.5-15B",
        "Qwen/Qwen2-57B",
        "Qwen/Qwen2.5-Math-72B",
        "GAIR/LIMO-v2",
        "openai/gpt-oss-20b",
        "outputs/run/export",
        "",
    ],
)
def test_another_model_is_not_taken_for_one_of_these(other: str) -> None:
    assert independent_score(other, "aime24") is None


def test_benchmark_that_was_not_measured_has_no_score() -> None:
    assert independent_score("GAIR/LIMO", "gsm8k") is None
    assert independent_score("GAIR/LIMO", "amc83") is None


def test_no_two_models_share_a_plain_name() -> None:
    assert len(names()) == len(facts()["models"]) == 66


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/benchmarks")
def test_facts_are_those_of_the_file_they_come_from() -> None:
    for row in json.loads(SHARED.read_text())["models"]:
        cells = {name: cell for name, cell in row.items() if isinstance(cell, dict)}
        assert len(cells) == 6
        for benchmark, cell in cells.items():
            found = independent_score(f"any/{row['model']}", RENAMED.get(benchmark, benchmark))
            assert found is not None
            assert (found.mean * 100, found.sd * 100) == pytest.approx((cell["mean"], cell["sd"]))
