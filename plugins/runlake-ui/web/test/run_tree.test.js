import assert from "node:assert/strict";
import { test } from "node:test";
import { moved, openAtFirst, rowsOf, treeOf } from "../src/run/tree.js";

const FILES = [
  { path: "model/MLmodel", size: 10 },
  { path: "model/data/weights.bin", size: 90 },
  { path: "readme.md", size: 5 },
  { path: "fig10.png", size: 1 },
  { path: "fig2.png", size: 1 },
];
const paths = (open) => rowsOf(treeOf(FILES), new Set(open)).map(({ node, depth }) => [depth, node.path, node.size]);

test("folders come first, names count as people count, and a folder's size is of all in it", () => {
  assert.deepEqual(paths([]), [[0, "model", 100], [0, "fig2.png", 1], [0, "fig10.png", 1], [0, "readme.md", 5]]);
});

test("an open folder shows what is in it, one deeper", () => {
  assert.deepEqual(paths(["model"]).slice(0, 3), [[0, "model", 100], [1, "model/data", 90], [1, "model/MLmodel", 10]]);
});

test("a file and a folder of one name are two", () => {
  const tree = treeOf([{ path: "a", size: 1 }, { path: "a/b", size: 2 }]);
  assert.deepEqual(tree.map(({ path, isFolder }) => [path, isFolder]), [["a", true], ["a", false]]);
});

test("a small tree is open, a large one only where it leads to what is chosen", () => {
  const many = Array.from({ length: 500 }, (_, n) => ({ path: `part${n % 5}/deep/file${n}.txt`, size: 1 }));
  assert.deepEqual([...openAtFirst(treeOf(FILES), null)], ["model", "model/data"]);
  assert.deepEqual([...openAtFirst(treeOf(many), "part3/deep/file3.txt")], ["part3", "part3/deep"]);
});

test("arrows walk, open, close and go up; the ends hold", () => {
  const open = new Set(["model"]);
  const rows = rowsOf(treeOf(FILES), open);
  const keys = [["model", "ArrowDown"], ["model", "ArrowUp"], ["model", "ArrowLeft"], ["model/data", "ArrowRight"], ["model/MLmodel", "ArrowLeft"], ["readme.md", "ArrowDown"], ["model", "End"], ["model", "x"]];
  assert.deepEqual(
    keys.map(([path, key]) => moved(rows, path, key, open)),
    [{ path: "model/data" }, { path: "model" }, { path: "model", open: false }, { path: "model/data", open: true }, { path: "model" }, { path: "readme.md" }, { path: "readme.md" }, null],
  );
});
