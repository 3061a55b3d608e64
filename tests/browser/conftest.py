"""A real browser for the tests of the pages, which are skipped where there is none."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.driving import Watched, chromium, launch

PATIENCE_MS = 20_000
"""For what comes after an event, on a machine that has other things to do."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    if chromium() is None:
        pytest.skip("there is no Chromium: tests/browser/install.sh, or REPRISE_CHROMIUM=<path>")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page of its own; the test fails when it logs, asks the network for anything or pops up."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    watching = Watched(page)
    yield watching
    page.close()
    assert watching.faults == []


@pytest.fixture
def page(watched: Watched) -> Page:
    """The watched page itself."""
    return watched.page
