"""Every recipe of conf/repro: faithful to its upstream, every number with a source, its miniature
explained, its upstream files as the facts have them, and its golden cases."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cards import REPRODUCTIONS, load_card, shipped_cases
from harness.chain import legs
from harness.explain import options
from harness.fidelity.format import UpstreamRun, load_upstream, upstream_names
from harness.fidelity.full_size import recipe
from harness.fidelity.run import Fidelity, card_names, fidelity, needless
from harness.fidelity.sourcing import unexplained_in_miniature
from harness.report.repro_table import conformance, miniature

SHARED = Path(__file__).parents[2] / "shared"
FACTS = SHARED / "upstream"
RECIPES = options("repro")
IDS = sorted(path.parent.name for path in REPRODUCTIONS.glob("*/upstream"))


@cache
def found(name: str) -> Fidelity:
    return fidelity(recipe(name))


@pytest.mark.parametrize("name", RECIPES)
def test_every_difference_is_explained_and_every_number_has_a_source(name: str) -> None:
    assert found(name).problems() == []


@pytest.mark.parametrize("id", IDS)
def test_no_explanation_is_left_over(id: str) -> None:
    assert needless([found(name) for name in RECIPES if recipe(name).repro == id]) == []


@pytest.mark.parametrize("name", RECIPES)
def test_the_miniature_changes_only_what_the_card_explains(name: str) -> None:
    small, full = miniature(name), recipe(name)
    assert small.miniature and small.repro == full.repro and small.repro is not None
    assert small.variant == full.variant
    at_full_size = {leg.name: leg.spec for leg in legs(full)}
    kept = [leg.name for leg in legs(small)]
    assert kept == [name for name in at_full_size if name in kept]
    assert len(kept) == len(at_full_size) or "stages" in load_card(small.repro).miniature
    for leg in legs(small):
        assert leg.spec.data.source.kind != "hub", "a miniature needs no network"
        card = load_card(small.repro).of(card_names(small.variant, leg.name))
        problems = unexplained_in_miniature(leg.spec, at_full_size[leg.name], card.miniature)
        assert problems == []


@pytest.mark.skipif(
    not FACTS.exists(), reason="the facts about upstream are not beside the project"
)
@pytest.mark.parametrize("id", IDS)
def test_upstream_files_are_as_the_facts_have_them(id: str) -> None:
    facts = [*FACTS.glob(f"{id}.yaml"), *FACTS.glob(f"{id}.*.yaml")]
    if not facts:
        pytest.skip("the facts hold no configuration of this project's upstream")
    known = {path.name: as_facts(yaml.safe_load(path.read_text())) for path in facts}
    runs = {name: as_written(load_upstream(id, name)) for name in upstream_names(id)}
    scripts = {entries["script"] for entries in known.values()}
    stated = {name: ours for name, ours in runs.items() if ours["script"] in scripts}
    assert stated, f"none of {id}'s upstream files names a script of the facts"
    for name, ours in stated.items():
        nearest = min(known, key=lambda path: len(unequal(ours, known[path])))
        wrong = unequal(ours, known[nearest])
        assert not wrong, f"{id}/upstream/{name}.yaml differs from {nearest} in {wrong}"


def as_written(run: UpstreamRun) -> dict[str, Any]:
    """One of our upstream files as flat entries."""
    return {
        "script": run.script.split()[0],
        **{f"effective.{key}": (v.value, v.origin) for key, v in run.effective.items()},
        **{f"perf.{key}": value for key, value in run.perf.items()},
        **{f"verl.{key}": value for key, value in run.verl.items()},
        "semantics": sorted(behaviour.at for behaviour in run.semantics.values()),
    }


def as_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """One file of the facts as the same entries."""
    translation = facts.get("verl09", {}) | facts.get("verl09_plus", {})
    return {
        "script": facts["script"].split(maxsplit=1)[0],  # remarks may follow the place
        **{f"effective.{key}": (v["value"], v["from"]) for key, v in facts["effective"].items()},
        **{f"perf.{key}": value for key, value in (facts.get("perf") or {}).items()},
        **{f"verl.{key}": value for key, value in translation.items()},
        "semantics": sorted(behaviour["at"] for behaviour in facts["semantics"]),
    }


def unequal(left: dict[str, Any], right: dict[str, Any]) -> Sequence[str]:
    """Entries that one side lacks or that differ."""
    missing = object()
    return [key for key in left | right if left.get(key, missing) != right.get(key, missing)]


@pytest.mark.parametrize("id", IDS)
def test_the_reward_agrees_with_the_shipped_golden_cases(id: str) -> None:
    result = conformance(id, shipped_cases(id))
    assert not result.disagreements and result.agree == result.cases > 0


@pytest.mark.parametrize("id", IDS)
def test_the_reward_agrees_with_upstreams_recorded_verdicts(id: str) -> None:
    cases = SHARED / "golden" / f"{id}.jsonl"
    if not cases.exists():
        pytest.skip("upstream's recorded verdicts are not beside the project")
    assert not conformance(id, cases).disagreements
