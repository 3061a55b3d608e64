// What one sample looks like: a row that opens. Model output enters the page as text nodes only.
"use strict";

const sampleView = (() => {
  const MOST_MARKS = 1000;
  const SHORT_PROMPT = 1500;
  const AROUND = 60;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    made.append(...children);
    return made;
  }

  // Text nodes, with what was searched for in <mark>.
  function marked(text, wanted) {
    if (!wanted) return [text];
    const nodes = [];
    let done = 0;
    for (const match of text.matchAll(sampleData.pattern(wanted, "gi"))) {
      if (nodes.length > 2 * MOST_MARKS) break;
      nodes.push(text.slice(done, match.index), element("mark", {}, match[0]));
      done = match.index + match[0].length;
    }
    return [...nodes, text.slice(done)];
  }

  function content(text, wanted) {
    if (!Array.isArray(text)) return marked(text, wanted);
    const note = `${text[1].toLocaleString("en")} characters left out here`;
    return [...marked(text[0], wanted), element("span", { class: "left-out" }, note), ...marked(text[2], wanted)];
  }

  const isolated = (text, wanted) => element("bdi", {}, ...content(text, wanted));

  function word(sample) {
    const said = sampleData.verdict(sample);
    const look = { right: "good", wrong: "bad" }[said] ?? "open";
    return element("span", { class: `word ${look}` }, said);
  }

  const count = (value, unit) => `${value === null ? "unknown" : value.toLocaleString("en")} ${unit}`;

  // Where the first match is, for a row that is not open.
  function excerpt({ response, prompt }, wanted) {
    const [name, text] = [["response", response], ["prompt", prompt.text]]
      .flatMap(([source, whole]) => sampleData.pieces(whole).map((piece) => [source, piece]))
      .find(([, piece]) => sampleData.pattern(wanted).test(piece)) ?? [];
    if (!name) return [];
    const at = text.search(sampleData.pattern(wanted));
    const around = text.slice(Math.max(0, at - AROUND), at + wanted.length + AROUND);
    return [element("span", { class: "excerpt" }, `${name}: … `, isolated(around, wanted), " …")];
  }

  function row(sample, wanted) {
    const summary = element("summary", {},
      element("span", { class: "model" }, isolated(sample.label), ` ${sample.sample}`),
      word(sample),
      sample.extracted === null ? element("span", { class: "answer soft" }, "no answer found")
        : element("code", { class: "answer" }, isolated(sample.extracted, wanted)),
      element("span", { class: "soft" }, `reward ${sample.value ?? "unknown"}`),
      element("span", { class: "soft" }, count(sample.tokens, "tokens")));
    if (sample.truncated) summary.append(element("span", { class: "soft" }, "truncated"));
    if (sample.doubt && sample.doubt !== "truncated") {
      summary.append(element("span", { class: "doubt" }, "in doubt: ", isolated(sample.doubt)));
    }
    if (wanted) summary.append(...excerpt(sample, wanted));
    const made = element("details", { class: "sample" }, summary);
    made.addEventListener("toggle", () => {
      if (made.open && !made.querySelector(".opened")) made.append(opened(sample, wanted));
    });
    return made;
  }

  // Above the samples of one problem: what is right, and how each model did.
  function heading(problem, goesOn) {
    const made = element("div", { class: "problem" },
      element("h3", {}, isolated(problem.benchmark), ", problem ", isolated(problem.id), goesOn ? " (continued)" : ""));
    const facts = Object.entries(problem.right).map(([label, [right, graded]]) => `${label} ${right} of ${graded} right`);
    const change = { gained: "changed to right", lost: "changed to wrong" }[problem.change];
    made.append(element("p", { class: "soft" }, [...facts, ...(change ? [change] : [])].join(" · ")));
    if (problem.gold !== null) made.lastChild.append(" · gold ", element("code", {}, isolated(problem.gold)));
    return made;
  }

  function facts(sample, wanted) {
    const parts = Object.entries(sample.parts).map(([name, value]) => `${name} ${value}`).join(", ");
    const opinion = { true: "right", false: "wrong" }[sample.second] ?? "not asked";
    const lines = [
      ["verdict", word(sample)],
      ["extracted", sample.extracted === null ? "no answer found" : element("code", {}, isolated(sample.extracted, wanted))],
      ["gold", sample.problem.gold === null ? "not known here" : element("code", {}, isolated(sample.problem.gold))],
      ["second grader", opinion],
      ["doubt", sample.doubt ?? "none"],
      ["reward", `${sample.value ?? "unknown"}${parts ? ` (${parts})` : ""}`],
      ["length", `${count(sample.tokens, "tokens")}${sample.truncated ? ", truncated" : ""}`],
    ];
    return element("dl", {}, ...lines.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, element("bdi", {}, value)))));
  }

  function link(sample) {
    const names = [sample.problem.benchmark, sample.problem.id, sample.label, String(sample.sample)];
    return `#sample=${names.map((name) => encodeURIComponent(name.toWellFormed())).join("/")}`;
  }

  function column(sample, wanted, ...choice) {
    const name = element("a", { href: link(sample) }, isolated(sample.label), ` sample ${sample.sample}`);
    return element("div", { class: "column" },
      element("p", {}, name, ...choice),
      facts(sample, wanted),
      element("pre", { dir: "auto" }, ...content(sample.response, wanted)));
  }

  // The samples of the other models, one at a time.
  function others(found, sample, wanted) {
    const nearest = found.find((other) => other.sample === sample.sample) ?? found[0];
    if (found.length === 1) return column(nearest, wanted);
    const choice = element("select", { "aria-label": "sample shown beside it" },
      ...found.map((other, at) => element("option", { value: at }, `${other.label} sample ${other.sample}, ${sampleData.verdict(other)}`)));
    choice.value = found.indexOf(nearest);
    let shown = column(nearest, wanted, choice);
    choice.addEventListener("change", () => {
      const next = column(found[choice.value], wanted, choice);
      shown.replaceWith(next);
      shown = next;
      choice.focus();
    });
    return shown;
  }

  function opened(sample, wanted) {
    const prompt = element("details", { class: "prompt" }, element("summary", {}, "Prompt"),
      element("pre", { dir: "auto" }, ...content(sample.prompt.text, wanted)));
    const length = sampleData.pieces(sample.prompt.text).join("").length;
    prompt.open = length <= SHORT_PROMPT || prompt.querySelector("mark") !== null;
    const beside = element("div", { class: "beside" }, column(sample, wanted));
    const found = sample.problem.samples.filter((other) => other.label !== sample.label);
    if (found.length) beside.append(others(found, sample, wanted));
    return element("div", { class: "opened" }, prompt, beside);
  }

  return { row, heading, link };
})();
