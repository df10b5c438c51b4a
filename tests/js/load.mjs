// Runs the classic scripts of the pages outside a browser.
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

/** A document without any element: scripts define their functions and find nothing to work on. */
const EMPTY_DOCUMENT = {
  body: { dataset: {} },
  createElement: () => ({ getContext: () => null }),
  getElementById: () => null,
  querySelector: () => null,
  querySelectorAll: () => [],
};

/** The globals of a page after its scripts have run, in their order. */
export function load(names, document = {}) {
  const page = { URLSearchParams, devicePixelRatio: 1, document: { ...EMPTY_DOCUMENT, ...document } };
  page.window = page;
  createContext(page);
  for (const name of names) {
    const path = new URL(`../../templates/assets/${name}`, import.meta.url);
    runInContext(readFileSync(path, "utf-8"), page, { filename: name });
  }
  return page;
}

/** A value made in a page's context as one of this context, for comparison. */
export const plain = (value) => JSON.parse(JSON.stringify(value));

export function assertClose(assert, actual, expected, tolerance = 1e-9) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}
