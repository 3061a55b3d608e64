"""The summary's parts: claims and verdicts, curves in words, planned against spent, fidelity."""

import random
from pathlib import Path
from typing import Any

import pytest

from evals.intervals import Interval
from evals.scores import Scores
from evals.statement import ClaimVerdict, Independent, Statement
from evals.verdicts import Word
from harness.cards import load_card
from harness.report.read import Json, TrainingFiles, read_run
from harness.report.run.fidelity_rows import fidelity_summary
from harness.report.run.learning import (
    KEPT,
    TRUNCATED,
    finding,
    learning,
    thinned,
    with_truncated,
)
from harness.report.run.scale import score_scale
from harness.report.run.spending import attempt_times, events_in_time, spending
from harness.report.run.summary import summarise
from harness.report.run.verdict import claim_rows, headline
from tests.report.making import make_run, model, sample, scores

NOT_MEASURED = "this run did not measure it"


def statement(word: Word, **fields: Any) -> Json:
    """A statement on aime24 with one claim."""
    claim = ClaimVerdict(
        percent=43.1, metric=fields.pop("metric", "avg@16"), source="a/b@c:README.md", word=word,
        reasons=["because"], differing=fields.pop("differing", []), unknown=[], k_needed=None,
        difference=Interval(value=0.01, low=-0.01, high=0.03, method="sampling"), margin=0.02,
    )  # fmt: skip
    independent = Independent(model="M", percent=37.0, sd=6.6, source="sober")
    said = Statement(
        benchmark="aime24", label=fields.pop("label", "trained"), claims=[claim],
        independent=independent, overlap=None,
    )  # fmt: skip
    return {**said.model_dump(mode="json"), "sentences": said.sentences(), "score": "def"}


def measured(**fields: Any) -> Scores:
    return Scores.model_validate(scores("aime24", **fields))


def rows_of(*statements: Json, score: Scores | None = None) -> Any:
    claims = load_card("deepscaler").claims
    return claim_rows(
        claims, [score or measured()], statements, why_not=NOT_MEASURED, all_of_card=True
    )


def test_every_claim_of_the_card_has_a_row_judged_or_not() -> None:
    first, *rest = rows_of(statement("reproduced"))
    assert (first.word, first.label, first.claimed) == ("reproduced", "trained", 0.431)
    assert first.ours == measured().models[1].sampling
    assert first.independent == 0.37
    assert [row.word for row in rest] == ["not run"] * 4
    assert {reason for row in rest for reason in row.reasons} == {NOT_MEASURED}


@pytest.mark.parametrize(
    ("metric", "value"), [("pass@4", 0.72), ("maj@4", 0.62), ("maj@8", None), ("greedy", 0.62)]
)
def test_ours_is_the_metric_of_the_claim_or_nothing(metric: str, value: float | None) -> None:
    row = rows_of(statement("protocol differs", metric=metric))[0]
    assert (row.ours.value if row.ours else None) == pytest.approx(value)


def test_a_protocol_that_differs_is_said() -> None:
    row = rows_of(statement("protocol differs", differing=["temperature 0.6, here 1"]))[0]
    assert row.protocol == "differs in temperature 0.6, here 1"


def test_a_statement_without_its_score_judges_nothing() -> None:
    assert all(row.word == "not run" for row in rows_of(statement("below") | {"score": "gone"}))


@pytest.mark.parametrize(
    ("words", "said", "tone"),
    [
        (["reproduced"], "Of 5 published claims: 1 reproduced, 4 not run.", "open"),
        (["below"], "Of 5 published claims: 1 below, 4 not run.", "bad"),
    ],
)
def test_the_headline_counts_the_verdicts(words: list[Word], said: str, tone: str) -> None:
    score = measured()
    found = rows_of(*map(statement, words), score=score)
    verdict = headline(found, [score], miniature=False, claimed=True)
    assert (verdict.headline, verdict.tone) == (said, tone)
    assert verdict.lines[0].startswith("aime24: improved, +31.0 points")


def test_the_released_model_does_not_stand_in_for_the_trained_one() -> None:
    score = measured(models=[model("released", 0.4), model("trained", 0.6)])
    found = rows_of(statement("below", label="released"), statement("reproduced"), score=score)
    verdict = headline(found, [score], miniature=False, claimed=True)
    assert "1 reproduced" in verdict.headline and "below" not in verdict.headline


def test_a_control_does_not_reproduce_a_claim() -> None:
    score = measured(models=[model("released", 0.43)], difference=None)
    found = rows_of(statement("reproduced", label="released"), score=score)
    assert [row.word for row in found] == ["reproduced", *["not run"] * 5]
    verdict = headline(found, [score], miniature=False, claimed=True)
    assert "reproduced" not in verdict.headline and verdict.tone == "open"
    assert verdict.lines == ["Control, the released weights measured here: 1 reproduced."]


def test_a_claim_under_two_protocols_is_one_claim_and_the_best_match_counts() -> None:
    again = statement("protocol differs", differing=["max_tokens"]) | {"score": "other"}
    both = [measured(), measured(key="other")]
    claims = load_card("deepscaler").claims
    found = claim_rows(claims, both, [again, statement("reproduced")], why_not="", all_of_card=True)
    verdict = headline(found, both, miniature=False, claimed=True)
    assert verdict.headline == "Of 5 published claims: 1 reproduced, 4 not run."


SPOILT = {"name": "canaries", "passed": False, "detail": "wrong", "spoils": True}


def test_an_invalid_score_is_no_result_and_does_not_spoil_the_others() -> None:
    bad = Scores.model_validate(scores("math500", key="bad", checks=[SPOILT]))
    score = measured()
    claims = load_card("deepscaler").claims
    found = claim_rows(
        claims, [score, bad], [statement("below")], why_not=NOT_MEASURED, all_of_card=True
    )
    reasons = {row.benchmark: row.reasons for row in found if row.word == "not run"}
    assert reasons.pop("math500") == ["the score is invalid"]
    assert set(map(tuple, reasons.values())) == {(NOT_MEASURED,)}
    verdict = headline(found, [score, bad], miniature=False, claimed=True)
    assert (verdict.headline, verdict.tone) == ("1 of 2 scores are invalid.", "bad")
    assert "Of 5 published claims: 1 below, 4 not run." in verdict.lines
    scale = score_scale([score, bad], found)
    assert scale is not None and {bar.row for bar in scale.bars} == {"base", "trained"}
    assert "math500" not in scale.alt
    assert score_scale([bad], []) is None


def test_two_protocols_of_a_benchmark_have_rows_of_their_own() -> None:
    both = [measured(), measured(key="other")]
    said = [statement("below"), statement("below", metric="greedy") | {"score": "other"}]
    found = score_scale(both, claim_rows([], both, said, why_not="", all_of_card=False))
    assert found is not None
    assert len({bar.row for bar in found.bars}) == len(found.bars) == 4
    claims = {(mark.row, mark.said) for mark in found.marks if mark.kind == "claim"}
    assert claims == {
        ("aime24 · trained (def)", "claim 43.1 % (avg@16)"),
        ("aime24 · trained (other)", "claim 43.1 % (greedy)"),
    }


def test_an_interval_over_problems_is_not_shown_as_one_for_the_same_problems() -> None:
    score = measured()
    found = score_scale([score], rows_of(statement("below", metric="pass@4"), score=score))
    assert found is not None
    bar = found.bars[-1]
    assert (bar.low, bar.high) == (None, None) and bar.wide_low < bar.value < bar.wide_high
    (one,) = rows_of(statement("below", metric="pass@4"))[:1]
    verdict = headline([one], [score], miniature=False, claimed=True)
    assert "(95 % interval for other problems of this kind)" in verdict.headline


def test_one_claim_is_said_with_its_numbers() -> None:
    row = rows_of(statement("above"))[:1]
    verdict = headline(row, [measured()], miniature=False, claimed=True)
    assert verdict.headline.startswith("aime24 avg@16: above. Claimed 43.1 %, ours 62.0 %")
    assert verdict.tone == "good"


def test_without_claims_the_change_is_the_headline() -> None:
    verdict = headline([], [measured()], miniature=True, claimed=True)
    assert verdict.headline.startswith("aime24: improved, +31.0 points from base to trained")
    assert verdict.tone == "good"
    assert "says nothing about the published claims" in verdict.lines[0]


def test_claims_and_independent_scores_are_marked_on_their_row() -> None:
    score = measured()
    found = score_scale([score], rows_of(statement("below"), score=score))
    assert found is not None
    assert {(m.row, m.kind, m.value) for m in found.marks} == {
        ("trained", "claim", 0.431),
        ("trained", "independent", 0.37),
    }
    low, high = found.domain
    assert all(low <= bar.wide_low and bar.wide_high <= high for bar in found.bars)


def test_a_pass_claim_has_a_bar_of_its_own() -> None:
    score = measured()
    found = score_scale([score], rows_of(statement("below", metric="pass@4"), score=score))
    assert found is not None
    rows = [bar.row for bar in found.bars]
    assert rows == ["base", "trained", "aime24 pass@4 · trained"]
    assert {mark.row for mark in found.marks} == {"aime24 pass@4 · trained"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1 * n for n in range(11)], "Rises from 0 to 1 over 11 steps."),
        ([5.0, 4.0, 3.0], "Falls from 5 to 3 over 3 steps."),
        ([2.0] * 4, "Stays at 2 over 4 steps."),
        ([3.0], "3 at the only step."),
        ([0.0, 0.4, 0.0, 0.4, 0.0, 0.4], "Between 0 and 0.4 over 6 steps, from 0 to 0.4."),
    ],
)
def test_a_curve_in_words(values: list[float], said: str) -> None:
    assert finding(values) == said


def test_noise_is_not_called_a_rise() -> None:
    chance = random.Random(1)
    values = [chance.gauss(0, 1) for _ in range(500)]
    assert finding(values).startswith("Between")


def test_thinning_keeps_the_ends_and_the_extremes() -> None:
    points = [(float(x), float((x * 7919) % 1009)) for x in range(5000)]
    points[1234], points[4321] = (1234.0, 1e6), (4321.0, -1e6)
    found = thinned(points)
    assert len(found) <= KEPT
    assert {points[0], points[-1], points[1234], points[4321]} <= set(found)
    assert found == sorted(found)
    assert thinned(points[:KEPT]) == points[:KEPT]


@pytest.mark.parametrize(("longest", "share"), [(99.0, 0.0), (100.0, 0.25)])
def test_a_share_at_the_limit_needs_a_response_at_the_limit(longest: float, share: float) -> None:
    metrics = {"response_length/max": longest, "response_length/clip_ratio": 0.25}
    assert with_truncated(metrics, 100)[TRUNCATED] == share
    assert TRUNCATED not in with_truncated(metrics, None)


def test_the_latest_attempt_wins() -> None:
    def done(step: int, attempt: int, value: float) -> Json:
        metrics = {"critic/score/mean": value}
        return {"kind": "step", "step": step, "attempt": attempt, "metrics": metrics}

    events = [done(n, 1, 0.1) for n in range(1, 7)] + [done(n, 2, 0.9) for n in range(5, 9)]
    found = learning([TrainingFiles(name="", events=events)], {})
    assert found.curves[0].points == [(n, 0.1 if n < 5 else 0.9) for n in range(1, 9)]
    assert [(one.step, one.name) for one in found.boundaries] == [(5, "attempt 2")]


def test_a_quantity_that_two_stages_log_by_two_names_is_there_for_both() -> None:
    def log(**metrics: float) -> list[Json]:
        return [{"kind": "step", "step": n, "attempt": 1, "metrics": metrics} for n in (1, 2)]

    sft = TrainingFiles(name="a", events=log(**{"train/grad_norm": 1.0}))
    rl = TrainingFiles(name="b", events=log(**{"actor/grad_norm": 2.0}))
    found = learning([sft, rl], {}).curves
    assert [(one.title, one.points) for one in found] == [
        ("Gradient norm", [(3, 2.0), (4, 2.0)]),
        ("Gradient norm (train/grad_norm)", [(1, 1.0), (2, 1.0)]),
    ]


def test_steps_without_a_finite_number_are_said() -> None:
    values = [1.0, float("nan"), float("inf"), 2.0]
    events = [
        {"kind": "step", "step": n, "attempt": 1, "metrics": {"train/loss": value}}
        for n, value in enumerate(values, start=1)
    ]
    found = learning([TrainingFiles(name="", events=events)], {})
    assert found.broken == ["train/loss was nan or infinite at 2 of 4 steps"]
    assert found.curves[0].points == [(1, 1.0), (4, 2.0)]
    lost = learning([TrainingFiles(name="", events=[*events[:1], events[3]])], {})
    assert lost.steps == 4 and lost.broken == []


def test_limits_follow_the_stages() -> None:
    metrics = {"response_length/mean": 9.0}
    events = [{"kind": "step", "step": n, "attempt": 1, "metrics": metrics} for n in (1, 2)]
    spec = {
        "data": {"max_response_tokens": 10},
        "stages": [{"name": "a"}, {"name": "b", "set": {"data.max_response_tokens": 20}}],
    }
    found = learning([TrainingFiles(name=name, events=events) for name in "ab"], spec)
    assert found.curves[0].limits == [(1, 2, 10), (3, 4, 20)]
    assert found.curves[0].finding.endswith("Limit 10, then 20.")


def event(kind: str, at: float, attempt: int = 1, **fields: Any) -> Json:
    return {"kind": kind, "time": at, "attempt": attempt, **fields}


def test_every_attempt_of_a_stage_is_counted_however_it_ended() -> None:
    found = attempt_times(
        [
            event("stage_started", 0, stage="train"),
            event("failed", 50, stage="train", reason="out of memory"),
            event("run_started", 60, 2),
            event("stage_started", 60, 2, stage="train"),
            event("step", 90, 2),
            event("run_started", 500, 3),
            event("stage_started", 500, 3, stage="train"),
            event("ended", 520, 3, state="interrupted", reason="the job's time is up"),
            event("stage_started", 600, 4, stage="train"),
            event("stage_done", 700, 4, stage="train", seconds=99.5, note="9 steps"),
            event("stage_started", 700, 4, stage="report"),
        ]
    )
    assert [(one.attempt, one.seconds, one.outcome) for one in found["train"]] == [
        (1, 50, "failed"), (2, 30, "killed"), (3, 20, "failed"), (4, 99.5, "done"),
    ]  # fmt: skip
    assert found["report"][0].outcome == "running"


HARDWARE = {"nodes": 1, "gpus_per_node": 8, "usd_per_gpu_hour": 2.0, "price_source": "a list"}


def span(middle: float) -> Json:
    return {"low": middle / 2, "mid": middle, "high": middle * 2}


def test_planned_against_spent() -> None:
    events = [event("stage_done", 1, stage="train", seconds=7200.0)]
    events += [event("stage_done", 2, stage="evaluate", seconds=3600.0)]
    plan = {
        "stages": [
            {"name": "train", "gpus": 8, "hours": span(1), "gpu_hours": span(8), "usd": None},
            {"name": "evaluate", "gpus": 1, "hours": span(1), "gpu_hours": span(1), "usd": None},
            {"name": "control", "gpus": 8, "hours": None, "gpu_hours": None, "usd": None},
        ],
        "total": {"hours": span(1), "gpu_hours": span(9), "usd": None},
    }
    found = spending(plan, events, HARDWARE)
    assert [(s.name, s.hours, s.gpu_hours, s.usd) for s in found.stages] == [
        ("train", 2, 16, 32), ("evaluate", 1, 1, 2), ("control", None, None, None),
    ]  # fmt: skip
    assert (found.total.hours, found.total.gpu_hours, found.total.usd) == (3, 17, 34)
    assert found.finding == (
        "Took 3.0 h, 17 GPU-hours, $34.00; 3.0 h of it within the plan of 60.0 min to 4.0 h for "
        "train, evaluate."
    )


PLANNED = {"stages": [{"name": name, "hours": span(8)} for name in ("train", "evaluate")]}


def test_only_stages_that_have_a_plan_are_held_against_it() -> None:
    names = ("prepare", "train", "evaluate")
    events = [event("stage_done", 1, stage=name, seconds=36000.0) for name in names]
    found = spending(PLANNED, events, HARDWARE).finding
    assert "Took 30.0 h" in found
    assert "20.0 h of it within the plan of 8.0 h to 32.0 h for train, evaluate" in found


@pytest.mark.parametrize(
    "last", [[], [event("failed", 20, stage="evaluate")], [event("stage_started", 20)]]
)
def test_a_run_that_is_not_done_is_not_called_cheap(last: list[Json]) -> None:
    events = [event("stage_done", 10, stage="train", seconds=3600.0), *last]
    found = spending(PLANNED, events, HARDWARE).finding
    assert "evaluate not done" in found and "is not held against it" in found


def test_a_killed_attempt_that_left_no_further_event_has_no_known_time() -> None:
    events = [
        event("stage_started", 0, stage="evaluate"),
        event("run_started", 5000, 2),
        event("stage_done", 5100, 2, stage="evaluate", seconds=100.0),
    ]
    first, second = attempt_times(events)["evaluate"]
    assert (first.seconds, first.outcome, second.seconds) == (None, "killed", 100.0)
    assert spending({}, events, {}).finding.startswith("Took at least 100.0 s")


def test_the_stages_of_a_chain_tell_how_long_a_killed_attempt_was_at_work() -> None:
    events = [event("stage_started", 0, stage="train a"), event("run_started", 9000, 2)]
    inner = TrainingFiles(name="a", events=[event("step", 3600, step=1, metrics={})])
    (attempt,) = attempt_times(events_in_time(events, [inner]))["train a"]
    assert (attempt.seconds, attempt.outcome) == (3600, "killed")


def test_without_a_plan_it_says_so_and_a_laptop_has_no_gpu_hours() -> None:
    events = [event("stage_done", 1, stage="train", seconds=90.0)]
    found = spending({}, events, {"device": "cpu", "nodes": 1, "gpus_per_node": 1})
    assert found.finding == "Took 90.0 s; not planned."
    other = spending({"stages": [{"name": "train", "hours": None}]}, events, {})
    assert other.finding == "Took 90.0 s; the plan has no estimate of its hours."
    assert not other.planned
    assert found.gpus is None and found.total.gpu_hours is None and not found.planned


def test_fidelity_of_a_miniature_is_that_of_its_recipe_at_full_size() -> None:
    notes: list[str] = []
    found = fidelity_summary({"repro": "deepscaler", "miniature": True}, [], notes)
    assert notes == []
    assert sum(found.counts.values()) == len(found.rows) > 40
    assert "full size" in found.note
    limits = {row.theirs: row.stages for row in found.rows if row.key == "data.max_response_length"}
    assert limits["8192"] == ["8k"] and limits["24576"] == ["24k"]
    assert all(row.reason for row in found.rows if row.status == "changed")


def test_a_run_of_no_project_has_nothing_to_be_faithful_to() -> None:
    notes: list[str] = []
    found = fidelity_summary({"repro": None}, [], notes)
    assert (found.rows, found.counts, notes) == ([], {}, [])


def test_values_of_a_recipe_carry_their_origin(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", rows=[sample(1)], repro="tinyzero")
    summary = summarise(read_run(folder))
    origins = {row.field: row.origin for row in summary.settings}
    assert origins["repro"] == ""
    facts = {fact.name: fact.value for fact in summary.provenance.facts}
    assert facts["command"] == "python run.py" and facts["commit"] == "abc"
    assert facts["sha256, protocol of held_out"] == "abc"
