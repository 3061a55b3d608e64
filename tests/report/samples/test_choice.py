"""The packed samples: what goes in, in what order, how it is shortened, and broken input."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from harness.report.read import read_samples
from harness.report.render import render
from harness.report.samples.choice import SampleBrowser, ordered_problems, sample_browser
from harness.report.samples.records import LONGEST, printable, record, shortened
from tests.report.making import HOSTILE, sample, samples, write_samples

BROKEN = "NUL \0, half a pair \ud83d, RTL \u202e, <!--, ]]>, \u2028 and </script>"


def unpacked(browser: SampleBrowser) -> Iterator[dict[str, Any]]:
    """The problems of all blocks."""
    for block in browser.blocks:
        yield from json.loads(gzip.decompress(base64.b64decode(block)))["problems"]


def packed(rows: list[dict[str, Any]], **limits: int) -> SampleBrowser:
    found = sample_browser(rows, **limits)
    assert found is not None
    return found


def test_nothing_to_show_is_none() -> None:
    assert sample_browser([]) is None


def test_every_sample_is_there_with_its_texts_and_verdict() -> None:
    rows = samples(30, per_problem=2)
    found = packed(rows)
    assert (found.total, found.included, found.shortened) == (120, 120, 0)
    back = {
        (problem["id"], one["label"], one["sample"]): (problem["prompts"][one["prompt"]], one)
        for problem in unpacked(found)
        for one in problem["samples"]
    }
    assert len(back) == 120
    for row in rows:
        prompt, one = back[row["id"], row["label"], row["sample"]]
        assert (prompt, one["response"]) == (row["prompt"], row["response"])
        assert (one["correct"], one["tokens"]) == (row["correct"], row["response_tokens"])


def test_packing_is_the_same_each_time() -> None:
    assert packed(samples(20)) == packed(samples(20))


def test_a_prompt_is_packed_once_a_problem() -> None:
    (problem,) = unpacked(packed([sample(3, number=number) for number in range(5)]))
    assert len(problem["prompts"]) == 1
    assert len(problem["samples"]) == 5


def test_models_alternate_within_a_problem() -> None:
    (problem,) = unpacked(packed(samples(1, per_problem=2)))
    order = [(one["label"], one["sample"]) for one in problem["samples"]]
    assert order == [("base", 0), ("trained", 0), ("base", 1), ("trained", 1)]


@pytest.mark.parametrize(
    ("base", "trained", "change"),
    [
        ([False], [True], "gained"),
        ([True], [False], "lost"),
        ([True], [True], None),
        ([False, False, True], [True, True, False], "gained"),
        ([False, True], [True, True], None),  # half is right enough
        ([None], [True], None),  # not graded
    ],
)
def test_change_of_a_problem(base: list[Any], trained: list[Any], change: str | None) -> None:
    rows = [sample(0, "base", number, correct=right) for number, right in enumerate(base)]
    rows += [sample(0, "trained", number, correct=right) for number, right in enumerate(trained)]
    (problem,) = unpacked(packed(rows))
    assert problem["change"] == change


def test_where_not_all_fit_doubtful_and_changed_come_first() -> None:
    rows = [sample(problem, label) for problem in range(400) for label in ("base", "trained")]
    rows[500]["doubt"] = "truncated"
    rows[702]["correct"] = False  # problem 351 changes
    found = packed(rows, raw=20_000)
    assert found.total == 800
    assert 3 < found.included < 200
    ids = {problem["id"] for problem in unpacked(found)}
    assert {"250", "351"} <= ids


def test_where_not_all_fit_every_problem_is_there_before_a_second_sample_of_one() -> None:
    rows = samples(50, per_problem=8)
    for row in rows:
        row["correct"] = True
    found = packed(rows, raw=300 * 100)
    counts = Counter({p["id"]: len(p["samples"]) for p in unpacked(found)})
    assert len(counts) == 50
    assert max(counts.values()) - min(counts.values()) <= 2  # one of each model
    ahead = [int(name) for name, count in counts.items() if count == max(counts.values())]
    assert max(ahead) - min(ahead) > len(ahead)  # not neighbours


def test_a_choice_is_not_the_first_problems() -> None:
    rows = [sample(problem) for problem in range(1000)]
    ids = sorted(int(problem["id"]) for problem in unpacked(packed(rows, raw=250 * 100)))
    assert ids[len(ids) // 2] > 250
    assert ids[-1] > 800


def test_the_packed_size_is_kept() -> None:
    rows = samples(200, per_problem=2, characters=2000)
    found = packed(rows, packed_bytes=30_000)
    assert sum(map(len, found.blocks)) <= 30_000
    assert 0 < found.included < found.total == 800


def test_one_sample_is_shown_even_if_it_is_too_large() -> None:
    assert packed([sample(0), sample(1)], packed_bytes=10, raw=10).included == 1


def test_a_problem_too_large_for_one_block_goes_on_in_the_next() -> None:
    rows = [sample(0, number=number, response="x" * 30_000) for number in range(40)]
    found = packed(rows)
    assert len(found.blocks) > 1
    assert sum(len(problem["samples"]) for problem in unpacked(found)) == 40


def test_a_long_text_keeps_both_ends_and_says_what_is_missing() -> None:
    text = "a" * LONGEST + "b" * LONGEST
    head, left_out, tail = shortened(text, LONGEST)
    assert len(head) + left_out + len(tail) == 2 * LONGEST
    assert text.startswith(head) and text.endswith(tail)
    assert packed([sample(0, response=text)]).shortened == 1
    assert shortened("a" * LONGEST, LONGEST) == "a" * LONGEST


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"id": None, "sample": "x", "label": 3},
        {"prompt": [{"role": "user", "content": "hello"}], "response": None},
        {"correct": "yes", "value": float("nan"), "response_tokens": float("inf")},
        {"value": 10**400, "sample": -1, "sample2": 2**70},
        {"components": {"a": float("nan"), "b": "c", "d": 1.5}, "doubt": ["list"]},
        {"components": [1], "truth": {"answer": {"a": 1}}, "extracted": 7},
        {"response": BROKEN, "id": BROKEN, "benchmark": BROKEN, "label": BROKEN, "doubt": BROKEN},
    ],
)
def test_odd_fields_are_shown_as_they_can(odd: dict[str, Any]) -> None:
    found = packed([odd])
    assert found.included == 1
    (problem,) = unpacked(found)
    assert problem["samples"][0]["correct"] is None
    render("samples.html.j2", {"samples": found}).encode()


def test_broken_characters_survive_packing() -> None:
    (problem,) = unpacked(packed([sample(0, response=BROKEN)]))
    assert problem["samples"][0]["response"] == BROKEN


def test_an_answer_in_a_mapping_is_shown_bare() -> None:
    assert record(sample(0, truth={"answer": "42"}))["gold"] == "42"
    assert record(sample(0, truth={"target": 42}))["gold"] == '{"target": 42}'
    assert record(sample(0, truth=None))["gold"] is None


def test_samples_are_read_with_their_verdicts_and_truths(tmp_path: Path) -> None:
    rows = samples(3)
    write_samples(tmp_path, rows)
    notes: list[str] = []
    found = read_samples(tmp_path, "held_out", notes)
    order = itemgetter("label", "id")
    assert sorted(found, key=order) == sorted(rows, key=order)
    assert notes == []


def test_ids_of_odd_types_are_read(tmp_path: Path) -> None:
    write_samples(tmp_path, [sample(0) | {"id": 0, "sample": None, "truth": {"answer": "x"}}])
    (found,) = read_samples(tmp_path, "held_out", [])
    assert found["correct"] is True
    (tmp_path / "samples-base-0.jsonl").write_text('{"id": ["a list"], "sample": {}}\n')
    assert read_samples(tmp_path, "held_out", []) == []


def test_printable_text_can_stand_in_a_file() -> None:
    assert printable("a\0b\ud83dc").encode() == "a\ufffdb?c".encode()
    assert printable(["head", 12_345, "tail"]) == "head\n[12345 characters left out]\ntail"
    assert printable(None) is None


def test_the_page_says_how_many_of_how_many() -> None:
    rows = [sample(problem) for problem in range(100)]
    assert "All 100 samples are in this page" in render(
        "samples.html.j2", {"samples": packed(rows)}
    )
    some = packed(rows, raw=5_000)
    page = render("samples.html.j2", {"samples": some})
    assert f"{some.included} of 100 samples are in this page" in page
    assert "evaluation/" in page


def test_hostile_text_is_escaped_or_packed() -> None:
    rows = [
        sample(0, prompt=HOSTILE, response=HOSTILE, extracted=HOSTILE, id=HOSTILE, doubt=HOSTILE)
    ]
    page = render("samples.html.j2", {"samples": packed(rows)})
    assert "<img" not in page and "<script>alert" not in page
    assert "{{ 7*7 }}" in page  # escaped text of the static samples


def test_no_samples_is_said() -> None:
    assert "Samples: not run" in render("samples.html.j2", {"samples": None})


def test_problems_come_as_a_person_counts() -> None:
    records = [
        {"benchmark": benchmark, "id": id}
        for benchmark in ("math", "aime")
        for id in ("10", "2", "x9", "x10", "2024-II-3", "a")
    ]
    assert ordered_problems(records) == [
        (benchmark, id)
        for benchmark in ("math", "aime")
        for id in ("2", "10", "2024-II-3", "a", "x9", "x10")
    ]
