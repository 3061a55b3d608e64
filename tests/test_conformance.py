"""Conformance: recorded verdicts against ours, and what a malformed file says."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.cards import Card, load_card
from harness.conformance import conform, report
from harness.errors import ConfigError, DataError
from harness.rewards import Sample, Score, Scored


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


SCORERS = {"half": f"{__name__}:half", "longest": f"{__name__}:longest"}
CARD: Card = load_card("tinyzero").model_copy(update={"golden": SCORERS})


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
        (case([1, 2]), "2: output is .*group functions"),
        (case("good"), "2: output"),
        (group([1, "x"], "a", "b"), "2: output"),
        (group([]), "2: input.responses must be lists"),
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


@pytest.mark.parametrize("reference", ["nowhere:f", "harness.rewards:f", "harness.rewards", ""])
def test_a_scorer_that_cannot_be_imported(reference: str, tmp_path: Path) -> None:
    card = CARD.model_copy(update={"golden": {"half": reference}})
    with pytest.raises(ConfigError, match="cannot be imported"):
        conform(write(tmp_path, case(0.5)), card)
