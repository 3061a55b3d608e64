// The run page: rows of the fidelity table by status.
"use strict";

(() => {
  const filter = document.getElementById("fidelity-filter");
  if (!filter) return;
  const rows = [...document.querySelectorAll("#fidelity-table tbody tr")];
  const buttons = [...filter.querySelectorAll("button")];
  const count = document.getElementById("fidelity-count");

  function show(status) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === status));
    for (const row of rows) row.hidden = status !== "" && row.dataset.status !== status;
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = `${shown} of ${rows.length} rows`;
  }

  filter.hidden = false;
  for (const button of buttons) button.addEventListener("click", () => show(button.value));
})();
