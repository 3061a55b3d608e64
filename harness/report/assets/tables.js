// Tables with the class "sortable": a click or Enter on a heading sorts, a search box filters, and
// of many rows the first ones are laid out until all are asked for.
"use strict";

(() => {
  const FIRST = 200;

  // Of the rows that the filter leaves, the first ones; a button shows the rest.
  function limit(table) {
    if (table.dataset.all) return;
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      if (!row.hidden) shown += 1;
      row.classList.toggle("beyond", !row.hidden && shown > FIRST);
    }
    const rest = table.nextElementSibling;
    if (rest) {
      rest.hidden = shown <= FIRST;
      rest.textContent = `Show all ${shown} rows`;
    }
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length <= FIRST) continue;
    const rest = document.createElement("button");
    rest.type = "button";
    rest.addEventListener("click", () => {
      table.dataset.all = "yes";
      for (const row of table.tBodies[0].rows) row.classList.remove("beyond");
      rest.remove();
    });
    table.after(rest);
    limit(table);
  }

  // A cell sorts by data-value where it has one: as a number if it is one. Empty cells come last.
  function key(row, column) {
    const cell = row.cells[column];
    const text = (cell.dataset.value ?? cell.textContent).trim();
    const number = Number(text);
    return { empty: text === "", number: Number.isNaN(number) ? null : number, text };
  }

  function compare(left, right) {
    if (left.number !== null && right.number !== null) return left.number - right.number;
    if ((left.number === null) !== (right.number === null)) return left.number === null ? 1 : -1;
    return left.text.localeCompare(right.text, "en", { numeric: true });
  }

  function sort(table, column, direction) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, place) => ({ row, place, key: key(row, column) }));
    const sign = direction === "ascending" ? 1 : -1;
    rows.sort((a, b) => a.key.empty - b.key.empty || sign * compare(a.key, b.key) || a.place - b.place);
    body.append(...rows.map((one) => one.row));
    limit(table);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const up = heading.getAttribute("aria-sort");
        // Numbers are first asked for from the top.
        const first = heading.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const direction = up === first ? other : first;
        for (const one of headings) one.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", direction);
        sort(table, column, direction);
      });
    });
  }

  for (const box of document.querySelectorAll("input.table-filter")) {
    const table = document.getElementById(box.dataset.table);
    const told = document.getElementById(`${box.dataset.table}-count`);
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    box.closest(".filters").hidden = false;
    const apply = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, text } of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      limit(table);
      told.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
    };
    box.addEventListener("input", apply);
    apply();
  }
})();
