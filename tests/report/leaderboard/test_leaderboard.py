"""The leaderboard: every claim is there, only finished runs at full size are ours."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cards import card_ids, catalogue, load_card
from harness.report.leaderboard.chart import chart
from harness.report.leaderboard.lines import Leaderboard, Line, in_words, leaderboard, published
from harness.report.leaderboard.markdown import markdown
from harness.report.leaderboard.page import write_leaderboard as write
from harness.report.sweep.runs import ManyRun, read_many
from harness.submit.states import run_folders, survey
from tests.report.many import make_run, scores, spec_of, statement

CLAIM: dict[str, Any] = {"percent": 43.1, "metric": "avg@16"}
"""DeepScaleR's on AIME 2024."""
MEASURED = scores(benchmark="aime24", k=16, problems=30)


def runs_in(where: Path) -> list[ManyRun]:
    return read_many(survey(run_folders(where)).runs)


def board_of(where: Path, *ids: str) -> Leaderboard:
    cards = [load_card(id) for id in ids or ("deepscaler",)]
    return leaderboard(runs_in(where), where, cards, catalogue())


def aime(board: Leaderboard) -> Line:
    (line,) = [one for one in board.lines if one.benchmark == "aime24"]
    return line


def evidence(folder: Path, *, label: str = "trained", claim: Any = None, **fields: Any) -> Path:
    spec = spec_of(**({"repro": "deepscaler"} | fields.pop("spec", {})))
    said = [statement("aime24", label, **(CLAIM | (claim or {})))]
    return make_run(folder, spec, measured=[MEASURED], statements=said, **fields)


def test_a_finished_run_is_ours_with_interval_and_verdict(tmp_path: Path) -> None:
    evidence(tmp_path / "a", claim={"word": "reproduced"})
    line = aime(board_of(tmp_path))
    expected = MEASURED.models[1].sampling
    assert line.ours is not None and line.status == "reproduced"
    assert (line.ours.value, line.ours.low, line.ours.high) == (
        expected.value, expected.low, expected.high,
    )  # fmt: skip
    assert line.claimed == pytest.approx(0.431)


@pytest.mark.parametrize(
    "unfit",
    [
        {"spec": {"miniature": True}},
        {"spec": {"repro": "dapo"}},
        {"state": "failed"},
        {"kind": "evaluation"},
        {"claim": {"percent": 50.0}},
        {"claim": {"metric": "pass@1"}},
    ],
)
def test_what_is_no_evidence_leaves_a_claim_not_run(tmp_path: Path, unfit: dict[str, Any]) -> None:
    evidence(tmp_path / "a", **unfit)
    line = aime(board_of(tmp_path))
    assert line.ours is None and line.status == "not run"


def test_the_best_match_is_not_the_best_score(tmp_path: Path) -> None:
    narrow = {"value": -0.1, "low": -0.12, "high": -0.08, "method": "sampling"}
    wide = {"value": 0.1, "low": 0.0, "high": 0.2, "method": "sampling"}
    evidence(tmp_path / "high", claim={"word": "above", "difference": wide})
    evidence(tmp_path / "low", claim={"word": "below", "difference": narrow})
    evidence(tmp_path / "other", claim={"word": "protocol differs", "differing": ["grader: a, b"]})
    found = aime(board_of(tmp_path)).ours
    assert found is not None
    assert (found.run, found.word, found.runs) == ("low", "below", 3)


def test_released_weights_measured_here_stand_apart(tmp_path: Path) -> None:
    released = load_card("deepscaler").released_model
    measured = MEASURED.model_copy(
        update={"models": [MEASURED.models[1].model_copy(update={"label": "model"})],
                "difference": None}
    )  # fmt: skip
    said = [statement("aime24", "model", **CLAIM, word="reproduced")]
    spec = {"repro": "deepscaler", "model": {"name": "x", "path": released}}
    make_run(tmp_path / "e", spec, measured=[measured], statements=said, kind="evaluation")
    other = spec | {"model": {"name": "x", "path": "somebody/else"}}
    make_run(tmp_path / "f", other, measured=[measured], statements=said, kind="evaluation")
    line = aime(board_of(tmp_path))
    assert line.ours is None and line.released is not None
    assert (line.released.run, line.released.runs) == ("e", 1)


def test_independent_scores_are_those_of_the_released_model(tmp_path: Path) -> None:
    evidence(tmp_path / "a")
    other = aime(board_of(tmp_path)).independent
    assert other is not None
    assert (other.model, other.mean, other.sd) == (
        "DeepScaleR-1.5B-Preview", pytest.approx(0.37), pytest.approx(0.066),
    )  # fmt: skip


def test_a_claim_about_the_base_has_no_released_weights(tmp_path: Path) -> None:
    card = load_card("deepscaler")
    (claim, *_) = card.claims
    about_base = card.model_copy(update={"claims": [claim.model_copy(update={"about": "base"})]})
    evidence(tmp_path / "a", label="released", claim={"word": "above"})
    runs = runs_in(tmp_path)
    (plain, *_) = leaderboard(runs, tmp_path, [card], []).lines
    (line,) = leaderboard(runs, tmp_path, [about_base], []).lines
    assert plain.released is not None and plain.independent is not None
    assert line.released is None and line.independent is None


def test_every_claim_and_every_system_is_there(tmp_path: Path) -> None:
    evidence(tmp_path / "a")
    make_run(tmp_path / "m", spec_of(repro="tinyzero", miniature=True))
    found = board_of(tmp_path, *card_ids())
    cards = [load_card(id) for id in card_ids()]
    assert len(found.lines) == sum(len(c) for card in cards for c in published(card).values())
    assert sum(found.words.values()) == len(found.lines)
    assert [system.id for system in found.systems] == [entry.id for entry in catalogue()]
    systems = {system.id: system for system in found.systems}
    assert systems["deepscaler"].full_size == "1 run done"
    assert (systems["tinyzero"].full_size, systems["tinyzero"].miniature) == (
        "not run", "1 run done",
    )  # fmt: skip
    assert all(system.full_size == "no recipe" for id, system in systems.items()
               if id not in card_ids())  # fmt: skip


def test_what_a_claim_does_not_state_is_said() -> None:
    (claim, *_) = load_card("open_reasoner_zero").claims
    said = in_words(claim)
    assert "k 16" in said and "not stated: T" in said and "grader math_verify" in said


def test_pages_and_data_agree(tmp_path: Path) -> None:
    evidence(tmp_path / "a", claim={"word": "below"})
    page = write(runs_in(tmp_path), tmp_path).read_text()
    data = json.loads((tmp_path / "leaderboard.json").read_text())
    short = (tmp_path / "leaderboard.md").read_text()
    assert data["words"] == {"below": 1, "not run": len(data["lines"]) - 1}
    assert page.count("<tr>") == 2 + len(data["lines"]) + len(data["systems"])
    for text in (page, short):
        assert "below" in text and "not run" in text and "DeepScaleR" in text
    assert "http-equiv" in page and 'src="' not in page and 'href="http' not in page


def test_claims_on_one_benchmark_have_rows_of_their_own(tmp_path: Path) -> None:
    card = load_card("deepscaler")
    (claim, *_) = card.claims
    twin = claim.model_copy(update={"model": "the small one", "value": 20.0})
    other = claim.model_copy(update={"metric": "avg@1"})
    own = card.model_copy(update={"claims": [claim, twin, other]})
    drawn = chart(leaderboard([], tmp_path, [own], []))
    assert drawn is not None
    data = next(iter(drawn.spec["datasets"].values())) if "datasets" in drawn.spec else None
    assert {point["row"] for point in data or drawn.spec["data"]["values"]} == {
        "deepscaler aime24 avg@16",
        "deepscaler aime24 avg@16 the small one",
        "deepscaler aime24 avg@1",
    }


def test_the_chart_shows_claims_with_something_beside_them(tmp_path: Path) -> None:
    evidence(tmp_path / "a")
    board = board_of(tmp_path)
    drawn = chart(board)
    assert drawn is not None and "1 measured on a model trained here" in drawn.alt
    beside = [line for line in board.lines if line.independent or line.ours]
    assert drawn.alt.startswith(f"{len(beside)} claims")
    empty = leaderboard([], tmp_path, [], [])
    assert chart(empty) is None and markdown(empty).startswith("# Leaderboard")
