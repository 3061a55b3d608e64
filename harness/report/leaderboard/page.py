"""Writes leaderboard.html, leaderboard.json and leaderboard.md; action=report calls it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harness.cards import card_ids, catalogue, load_card
from harness.report.leaderboard.chart import chart
from harness.report.leaderboard.lines import leaderboard
from harness.report.leaderboard.markdown import HOW_TO_READ, markdown
from harness.report.render import plain_json, render
from harness.report.run.page import write
from harness.report.sweep.runs import ManyRun


def write_leaderboard(runs: Sequence[ManyRun], where: Path) -> Path:
    """Writes leaderboard.html, leaderboard.json and leaderboard.md."""
    cards = [load_card(id) for id in card_ids()]
    found = leaderboard(runs, where, cards, catalogue())
    write(where / "leaderboard.json", plain_json(asdict(found)))
    write(where / "leaderboard.md", markdown(found))
    context = {"board": found, "chart": chart(found), "how_to_read": HOW_TO_READ}
    return write(where / "leaderboard.html", render("leaderboard.html.j2", context))
