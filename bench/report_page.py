"""How fast a report with many samples is in Chromium: first paint, until all samples are there, and
each interaction from its event to the next frame. `python -m bench.report_page [samples]`."""

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from harness.report.run.page import write_report
from tests.browser.driving import Watched, launch
from tests.report.making import make_run, samples

SAMPLES = 10_000
CHARACTERS = 2_000
"""Of a response."""
TIMES = 5
FIRST_PAINT_MS = 2_000
INTERACTION_MS = 200
TIMED = """
async ([target, value]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const root = document.getElementById("sample-browser");
  const form = document.getElementById("samples-form");
  await frame();
  const from = performance.now();
  if (form.elements[target]) {
    form.elements[target].value = value;
    form.elements[target].dispatchEvent(new Event("input", { bubbles: true }));
  } else document.querySelector(target).click();
  await frame();
  const next = performance.now() - from;
  while (root.getAttribute("aria-busy") === "true") await frame();
  return [next, performance.now() - from];
}
"""
"""Milliseconds from the event to the next frame, and until the page shows what was asked for."""
LONGEST_TASK = """
() => new Promise((done) => {
  const seen = [];
  new PerformanceObserver((list) => seen.push(...list.getEntries()))
    .observe({ type: "longtask", buffered: true });
  setTimeout(() => done(Math.max(0, ...seen.map((entry) => entry.duration))), 200);
})
"""
INTERACTIONS = (
    ("filter: wrong ones", "verdict", "wrong"),
    ("filter: all", "verdict", ""),
    ("filter: changed problems", "change", "any"),
    ("filter: all problems", "change", ""),
    ("search: a letter", "text", "e"),
    ("search: in many responses", "text", "the sum"),
    ("search: in one response", "text", "needle"),
    ("search: in none", "text", "no such words"),
    ("search: cleared", "text", ""),
    ("order: longest first", "sort", "longest"),
    ("order: by problem", "sort", "problem"),
    ("next page", "#samples-next", ""),
    ("previous page", "#samples-previous", ""),
    ("open a sample", "#samples-list > details:not([open]) > summary", ""),
)


def row(name: str, milliseconds: float, until: float, limit: str = "") -> None:
    """One line of the table."""
    print(f"{name:32} {milliseconds:9.0f} {until:9.0f}  {limit}")


def load(page: Page) -> None:
    """First paint, and when all samples can be searched, after the page was opened."""
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    row("first contentful paint", painted, painted, f"under {FIRST_PAINT_MS} ms")
    ready = page.evaluate("performance.now()")
    row("all samples searchable", ready, ready)
    longest = page.evaluate(LONGEST_TASK)
    row("longest task while loading", longest, longest)


def interact(page: Page) -> None:
    """All interactions, several times over: each changes what the one before it left."""
    taken: dict[str, list[list[float]]] = defaultdict(list)
    for _ in range(TIMES):
        for name, target, value in INTERACTIONS:
            taken[name].append(page.evaluate(TIMED, [target, value]))
    for name, found in taken.items():
        row(
            name,
            statistics.median(one[0] for one in found),
            statistics.median(one[1] for one in found),
            f"under {INTERACTION_MS} ms (worst {max(one[1] for one in found):.0f})",
        )


def main(count: int) -> None:
    """Makes a run, writes its report and prints the table."""
    made = samples(count // 8, per_problem=4, characters=CHARACTERS)
    made[len(made) // 2]["response"] += " needle"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = make_run(Path(folder) / "run", rows=made)
        started = time.process_time()
        path = write_report(run)
        print(f"{len(made):,} samples of {CHARACTERS:,} characters")
        print(f"page: {path.stat().st_size / 1e6:.1f} MB", end=", ")
        print(f"written in {time.process_time() - started:.1f} s of CPU time")
        browser = launch(playwright)
        page = Watched(browser.new_page()).open(path)
        print(f"Chromium {browser.version}; milliseconds, medians of {TIMES}\n")
        print(f"{'':32} {'to frame':>9} {'to result':>9}")
        load(page)
        interact(page)
        browser.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
