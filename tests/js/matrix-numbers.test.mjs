// The numbers of the confusion matrix against published values and plain re-computation.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertClose, load, plain } from "./load.mjs";

const numbers = load(["matrix-numbers.js"]).reportgenNumbers;
const Z = 1.959963984540054;

test("Wilson intervals are those of Newcombe (1998), table I, method 3", () => {
  const published = [[81, 263, 0.2553, 0.3662], [15, 148, 0.0624, 0.1605], [0, 20, 0, 0.1611], [1, 29, 0.0061, 0.1718]];
  for (const [count, total, low, high] of published) {
    const interval = numbers.wilson(count, total, Z);
    assertClose(assert, interval[0], low, 5e-5);
    assertClose(assert, interval[1], high, 5e-5);
  }
});

test("Wilson intervals contain their proportion, and are the roots of the score equation", () => {
  for (const total of [1, 7, 100, 12_345]) {
    for (const count of [0, 1, Math.floor(total / 2), total]) {
      const [low, high] = numbers.wilson(count, total, Z);
      const share = count / total;
      assert.ok(low <= share && share <= high);
      for (const bound of [low, high].filter((each) => each > 0 && each < 1)) {
        assertClose(assert, (share - bound) ** 2, (Z ** 2 * bound * (1 - bound)) / total, 1e-9);
      }
    }
  }
});

test("percent is 0 or 100 only where it is exactly that, and rounds by decimal digits", () => {
  const texts = { 0: "0", 1: "100", 0.0049: "<1", 0.005: "1", 0.9949: "99", 0.995: ">99", 0.285: "29", 0.145: "15", 0.344: "34" };
  for (const [fraction, text] of Object.entries(texts)) assert.equal(numbers.percentNumber(Number(fraction)), text);
  assert.equal(numbers.percentText(Number.NaN), "–");
  assert.equal(numbers.percentText(0.5), "50%");
  assert.equal(numbers.countText(1234567), "1,234,567");
});

/** Cells by count, as gaps between their places in base 26; the last digit of a gap is a capital letter. */
function pack(cells, size) {
  const packed = {};
  for (const count of new Set(cells.map(([, , each]) => each))) {
    let last = 0;
    packed[count] = "";
    for (const [row, column] of cells.filter(([, , each]) => each === count)) {
      let gap = row * size + column - last;
      last = row * size + column;
      let digits = String.fromCharCode(65 + (gap % 26));
      for (gap = Math.floor(gap / 26); gap; gap = Math.floor(gap / 26)) digits = String.fromCharCode(97 + (gap % 26)) + digits;
      packed[count] += digits;
    }
  }
  return packed;
}

const NAMES = Array.from({ length: 30 }, (_, i) => `class ${i}`);
const CELLS = [[0, 0, 7], [0, 3, 2], [1, 1, 900], [2, 29, 1], [3, 0, 2], [3, 3, 5], [29, 2, 2], [29, 29, 1]];

test("a table holds what was packed, with the sums of its rows and columns", () => {
  const table = numbers.makeTable(NAMES, pack(CELLS, NAMES.length));
  const byPlace = (a, b) => a[0] - b[0] || a[1] - b[1];
  assert.deepEqual(plain(table.cells).sort(byPlace), CELLS);
  assert.deepEqual(plain(table.support.slice(0, 4)), [9, 900, 1, 7]);
  assert.deepEqual(plain(table.called.slice(0, 4)), [9, 900, 2, 7]);
  assert.equal(table.count(3, 0), 2);
  assert.equal(table.count(5, 5), 0);
  assert.equal(table.recall(0), 7 / 9);
  assert.ok(Number.isNaN(table.recall(4)));
});

test("a cell shows its count or its fraction of the row or column, correct predictions on demand", () => {
  const table = numbers.makeTable(NAMES, pack(CELLS, NAMES.length));
  assert.equal(table.value(0, 3, "count", false), 2);
  assert.equal(table.value(0, 3, "row", false), 2 / 9);
  assert.equal(table.value(0, 3, "column", false), 2 / 7);
  assert.equal(table.value(0, 0, "count", false), 0);
  assert.equal(table.value(0, 0, "row", true), 7 / 9);
  assert.equal(table.value(4, 4, "row", true), 0);
});

test("superclasses sum their classes, and know the errors within them", () => {
  const of = NAMES.map((_, i) => i % 3);
  const classes = numbers.makeTable(NAMES, pack(CELLS, NAMES.length));
  const table = numbers.sumTable(["a", "b", "c"], of, classes);
  const sums = [0, 1, 2].map((row) => [0, 1, 2].map((column) => {
    const inside = CELLS.filter(([i, j]) => of[i] === row && of[j] === column);
    return inside.reduce((sum, [, , count]) => sum + count, 0);
  }));
  assert.deepEqual([0, 1, 2].map((row) => [0, 1, 2].map((column) => table.count(row, column))), sums);
  assert.deepEqual(plain(table.right), [12, 900, 1]);
  assert.equal(table.value(0, 0, "count", false), 4); // 0 as 3 and 3 as 0, twice each
});

test("the scale takes the root, or the logarithm in steps of the smallest value", () => {
  const root = new numbers.Scale([1, 25, 100], "root");
  assert.deepEqual([0, 1, 25, 100].map((value) => root.position(value)), [0, 0.1, 0.5, 1]);
  const log = new numbers.Scale([2, 6, 14], "log");
  assertClose(assert, log.position(2), 1 / 3);
  assertClose(assert, log.position(6), 2 / 3);
  assertClose(assert, log.position(14), 1);
});

test("a gray level is 0 only for nothing, and 255 for the largest value", () => {
  for (const kind of ["root", "log"]) {
    const scale = new numbers.Scale([1, 1_000_000], kind);
    assert.deepEqual([0, 1e-9, 1_000_000].map((value) => scale.level(value)), [0, 1, 255]);
  }
  assert.equal(new numbers.Scale([1, 100], "root").level(25), 128);
});

test("ticks are round values below the largest one, in order and apart", () => {
  for (const kind of ["root", "log"]) {
    const scale = new numbers.Scale([1, 3, 37, 640], kind);
    const ticks = plain(scale.ticks(false));
    assert.deepEqual(ticks.at(-1), [1, "640"]);
    for (const [position, text] of ticks) {
      assertClose(assert, position, scale.position(Number(text)));
      assert.match(text, /^([125]0*|640)$/);
    }
    for (let i = 1; i < ticks.length; i++) assert.ok(ticks[i][0] - ticks[i - 1][0] >= 0.08);
  }
  assert.deepEqual(plain(new numbers.Scale([], "root").ticks(false)), []);
  assert.deepEqual(plain(new numbers.Scale([0.5], "root").ticks(true)), [[1, "50%"]]);
});

/** The least squares of places that keep a spacing, by search over a grid. */
function search(middles, spacing, side) {
  let best = Number.POSITIVE_INFINITY;
  const place = (i, from, cost) => {
    if (cost >= best) return;
    if (i === middles.length) best = cost;
    else for (let x = from; x <= side - spacing / 2; x++) place(i + 1, x + spacing, cost + (x - middles[i]) ** 2);
  };
  place(0, spacing / 2, 0);
  return best;
}

test("labels are spread by least squares, apart and inside", () => {
  for (const middles of [[5, 20, 35], [20, 20, 20], [18, 22, 24], [12, 13, 34], [14, 27, 27]]) {
    const places = plain(numbers.spread(middles, 10, 40));
    for (let i = 1; i < places.length; i++) assert.ok(places[i] - places[i - 1] >= 10 - 1e-9);
    assert.ok(places[0] >= 5 && places.at(-1) <= 35);
    const cost = places.reduce((sum, place, i) => sum + (place - middles[i]) ** 2, 0);
    assert.ok(cost <= search(middles, 10, 40) + 1e-9);
  }
  assert.deepEqual(plain(numbers.spread([50, 50], 10, 100)), [45, 55]);
  assert.deepEqual(plain(numbers.spread([1, 2, 3, 4], 20, 40)), [5, 15, 25, 35]); // no room: evenly
});

test("a description counts both directions with their intervals", () => {
  const table = numbers.makeTable(NAMES, pack(CELLS, NAMES.length));
  const text = plain(numbers.describe(table, 0, 3, Z, true)).flat(2).join("");
  for (const part of ["2 of 9", "(6–55%)", "29%", "2 of 7", "(8–64%)"]) assert.ok(text.includes(part), `${part}: ${text}`);
  assert.ok(plain(numbers.describe(table, 4, 4, Z, true)).flat(2).join("").includes("no images of class 4"));
});
