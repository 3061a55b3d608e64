"""The catalogue: every surveyed system once, and a recipe exactly where there is a card."""

import re
from pathlib import Path

import pytest

from harness.cards import card_ids
from harness.cards.catalogue import STATUSES, Entry, catalogue, listing

SURVEY = Path(__file__).parents[2] / "shared" / "survey" / "CATALOGUE.md"
SEVERAL = re.compile(r",|;| and | / |\(")


def test_every_system_stands_there_once() -> None:
    ids = [entry.id for entry in catalogue()]
    assert len(set(ids)) == len(ids)


def test_a_recipe_is_what_has_a_card() -> None:
    assert sorted(e.id for e in catalogue() if e.status == "recipe") == card_ids()


@pytest.mark.skipif(not SURVEY.exists(), reason="the survey is not beside the project")
def test_every_row_of_the_survey_is_there() -> None:
    rows = [line.split("|") for line in SURVEY.read_text().splitlines() if line.startswith("| ")]
    cards = {row[4].strip() for row in rows if len(row) > 5} - {"card", "-", "---", ""}
    entries = {entry.id for entry in catalogue()}
    assert cards <= entries
    words = " ".join(f"{e.name} {e.link} {e.note}" for e in catalogue()).lower()
    named = {n.strip() for row in rows if row[4].strip() == "-" for n in SEVERAL.split(row[1])}
    missing = [n for n in named if n and n.rstrip(")").lower() not in words]
    assert missing == []


def test_the_listing_groups_by_status() -> None:
    entries = [
        Entry(id="b", name="B", kind="sft", status="planned", link="x/b", note="later"),
        Entry(id="a", name="A", kind="rl", status="recipe", note="here"),
    ]
    shown = [line.split() for line in listing(entries).splitlines()]
    assert shown[0] == ["recipe", "(1)"] and shown[1] == ["a", "A", "[rl]:", "here"]
    assert shown[3] == ["planned", "(1)"] and shown[4] == ["b", "B", "[sft]:", "later"]
    assert len(STATUSES) == 4


@pytest.mark.skipif(not SURVEY.exists(), reason="the survey is not beside the project")
def test_training_sets_and_engines_of_the_survey_are_there() -> None:
    survey = SURVEY.read_text()
    sets = survey.split("Training sets (hub ids):")[1].split("\n")[0]
    engines = survey.split("## Engines and infrastructure")[1].split(":")[0]
    names = " ".join(entry.name for entry in catalogue())
    wanted = re.findall(r"[\w.-]+/[\w.-]*\w", sets) + re.findall(r"\w[\w-]+", engines.split(";")[0])
    assert len(wanted) > 25
    assert [name for name in wanted if name not in names] == []
