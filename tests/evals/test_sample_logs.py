"""Foreign sample logs: every form is read, every sample finds its problem or is named."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from evals.benchmarks import Problem
from evals.sample_logs import LoggedSample, match, match_some, problems_of, read_log
from harness.errors import EvaluationError

PROBLEMS = [
    Problem(id="toy-0", problem="What is $1 + 1$?", truth={"answer": "2"}),
    Problem(
        id="toy-1",
        problem="Let x be the number of ways to climb 3 stairs. Find x.",
        truth={"answer": "33"},
    ),
    Problem(id="toy-2", problem="What is $1 + 1$? Double it.", truth={"answer": "4"}),
]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lm_eval(doc_id: int, doc: dict[str, Any], responses: list[str], kept: str) -> dict[str, Any]:
    return {
        "doc_id": doc_id,
        "doc": doc,
        "target": "2",
        "arguments": {"gen_args_0": {"arg_0": "Q: What is $1 + 1$?", "arg_1": {"until": []}}},
        "resps": [responses],
        "filtered_resps": [responses[0]],
        "filter": kept,
        "exact_match": 0.0,
    }


def test_lm_eval_samples_count_once_whatever_the_filters(tmp_path: Path) -> None:
    doc = {"Problem": "What is $1 + 1$?", "Answer": "2"}
    rows = [lm_eval(n, doc, [f"{n}a", f"{n}b"], kept) for kept in ("first", "all") for n in (0, 1)]
    found = read_log(write(tmp_path / "samples_aime24_2026-11-21T12-57.jsonl", *rows))
    assert [(s.response, s.sample) for s in found] == [("0a", 0), ("0b", 1), ("1a", 0), ("1b", 1)]
    assert {(s.problem, s.gold, s.id) for s in found} == {("What is $1 + 1$?", "2", None)}


@pytest.mark.parametrize(
    "arguments", [{"gen_args_0": {"arg_0": "the prompt"}}, [["the prompt", {"until": []}]]]
)
def test_lm_eval_without_a_known_field_gives_its_prompt(arguments: Any, tmp_path: Path) -> None:
    row = lm_eval(0, {"text": "?"}, ["a"], "none") | {"arguments": arguments}
    (found,) = read_log(write(tmp_path / "samples.jsonl", row))
    assert found.problem == "the prompt"


NESTED = {
    "doc": {"query": "Solve: What is $1 + 1$?", "choices": ["2"], "gold_index": 0},
    "model_response": {"text": ["r1", "r2"], "input_tokens": [1, 2]},
    "metric": {"avg@n": 0.5},
}
FLAT = {
    "example": "Solve: What is $1 + 1$?",
    "full_prompt": "<user>Solve: What is $1 + 1$?",
    "predictions": ["r1", "r2"],
    "gold": ["2"],
    "input_tokens": [[1, 2]],
}


@pytest.mark.parametrize("row", [NESTED, FLAT, {name: str(value) for name, value in FLAT.items()}])
def test_every_version_of_lighteval_details(row: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "details" / "model" / "2026-11-21"
    path = write(folder / "details_lighteval|aime24|0_2026-11-21.parquet", row)
    found = read_log(path)
    assert [(s.response, s.gold, s.sample) for s in found] == [("r1", "2", 0), ("r2", "2", 1)]
    assert texts(match(found, PROBLEMS)) == {"toy-0": ["r1", "r2"]}
    assert read_log(tmp_path) == found


def test_own_and_plain_samples(tmp_path: Path) -> None:
    rows = [
        {"id": "toy-1", "sample": 3, "prompt": '[{"role": "user"}]', "response": "a", "seed": 1},
        {"problem_id": "toy-0", "response": "b", "answer": 2},
        {"problem": " What is $1+1$? ", "responses": ["c", "d"], "gold": "2"},
    ]
    found = read_log(write(tmp_path / "my.jsonl", *rows))
    assert [(s.response, s.sample, s.gold) for s in found] == [
        ("a", 3, None),
        ("b", 0, "2"),
        ("c", 0, "2"),
        ("d", 1, "2"),
    ]
    assert texts(match(found, PROBLEMS)) == {"toy-1": ["a"], "toy-0": ["b", "c", "d"]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('{"id": "a", "response": "x"}\n{"id": "b", "resp', r"l\.jsonl:2: is damaged or cut off"),
        ("[1]\n", r"l\.jsonl:1: is not a JSON object"),
        ('{"id": "a"}\n', r"l\.jsonl:1: cannot be read .*neither response.*it has id; expected"),
        ('{"id": "a", "response": null}\n', r"l\.jsonl:1: .*a response is None, not text"),
        ('{"doc": {}, "resps": [["a"], ["b"]]}\n', r"l\.jsonl:1: cannot be read"),
        ('{"doc": {}, "resps": [[[-1.5, true]]]}\n', r"a response is \[-1.5, True\], not text"),
        ('{"predictions": "[\'a", "example": "?"}\n', r"l\.jsonl:1: .*a list is damaged"),
        ("\n", r"l\.jsonl: holds no sample"),
    ],
)
def test_a_damaged_line_is_named(rows: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    path.write_text(rows)
    with pytest.raises(EvaluationError, match=message):
        read_log(path)


def test_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no parquet")
    with pytest.raises(EvaluationError, match=r"x\.parquet: is not a readable Parquet file"):
        read_log(tmp_path)
    with pytest.raises(EvaluationError, match=r"no such file or folder; samples= names one of"):
        read_log(tmp_path / "none")
    (tmp_path / "r.csv").write_text("")
    with pytest.raises(EvaluationError, match=r"a log ends in \.jsonl or \.parquet"):
        read_log(tmp_path / "r.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="no log in this folder"):
        read_log(tmp_path / "empty")


def test_samples_of_two_models_are_never_mixed(tmp_path: Path) -> None:
    row = {"id": "toy-0", "sample": 0, "response": "a"}
    for name in ("samples-base-0.jsonl", "samples-base-1.jsonl"):
        write(tmp_path / name, row)
    write(tmp_path / "prompts.jsonl", {"id": "toy-0", "messages": []})
    assert len(read_log(tmp_path)) == 2
    write(tmp_path / "samples-trained-0.jsonl", row)
    with pytest.raises(EvaluationError, match=r"several models or runs \(\./base, \./trained\)"):
        read_log(tmp_path)
    with pytest.raises(EvaluationError, match=r"several models or runs \(m1/, m2/\)"):
        for model in ("m1", "m2"):
            write(tmp_path / "out" / model / "samples_aime24_2026-11-21.jsonl", row)
        read_log(tmp_path / "out")


def texts(found: dict[str, list[LoggedSample]]) -> dict[str, list[str]]:
    """The responses of matched samples."""
    return {identifier: [one.response for one in samples] for identifier, samples in found.items()}


def sample(response: str, **known: Any) -> LoggedSample:
    nothing = {"problem": None, "id": None, "gold": None}
    return LoggedSample(**{**nothing, **known}, response=response, sample=0)


@pytest.mark.parametrize(
    ("known", "identifier"),
    [
        ({"id": "toy-0"}, "toy-0"),
        ({"problem": "what is  $1 + 1$?"}, "toy-0"),
        ({"problem": "Solve.\nWhat is $1 + 1$? Think."}, "toy-0"),
        ({"problem": "Solve.\nWhat is $1 + 1$? Double it."}, "toy-2"),
        ({"id": "toy-1", "problem": "What is $1 + 1$?"}, "toy-0"),
        (
            {
                "id": "toy-1",
                "problem": "Let $x$ be the number of ways to climb 3 stairs. Find $x$.",
            },
            "toy-1",
        ),
        (
            {
                "problem": "Let $x$ be the number of ways to climb $3$ stairs. Find $x$.",
                "gold": "033",
            },
            "toy-1",
        ),
        ({"problem": "Let $x$ be the number of ways to climb $3$ stairs. Find $x$."}, None),
        (
            {
                "problem": "Let $x$ be the number of ways to climb $3$ stairs. Find $x$.",
                "gold": "7",
            },
            None,
        ),
        ({"id": "0"}, None),
        ({"gold": "33"}, None),
        ({"problem": "Another problem", "gold": "33"}, None),
    ],
)
def test_a_sample_finds_its_problem(known: dict[str, Any], identifier: str | None) -> None:
    found, unmatched = match_some([sample("r", **known)], PROBLEMS)
    assert texts(found) == ({identifier: ["r"]} if identifier else {})
    assert len(unmatched) == (identifier is None)


def test_unmatched_samples_are_counted_and_named() -> None:
    samples = [sample("a", id="toy-0"), sample("b", id="other-1"), sample("c", id="other-1")]
    with pytest.raises(EvaluationError) as caught:
        match([*samples, sample("d", problem="Who?\nWhy?")], PROBLEMS)
    text = str(caught.value)
    assert "3 of 4 logged samples (2 problems) belong to none of the 3 problems" in text
    assert "'other-1' x 2; 'Who? Why?' x 1" in text


def test_a_log_of_an_unknown_benchmark_brings_its_own_golds() -> None:
    samples = [
        sample("a", problem="Who?", gold="7"),
        sample("b", id="q2", problem="Why?", gold="8"),
        sample("c", problem="Who?", gold="7"),
    ]
    problems = problems_of(samples)
    assert [(p.id, p.problem, p.truth) for p in problems] == [
        ("Who?", "Who?", {"answer": "7"}),
        ("q2", "Why?", {"answer": "8"}),
    ]
    assert texts(match(samples, problems)) == {"Who?": ["a", "c"], "q2": ["b"]}
    with pytest.raises(EvaluationError, match="has two golds in the log: '7' and '9'"):
        problems_of([*samples, sample("d", problem="Who?", gold="9")])
    with pytest.raises(EvaluationError, match="without a gold answer; name the benchmark"):
        problems_of([sample("a", problem="Who?")])


def test_half_a_surrogate_can_be_written_after_reading(tmp_path: Path) -> None:
    row = {"problem": "x \ud800", "response": "so \udc01 \\boxed{2}", "gold": "2\ud83d"}
    (sample,) = read_log(write(tmp_path / "log.jsonl", row))
    assert sample.response == "so ? \\boxed{2}"
    assert (sample.problem, sample.gold) == ("x ?", "2?")
