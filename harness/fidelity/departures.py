"""What a recipe does otherwise than upstream, with the reasons; the plan prints it, the pipeline
writes it into the run's directory and the report shows it."""

from harness.cards import load_card
from harness.fidelity.compare import Row, shown
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.spec import RunSpec

FILE = "departures.json"

DEPARTED = ("changed", "not expressible", "unexplained")
Departure = dict[str, str]
"""what, effect (the reason, and what to expect of it), status."""


def departures(spec: RunSpec) -> list[Departure]:
    """Changed and inexpressible values and behaviours, then the card's other known differences.

    A miniature changes sizes on purpose, so its recipe is held to upstream at full size; a run at
    full size is held to it as it stands, with what its command line changes.
    """
    if spec.repro is None:
        return []
    name = "_".join(filter(None, (spec.repro, spec.variant)))
    found = fidelity(recipe(name) if spec.miniature else spec)
    rows = [row for leg in found.legs for row in leg.rows if row.part != "verl"]
    departed = [_departure(row) for row in rows if row.status in DEPARTED]
    known = [
        {"what": difference.what, "effect": difference.effect, "status": "known difference"}
        for difference in load_card(spec.repro).differences
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
    if not lines:
        return "as upstream in every value and behaviour (action=fidelity shows them)"
    return "\n".join(["not as upstream (action=fidelity shows every value)", *lines])
