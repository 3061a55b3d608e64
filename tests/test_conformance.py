"""Conformance: recorded verdicts against ours, and what a malformed file says."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.cards import REPRODUCTIONS, Card
from harness.conformance import conform, report
from harness.errors import ConfigError, DataError
from harness.files import read_yaml
from harness.rewards import Batch, Sample, Score, Scored


def half(sample: Sample, *, bonus: float = 0.0) -> Score:
    """A scorer that the cases below name: 0.5 for any response, and some misbehaviour."""
    if sample.response == "raise":
        raise RuntimeError("no verdict")
    if sample.response == "nan":
        return Score(value=math.nan, correct=False)
    return Score(value=0.5 + bonus + (sample.response_tokens or 0), correct=False)


def longest(group: list[Scored], *, bonus: float = 1.0) -> list[float]:
    """A function over a group: a bonus for the longest response, and some misbehaviour."""
    if any(one.sample.response == "raise" for one in group):
        raise RuntimeError("no verdict")
    lengths = [one.sample.response_tokens or len(one.sample.response) for one in group]
    rewards = [bonus * (length == max(lengths)) for length in lengths]
    return rewards[:-1] if group[0].sample.ground_truth == "short" else rewards


def centred(batch: Batch, *, scale: float = 1.0) -> list[list[float]]:
    """A function over a step: scores against the mean of all, and the best so far."""
    scores = [one.score.value for group in batch.groups for one in group]
    mean = sum(scores) / len(scores) - batch.state.get("best", 0.0)
    return [[scale * (one.score.value - mean) for one in group] for group in batch.groups]


def ids_and_lengths(group: list[Scored]) -> list[float]:
    """A function over a group that needs token ids and whether a score was right."""
    return [sum(one.sample.token_ids or ()) * one.score.correct for one in group]


def largest(numbers: list[float], *, count: int) -> list[int] | int | None:
    """A function that gives no rewards: the places of the largest numbers."""
    order = sorted(range(len(numbers)), key=lambda place: -numbers[place])
    return None if count < 0 else order[0] if count == 1 else order[:count]


def card_with(golden: dict[str, Any]) -> Card:
    """A card with these golden functions."""
    facts = read_yaml(REPRODUCTIONS / "tinyzero" / "card.yaml")
    return Card.model_validate(facts | {"golden": golden})


def named(function: Any, **entry: Any) -> dict[str, Any]:
    return {"function": f"{__name__}:{function.__name__}", **entry}


CARD = card_with(
    {
        "half": f"{__name__}:half",
        "longest": f"{__name__}:longest",
        "centred": named(centred),
        "best": named(centred, state={"best_before": "best"}),
        "scored": named(centred, score=f"{__name__}:half"),
        "ids": named(ids_and_lengths, per_group=True),
        "largest": named(largest, plain=True),
    }
)


def case(output: Any, response: str = "x", function: str = "half", **inputs: Any) -> dict[str, Any]:
    return {
        "case": f"c/{response}",
        "function": function,
        "input": {"response": response, **inputs},
        "output": output,
        "note": "a note",
    }


def write(folder: Path, *lines: Any) -> Path:
    path = folder / "cases.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n")
    return path


def test_counts_and_disagreements(tmp_path: Path) -> None:
    path = write(tmp_path, case(0.5), case(0.500001), case(0.6), case(0.5, "raise"), case(1, "nan"))
    result = conform(path, CARD)
    assert (result.cases, result.agree, result.upstream_fails) == (5, 2, 0)
    assert [(d.ours, d.theirs) for d in result.disagreements] == [
        ("0.5", "0.6"),
        ("raised RuntimeError: no verdict", "0.5"),
        ("nan", "1"),
    ]
    text = report(result)
    assert text.startswith("2 of 5 agree")
    assert "c/raise (half): ours raised RuntimeError: no verdict, upstream 0.5; a note" in text


def test_where_upstream_fails_any_finite_score_agrees(tmp_path: Path) -> None:
    error = {"error": "timeout"}
    path = write(tmp_path, case(error), case(None), case(error, "raise"), case(error, "nan"))
    result = conform(path, CARD)
    assert (result.cases, result.agree, result.upstream_fails) == (4, 2, 4)
    assert result.disagreements[0].theirs == "no score (timeout)"
    assert "of which 4 where upstream itself gives no score" in report(result)


def test_inputs_reach_the_sample_and_the_scorer(tmp_path: Path) -> None:
    path = write(tmp_path, case(3.5, response_tokens=3), case(0.75, bonus=0.25))
    assert conform(path, CARD).agree == 2


def test_an_input_that_the_scorer_does_not_take_is_a_disagreement(tmp_path: Path) -> None:
    (found,) = conform(write(tmp_path, case(0.5, malus=1)), CARD).disagreements
    assert "malus" in found.ours


def group(output: Any, *responses: str, **inputs: Any) -> dict[str, Any]:
    entry = case(output, function="longest")
    return entry | {"input": {"responses": list(responses), **inputs}}


def test_groups_are_compared_element_by_element(tmp_path: Path) -> None:
    counts = {"completion_tokens": [5, 2]}
    path = write(
        tmp_path,
        group([0, 1], "a", "bb"),
        group([0, 2.5], "a", "bb", bonus=2.5),
        group([1, 0], "a", "bb", **counts),
        case([1, 0], function="longest") | {"input": counts},
        group(None, "a", "bb"),
        group([0, 0.9], "a", "bb"),
        group([0, 1], "a", "bb", ground_truth="short"),
        group([0, 1], "raise", "bb"),
    )
    result = conform(path, CARD)
    assert (result.cases, result.agree, result.upstream_fails) == (8, 5, 1)
    assert [(d.ours, d.theirs) for d in result.disagreements] == [
        ("[0, 1]", "[0, 0.9]"),
        ("0", "[0, 1]"),
        ("raised RuntimeError: no verdict", "[0, 1]"),
    ]


def step(output: Any, function: str, *rollouts: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    return case(output, function=function) | {"input": {"rollouts": list(rollouts), **inputs}}


STEP = [
    {"group": name, "base_score": score} for name, score in zip("abab", (1, 2, 3, -2), strict=True)
]


def test_a_step_is_compared_in_the_order_of_its_rollouts(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        step([0, 1, 2, -3], "centred", *STEP),
        step([0, 2, 4, -6], "centred", *STEP, scale=2),
        step([0.5, 1.5, 2.5, -2.5], "best", *STEP, best_before=0.5),
        step([-2, 2], "scored", {"response_tokens": 1}, {"response_tokens": 5}),
        step([0, 1, -3, 2], "centred", *STEP),
    )
    result = conform(path, CARD)
    assert (result.cases, result.agree) == (5, 4)
    assert result.disagreements[0].ours == "[0, 1, 2, -3]"


def test_a_function_over_one_group_is_called_with_each_group_of_a_step(tmp_path: Path) -> None:
    rollouts = [
        {"group": "a", "ids": [1, 2], "base_score": 1},
        {"group": "b", "ids": [4], "base_score": 0.5},
        {"group": "a", "ids": [8], "base_score": 0},
    ]
    assert conform(write(tmp_path, step([3, 4, 0], "ids", *rollouts)), CARD).agree == 1


def test_rewards_that_do_not_match_the_groups_are_a_disagreement(tmp_path: Path) -> None:
    card = card_with({"centred": named(ids_and_lengths)})
    (found,) = conform(write(tmp_path, step([0] * 4, "centred", *STEP)), card).disagreements
    assert found.ours.startswith("raised")


def plain(output: Any, numbers: list[float], count: int) -> dict[str, Any]:
    given = {"numbers": numbers, "count": count}
    return case(output, function="largest") | {"input": given}


def test_a_plain_function_takes_the_inputs_and_may_return_anything(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        plain([2, 0], [3, 1, 4], 2),
        plain(2, [3, 1, 4], 1),
        plain([], [3, 1, 4], 0),
        plain(None, [3, 1, 4], -1),
        plain({"error": "ValueError"}, [3, 1, 4], 2),
        plain([2, 0], [3, 1, 4], 3),
        plain([2, 0], [3, 1, 4], -1),
        plain(None, [3, 1, 4], 2),
    )
    result = conform(path, CARD)
    assert (result.cases, result.agree) == (8, 5)
    assert [(d.ours, d.theirs) for d in result.disagreements] == [
        ("[2, 0, 1]", "[2, 0]"),
        ("None", "[2, 0]"),
        ("[2, 0]", "no score (returned None)"),
    ]


@pytest.mark.parametrize(
    "entry", [{"plain": True, "per_group": True}, {"per_group": True, "state": {"a": "b"}}]
)
def test_an_entry_of_the_card_that_contradicts_itself(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="leave out"):
        card_with({"centred": named(centred, **entry)})


def test_functions_without_a_scorer_are_counted_apart(tmp_path: Path) -> None:
    result = conform(write(tmp_path, case(0.5), case([1, 2], function="group")), CARD)
    assert result.uncovered == {"group": 1}
    assert "not compared: 1 cases of 'group'" in report(result)


def test_a_file_without_any_covered_function_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"group.*half"):
        conform(write(tmp_path, case(0.5, function="group")), CARD)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "2: is not JSON"),
        ("[]", "2: .*a case is an object"),
        ({"case": "c", "function": "half", "input": {"response": "x"}}, "2: .*output"),
        ({**case(1), "input": "x"}, "2: .*input"),
        ({**case(1), "input": {}}, "2: input.response is None"),
        (case([1, 2]), "2: output is .*functions over a group"),
        (case("good"), "2: output"),
        (group([1, "x"], "a", "b"), "2: output"),
        (group([]), "2: input.responses must be lists"),
        (step([], "centred"), "2: input.rollouts must list"),
        (step([1], "centred", "x"), "2: input.rollouts must list"),
        (group([1], "a", completion_tokens=[1, 2]), "2: input.responses, input.completion_tokens"),
    ],
)
def test_a_malformed_line_is_named(line: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"cases\.jsonl:{message}"):
        conform(write(tmp_path, case(0.5), line), CARD)


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        conform(tmp_path / "none.jsonl", CARD)
    with pytest.raises(DataError, match="holds no cases"):
        conform(write(tmp_path, ""), CARD)


@pytest.mark.parametrize("reference", ["nowhere:f", "harness.rewards:f"])
def test_a_scorer_that_cannot_be_imported(reference: str, tmp_path: Path) -> None:
    card = card_with({"half": reference})
    with pytest.raises(ConfigError, match="cannot be imported"):
        conform(write(tmp_path, case(0.5)), card)


@pytest.mark.parametrize("reference", ["harness.rewards", "", "a-b:f"])
def test_a_scorer_that_is_no_name(reference: str) -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        card_with({"half": reference})
