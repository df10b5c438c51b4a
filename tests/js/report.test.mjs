// The order of rows in sortable tables.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { compare, sortValue } = load(["report.js"]);
const cell = (textContent, value) => ({ textContent, dataset: value === undefined ? {} : { value } });

test("numbers are read from the text of a cell, or from its value where the text is not exact", () => {
  assert.equal(sortValue(cell("1,234"), true), 1234);
  assert.equal(sortValue(cell(" 65.7% (63–68%)"), true), 65.7);
  assert.equal(sortValue(cell("13 seal"), true), 13);
  assert.equal(sortValue(cell("<0.1%", "0.04"), true), 0.04);
});

test("texts are compared without regard to case, and dashes and blanks count as undefined", () => {
  assert.equal(sortValue(cell("Maple"), false), "maple");
  assert.equal(sortValue(cell("–"), true), null);
  assert.equal(sortValue(cell(""), false), null);
});

test("undefined values come last in both directions", () => {
  for (const direction of [1, -1]) {
    const sorted = [3, null, 1, null, 2].sort((a, b) => compare(a, b, direction));
    assert.deepEqual(sorted, direction > 0 ? [1, 2, 3, null, null] : [3, 2, 1, null, null]);
  }
  assert.deepEqual(["b", "a", null].sort((a, b) => compare(a, b, -1)), ["b", "a", null]);
});
