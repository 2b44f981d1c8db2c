import assert from "node:assert/strict";
import { test } from "node:test";
import { completed, offers, tokens, wanted } from "../src/lib/query.js";

const kinds = (typed) => tokens(typed).filter((token) => token.kind !== "space").map((token) => token.kind);
const KEYS = [
  { name: "metrics.val_loss", key: "val_loss", scope: "metric", n: 9 },
  { name: "params.model", key: "model", scope: "param", n: 9 },
  { name: "status", key: "status", scope: "attribute", n: 9 },
];

test("every letter of what is typed is in exactly one token", () => {
  for (const typed of ["", "a", "  ", "metrics.`a b`.min < 0.3 and model in (x, 'y z')", "'open", "`open", "é ~ '^x' or not has(tags.broken)"]) {
    assert.equal(tokens(typed).map((token) => token.text).join(""), typed);
  }
});

test("names, signs, values and words are told apart", () => {
  assert.deepEqual(kinds("val.auc > 0.87 and model in (xgboost, lightgbm)"), ["name", "sign", "number", "word", "name", "word", "sign", "text", "sign", "text", "sign"]);
  assert.deepEqual(kinds("status = RUNNING and lr < 1e-3"), ["name", "sign", "text", "word", "name", "sign", "number"]);
});

test("what may come next follows from what stands before the cursor", () => {
  const kind = (typed) => wanted(typed, typed.length).kind;
  assert.equal(kind(""), "name");
  assert.equal(kind("val"), "name");
  assert.equal(kind("model "), "sign");
  assert.equal(kind("model = "), "value");
  assert.equal(kind("model = tr"), "value");
  assert.equal(kind("model = tree "), "join");
  assert.equal(kind("model = tree and "), "name");
  assert.equal(kind("model in ("), "value");
  assert.equal(wanted("model in (a, ", 13).name, "model");
});

test("a key is offered by its beginning before it is by its middle", () => {
  assert.deepEqual(offers(wanted("mo", 2), KEYS, []).map((offer) => offer.text), ["params.model"]);
  assert.deepEqual(offers(wanted("s", 1), KEYS, []).map((offer) => offer.text), ["status", "metrics.val_loss"]);
});

test("values that are not one word are quoted", () => {
  const found = offers(wanted("model = ", 8), KEYS, [{ value: "tree", n: 2 }, { value: "it's one", n: 1 }]);
  assert.deepEqual(found.map((offer) => offer.text), ["tree", "'it''s one'"]);
});

test("an offer takes the place of what was begun, and no more", () => {
  assert.deepEqual(completed("mo and x", 2, wanted("mo and x", 2), "params.model"), { typed: "params.model and x", cursor: 13 });
});
