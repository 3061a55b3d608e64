"""Sweep page and leaderboard in a real browser: sorting, filtering, keys, narrow screens."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.report.leaderboard.page import write_leaderboard
from harness.report.sweep.page import write_sweep
from harness.report.sweep.runs import read_many
from harness.submit.states import run_folders, survey
from tests.browser.driving import Watched
from tests.report.making import HOSTILE
from tests.report.many import make_run, scores, spec_of

pytestmark = pytest.mark.browser
RUNS = 250


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More runs than are laid out at once, one with hostile text, and both pages."""
    where = tmp_path_factory.mktemp("root")
    for index in range(RUNS):
        measured = [scores(trained=0.3 + 0.02 * index, seed=index)] if index < 10 else []
        spec = spec_of(algorithm__kl=index % 3, seed=index)
        state = "done" if measured else "failed"
        make_run(where / f"r{index:03}", spec, measured=measured, state=state, reason=HOSTILE,
                 steps=3)  # fmt: skip
    runs = read_many(survey(run_folders(where)).runs)
    write_sweep(runs, where)
    write_leaderboard(runs, where)
    return where


def column(page: Page, place: int) -> list[float]:
    """Values of the cells that have one, from the top."""
    cells = page.locator(f"#runs-table tbody tr > :nth-child({place})")
    found = cells.evaluate_all("all => all.map(cell => cell.dataset.value ?? cell.textContent)")
    return [float(value) for value in found if value.strip()]


def place_of(page: Page, title: str) -> int:
    return page.locator("#runs-table thead th").all_inner_texts().index(title) + 1


def test_a_heading_sorts_by_numbers_and_says_so(watched: Watched, root: Path) -> None:
    page = watched.open(root / "sweep.html")
    toy = place_of(page, "toy")
    heading = page.locator(f"#runs-table thead th:nth-child({toy})")
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, toy) == sorted(column(page, toy), reverse=True)
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, toy) == sorted(column(page, toy)) and len(column(page, toy)) == 10
    page.locator("#runs-table thead th button").first.click()
    assert heading.get_attribute("aria-sort") is None


def test_the_filter_counts_and_the_first_rows_come_first(watched: Watched, root: Path) -> None:
    page = watched.open(root / "sweep.html")
    seen = page.locator("#runs-table tbody tr:visible")
    counted = page.locator("#runs-table-count")
    expect(seen).to_have_count(200)
    expect(counted).to_have_text(f"{RUNS} rows")
    page.fill("#runs-filter", "done")
    expect(seen).to_have_count(10)
    expect(counted).to_have_text(f"10 of {RUNS} rows")
    page.fill("#runs-filter", "")
    page.get_by_text(f"Show all {RUNS} rows").first.click()
    expect(seen).to_have_count(RUNS)


@pytest.mark.parametrize("name", ["sweep.html", "leaderboard.html"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_and_charts_are_drawn(
    watched: Watched, root: Path, name: str, width: int
) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = watched.open(root / name)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
    expect(page.locator(".plot:not([data-drawn])")).to_have_count(0)


def test_the_leaderboard_filters_by_project(watched: Watched, root: Path) -> None:
    page = watched.open(root / "leaderboard.html")
    rows = page.locator("#claims-table tbody tr")
    every = rows.count()
    page.fill("#claims-filter", "deepscaler aime24")
    seen = page.locator("#claims-table tbody tr:visible")
    expect(page.locator("#claims-table-count")).to_contain_text(" of ")
    expect(seen.filter(has_text="DeepScaleR").first).to_be_visible()
    assert 0 < seen.count() < every / 10
    assert all("aime24" in text for text in seen.all_inner_texts())
