import assert from "node:assert/strict";
import { test } from "node:test";
import { bounds, outcome, placeAt, truth } from "../src/run/threshold.js";

// Six rows: scores 0.9+ 0.8+ 0.7- 0.6+ 0.4- 0.2-, as ROC curves are drawn from them.
const ROC = { label: "yes", thresholds: ["Infinity", 0.9, 0.8, 0.7, 0.6, 0.4, 0.2], tpr: [0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1], fpr: [0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1] };
const CONFUSION = { labels: ["no", "yes"], counts: [[2, 1], [0, 3]] };

test("at a threshold the counts are those of the scores", () => {
  const counts = truth(CONFUSION, "yes");
  assert.deepEqual(counts, { positive: 3, negative: 3 });
  const { tp, fp, fn, tn, precision, recall, accuracy } = outcome(ROC, counts, 0.65);
  assert.deepEqual({ tp, fp, fn, tn, precision, recall }, { tp: 2, fp: 1, fn: 1, tn: 2, precision: 2 / 3, recall: 2 / 3 });
  assert.equal(accuracy, 4 / 6);
});

test("above all scores nothing is said to be one, below all everything is", () => {
  const counts = { positive: 3, negative: 3 };
  assert.deepEqual([outcome(ROC, counts, 0.95).tp, outcome(ROC, counts, 0.95).fp], [0, 0]);
  assert.deepEqual([outcome(ROC, counts, 0.1).fn, outcome(ROC, counts, 0.1).tn], [0, 0]);
});

test("a score that is the threshold counts as reached", () => {
  assert.equal(placeAt(ROC.thresholds, 0.8), 2);
});

test("of one class among many the rest are the others; without a confusion matrix nobody knows", () => {
  const three = { labels: [0, 1, 2], counts: [[5, 0, 0], [1, 3, 0], [0, 0, 2]] };
  assert.deepEqual(truth(three, "1"), { positive: 4, negative: 7 });
  assert.deepEqual([truth(null, "1"), truth(three, "x")], [null, null]);
});

test("the slider reaches from the least to the greatest real threshold", () => {
  assert.deepEqual([bounds(ROC.thresholds), bounds(["Infinity"])], [[0.2, 0.9], [0, 1]]);
});

test("on a curve whose thresholds rise, with none at its end, the same place is found", () => {
  const rising = [0.2, 0.4, 0.6, 0.8, "NaN"];
  assert.deepEqual([placeAt(rising, 0.5), placeAt(rising, 0.9), placeAt(rising, 0), placeAt([null, 0.9, 0.1], 0.5)], [2, 3, 0, 1]);
});
