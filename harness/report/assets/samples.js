// The sample browser: filters, search, pages, keys and links to one sample.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("sample-browser");
  if (!root) return;
  const PAGE = 50;
  const REFRESH_MS = 250;
  const get = (name) => document.getElementById(`samples-${name}`);
  const [form, list, said, where, previous, next] = ["form", "list", "count", "page", "previous", "next"].map(get);
  const total = Number(root.dataset.included);
  const open = new Set();
  let found = [];
  let page = 0;
  let newest = 0;
  let shown = {};
  let drawn = { part: [] };
  let loaded = false;

  const read = () => Object.fromEntries(new FormData(form));
  const rows = () => [...list.querySelectorAll(":scope > details")];
  const focused = () => rows().findIndex((row) => row.contains(document.activeElement));

  function row(sample) {
    const made = sampleView.row(sample, shown.text);
    made.open = open.has(sample);
    made.addEventListener("toggle", () => { open[made.open ? "add" : "delete"](sample); });
    return made;
  }

  // Sorted by problem, each problem has one heading; else each sample its own.
  function rowsOf(part) {
    const grouped = shown.sort === "problem";
    const ahead = found[page * PAGE - 1]?.problem;
    return part.flatMap((sample, at) => {
      if (grouped && at > 0 && part[at - 1].problem === sample.problem) return [row(sample)];
      const goesOn = grouped && at === 0 && ahead === sample.problem;
      return [sampleView.heading(sample.problem, goesOn), row(sample)];
    });
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const part = found.slice(page * PAGE, (page + 1) * PAGE);
    const same = drawn.text === shown.text && drawn.sort === shown.sort
      && drawn.part.length === part.length && part.every((sample, at) => sample === drawn.part[at]);
    if (!same) {
      const focus = drawn.part[focused()];
      list.replaceChildren(...rowsOf(part));
      drawn = { part, text: shown.text, sort: shown.sort };
      if (focus) rows()[part.indexOf(focus)]?.firstChild.focus();
    }
    where.textContent = `page ${page + 1} of ${pages}`;
    previous.disabled = page === 0;
    next.disabled = page === pages - 1;
  }

  function count() {
    const of = total.toLocaleString("en");
    const text = `${found.length.toLocaleString("en")} of ${of} samples`;
    said.textContent = loaded ? text : `${text} (loading: ${sampleData.all.length.toLocaleString("en")} of ${of})`;
    root.setAttribute("aria-busy", String(!loaded));
  }

  // The newest query wins.
  async function search({ stay = false } = {}) {
    const mine = newest += 1;
    const query = read();
    root.setAttribute("aria-busy", "true");
    const result = await sampleData.find(query, () => mine === newest);
    if (result === null || mine !== newest) return;
    [found, shown] = [result, query];
    if (!stay) page = 0;
    draw();
    count();
  }

  function turn(by) {
    page += by;
    draw();
    get("top").scrollIntoView();
  }

  function move(by) {
    const now = focused();
    const to = now < 0 ? 0 : now + by;
    if (to >= 0 && to < rows().length) return rows()[to].firstChild.focus();
    if (to < 0 ? previous.disabled : next.disabled) return undefined;
    turn(by);
    return rows().at(by > 0 ? 0 : -1).firstChild.focus();
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === form.elements.text && event.key === "Enter") move(1);
    else if (event.target.closest("input, select, textarea")) return;
    else if (event.key === "/") form.elements.text.focus();
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.target.matches("summary") && event.key === "ArrowDown" && list.contains(event.target)) move(1);
    else if (event.target.matches("summary") && event.key === "ArrowUp" && list.contains(event.target)) move(-1);
    else return;
    event.preventDefault();
  }

  // Opens the sample that the address names; filters that hide it are cleared.
  async function follow() {
    if (!location.hash.startsWith("#sample=")) return;
    const wanted = sampleData.all.find((sample) => sampleView.link(sample) === location.hash);
    if (!wanted) {
      if (loaded) said.textContent = "The sample that the address names is not in this page";
      return;
    }
    if (!found.includes(wanted)) {
      form.reset();
      await search();
    }
    const at = found.indexOf(wanted);
    page = Math.floor(at / PAGE);
    draw();
    const target = rows()[at % PAGE];
    target.open = true;
    target.scrollIntoView();
    target.firstChild.focus({ preventScroll: true });
  }

  async function start() {
    root.hidden = false;
    let refreshed = -Infinity;
    await sampleData.load(root.querySelectorAll("script.sample-block"), () => {
      if (performance.now() - refreshed < REFRESH_MS) return;
      refreshed = performance.now();
      search({ stay: true });
    });
    loaded = true;
    await search({ stay: true });
    await follow();
  }

  form.addEventListener("input", () => search());
  form.addEventListener("reset", () => setTimeout(search));
  form.addEventListener("submit", (event) => event.preventDefault());
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  document.addEventListener("keydown", pressed);
  window.addEventListener("hashchange", follow);
  start().catch((error) => {
    said.textContent = `The samples could not be unpacked: ${error.message}`;
    root.setAttribute("aria-busy", "false");
  });
});
