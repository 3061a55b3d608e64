"""Cards: what a card must state to be one."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cards import REPRODUCTIONS, Card, card_ids, load_card, read_card
from harness.chain import legs
from harness.errors import ConfigError
from harness.explain import options
from harness.fidelity.full_size import recipe
from harness.spec import RunSpec

CLAIM = {
    "benchmark": "aime24", "metric": "avg@16", "value": 43.1, "samples_per_problem": 16,
    "temperature": 0.6, "top_p": 0.95, "max_tokens": 32768, "template": "boxed",
    "grader": "reprise", "source": "o/r@c0ffee1:README.md",
}  # fmt: skip


@pytest.mark.parametrize("id", card_ids())
def test_every_card_loads(id: str) -> None:
    assert load_card(id).id == id


def content() -> dict[str, Any]:
    """The card of tinyzero as it is written."""
    text = (REPRODUCTIONS / "tinyzero/card.yaml").read_text()
    return dict(yaml.safe_load(text))


def written(folder: Path, **changes: Any) -> Card:
    """The card of tinyzero with some of its parts replaced."""
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(content() | changes))
    return read_card(path)


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        ({"value": 1, "from": "script"}, "needs a source"),
        ({"value": 1, "from": "ours"}, "needs a reason"),
        ({"value": "1e-6", "from": "ours", "reason": "r"}, "is text in YAML"),
        ({"value": 1, "from": "script", "source": "somewhere"}, "source"),
        ({"value": 1, "from": "guess", "source": "a/b@1234567:c"}, "from"),
        ({"value": 1, "from": "ours", "reason": "r", "why": "x"}, "why"),
    ],
)
def test_a_provenance_must_be_complete(
    provenance: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        written(tmp_path, recipe={"algorithm.gamma": provenance})


def test_a_released_package_is_a_source(tmp_path: Path) -> None:
    source = "trl==0.14.0:trl/trainer/grpo_config.py"
    card = written(
        tmp_path, recipe={"algorithm.gamma": {"value": 1, "from": "fork_default", "source": source}}
    )
    assert card.recipe["algorithm.gamma"].source == source


@pytest.mark.parametrize(
    "missing", ["samples_per_problem", "temperature", "top_p", "max_tokens", "template", "grader"]
)
def test_a_claim_states_its_protocol_or_says_why_not(missing: str, tmp_path: Path) -> None:
    claim = CLAIM | {missing: None}
    with pytest.raises(ConfigError, match=f"43.1 on aime24 lacks {missing}"):
        written(tmp_path, claims=[claim], claims_note=None)
    assert written(tmp_path, claims=[claim | {"note": "not stated"}], claims_note=None).claims
    assert written(tmp_path, claims=[claim], claims_note="the paper does not state it").claims


def test_a_greedy_claim_needs_no_temperature(tmp_path: Path) -> None:
    claim = CLAIM | {"metric": "greedy", "temperature": None, "top_p": None}
    assert written(tmp_path, claims=[claim], claims_note=None).claims


def test_a_card_without_claims_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="say why in claims_note"):
        written(tmp_path, claims=[], claims_note=None)


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ({"settings": {"a": {"met": "m", "lost": "l"}}}, "exclude each other"),
        ({"settings": {"a": {"lost": "l", "reason": "r"}}}, "exclude each other"),
        ({"settings": {"a": {}}}, "needs field, reason, met or lost"),
        ({"settings": {"a": {"reason": ""}}}, "at least 1 character"),
        ({"settings": {"a": {"field": "seed", "equals": 1}}}, "equals needs a reason"),
        ({"semantics": {"a": {"kept": "k", "lost": "l"}}}, "exactly one"),
        ({"semantics": {"a": {"kept": ""}}}, "at least 1 character"),
        ({"verl": {"a": ""}}, "at least 1 character"),
    ],
)
def test_an_explanation_says_one_thing(note: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        written(tmp_path, fidelity=note)


def test_a_variant_speaks_before_the_card(tmp_path: Path) -> None:
    ours = {"value": 1, "from": "ours", "reason": "r"}
    card = written(
        tmp_path,
        recipe={"a": ours, "b": ours},
        released_model="x/base",
        variants={
            "long": {
                "recipe": {"a": ours | {"value": 2}},
                "fidelity": {"semantics": {"raw_prompt": {"lost": "l"}}},
                "released_model": "x/long",
            }
        },
    )
    own = card.of(["short", "long"])
    assert [own.recipe[field].value for field in "ab"] == [2, 1]
    assert own.fidelity.semantics["raw_prompt"].lost == "l"
    assert own.fidelity.semantics.keys() == card.fidelity.semantics.keys() | {"raw_prompt"}
    assert (own.released_model, card.of(["short"]).released_model) == ("x/long", "x/base")


def test_hardware_is_one_entry_or_several(tmp_path: Path) -> None:
    one = content()["hardware"]
    assert [cost.nodes for cost in written(tmp_path, hardware=[one, one | {"nodes": 4}]).hardware]
    assert len(load_card("tinyzero").hardware) == 1


def test_an_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="tinyzero"):
        load_card("tinyzeroo")


LENGTHS = {
    "response_tokens": {"low": 300, "mid": 500, "high": 800}, "source": "o/r@c0ffee1:README.md",
}  # fmt: skip


@pytest.mark.parametrize(
    "source", ["o/r@c0ffee1:a.md", "arXiv:2501.19393", "https://host/page (2025-02-03)"]
)
def test_lengths_have_a_source(source: str, tmp_path: Path) -> None:
    card = written(tmp_path, lengths={"": LENGTHS | {"source": source}})
    assert card.lengths[""].source == source
    assert card.lengths[""].prompt_tokens is None


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ({"source": None}, "source"),
        ({"source": "https://host/page"}, "source"),
        ({"response_tokens": {"low": 600, "mid": 500, "high": 800}}, "low <= mid <= high"),
        ({"response_tokens": {"low": 0, "mid": 500, "high": 800}}, "greater than 0"),
        ({"response_tokens": {"mid": 500}}, "low"),
        ({"max_tokens": 800}, "max_tokens"),
    ],
)
def test_lengths_must_be_complete(lengths: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        written(tmp_path, lengths={"": LENGTHS | lengths})


@cache
def recipes() -> dict[str, list[RunSpec]]:
    """Card -> its recipes at full size."""
    found: dict[str, list[RunSpec]] = {}
    for spec in map(recipe, options("repro")):
        found.setdefault(spec.repro or "", []).append(spec)
    return found


@pytest.mark.parametrize("id", card_ids())
def test_lengths_lie_below_the_recipes_limits(id: str) -> None:
    lengths = load_card(id).lengths
    for leg in [leg for spec in recipes()[id] for leg in legs(spec)]:
        for key in (leg.name, leg.spec.variant or "", ""):
            if found := lengths.get(key):
                assert found.response_tokens.high < leg.spec.data.max_response_tokens
                assert (found.prompt_tokens or 0) < leg.spec.data.max_prompt_tokens


@pytest.mark.parametrize("id", card_ids())
def test_lengths_are_those_of_a_training_or_variant(id: str) -> None:
    trainings = {leg.name for spec in recipes()[id] for leg in legs(spec)}
    variants = {spec.variant or "" for spec in recipes()[id]}
    assert set(load_card(id).lengths) <= {"", *trainings, *variants}
