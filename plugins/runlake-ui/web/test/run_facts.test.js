import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsOf, csv, difference, filtered, kindsOf, machine, ordered, parted, said, telling, typeOf } from "../src/run/facts.js";
import { inAddress, sectionOfKey, sectionsOf } from "../src/run/sections.js";

const param = (key, is_default) => ({ key, value: "1", is_default });
const metric = (key, last = 0) => ({ key, n: 2, first: 0, last, min: 0, max: 1, best: 1, best_step: 3, goal: null });
const keys = (rows) => rows.map((each) => each.key);

test("what differs from the defaults comes first; what nobody knows of counts as chosen", () => {
  const { chosen, rest } = parted([param("b", true), param("lr", false), param("a10", null), param("a2", null)]);
  assert.deepEqual([keys(chosen), keys(rest)], [["a2", "a10", "lr"], ["b"]]);
});

test("where all are defaults nothing is first", () => {
  assert.deepEqual(parted([param("b", true)]).chosen, []);
});

test("every word has to be found, in the key or the value", () => {
  const rows = [{ key: "max_depth", value: "3" }, { key: "max_bin", value: "255" }, { key: "eta", value: "0.3" }];
  assert.deepEqual([keys(filtered(rows, "MAX 3")), keys(filtered(rows, " "))], [["max_depth"], ["max_depth", "max_bin", "eta"]]);
});

test("metrics sort by a column with NaN last whichever way, and the primary one leads by name", () => {
  const rows = [metric("a", "NaN"), metric("b", 2), metric("c", "Infinity"), metric("d", -1)];
  assert.deepEqual(keys(ordered(rows, { by: "last", isDown: false }, null)), ["d", "b", "c", "a"]);
  assert.deepEqual(keys(ordered(rows, { by: "last", isDown: true }, null)), ["c", "b", "d", "a"]);
  assert.deepEqual(keys(ordered(rows, { by: "key", isDown: false }, "c")), ["c", "a", "b", "d"]);
});

test("curves with a goal are seen before others, the primary one first, and single points have none", () => {
  const rows = [metric("a"), { ...metric("b"), goal: "min" }, metric("c"), { ...metric("d"), n: 1 }];
  assert.deepEqual(keys(telling(rows, "c")), ["c", "b", "a"]);
});

test("a difference says which way, and whether that is good", () => {
  assert.deepEqual(difference(0.9, 0.8, "max"), { text: "▼ −0.1000", kind: "bad" });
  assert.deepEqual(difference(2, 1, "min"), { text: "▼ −1", kind: "good" });
  assert.deepEqual([difference(1, 2, null).kind, difference(1, 1, "max")], ["muted", { text: "= 0", kind: "muted" }]);
});

test("CSV quotes what has to be quoted", () => {
  assert.equal(csv(["key", "value"], [["a", 'x "y", z'], ["b", null]]), 'key,value\r\na,"x ""y"", z"\r\nb,\r\n');
});

test("types and values are said in one line", () => {
  assert.equal(typeOf({ type: "float32", shape: [-1, 28], required: false }), "float32 (any, 28), optional");
  assert.equal(said({ a: 0.123456, b: [true, null] }), "a 0.1235, b yes, ");
  assert.equal(machine("memory_bytes", 25276510208), "25.3 GB");
});

test("only sections with something in them are there, and a key finds one", () => {
  const run = { metrics: [metric("system/cpu")], params: [], n_artifacts: 2, n_errors: 0, jobs_open: 0, has: { explain: false, data: true, models: false, log: false, environment: true, captures: false, lineage: false } };
  const sections = sectionsOf(run);
  assert.deepEqual(sections.map((each) => each.id), ["data", "artifacts", "system", "environment"]);
  assert.deepEqual([sectionOfKey(sections, "2")?.id, sectionOfKey(sections, "9"), sectionOfKey(sections, "12")], ["artifacts", undefined, undefined]);
});

test("the machine's own metrics are apart", () => {
  const { own, system } = kindsOf([metric("loss"), metric("system/cpu")]);
  assert.deepEqual([keys(own), keys(system)], [["loss"], ["system/cpu"]]);
});

test("a path is safe in an address, with its folders", () => {
  assert.equal(inAddress("a b/c#d?.txt"), "a%20b/c%23d%3F.txt");
});

test("columns of a data set carry what the profile knows of them", () => {
  const found = columnsOf({ schema: [{ name: "a", type: "float64" }, { name: "b", type: "str" }], profile: { columns: { a: { missing: 0, min: 1.5, top: ["x"] } } } });
  assert.deepEqual(found, { names: ["missing", "min"], rows: [{ name: "a", type: "float64", missing: 0, min: 1.5, top: ["x"] }, { name: "b", type: "str" }] });
  assert.deepEqual(columnsOf({}), { names: [], rows: [] });
});
