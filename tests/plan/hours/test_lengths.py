"""Expected lengths: from the card of the variant or stage, else as other trainings have them."""

from statistics import median, quantiles

import pytest

from harness.cards import load_card
from harness.chain import legs
from harness.explain import options
from harness.plan.hours.lengths import DEFAULT_PROMPT_SHARE, DEFAULT_SHARE, expected_lengths
from tests.composing import spec_of


def test_the_card_says_it() -> None:
    found = expected_lengths(spec_of("+repro=dr_grpo", "hardware=8xA100"))
    said = load_card("dr_grpo").lengths[""]
    assert found.response_tokens.mid == said.response_tokens.mid
    assert (found.prompt_tokens, found.source) == (said.prompt_tokens, said.source)


def test_a_stage_goes_before_its_run_and_the_last_one_stands_for_it() -> None:
    spec = spec_of("+repro=deepscaler", "hardware=8xA100")
    said = load_card("deepscaler").lengths
    stages = {
        leg.name: expected_lengths(leg.spec, leg.name).response_tokens.mid for leg in legs(spec)
    }
    assert stages == {name: found.response_tokens.mid for name, found in said.items()}
    last = expected_lengths(legs(spec)[-1].spec)
    assert last.response_tokens.mid == stages["24k"]


def test_a_limit_cuts_what_the_card_says() -> None:
    found = expected_lengths(
        spec_of("+repro=dr_grpo", "hardware=8xA100", "data.max_response_tokens=600")
    )
    assert found.response_tokens.high == found.response_tokens.mid == 600


def test_a_share_of_the_limit_where_nothing_is_known() -> None:
    found = expected_lengths(spec_of("hardware=8xA100", "data.max_response_tokens=1000"))
    assert found.response_tokens == DEFAULT_SHARE.times(1000)
    assert found.source.startswith("not known")


def test_the_default_shares_are_those_of_the_cards() -> None:
    responses, prompts = [], []
    for recipe in options("repro"):
        for leg in legs(spec_of(f"+repro={recipe}", "hardware=8xA100")):
            if not load_card(leg.spec.repro or "").lengths:
                continue
            found, data = expected_lengths(leg.spec, leg.name), leg.spec.data
            responses.append(found.response_tokens.mid / data.max_response_tokens)
            prompts.append(found.prompt_tokens / data.max_prompt_tokens)
    tenths = quantiles(responses, n=10)
    assert DEFAULT_SHARE.mid == pytest.approx(median(responses), rel=0.15)
    assert DEFAULT_SHARE.low == pytest.approx(tenths[0], rel=0.25)
    assert DEFAULT_SHARE.high == pytest.approx(tenths[-1], rel=0.25)
    assert pytest.approx(median(prompts), rel=0.25) == DEFAULT_PROMPT_SHARE
