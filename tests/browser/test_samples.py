"""The sample browser in a real browser: what is found, shown, marked and reached by keys."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.report.run.page import write_report
from tests.browser.driving import READY, Watched
from tests.report.making import make_run, sample, samples

pytestmark = pytest.mark.browser
LIST = "#samples-list"


def shown(page: Page) -> str:
    """The count, once nothing is being searched for any more."""
    page.wait_for_selector(READY)
    return page.inner_text("#samples-count")


def choose(page: Page, name: str, value: str) -> str:
    """Sets a filter; returns the count."""
    page.select_option(f"#samples-form [name={name}]", value)
    return shown(page)


def look_for(page: Page, text: str) -> str:
    """Types into the search; returns the count."""
    page.fill("#samples-form [name=text]", text)
    return shown(page)


def rows(page: Page) -> list[str]:
    return page.locator(f"{LIST} > details > summary").all_inner_texts()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty problems of two models; problem 7 changes to right, 8 to wrong, the others stay."""
    made: list[dict[str, Any]] = []
    for problem in range(40):
        for label in ("base", "trained"):
            right = {(7, "base"): False, (8, "trained"): False}.get((problem, label), True)
            made.append(sample(problem, label, correct=right, value=float(right)))
    made[10] |= {"doubt": "graders disagree", "second": False, "components": {"format": 0.5}}
    made[13] |= {"truncated": True, "response": "long and unfinished " * 50, "extracted": None,
                 "response_tokens": 5000, "correct": False}  # fmt: skip
    return write_report(make_run(tmp_path_factory.mktemp("r") / "run", rows=made))


@pytest.fixture
def opened(watched: Watched, report: Path) -> Page:
    return watched.open(report)


def test_all_samples_are_counted_and_paged(opened: Page) -> None:
    assert shown(opened) == "80 of 80 samples"
    assert len(rows(opened)) == 50
    opened.click("#samples-next")
    assert len(rows(opened)) == 30
    assert opened.inner_text("#samples-page") == "page 2 of 2"
    assert opened.is_disabled("#samples-next")


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("model", "base", 40),
        ("verdict", "wrong", 3),
        ("verdict", "right", 77),
        ("verdict", "not graded", 0),
        ("doubt", "any", 1),
        ("doubt", "=graders disagree", 1),
        ("doubt", "none", 79),
        ("truncated", "true", 1),
        ("change", "any", 6),
        ("change", "gained", 2),
        ("change", "lost", 4),
    ],
)
def test_filters(opened: Page, name: str, value: str, count: int) -> None:
    assert choose(opened, name, value) == f"{count} of 80 samples"
    assert len(rows(opened)) == min(count, 50)


def test_filters_work_together_and_are_cleared_together(opened: Page) -> None:
    choose(opened, "verdict", "wrong")
    assert choose(opened, "model", "base").startswith("1 of")
    opened.click("#samples-form button[type=reset]")
    expect(opened.locator("#samples-count")).to_have_text("80 of 80 samples")


@pytest.mark.parametrize(
    ("text", "count"), [("problem 17:", 2), ("UNFINISHED", 1), ("two times", 79), ("no such", 0)]
)
def test_search_in_prompt_and_response(opened: Page, text: str, count: int) -> None:
    assert look_for(opened, text) == f"{count} of 80 samples"


@pytest.mark.parametrize("text", [".*", "[", "\\", "(?:", "a|b", "^", "$&"])
def test_search_takes_signs_as_they_are(opened: Page, text: str) -> None:
    assert look_for(opened, text).startswith("0 of")


def test_matches_are_marked_in_row_and_texts(opened: Page) -> None:
    look_for(opened, "TIMES 17 is")
    opened.click(f"{LIST} summary >> nth=0")
    marks = opened.locator(f"{LIST} > details >> nth=0").locator("mark")
    expect(marks).to_have_count(3)  # the row's excerpt, this response, the other model's
    assert set(marks.all_inner_texts()) == {"times 17 is"}
    assert "Two times 17 is 34." in opened.locator(f"{LIST} .column pre >> nth=0").inner_text()


def test_an_open_sample_says_everything(opened: Page) -> None:
    choose(opened, "doubt", "any")
    opened.click(f"{LIST} summary")
    text = opened.locator(f"{LIST} .column >> nth=0").inner_text()
    for said in ("graders disagree", "1 (format 0.5)", "55 tokens", "Two times 5 is 10."):
        assert said in text
    facts = dict(
        zip(
            opened.locator(f"{LIST} .column >> nth=0").locator("dt").all_inner_texts(),
            opened.locator(f"{LIST} .column >> nth=0").locator("dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts["second grader"] == "wrong"
    assert facts["gold"] == "10"
    assert opened.locator(f"{LIST} .prompt pre").inner_text() == "Problem 5: what is 5 + 5?"


def test_base_and_trained_stand_beside_each_other(opened: Page) -> None:
    look_for(opened, "problem 7:")
    opened.click(f"{LIST} summary >> nth=0")
    left, right = (opened.locator(f"{LIST} .column >> nth={at}") for at in (0, 1))
    assert left.locator("a").inner_text() == "base sample 0"
    assert right.locator("a").inner_text() == "trained sample 0"
    one, other = left.bounding_box(), right.bounding_box()
    assert one is not None and other is not None
    assert one["y"] == other["y"] and one["x"] + one["width"] <= other["x"]


def test_any_sample_of_the_other_model_can_be_put_beside(watched: Watched, tmp_path: Path) -> None:
    made = [sample(0, label, number, response=f"{label} says {number}")
            for label in ("base", "trained") for number in range(4)]  # fmt: skip
    page = watched.open(write_report(make_run(tmp_path / "run", rows=made)))
    page.click(f"{LIST} > details:nth-of-type(3) > summary")
    assert "trained says 1" in page.locator(f"{LIST} .column >> nth=1").inner_text()
    page.select_option(f"{LIST} .column select", index=3)
    assert "trained says 3" in page.locator(f"{LIST} .column >> nth=1").inner_text()


def test_order_by_length(opened: Page) -> None:
    choose(opened, "sort", "longest")
    assert "5,000 tokens" in rows(opened)[0]
    choose(opened, "sort", "shortest")
    assert "50 tokens" in rows(opened)[0]
    choose(opened, "sort", "problem")
    assert opened.locator(f"{LIST} h3 >> nth=0").inner_text() == "held_out, problem 0"


def test_keys_go_through_the_samples_and_over_pages(opened: Page) -> None:
    focused = "document.activeElement.closest('details.sample') && document.activeElement.innerText"
    opened.keyboard.press("j")
    assert "base 0" in opened.evaluate(focused)
    opened.keyboard.press("j")
    assert "trained 0" in opened.evaluate(focused)
    opened.keyboard.press("ArrowUp")
    assert "base 0" in opened.evaluate(focused)
    opened.keyboard.press("Enter")
    expect(opened.locator(f"{LIST} .opened")).to_have_count(1)
    for _ in range(50):
        opened.keyboard.press("j")
    expect(opened.locator("#samples-page")).to_have_text("page 2 of 2")
    opened.keyboard.press("k")
    expect(opened.locator("#samples-page")).to_have_text("page 1 of 2")
    assert "trained 0" in opened.evaluate(focused)


def test_slash_searches_and_letters_stay_letters_there(opened: Page) -> None:
    opened.keyboard.press("/")
    opened.keyboard.type("j/k")
    assert opened.input_value("#samples-form [name=text]") == "j/k"
    assert shown(opened).startswith("0 of")


def test_the_focus_is_seen(opened: Page) -> None:
    opened.keyboard.press("j")
    style = "getComputedStyle(document.activeElement).outlineStyle"
    assert opened.evaluate(style) == "solid"


def test_a_link_opens_its_sample(watched: Watched, report: Path) -> None:
    page = watched.open(report, "#sample=held_out/33/trained/0")
    row = page.locator(f"{LIST} > details[open]")
    row.wait_for()
    assert "trained 0" in row.locator("summary >> nth=0").inner_text()
    assert "Two times 33 is 66." in row.inner_text()
    assert page.inner_text("#samples-page") == "page 2 of 2"


def test_a_link_within_the_page_passes_by_filters_that_hide_it(opened: Page) -> None:
    choose(opened, "verdict", "wrong")
    opened.evaluate("location.hash = '#sample=held_out/20/base/0'")
    opened.wait_for_selector(f"{LIST} > details[open]")
    assert shown(opened) == "80 of 80 samples"


def test_a_link_to_what_is_not_here_says_so(watched: Watched, report: Path) -> None:
    page = watched.open(report, "#sample=held_out/400/base/0")
    expect(page.locator("#samples-count")).to_contain_text("not in this page")


def test_the_newest_search_wins(opened: Page) -> None:
    opened.evaluate(
        """() => {
          const field = document.querySelector('#samples-form [name=text]');
          for (const text of ['two', 'two times 1', 'two times 12']) {
            field.value = text;
            field.dispatchEvent(new Event('input', { bubbles: true }));
          }
        }"""
    )
    assert shown(opened) == "2 of 80 samples"


def test_ten_thousand_samples_are_searched_filtered_and_sorted(
    watched: Watched, tmp_path: Path
) -> None:
    made = samples(1250, per_problem=4, characters=2000)
    made[9000]["response"] += " needle"
    page = watched.open(write_report(make_run(tmp_path / "run", rows=made)))
    assert shown(page) == "10,000 of 10,000 samples"
    assert look_for(page, "needle") == "1 of 10,000 samples"
    common = sum("sum that add" in one["response"] for one in made)
    assert look_for(page, "Sum That Add") == f"{common:,} of 10,000 samples"
    assert common > 50
    look_for(page, "")
    truncated = sum(one["truncated"] for one in made)
    assert choose(page, "truncated", "true") == f"{truncated:,} of 10,000 samples"
    expect(page.locator(f"{LIST} > details")).to_have_count(50)


def test_without_scripts_a_few_samples_are_there(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert "need JavaScript" in page.inner_text("#samples")
    assert "Two times 0 is 0." in page.inner_text("#samples")
    assert not page.is_visible("#samples-form")
    context.close()
