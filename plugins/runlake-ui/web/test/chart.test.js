import assert from "node:assert/strict";
import { test } from "node:test";
import { looksOf } from "../src/lib/colors.js";
import { extended, extent, middles, nearest, tickTexts, values } from "../src/chart/merge.js";

const curve = (x, y, more = {}) => {
  const floats = Float64Array.from(y);
  return { run_id: "a", key: "loss", total: x.length, exact: true, x0: Float64Array.from(x), x1: Float64Array.from(x), min: floats, max: floats, mean: floats, ...more };
};

test("the line goes through the middle of each bucket, by smoothed values where there are some", () => {
  const one = curve([0, 10], [1, 2], { x1: Float64Array.of(8, 20), smooth: Float64Array.of(3, 4) });
  assert.deepEqual([...middles(one)], [4, 15]);
  assert.deepEqual([...values(one)], [3, 4]);
});

test("what is new is put to the end, and a bucket that has grown replaces itself", () => {
  const grown = extended(curve([0, 1, 2], [5, 4, 3]), curve([2, 3], [2.5, 2], { total: 4 }));
  assert.deepEqual([[...grown.x0], [...grown.mean], grown.total], [[0, 1, 2, 3], [5, 4, 2.5, 2], 4]);
  assert.deepEqual([...extended(curve([0, 1], [5, 4]), curve([], [], { total: 2 })).x0], [0, 1]);
});

test("the axis holds all that is drawn, and nothing that cannot be", () => {
  const [low, high] = extent([curve([0, 1, 2], [1, NaN, Infinity]), curve([0], [3])], false, null);
  assert.ok(low < 1 && low > 0.8 && high > 3 && high < 3.2);
  assert.deepEqual(extent([curve([0, 1], [-1, 10]), curve([0], [0.1])], true, null), [0.1, 10]);
  assert.deepEqual(extent([curve([0, 9], [1, 100])], true, [0, 5]), [0.5, 2]);
  assert.deepEqual(extent([], false, null), [0, 1]);
});

test("the nearest bucket is found on both sides", () => {
  const xs = Float64Array.of(0, 10, 20);
  assert.deepEqual([-5, 4, 6, 15, 99].map((x) => nearest(xs, x)), [0, 0, 1, 1, 2]);
});

test("eight runs that are seen together have eight colours, and a run keeps its own", () => {
  const ids = Array.from({ length: 8 }, (_, n) => `run${n}`);
  const looks = looksOf(ids);
  assert.equal(new Set([...looks.values()].map((look) => look.color)).size, 8);
  assert.equal(looksOf(["run0"]).get("run0").color, looksOf(["run0", "zzz"]).get("run0").color);
  assert.equal(looksOf(["a", "b"], new Map([["b", 3]])).get("b").color, 3);
});

test("all ticks of an axis have the same decimals", () => {
  assert.deepEqual(tickTexts([0, 2.5, 5, 7.5, null]), ["0.0", "2.5", "5.0", "7.5", ""]);
  assert.deepEqual(tickTexts([0, 250_000, 500_000]), ["0", "250k", "500k"]);
  assert.deepEqual(tickTexts([0.01, 0.1, 1], true), ["0.01000", "0.1000", "1"]);
});
