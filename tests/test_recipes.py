"""Every recipe of conf/repro: a card that vouches for each of its numbers, and golden cases."""

from pathlib import Path

import pytest

from harness.cards import REPRODUCTIONS, load_card, unsourced
from harness.conformance import conform
from harness.explain import options
from tests.composing import spec_of


@pytest.mark.parametrize("hardware", ["cpu", "4xA800"])
@pytest.mark.parametrize("repro", options("repro"))
def test_every_number_has_a_source(repro: str, hardware: str) -> None:
    spec = spec_of(f"+repro={repro}", f"hardware={hardware}")
    assert unsourced(spec, load_card(repro)) == []


@pytest.mark.parametrize("repro", options("repro"))
def test_the_reward_agrees_with_the_shipped_golden_cases(repro: str) -> None:
    result = conform(REPRODUCTIONS / repro / "golden.jsonl", load_card(repro))
    assert not result.disagreements and result.agree == result.cases > 0


@pytest.mark.parametrize("repro", options("repro"))
def test_the_reward_agrees_with_upstreams_recorded_verdicts(repro: str) -> None:
    cases = Path(__file__).parents[2] / "shared" / "golden" / f"{repro}.jsonl"
    if not cases.exists():
        pytest.skip("upstream's recorded verdicts are not beside the project")
    assert not conform(cases, load_card(repro)).disagreements
