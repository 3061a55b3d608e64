"""Cards: the typed facts about surveyed projects; claims, fidelity, tests and lists read them."""

from harness.cards.card import REPRODUCTIONS, Card, card_ids, load_card, read_card, shipped_cases
from harness.cards.catalogue import Entry, catalogue
from harness.cards.claim import Claim
from harness.cards.facts import (
    PUBLISHED,
    SOURCE,
    Cost,
    Fact,
    Lengths,
    Provenance,
    Range,
    Text,
)
from harness.cards.notes import Destination, FidelityNotes, SemanticNote, Setting

__all__ = [
    "PUBLISHED",
    "REPRODUCTIONS",
    "SOURCE",
    "Card",
    "Claim",
    "Cost",
    "Destination",
    "Entry",
    "Fact",
    "FidelityNotes",
    "Lengths",
    "Provenance",
    "Range",
    "SemanticNote",
    "Setting",
    "Text",
    "card_ids",
    "catalogue",
    "load_card",
    "read_card",
    "shipped_cases",
]
