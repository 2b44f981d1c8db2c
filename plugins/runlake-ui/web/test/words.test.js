import assert from "node:assert/strict";
import { test } from "node:test";
import { usefulColumns } from "../src/lib/columns.js";
import { ago, bytes, cell, count, duration, number, short } from "../src/lib/format.js";
import { columnOf, literal, metricName, nameOf } from "../src/lib/names.js";

test("numbers have four digits that say something", () => {
  const said = [0.91204, 12345.678, 0.000012345, 1e12, 250000, 0, -3, NaN, Infinity, "NaN", null, 0.1, 1 / 3].map(number);
  assert.deepEqual(said, ["0.9120", "12346", "1.234e−5", "1e12", "250000", "0", "−3", "NaN", "∞", "NaN", "", "0.1000", "0.3333"]);
});

test("large counts have gaps, axes have letters, and bytes have units", () => {
  assert.equal(count(1_000_000), "1\u202f000\u202f000");
  assert.deepEqual([250_000, 1_000_000, 1500, 12].map(short), ["250k", "1M", "1.5k", "12"]);
  assert.deepEqual([999, 2048, 5e6].map(bytes), ["999 B", "2.05 kB", "5 MB"]);
});

test("times are said as one says them", () => {
  assert.deepEqual([0.012, 12.34, 718, 59.99, 8000, 90_000, null].map(duration), ["12 ms", "12.3s", "11m 58s", "1m 00s", "2h 13m", "1d 01h", ""]);
  assert.deepEqual([ago(0, 10_000), ago(0, 300_000), ago(0, 7_200_000)], ["just now", "5 min ago", "2 h ago"]);
  assert.equal(cell(718, "duration"), "11m 58s");
});

test("names of values are taken apart and put together again", () => {
  for (const key of ["loss", "val/loss", "a b", "x.min", "train.loss"]) {
    for (const aggregate of ["last", "min", "max"]) {
      const column = columnOf(metricName(key, aggregate));
      assert.deepEqual([column.scope, column.key, column.aggregate], ["metric", key, aggregate], metricName(key, aggregate));
    }
    assert.equal(columnOf(nameOf("param", key)).key, key);
  }
  assert.equal(columnOf("start_time").scope, "attribute");
  assert.equal(literal("it's"), "'it''s'");
});

test("the columns that are chosen begin with the metric that runs are compared by", () => {
  const metric = (key, more = {}) => ({ name: `metrics.${key}`, key, scope: "metric", n: 10, goal: "min", varies: true, ...more });
  const schema = {
    keys: [metric("system/cpu", { goal: null }), metric("train_loss"), metric("val_loss"), metric("val_auc", { goal: "max" })],
    primary: { name: "metrics.val_auc.max", key: "val_auc", goal: "max", aggregate: "max" },
    telling: ["params.lr", "params.depth"],
    n_runs: 10,
  };
  assert.deepEqual(usefulColumns(schema), ["metrics.val_auc.max", "metrics.val_loss.min", "metrics.train_loss.min", "params.lr", "params.depth", "start_time", "duration"]);
  assert.deepEqual(usefulColumns({ keys: [], primary: null, telling: [], n_runs: 0 }), ["start_time", "duration"]);
  const users = { ...schema, keys: [...schema.keys, { name: "user", key: "user", scope: "attribute", n: 10, distinct: 2 }] };
  assert.ok(usefulColumns(users).includes("user"));
  assert.equal(usefulColumns({ ...schema, n_runs: 100 })[0], "headline");
});
