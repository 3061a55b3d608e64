"""Expected lengths: from the card of the variant or stage, else as other trainings have them."""

from statistics import median, quantiles

import pytest

from harness.cards import load_card
from harness.chain import legs
from harness.explain import options
from harness.plan.hours.lengths import (
    DEFAULT_PROMPT_SHARE,
    DEFAULT_SHARE,
    expected_lengths,
    measured_tokens,
)
from tests.composing import on_gpus, spec_of


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
        for leg in legs(on_gpus(recipe)):
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


def test_a_protocol_with_the_training_s_limit_has_its_lengths() -> None:
    spec = spec_of("+repro=dr_grpo", "hardware=8xA100")
    trained, measured = expected_lengths(spec), measured_tokens(spec)
    assert spec.eval.max_tokens == spec.data.max_response_tokens
    assert measured == trained


def test_a_longer_limit_lets_responses_go_on_that_the_training_cut() -> None:
    cut = spec_of("+repro=open_r1", "hardware=8xH100")
    trained, measured = expected_lengths(cut).response_tokens, measured_tokens(cut)
    assert measured.limit == 32768 == 16 * cut.data.max_response_tokens
    assert measured.response_tokens.mid == pytest.approx(trained.mid * 16 ** (trained.mid / 2048))
    assert 8 * trained.mid < measured.response_tokens.mid < 16 * trained.mid
    free = spec_of("+repro=simplerl_zoo", "hardware=8xA100")
    grown = measured_tokens(free).response_tokens.mid / expected_lengths(free).response_tokens.mid
    assert 1 < grown < 1.25 and measured_tokens(free).limit > free.data.max_response_tokens


def test_a_shorter_limit_cuts() -> None:
    spec = spec_of("+repro=dr_grpo", "hardware=8xA100", "eval.max_tokens=500")
    assert measured_tokens(spec).response_tokens.high == 500
