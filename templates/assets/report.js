// @ts-check
// Sortable tables, the filter of a table, and the search for a class by name. Pages are readable without.
"use strict";

const root = document.body.dataset.root;

/**
 * What a cell sorts by: its data-value, else its text; in a column of numbers the number, and null for a dash.
 * @type {(cell: HTMLElement, isNumeric: boolean) => string | number | null}
 */
function sortValue(cell, isNumeric) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (text === "" || text.startsWith("–")) return null;
  return isNumeric || cell.dataset.value ? Number.parseFloat(text.replaceAll(",", "")) : text.toLowerCase();
}

/** @type {(a: string | number | null, b: string | number | null, direction: number) => number} */
function compare(a, b, direction) {
  if (a === null || b === null) return Number(a === null) - Number(b === null); // undefined values stay at the end
  if (typeof a === typeof b) return direction * (a < b ? -1 : a > b ? 1 : 0);
  return direction * (typeof a === "number" ? -1 : 1);
}

/** @type {(table: HTMLTableElement, column: number, header: HTMLElement) => void} */
function sortBy(table, column, header) {
  const body = table.tBodies[0];
  const isNumeric = header.matches(".n, [data-numeric]");
  const first = isNumeric ? "descending" : "ascending";
  const other = isNumeric ? "ascending" : "descending";
  const order = header.ariaSort === first ? other : first;
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  const direction = order === "ascending" ? 1 : -1;
  const rows = [...body.rows].map((row) => /** @type {const} */ ([sortValue(row.cells[column], isNumeric), row]));
  rows.sort(([a], [b]) => compare(a, b, direction));
  body.append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    if (header.querySelector(".sr")) return; // a column of bars repeats its neighbor
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sortBy(table, column, header));
  });
}

for (const input of document.querySelectorAll("[data-table-filter]")) {
  /** @type {HTMLTableElement} */
  const table = document.querySelector(`#${input.getAttribute("aria-controls")}`);
  const rows = [...table.tBodies[0].rows];
  const count = input.closest("form").querySelector("[role=status]");
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = wanted ? `${shown} of ${rows.length} shown` : "";
  });
  input.closest("form").addEventListener("submit", (event) => event.preventDefault());
  input.closest("form").hidden = false;
}

const finder = document.querySelector("[data-class-finder]");
const classes = window.reportgenClasses?.filter(([, url]) => url); // a single file holds some classes only
if (finder && classes) {
  const input = finder.querySelector("input");
  const urls = new Map(classes.map(([name, url]) => [name.toLowerCase(), url]));
  input.addEventListener("focus", () => {
    const list = finder.querySelector("datalist");
    if (!list.childElementCount) list.append(...classes.map(([name]) => new Option(name, name)));
  });
  /** @param {boolean} isFinal */
  const go = (isFinal) => {
    const typed = input.value.trim().toLowerCase();
    const match = urls.get(typed) ?? (isFinal && typed ? classes.find(([name]) => name.toLowerCase().includes(typed))?.[1] : undefined);
    if (match) location.href = root + match;
    input.setCustomValidity(match || !isFinal || !typed ? "" : "No class matches this name.");
    if (isFinal) input.reportValidity();
  };
  input.addEventListener("input", (event) => {
    input.setCustomValidity("");
    const { inputType } = /** @type {InputEvent} */ (event);
    if (inputType === "insertReplacementText" || !inputType) go(false); // chosen from the list
  });
  finder.addEventListener("submit", (event) => { event.preventDefault(); go(true); });
  finder.hidden = false;
}
