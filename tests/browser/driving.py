"""Chromium for the browser tests and bench/report_page.py: where it is, and a page that is watched
for everything a report must not do."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
"""Of axe-core."""
READY = "#sample-browser[aria-busy=false]"


def chromium() -> str | None:
    """The browser to use: REPRISE_CHROMIUM, else the system's."""
    found = (shutil.which(name) for name in NAMES)
    return os.environ.get("REPRISE_CHROMIUM") or next(filter(None, found), None)


def launch(playwright: Playwright) -> Browser:
    """The browser without a window; root has no sandbox to offer."""
    flags = ["--no-sandbox"] if os.getuid() == 0 else []
    return playwright.chromium.launch(executable_path=chromium(), args=flags)


@dataclass
class Watched:
    """What a page did that it must not do."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", lambda said: self.heard(said.type, said.text))
        self.page.on("request", lambda request: self.asked(request.url))
        self.page.on("dialog", lambda dialog: (self.faults.append("dialog"), dialog.dismiss()))
        self.page.on("popup", lambda _: self.faults.append("popup"))

    def heard(self, kind: str, text: str) -> None:
        """A message on the console; a page says nothing there."""
        self.faults.append(f"console {kind}: {text}")

    def asked(self, url: str) -> None:
        """A request; only the page itself may be read."""
        if not url.startswith("file:") or not url.split("#")[0].endswith(".html"):
            self.faults.append(f"request: {url[:200]}")

    def open(self, path: Path, fragment: str = "") -> Page:
        """Loads a page and waits for its samples, where it has any."""
        self.page.goto(path.as_uri() + fragment)
        if self.page.locator("#sample-browser").count():
            self.page.wait_for_selector(READY, timeout=60_000)
        return self.page


def drawn(page: Page) -> Page:
    """The page once all its charts were in view and are drawn."""
    for figure in page.locator("figure.chart").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".plot svg").first.wait_for()
    page.evaluate("window.scrollTo(0, 0)")
    return page


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong (contrast, names, roles, order of headings...), with where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes'][:4]]}" for one in found]
