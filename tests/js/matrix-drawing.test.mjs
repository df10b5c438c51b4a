// Colors and shapes of the confusion matrix.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertClose, load, plain } from "./load.mjs";

const TABLES = { R: "0 0.5 1", G: "1 0.25 0.75 0", B: "0.3 0.3" };
const filter = { querySelector: (name) => ({ getAttribute: () => TABLES[name.at(-1)] }) };
const page = load(["matrix-numbers.js", "matrix-drawing.js"], { getElementById: () => filter });
const drawing = page.reportgenDrawing;

/** A channel by the rule of SVG for feComponentTransfer of type table, in [0, 1]. */
function transfer(values, c) {
  const n = values.length - 1;
  const k = Math.min(Math.floor(c * n), n - 1);
  return values[k] + (c - k / n) * n * (values[k + 1] - values[k]);
}

test("the color of a gray level is what the filter of the page makes of it", () => {
  const colors = plain(drawing.colors(false));
  assert.equal(colors.length, 256);
  for (const [level, color] of colors.entries()) {
    for (const [i, values] of Object.values(TABLES).entries()) {
      const expected = 255 * transfer(values.split(" ").map(Number), level / 255);
      assert.ok(Number.isInteger(color[i]));
      assertClose(assert, color[i], expected, 2); // stops and results are rounded down
    }
  }
  assert.deepEqual(colors[0], [0, 255, 76]);
  assert.deepEqual(colors[255], [255, 0, 76]);
});

test("a bar is as long as the recall of its row, and as thick as its cell allows", () => {
  const view = { table: { recall: (row) => [0.25, Number.NaN][row] }, rows: [0, 1] };
  const shape = { cell: 10, bar: 64 };
  assert.equal(drawing.barPath(view, shape, 0, 0.8), "M8 1h16v8H8z");
  assert.equal(drawing.barPath(view, shape, 1, 0.8), "M8 11h0v8H8z"); // no images, no recall
});

test("blocks of more than one class are outlined", () => {
  const blocks = [{ name: "a", start: 0, length: 2 }, { name: "b", start: 2, length: 1 }, { name: "c", start: 3, length: 3 }];
  assert.equal(drawing.outlinePath({ blocks }, { cell: 4 }), "M0 0h8v8h-8zM12 12h12v12h-12z");
});
