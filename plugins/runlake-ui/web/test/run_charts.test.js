import assert from "node:assert/strict";
import { test } from "node:test";
import { extent, finder, mixed, scale, ticks } from "../src/chart/frame.js";
import { byFeature, ranked, spread } from "../src/run/swarm.js";

test("ticks are round, few, and within", () => {
  assert.deepEqual(ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(-3.2, 7.9, 5), [0, 5]);
  assert.deepEqual(ticks(-0.3, 0.3, 3), [-0.2, 0, 0.2]);
  for (const [lo, hi] of [[1e-9, 2e-9], [-5e8, 3e9], [0.1234, 0.1235]]) {
    const found = ticks(lo, hi, 5);
    assert.ok(found.length >= 2 && found.length <= 11 && found.every((each) => each >= lo * (1 - 1e-9) - 1e-18 && each <= hi * (1 + 1e-9)), `${found}`);
  }
  assert.deepEqual([ticks(2, 2), ticks(NaN, NaN)], [[2], []]);
});

test("a scale goes there and back", () => {
  const x = scale(-1, 3, 40, 440);
  assert.deepEqual([x(-1), x(3), x(1), x.back(240)], [40, 440, 240, 1]);
});

test("the extent is of finite values, and never empty", () => {
  assert.deepEqual([extent([3, NaN, -1, Infinity]), extent([]), extent([2, 2]), extent([0, 10], 0.1)], [[-1, 3], [0, 1], [1, 3], [-1, 11]]);
});

test("the nearest point is found as by looking at all", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const xs = Array.from({ length: 500 }, () => random() * 300);
  const ys = Array.from({ length: 500 }, () => random() * 200);
  const find = finder(xs, ys);
  for (let n = 0; n < 200; n++) {
    const [x, y] = [random() * 300, random() * 200];
    const far = xs.map((_, at) => Math.hypot(xs[at] - x, ys[at] - y));
    const least = Math.min(...far);
    const found = find(x, y, 12);
    if (least <= 12) assert.equal(far[found], least);
    else assert.equal(found, -1);
  }
});

test("a colour between two", () => {
  assert.deepEqual([mixed("#000000", "#ffffff", 0.5), mixed("#102030", "#ffffff", -1)], ["rgb(128 128 128)", "rgb(16 32 48)"]);
});

test("points of a swarm that would cover each other part, within their lane", () => {
  const places = [...spread([10, 10, 10, 10.1, 50], 2)];
  assert.equal(new Set(places.slice(0, 4)).size, 4);
  assert.equal(places[4], 0);
  const crowded = spread(new Float64Array(5000).fill(3), 2);
  assert.ok(crowded.every((each) => each >= -1 && each <= 1) && new Set(crowded).size === 5000);
});

test("ranks are of the finite, with equal ones equal", () => {
  assert.deepEqual([...ranked([5, 1, NaN, 5, 1e9])], [0.5, 0, NaN, 0.5, 1]);
});

test("the values of each feature are together", () => {
  const lanes = byFeature({ feature: [1, 0, 1, 7], row: [4, 4, 5, 5], value: [0.1, 0.2, 0.3, 9], feature_value: [1, 2, 3, 9] }, 2);
  assert.deepEqual(lanes, [{ rows: [4], values: [0.2], at: [2] }, { rows: [4, 5], values: [0.1, 0.3], at: [1, 3] }]);
});
