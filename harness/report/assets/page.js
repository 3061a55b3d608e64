// What every page does: the theme button, and charts drawn when they come into view.
"use strict";

// Bytes of gzip in base64 -> their text.
async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

(() => {
  const THEMES = ["auto", "light", "dark"];
  const button = document.getElementById("theme");

  function stored() {
    try { return localStorage.getItem("reprise-theme"); } catch { return null; }
  }

  function set(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    try { localStorage.setItem("reprise-theme", theme); } catch { /* a page without storage */ }
  }

  let theme = THEMES.includes(stored()) ? stored() : "auto";
  set(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    set(theme);
  });
})();

(() => {
  // Colours are CSS variables, so that a drawn chart follows the theme and the printer.
  const TEXT = { labelColor: "var(--soft)", titleColor: "var(--soft)", labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  const CONFIG = {
    font: "system-ui, sans-serif",
    background: "transparent",
    view: { stroke: null },
    axis: { ...TEXT, gridColor: "var(--grid)", domainColor: "var(--line)", tickColor: "var(--line)", tickSize: 4, titlePadding: 6 },
    axisY: { domain: false, ticks: false, labelPadding: 6, minExtent: 38 },
    axisX: { grid: false },
    legend: { ...TEXT, title: null, orient: "top", symbolStrokeWidth: 2 },
    text: { color: "var(--ink)", fontSize: 11 },
    range: { category: [1, 2, 3, 4, 5, 6].map((number) => `var(--series-${number})`) },
  };
  let ready = null;

  async function library() {
    const script = document.createElement("script");
    script.textContent = await unpack(document.getElementById("vega").textContent);
    document.body.append(script);
    return window.vegaEmbed;
  }

  async function draw(source) {
    if (source.dataset.begun) return;
    source.dataset.begun = "yes";
    const plot = source.parentElement.querySelector(".plot");
    try {
      const embed = await (ready ??= library());
      // ast: Vega's interpreter, for the page forbids eval.
      await embed(plot, JSON.parse(source.textContent), { config: CONFIG, renderer: "svg", actions: false, ast: true, mode: "vega-lite" });
      plot.dataset.drawn = "yes";
    } catch (error) {
      plot.textContent = "This chart could not be drawn.";
      console.error(error);
    }
  }

  const sources = [...document.querySelectorAll("script.chart-spec")];
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target.querySelector("script.chart-spec"));
    }
  }, { rootMargin: "300px" });
  for (const source of sources) seen.observe(source.parentElement);

  // Print shows what is folded, and charts that were never in view.
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      details.dataset.printed = "yes";
    }
  });
  window.addEventListener("afterprint", () => {
    for (const details of document.querySelectorAll("details[data-printed]")) {
      details.open = false;
      delete details.dataset.printed;
    }
  });
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  async function drawRest() {
    const source = sources.find((one) => !one.dataset.begun);
    if (!source) return;
    await draw(source);
    idle(drawRest);
  }
  window.addEventListener("load", () => idle(drawRest));
})();
