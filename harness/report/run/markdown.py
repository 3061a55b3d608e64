"""The report of a run in a few lines of Markdown, for READMEs and issues; page.py writes it."""

from evals.intervals import Interval
from harness.report.markdown import escaped, table
from harness.report.render import number, percent, points
from harness.report.run.curves import LengthCurve
from harness.report.run.summary import Summary
from harness.report.run.verdict import in_words, over_problems

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
    for curve in summary.curves:
        lines += [f"{escaped(curve.title)}. {escaped(curve.note)}", "", _curve(curve), ""]
    status = f"status {head.state}{f': {head.reason}' if head.reason else ''}"
    facts = ["- " + escaped("; ".join(filter(None, [head.recipe, status])))]
    if summary.learning:
        shown = [one for one in summary.learning.curves if one.title in SHOWN]
        facts += [f"- {one.title}: {escaped(one.finding)}" for one in shown]
        facts += [f"- {escaped(said)}" for said in summary.learning.broken]
    if summary.spending.stages:
        facts.append(f"- {escaped(summary.spending.finding)}")
    return "\n".join([*lines, *facts]).rstrip() + "\n"


def _claims(summary: Summary) -> str:
    rows = [
        (
            escaped(row.benchmark),
            escaped(row.named),
            percent(row.claimed),
            f"{in_words(row.ours)} {_short(row.ours)}" if row.ours else NONE,
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
                    "INVALID" if score.invalid else in_words(model.accuracy),
                    _points(found.paired) if found and after and not score.invalid else "",
                )
            )
    columns = ("benchmark", "model", "metric", "score [95 %, other problems]", "change, points")
    return table(columns, rows)


def _curve(curve: LengthCurve) -> str:
    claimed = {(one.label, float(one.tokens)): percent(one.value) for one in curve.claimed}
    rows = [
        (
            number(point.tokens),
            escaped(point.label),
            in_words(point.accuracy),
            claimed.get((point.label, point.tokens), ""),
            number(point.mean_tokens.value) if point.mean_tokens else NONE,
            percent(point.off.value) if point.off else NONE,
            percent(point.above) if point.above is not None else NONE,
        )
        for point in curve.points
    ]
    columns = (
        "tokens", "model", f"avg@{curve.k} [95 %, other problems]", "claimed", "mean tokens",
        "off by", "above",
    )  # fmt: skip
    return table(columns, rows)


def _short(ours: Interval) -> str:
    return "(other problems)" if over_problems(ours) else "(same problems)"


def _points(found: Interval) -> str:
    return f"{points(found.value)} [{points(found.low)}, {points(found.high)}]"
