"""What a recipe does otherwise than upstream, with the reasons; the plan prints it, the pipeline
writes it into the run's directory and the report shows it."""

from harness.cards import load_card
from harness.fidelity.compare import Row, shown
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity

FILE = "departures.json"

Departure = dict[str, str]
"""what, effect (the reason, and what to expect of it), status."""


def departures(repro: str, variant: str | None) -> list[Departure]:
    """The full-size recipe's changed and inexpressible values and behaviours, then the card's other
    known differences."""
    found = fidelity(recipe("_".join(filter(None, (repro, variant)))))
    rows = [row for leg in found.legs for row in leg.rows if row.part != "verl"]
    departed = [_departure(row) for row in rows if row.status in ("changed", "not expressible")]
    known = [
        {"what": difference.what, "effect": difference.effect, "status": "known difference"}
        for difference in load_card(repro).differences
    ]
    return [*(dict(pairs) for pairs in dict.fromkeys(tuple(d.items()) for d in departed)), *known]


def _departure(row: Row) -> Departure:
    if row.part == "semantic":
        return {"what": str(row.theirs), "effect": row.reason, "status": row.status}
    ours = f"; here {row.our_key}={shown(row.ours)}" if row.our_key else ""
    what = f"upstream: {row.key}={shown(row.theirs)}{ours}"
    return {"what": what, "effect": row.reason, "status": row.status}


def departures_text(found: list[Departure]) -> str:
    """One paragraph a departure."""
    lines = [f"  {d['status']:<16} {d['what']}\n{'':19}{d['effect']}" for d in found]
    return "\n".join(["not as upstream (action=fidelity shows every value)", *lines])
