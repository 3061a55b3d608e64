"""What a run says: each published claim against its measurement, what training changed, and the
headline over both; summary.py puts it first."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ValidationError

from evals import MEAN_TOKENS
from evals.claimed import Place, read_metric
from evals.intervals import Interval
from evals.job import Frozen
from evals.scores import ModelScore, Scores
from evals.statement import ClaimVerdict, Statement
from evals.verdicts import Word
from harness.cards import Claim
from harness.report.read import Json
from harness.report.render import percent, points

Tone = Literal["good", "bad", "open"]

RELEASED = "released"
"""Label of upstream's weights in a control: they say nothing of what was trained here."""
NOT_JUDGED = (
    "This is a miniature: it shows the recipe at work on a tiny model and says nothing about the "
    "published claims."
)
AXIS = {
    "prompt_budget": "the budget that prompts ask for",
    "limit": "a token limit",
    "mean_tokens": "the mean response length",
}
"""What a curve runs over."""
ORDER: tuple[Word, ...] = (
    "reproduced", "above", "below", "not distinguishable", "protocol differs", "not run",
)  # fmt: skip


class ClaimRow(Frozen):
    """One published number and what became of it; scores are shares (0..1)."""

    benchmark: str
    metric: str
    at: Place | None = None
    """Where on a curve the number stands."""
    label: str
    """The model that was held against it; empty where none was."""
    key: str
    """Of its score in scores.json; empty where none was."""
    claimed: float
    ours: Interval | None
    """The same metric here; its 95 % interval is for other draws on the same problems, of pass@k
    and maj@k for other problems."""
    difference: Interval | None
    """Ours - claim with the noise of both; null where they do not compare."""
    independent: float | None
    """Somebody else's score of the same model."""
    independent_sd: float | None
    """Its standard deviation over seeds."""
    word: Word
    protocol: str
    """Whether both were measured the same way, in words."""
    reasons: list[str]
    sources: list[str]
    """Where claim and independent score are published."""

    @property
    def named(self) -> str:
        """The metric, with the place on the curve."""
        return f"{self.metric} {self.at.in_words}" if self.at else self.metric

    @property
    def number(self) -> tuple[str, str, Place | None, float]:
        """The published number itself, whatever it was held against."""
        return self.benchmark, self.metric, self.at, self.claimed

    @property
    def tone(self) -> Tone:
        """Whether it is good that ours stands so to the claim; shorter responses are."""
        fine = {"reproduced", "below" if self.metric == MEAN_TOKENS else "above"}
        if self.word in fine:
            return "good"
        return "bad" if self.word in ("below", "above") else "open"


class ScoreSaid(Frozen):
    """What is said about one score besides its numbers."""

    key: str
    """Of the score in scores.json."""
    sentences: list[str]


class Verdict(Frozen):
    """The first thing that the page says."""

    headline: str
    """The outcome in one sentence."""
    lines: list[str]
    """What to know beside it."""
    tone: Tone


def read_statements(found: Sequence[Json]) -> list[tuple[str | None, Statement | list[str]]]:
    """Each statement with the key of its score; of one in another shape only its sentences."""
    read: list[tuple[str | None, Statement | list[str]]] = []
    for said in found:
        fields = {name: value for name, value in said.items() if name not in ("score", "sentences")}
        try:
            read.append((said.get("score"), Statement.model_validate(fields)))
        except ValidationError:
            sentences = said.get("sentences")
            lines = [str(line) for line in sentences] if isinstance(sentences, list) else []
            read.append((said.get("score"), lines))
    return read


def sentences_of(found: Sequence[Json]) -> list[ScoreSaid]:
    """What the statements say besides their claims, which have a table of their own."""
    said = []
    for key, statement in read_statements(found):
        if isinstance(statement, Statement):
            in_table: dict[str, Any] = {
                "claims": [],
                **({"independent": None} if statement.claims else {}),
            }
            lines = statement.model_copy(update=in_table).sentences()
        else:
            lines = statement
        if lines and key:
            said.append(ScoreSaid(key=key, sentences=lines))
    return said


def claim_rows(
    claims: Sequence[Claim],
    scores: Sequence[Scores],
    statements: Sequence[Json],
    *,
    why_not: str,
    all_of_card: bool,
) -> list[ClaimRow]:
    """A row for each judged claim, and for each of the card that no model of the run was held to.

    Released weights that a control measured have rows, but do not stand in for the run's models.

    Args:
        claims: of the card, for this run's variant.
        scores: as measured.
        statements: of the evaluations, each with the key of its score.
        why_not: the reason where the run has no verdict on a claim.
        all_of_card: whether claims that nothing was measured for have a row.
    """
    by_key = {score.key: score for score in scores}
    rows, judged = [], set()
    for key, statement in read_statements(statements):
        if not isinstance(statement, Statement) or key not in by_key:
            continue
        for verdict in statement.claims:
            row = _judged(statement, verdict, by_key[key])
            rows.append(row)
            if row.label != RELEASED:
                judged.add(row.number)
    if all_of_card:
        missing = [_not_run(claim, _why_not(claim, scores) or why_not) for claim in claims]
        rows += [row for row in missing if row.number not in judged]
    return rows


def headline(
    rows: Sequence[ClaimRow], scores: Sequence[Scores], *, miniature: bool, claimed: bool
) -> Verdict:
    """The outcome of a run in a sentence, and what to know beside it."""
    if broken := [score for score in scores if score.invalid]:
        lines = [f"{score.benchmark}: {score.verdict}" for score in broken]
        valid = [score for score in scores if not score.invalid]
        if not valid:
            return Verdict(headline="The scores are invalid.", lines=lines, tone="bad")
        known = headline(rows, valid, miniature=miniature, claimed=claimed)
        said = f"{len(broken)} of {len(scores)} scores are invalid."
        return Verdict(headline=said, lines=[*lines, known.headline, *known.lines], tone="bad")
    own = best_matches([row for row in rows if row.label != RELEASED])
    control = _of_control(best_matches([row for row in rows if row.label == RELEASED]))
    changes = [changed(score) for score in scores if score.difference]
    if any(row.word != "not run" for row in own):
        return _of_claims(own, [*changes, *control])
    lines = [*([NOT_JUDGED] if miniature and claimed else []), *control]
    if changes:
        tones = {_tone(score) for score in scores if score.difference}
        tone = tones.pop() if len(tones) == 1 else "open"
        return Verdict(headline=changes[0], lines=[*changes[1:], *lines], tone=tone)
    if scores:
        first, *rest = [score_in_words(score) for score in scores]
        return Verdict(headline=first, lines=[*rest, *lines], tone="open")
    return Verdict(headline="Evaluation: not run.", lines=lines, tone="open")


def best_matches(rows: Sequence[ClaimRow]) -> list[ClaimRow]:
    """One row a claim: under several protocols it is one claim all the same."""
    found: dict[tuple[str, str, Place | None, float], list[ClaimRow]] = {}
    for row in rows:
        found.setdefault(row.number, []).append(row)
    return [min(of_claim, key=match) for of_claim in found.values()]


def match(row: ClaimRow) -> tuple[bool, bool, float]:
    """How well a measurement matches its claim, best first: judged, by the same protocol, drawn
    most precisely. The score itself has no say in it."""
    undecided = row.word in ("protocol differs", "not run")
    return undecided, row.protocol != "same", row.difference.half_width if row.difference else 1.0


def _of_claims(rows: Sequence[ClaimRow], lines: list[str]) -> Verdict:
    """The headline where claims were held against measurements."""
    if len(rows) == 1:
        (row,) = rows
        ours = f", ours {in_words(row.ours)} ({covers(row.ours)})" if row.ours else ""
        said = f"{row.benchmark} {row.named}: {row.word}. Claimed {percent(row.claimed)}{ours}."
    else:
        said = f"Of {len(rows)} published claims: {_counted(rows)}."
    tones = {row.tone for row in rows}
    tone: Tone = "bad" if "bad" in tones else "good" if tones == {"good"} else "open"
    return Verdict(headline=said, lines=[*curves_in_words(rows), *lines], tone=tone)


def curves_in_words(rows: Sequence[ClaimRow]) -> list[str]:
    """One line for each claimed curve: what became of its points."""
    found: dict[tuple[str, str, str, str], list[ClaimRow]] = {}
    for row in rows:
        if row.at:
            curve = row.benchmark, row.metric, row.at.x, row.sources[0]
            found.setdefault(curve, []).append(row)
    return [
        f"{benchmark} {metric}, curve over {AXIS[x]}: of {len(points)} claimed points "
        f"{_counted(points)}."
        for (benchmark, metric, x, _), points in found.items()
    ]


def _of_control(rows: Sequence[ClaimRow]) -> list[str]:
    """What the control found, which is not about the training."""
    if not rows:
        return []
    return [f"Control, the released weights measured here: {_counted(rows)}."]


def _counted(rows: Sequence[ClaimRow]) -> str:
    counts = Counter(row.word for row in rows)
    return ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word])


def _tone(score: Scores) -> Tone:
    """Whether training helped on a benchmark."""
    word = score.difference.verdict if score.difference else ""
    if word.startswith("improved"):
        return "good"
    return "bad" if word.startswith("got worse") else "open"


def changed(score: Scores) -> str:
    """What training changed on one benchmark, in a sentence: the word, then the numbers."""
    found = score.difference
    if found is None:
        return score_in_words(score)
    word = found.verdict.partition(":")[0]
    paired = found.paired
    return (
        f"{score.benchmark}: {word}, {points(paired.value)} points from {found.before} to "
        f"{found.after} (95 % interval {points(paired.low)} to {points(paired.high)})."
    )


def score_in_words(score: Scores) -> str:
    """The scores of one benchmark with their intervals."""
    models = [f"{model.label} {in_words(model.accuracy)}" for model in score.models]
    k = score.samples_per_problem
    return f"{score.benchmark}, avg@{k} [95 % over problems]: {'; '.join(models)}."


def measured(model: ModelScore, metric: str) -> Interval | None:
    """A model's score by a claim's metric; None where the samples do not give it."""
    try:
        statistic, _ = read_metric(metric)
    except ValueError:
        return None
    if statistic.kind == "avg":
        return model.sampling
    if statistic.kind == "pass":
        return model.pass_at.get(statistic.width)
    return model.majority if statistic.width == max(model.drawn) else None


def _judged(statement: Statement, verdict: ClaimVerdict, score: Scores) -> ClaimRow:
    model = next((one for one in score.models if one.label == statement.label), None)
    other = statement.independent
    derived = verdict.metric == MEAN_TOKENS or (verdict.at and verdict.at.x == "limit")
    return ClaimRow(
        benchmark=score.test_set,
        metric=verdict.metric,
        at=verdict.at,
        label=statement.label,
        key=score.key,
        claimed=verdict.percent / 100,
        ours=measured(model, verdict.metric) if model and not derived else verdict.ours,
        difference=verdict.difference,
        independent=other.percent / 100 if other else None,
        independent_sd=other.sd / 100 if other else None,
        word=verdict.word,
        protocol=_protocol(verdict),
        reasons=verdict.reasons,
        sources=[verdict.source, *([f"{other.model}: {other.source}"] if other else [])],
    )


def _protocol(verdict: ClaimVerdict) -> str:
    said = [f"differs in {', '.join(verdict.differing)}"] if verdict.differing else []
    said += [f"not stated: {', '.join(verdict.unknown)}"] if verdict.unknown else []
    return "; ".join(said) or ("same" if verdict.word != "not run" else "not compared")


def _why_not(claim: Claim, scores: Sequence[Scores]) -> str:
    """Why a claim has no verdict although its benchmark was measured; empty where it was not."""
    mine = [score for score in scores if score.test_set == claim.benchmark]
    if claim.at and claim.at.x == "prompt_budget":
        asked = [score for score in mine if score.budget and score.budget.tokens == claim.at.tokens]
        if mine and not asked:
            return f"no prompt asks for a budget of {claim.at.tokens:,} tokens"
        mine = asked
    return "the score is invalid" if any(score.invalid for score in mine) else ""


def _not_run(claim: Claim, why_not: str) -> ClaimRow:
    return ClaimRow(
        benchmark=claim.benchmark,
        metric=claim.metric,
        at=claim.at,
        label="",
        key="",
        claimed=claim.value / 100,
        ours=None,
        difference=None,
        independent=None,
        independent_sd=None,
        word="not run",
        protocol="not compared",
        reasons=[why_not],
        sources=[claim.source],
    )


def in_words(interval: Interval) -> str:
    """A share with its interval."""
    return f"{percent(interval.value)} [{percent(interval.low)}, {percent(interval.high)}]"


def over_problems(interval: Interval) -> bool:
    """Whether an interval is for other problems; else for other draws on the same ones."""
    return interval.method not in ("sampling", "bound")


def covers(interval: Interval) -> str:
    """What an interval is for, in words."""
    other = "problems of this kind" if over_problems(interval) else "draws on the same problems"
    return f"95 % interval for other {other}"
