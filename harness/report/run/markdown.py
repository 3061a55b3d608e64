"""The report of a run in a few lines of Markdown, for READMEs and issues; page.py writes it."""

from evals.intervals import Interval
from harness.report.markdown import escaped, table
from harness.report.render import percent, points
from harness.report.run.summary import Summary
from harness.report.run.verdict import in_words

NONE = "\N{EN DASH}"
SHOWN = ("Reward", "Accuracy in training", "Response length, tokens")
"""Curves that are said in words."""


def markdown(summary: Summary) -> str:
    """Verdict, table and a few lines."""
    head = summary.head
    lines = [f"### {escaped(head.name)}", "", f"**{escaped(summary.verdict.headline)}**", ""]
    lines += [escaped(line) + "\n" for line in summary.verdict.lines]
    if any(row.word != "not run" for row in summary.claims):
        lines += [_claims(summary), ""]
    if summary.scores:
        lines += [_scores(summary), ""]
    facts = [f"- {escaped(head.recipe)}; status {head.state}"] if head.recipe else []
    if summary.learning:
        shown = [one for one in summary.learning.curves if one.title in SHOWN]
        facts += [f"- {one.title}: {escaped(one.finding)}" for one in shown]
    if summary.spending.stages:
        facts.append(f"- {escaped(summary.spending.finding)}")
    return "\n".join([*lines, *facts]).rstrip() + "\n"


def _claims(summary: Summary) -> str:
    rows = [
        (
            escaped(row.benchmark),
            row.metric,
            percent(row.claimed),
            in_words(row.ours) if row.ours else NONE,
            percent(row.independent) if row.independent is not None else NONE,
            escaped(row.protocol),
            row.word,
        )
        for row in summary.claims
    ]
    return table(
        ("benchmark", "metric", "claimed", "ours [95 %]", "independent", "protocol", "verdict"),
        rows,
    )


def _scores(summary: Summary) -> str:
    rows = []
    for score in summary.scores:
        found = score.difference
        for model in score.models:
            after = found is not None and model.label == found.after
            rows.append(
                (
                    escaped(score.benchmark),
                    escaped(model.label),
                    f"avg@{score.samples_per_problem}",
                    in_words(model.accuracy),
                    _points(found.paired) if found and after else "",
                )
            )
    return table(("benchmark", "model", "metric", "score [95 %]", "change, points"), rows)


def _points(found: Interval) -> str:
    return f"{points(found.value)} [{points(found.low)}, {points(found.high)}]"
