"""The pages in a real browser: charts, themes, phones, keys, and axe-core's rules for access."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from harness.report.run.page import write_report
from tests.browser.driving import Watched, drawn, violations
from tests.report.making import add_curve, make_run, samples

pytestmark = pytest.mark.browser
THEMES = ("light", "dark")
REACHABLE = """
() => [...document.querySelectorAll('a[href], button, select, input, summary, [tabindex="0"]')]
  .filter((one) => one.checkVisibility() && !one.disabled && !one.closest('.opened'))
  .map((one) => { one.dataset.reached = 'no'; return one; }).length
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two attempts with curves, scores and samples."""
    folder = tmp_path_factory.mktemp("r") / "run"
    return write_report(make_run(folder, rows=samples(4, 2), repro="tinyzero"))


@pytest.fixture(scope="module")
def curved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with scores at three budgets, each beside a claimed point."""
    folder = tmp_path_factory.mktemp("c") / "run"
    return write_report(add_curve(make_run(folder, rows=samples(2, 1))))


def test_a_curve_is_drawn_with_its_claimed_points(watched: Watched, curved: Path) -> None:
    page = drawn(watched.open(curved))
    plot = page.locator("#curve-prompt-budget-at512 .plot svg")
    assert plot.locator("[aria-roledescription='symbol mark container'] path").count() >= 9
    ticks = plot.locator(".role-axis-label text").all_text_contents()
    assert {"512", "1,024", "2,048"} <= set(ticks)
    page.locator("summary", has_text="by the budget that prompts ask for: numbers").click()
    numbers = page.get_by_role("region", name="aime25 by the budget")
    assert numbers.locator("td", has_text="2,058").is_visible()
    assert violations(page) == []


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_every_chart_is_drawn_and_says_what_it_shows(watched: Watched, report: Path) -> None:
    page = drawn(watched.open(report))
    plots = page.locator("figure.chart .plot")
    assert plots.count() >= 6
    for plot in plots.all():
        assert plot.locator("svg path, svg line, svg rect").count() > 2
        described = plot.get_attribute("aria-labelledby")
        assert len(page.locator(f"[id='{described}']").inner_text()) > 20


@pytest.mark.parametrize("theme", THEMES)
def test_access_by_the_rules(watched: Watched, report: Path, theme: str) -> None:
    watched.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page = drawn(watched.open(report))
    page.fill("#samples-form [name=text]", "problem 1")
    page.locator("#samples-list mark").first.wait_for()
    for one in page.locator("details").all():
        one.evaluate("node => { node.open = true; }")
    page.locator(".opened mark").first.wait_for()
    assert violations(page) == []


def test_the_theme_follows_the_system_and_the_button(watched: Watched, report: Path) -> None:
    watched.page.emulate_media(color_scheme="light")
    page = watched.open(report)
    light = background(page)
    page.emulate_media(color_scheme="dark")
    dark = background(page)
    assert light != dark
    page.click("#theme")
    assert background(page) == light
    page.click("#theme")
    assert background(page) == dark


def test_the_chosen_theme_is_kept(watched: Watched, report: Path) -> None:
    watched.page.emulate_media(color_scheme="light")
    page = watched.open(report)
    page.click("#theme")
    page.click("#theme")
    chosen = background(page)
    page.reload()
    assert background(page) == chosen


@pytest.mark.parametrize("width", [390, 360, 320])
def test_nothing_is_wider_than_a_phone(watched: Watched, report: Path, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = drawn(watched.open(report))
    for one in page.locator("details").all():
        one.evaluate("node => { node.open = true; }")
    page.locator(".opened").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keys_reach_everything(watched: Watched, report: Path) -> None:
    page = watched.open(report)
    expected = page.evaluate(REACHABLE)
    assert expected > 20
    for _ in range(expected + 5):
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.dataset.reached = 'yes'")
    missed = page.locator("[data-reached=no]").evaluate_all("all => all.map(x => x.outerHTML)")
    assert missed == []


def test_the_page_prints_without_its_controls(watched: Watched, report: Path) -> None:
    page = watched.open(report)
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.is_visible("#theme")
    assert not page.is_visible("#samples-form")
    assert page.is_visible("h1")
    assert background(page) == "rgb(255, 255, 255)"


def test_an_empty_run_is_a_page_too(watched: Watched, tmp_path: Path) -> None:
    page = watched.open(write_report(tmp_path))
    assert "not run" in page.inner_text("main")
    assert violations(page) == []
