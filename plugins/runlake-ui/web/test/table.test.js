import assert from "node:assert/strict";
import { test } from "node:test";
import { inSight, outline } from "../src/table/window.js";

test("rows below others are counted in, wherever they are", () => {
  const open = new Map([[0, 2], [3, 1], [4, 3]]);
  const lines = outline(6, open);
  const listed = [];
  for (let top = 0; top < 6; top++) {
    listed.push({ top, child: -1 });
    for (let child = 0; child < (open.get(top) ?? 0); child++) listed.push({ top, child });
  }
  assert.equal(lines.length, 12);
  assert.deepEqual(Array.from({ length: 12 }, (_, index) => lines.at(index)), listed);
  for (let top = 0; top < 6; top++) assert.equal(lines.indexOf(top), listed.findIndex((spot) => spot.top === top && spot.child < 0));
});

test("where nothing is open a row is where it stands", () => {
  const lines = outline(100_000, new Map());
  assert.deepEqual([lines.length, lines.at(73_000)], [100_000, { top: 73_000, child: -1 }]);
});

test("an open row that is no longer there is forgotten", () => {
  assert.equal(outline(3, new Map([[7, 4]])).length, 3);
});

test("drawn is what is in sight and a little more, never beyond the ends", () => {
  assert.deepEqual(inSight(0, 280, 28, 1000), { first: 0, stop: 14 });
  assert.deepEqual(inSight(2800, 280, 28, 1000), { first: 96, stop: 114 });
  assert.deepEqual(inSight(27_900, 280, 28, 1000), { first: 992, stop: 1000 });
  assert.deepEqual(inSight(5000, 280, 28, 3), { first: 3, stop: 3 });
});
