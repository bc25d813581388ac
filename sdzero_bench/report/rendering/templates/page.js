"use strict";
// Buttons in the headings sort the table. Cells without a figure come last in both directions; ties keep the page's order.
const words = new Intl.Collator("en", { numeric: true });
const tables = [...document.querySelectorAll("table")];

function key(row, column, isNumber) {
  const cell = row.cells[column];
  if (!isNumber) return cell.textContent.trim();
  return cell.dataset.key === undefined ? null : Number(cell.dataset.key);
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "number" ? a - b : words.compare(a, b));
}

for (const table of tables) {
  const rows = [...table.tBodies[0].rows];
  const heads = [...table.querySelectorAll("th[data-sort]")];
  heads.forEach((head, column) => {
    const isNumber = head.dataset.sort === "number";
    const first = isNumber && !head.classList.contains("name") ? "descending" : "ascending";
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const next = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
      for (const other of heads) other.setAttribute("aria-sort", other === head ? next : "none");
      const sign = next === "ascending" ? 1 : -1;
      const keyed = rows.map((row) => [key(row, column, isNumber), row]);
      keyed.sort((a, b) => compare(a[0], b[0], sign));
      table.tBodies[0].append(...keyed.map((pair) => pair[1]));
    });
  });
}

// The filter shows the rows whose names contain one of the words, in all tables of the page.
const filter = document.querySelector(".filter");
if (filter && tables.length) {
  filter.hidden = false;
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  filter.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
    for (const row of rows) {
      const names = [...row.querySelectorAll("th, td.name:not([data-key])")].map((cell) => cell.textContent.toLowerCase()).join(" ");
      row.hidden = wanted.length > 0 && !wanted.some((word) => names.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    filter.querySelector("output").textContent = wanted.length ? `${shown} of ${rows.length} rows` : "";
  });
}
