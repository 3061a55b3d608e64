"""The sweep page and the leaderboard in a real browser: sorted by mouse and keys, filtered, within
a phone's width, and by axe-core's rules for access."""

from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.console import Console
from harness.report.action import report
from tests.browser.driving import Watched, drawn, violations
from tests.report.making import HOSTILE
from tests.report.many import make_run, scores, spec_of

pytestmark = pytest.mark.browser
PAGES = ("sweep.html", "leaderboard.html")


class Place(NamedTuple):
    """A heading of a sortable table."""

    table: Locator
    column: int

    @property
    def heading(self) -> Locator:
        return self.table.locator("thead tr:last-child th").nth(self.column)

    def values(self) -> list[str]:
        """What the column sorts by, from the top; hidden rows left out."""
        return list(
            self.table.locator("tbody tr:not([hidden])").evaluate_all(
                "(rows, at) => rows.map(row => row.cells[at].dataset.value"
                " ?? row.cells[at].textContent.trim())",
                self.column,
            )
        )


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs of three learning rates, one of them failed for a hostile reason."""
    where = tmp_path_factory.mktemp("sweep")
    for index in range(6):
        rate = 10.0 ** -(5 + index % 3)
        spec = spec_of(seed=index, algorithm__optimizer={"lr": rate})
        failed = index == 5
        make_run(
            where / f"run-{index}",
            spec,
            state="failed" if failed else "done",
            reason=HOSTILE if failed else "",
            measured=[] if failed else [scores(trained=0.3 + 0.1 * index, seed=index)],
            steps=10 - index,
        )
    assert report(where, Console()) == 0
    return where


def place(page: Page, heading: str) -> Place:
    """A column of the runs by its heading."""
    table = page.locator("#runs-table")
    names = table.locator("thead tr:last-child th").all_inner_texts()
    return Place(table, next(at for at, name in enumerate(names) if name.startswith(heading)))


def test_a_click_sorts_and_says_so(watched: Watched, sweep: Path) -> None:
    steps = place(watched.open(sweep / "sweep.html"), "steps")
    steps.heading.locator("button").click()
    assert steps.heading.get_attribute("aria-sort") == "descending"
    assert steps.values() == ["10", "9", "8", "7", "6", "5"]
    steps.heading.locator("button").click()
    assert steps.heading.get_attribute("aria-sort") == "ascending"
    assert steps.values() == ["5", "6", "7", "8", "9", "10"]


def test_keys_sort_and_one_column_at_a_time(watched: Watched, sweep: Path) -> None:
    page = watched.open(sweep / "sweep.html")
    steps, state = place(page, "steps"), place(page, "state")
    steps.heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert steps.heading.get_attribute("aria-sort") == "descending"
    state.heading.locator("button").focus()
    page.keyboard.press("Space")
    assert state.heading.get_attribute("aria-sort") == "ascending"
    assert state.values() == ["done"] * 5 + ["failed"]
    assert page.locator("#runs-table [aria-sort]").count() == 1


def test_what_was_not_run_sorts_last_both_ways(watched: Watched, sweep: Path) -> None:
    change = place(watched.open(sweep / "sweep.html"), "change")
    for _ in range(2):
        change.heading.locator("button").click()
        assert change.values()[-1] == ""
        numbers = [float(value) for value in change.values()[:-1]]
        assert numbers in (sorted(numbers), sorted(numbers, reverse=True))


def test_the_runs_are_filtered(watched: Watched, sweep: Path) -> None:
    page = watched.open(sweep / "sweep.html")
    page.fill("#runs-filter", "failed")
    expect(page.locator("#runs-table-count")).to_have_text("1 of 6 rows")
    assert place(page, "state").values() == ["failed"]


def test_a_run_is_linked_to_its_page(watched: Watched, sweep: Path) -> None:
    page = watched.open(sweep / "sweep.html")
    page.click("#runs-table tbody a >> nth=0")
    page.wait_for_url("**/report.html")


def test_every_row_of_the_leaderboard_has_a_status(watched: Watched, sweep: Path) -> None:
    page = watched.open(sweep / "leaderboard.html")
    text = page.inner_text("main")
    assert "not run" in text
    assert page.locator("table.sortable tbody tr").count() >= 5
    assert page.locator("table.sortable thead button").count() >= 4


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_access_by_the_rules(watched: Watched, sweep: Path, name: str, theme: str) -> None:
    watched.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    assert violations(drawn(watched.open(sweep / name))) == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 360])
def test_nothing_is_wider_than_a_phone(
    watched: Watched, sweep: Path, name: str, width: int
) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = drawn(watched.open(sweep / name))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_hostile_reason_is_text(watched: Watched, sweep: Path) -> None:
    page = watched.open(sweep / "sweep.html")
    assert "<img src=x onerror=alert(2)>" in page.inner_text("#failures-table")
    assert page.locator("img").count() == 0
