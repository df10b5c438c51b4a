// What the address says about the confusion matrix: read back as written, and never believed where it makes no sense.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load, plain } from "./load.mjs";

const { format, parse } = load(["matrix-address.js"]).reportgenAddress;
const CHOICES = { level: ["classes", "superclasses"], order: ["cluster", "name"], show: ["count", "row"], diagonal: ["on"] };
const DEFAULTS = { level: "classes", order: "cluster", show: "count", diagonal: "off", cell: null, open: null, zoom: null };
const SIZES = { classes: 100, superclasses: 20 };
const read = (hash) => plain(parse(hash, CHOICES, DEFAULTS, SIZES));

test("a state is read back as it was written", () => {
  const states = [
    { order: "name", cell: [12, 88] },
    { show: "row", diagonal: "on", zoom: [0, 70], cell: [3, 99] },
    { level: "superclasses", cell: [19, 0] },
    { level: "superclasses", open: [4, 4], cell: [99, 50] },
  ];
  for (const changes of states) {
    const state = { ...DEFAULTS, ...changes };
    assert.deepEqual(read(format("", CHOICES, DEFAULTS, state)), state);
  }
});

test("an address without a word on the matrix says nothing", () => {
  for (const hash of ["", "#", "#matrix", "#as=3&only=wrong"]) assert.equal(parse(hash, CHOICES, DEFAULTS, SIZES), null);
});

test("defaults are left out, and what else the address holds is kept", () => {
  assert.equal(format("", CHOICES, DEFAULTS, DEFAULTS), "#");
  assert.equal(format("#image=7&m.show=row", CHOICES, DEFAULTS, { ...DEFAULTS, order: "name" }), "#image=7&m.order=name");
  assert.equal(format("#matrix", CHOICES, DEFAULTS, { ...DEFAULTS, cell: [1, 2] }), "#m.cell=1,2");
});

test("values that the page does not know are defaults", () => {
  assert.deepEqual(read("#m.order=size&m.show=<b>&m.level=constructor"), DEFAULTS);
});

test("a pair is two whole numbers that exist", () => {
  for (const pair of ["1", "1,2,3", "1,100", "-1,2", "1.5,2", "a,b", "1,", ",", "1e1,2", " 1,2", "length,0"]) {
    assert.equal(read(`#m.cell=${pair}`).cell, null, pair);
  }
  assert.deepEqual(read("#m.cell=0,99").cell, [0, 99]);
  assert.equal(read("#m.level=superclasses&m.cell=20,0").cell, null); // a superclass that does not exist
  assert.equal(read("#m.open=1,2").open, null); // only superclasses are opened
  assert.equal(read("#m.level=superclasses&m.zoom=1,2").zoom, null); // only classes are enlarged
});
