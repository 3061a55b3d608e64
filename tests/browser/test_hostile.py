"""Model output that tries to be markup, a script or a broken file stays text in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from harness.report.run.page import write_report
from tests.browser.driving import Watched
from tests.report.making import HOSTILE, make_run, sample

pytestmark = pytest.mark.browser
TEXTS = {
    "script": HOSTILE,
    "comment": "<!-- <script> <![CDATA[ ]]> --> <!--",
    "template": "{{ 7 * 7 }} {% raw %} ${7*7} &lt;b&gt; &#0;",
    "handlers": "<svg onload=alert(1)><iframe src=javascript:alert(2)><a href='http://x.invalid'>",
    "noscript": "</noscript></pre></details></main><style>*{display:none}</style>",
    "separators": "one\u2028two\u2029three\x0bfour\x85five",
    "direction": "left \u202eright\u2066 \u200f\u061c end",
    "nul": "a\0b\x01\x1b[31m",
    "half": "half \ud83d pair \udc00",
    "latex": "\\boxed{\\frac{1}{2}} $$ </ script >",
}


def opened(page: Page) -> str:
    """The text of the first sample's response."""
    page.click("#samples-list summary >> nth=0")
    text = page.locator("#samples-list .column pre >> nth=0").evaluate("node => node.textContent")
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", TEXTS)
def test_text_stays_text(watched: Watched, tmp_path: Path, name: str) -> None:
    text = TEXTS[name]
    fields = {"prompt": text, "response": text, "extracted": text, "doubt": text,
              "truth": {"answer": text}, "id": text}  # fmt: skip
    rows = [sample(0, label, **fields) for label in ("base", "trained")]
    page = watched.open(write_report(make_run(tmp_path / "run", rows=rows)))
    assert opened(page).encode("utf-8", "surrogatepass") == text.encode("utf-8", "surrogatepass")
    assert page.locator("img, iframe, svg[onload]").count() == 0
    page.fill("#samples-form [name=text]", text[1:5])
    page.wait_for_selector("#sample-browser[aria-busy=false]")
    assert page.locator("#samples-list > details").count() == 2


def test_a_hostile_run_is_text_everywhere(watched: Watched, tmp_path: Path) -> None:
    rows = [sample(number, label, response=HOSTILE)
            for number in range(3) for label in ("base", "trained")]  # fmt: skip
    run = make_run(tmp_path / "run", rows=rows, name=HOSTILE, note=HOSTILE, sentences=[HOSTILE])
    page = watched.open(write_report(run))
    assert page.locator("h1").inner_text().startswith("</script><script>alert(1)")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(300)
    assert page.locator("img").count() == 0


def test_a_line_of_a_megabyte_is_shortened_and_stays_inside(
    watched: Watched, tmp_path: Path
) -> None:
    rows = [sample(0, label, response="x" * 1_000_000) for label in ("base", "trained")]
    watched.page.set_viewport_size({"width": 390, "height": 844})
    page = watched.open(write_report(make_run(tmp_path / "run", rows=rows)))
    assert "960,000 characters left out here" in opened(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_forbids_the_network(watched: Watched, tmp_path: Path) -> None:
    page = watched.open(write_report(make_run(tmp_path / "run", rows=[sample(0)])))
    blocked = page.evaluate("fetch('https://example.invalid/').then(() => 'went', () => 'blocked')")
    assert blocked == "blocked"
    assert any("Content Security Policy" in fault for fault in watched.faults)
    watched.faults.clear()
