// The samples of the page: unpacked block by block, and found by filters and text in slices short
// enough that no key press waits. A text is a string, or [head, characters left out, tail].
"use strict";

const sampleData = (() => {
  const SLICE_MS = 8;
  const all = [];
  const problems = new Map();

  const rest = () => (window.scheduler?.yield ? scheduler.yield() : new Promise((done) => setTimeout(done)));

  const key = (...names) => JSON.stringify(names);

  const pieces = (text) => (Array.isArray(text) ? [text[0], text[2]] : [text ?? ""]);

  const verdict = (sample) => (sample.correct === null ? "not graded" : sample.correct ? "right" : "wrong");

  const size = (sample) => (typeof sample.tokens === "number" ? sample.tokens : pieces(sample.response).join("").length);

  // A problem may go on in the next block.
  function add(block) {
    for (const { prompts, samples, ...facts } of block.problems) {
      const name = key(facts.benchmark, facts.id);
      if (!problems.has(name)) problems.set(name, { ...facts, samples: [] });
      const problem = problems.get(name);
      const texts = prompts.map((text) => ({ text }));
      for (const sample of samples) {
        const whole = { ...sample, prompt: texts[sample.prompt], problem, at: all.length };
        problem.samples.push(whole);
        all.push(whole);
      }
    }
  }

  async function load(blocks, arrived) {
    for (const block of blocks) {
      add(JSON.parse(await unpack(block.textContent)));
      block.remove();
      arrived();
      await rest();
    }
  }

  const doubts = {
    "": () => true,
    any: (sample) => sample.doubt !== null,
    none: (sample) => sample.doubt === null,
  };

  function passes(sample, query) {
    const { problem } = sample;
    return (!query.model || sample.label === query.model)
      && (!query.benchmark || problem.benchmark === query.benchmark)
      && (!query.verdict || verdict(sample) === query.verdict)
      && (doubts[query.doubt]?.(sample) ?? sample.doubt === query.doubt.slice(1))
      && (!query.truncated || String(sample.truncated) === query.truncated)
      && (!query.change || problem.change === query.change || (query.change === "any" && problem.change !== null));
  }

  // Case does not matter; the same pattern finds the samples and marks the places.
  function pattern(text, flags = "i") {
    return text ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), flags) : null;
  }

  function searcher(wanted) {
    const prompts = new Map();
    const within = (text) => pieces(text).some((piece) => wanted.test(piece));
    return ({ prompt, response, extracted }) => {
      if (!prompts.has(prompt)) prompts.set(prompt, within(prompt.text));
      return prompts.get(prompt) || within(response) || within(extracted);
    };
  }

  const orders = {
    problem: null,
    longest: (one, other) => size(other) - size(one) || one.at - other.at,
    shortest: (one, other) => size(one) - size(other) || one.at - other.at,
  };

  // What a query finds, or null when it is no longer wanted.
  async function find(query, wanted) {
    const contains = query.text ? searcher(pattern(query.text)) : null;
    const found = [];
    let until = performance.now() + SLICE_MS;
    for (let at = 0; at < all.length; at += 1) {
      const sample = all[at];
      if (passes(sample, query) && (!contains || contains(sample))) found.push(sample);
      if (contains && performance.now() > until) {
        await rest();
        if (!wanted()) return null;
        until = performance.now() + SLICE_MS;
      }
    }
    const order = orders[query.sort];
    return order ? found.sort(order) : found;
  }

  return { all, load, find, pattern, pieces, verdict };
})();
