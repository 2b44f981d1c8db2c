// The artifacts of a run as folders and files, and how one walks through them by keys.

/** @typedef {{name: string, path: string, size: number, n: number, isFolder: boolean, children: Node[]}} Node */
/** @typedef {{node: Node, depth: number}} Row */

/** Folders first, then files, by name; a folder's size is of all that is in it. @param {{path: string, size: number}[]} artifacts @returns {Node[]} */
export function treeOf(artifacts) {
  const root = folder("", "");
  for (const { path, size } of artifacts) {
    const parts = path.split("/").filter(Boolean);
    let at = root;
    parts.forEach((name, n) => {
      const here = parts.slice(0, n + 1).join("/");
      const isFolder = n < parts.length - 1;
      let next = at.children.find((each) => each.name === name && each.isFolder === isFolder);
      if (!next) at.children.push((next = isFolder ? folder(name, here) : { ...folder(name, here), isFolder, size, n: 1 }));
      if (isFolder) [next.size, next.n] = [next.size + size, next.n + 1];
      at = next;
    });
  }
  return sorted(root).children;
}

/** The rows that are seen while these folders are open. @param {Node[]} nodes @param {Set<string>} open @param {number} [depth] @returns {Row[]} */
export function rowsOf(nodes, open, depth = 0) {
  return nodes.flatMap((node) => [{ node, depth }, ...(node.isFolder && open.has(node.path) ? rowsOf(node.children, open, depth + 1) : [])]);
}

/** The folders that are open at first: all of a small tree, else those that lead to what is chosen. @param {Node[]} nodes @param {string | null} chosen @param {number} [small] */
export function openAtFirst(nodes, chosen, small = 30) {
  const all = folders(nodes);
  const total = nodes.reduce((sum, each) => sum + each.n, 0);
  return new Set(all.filter((path) => total <= small || chosen?.startsWith(`${path}/`)));
}

/**
 * Where a key leads: to another row, or to a folder that opens or closes.
 * @param {Row[]} rows @param {string | null} path of the row one is at @param {string} key @param {Set<string>} open
 * @returns {{path: string, open?: boolean} | null}
 */
export function moved(rows, path, key, open) {
  const at = rows.findIndex((row) => row.node.path === path);
  const to = (/** @type {number} */ n) => (rows[n] ? { path: rows[n].node.path } : null);
  if (key === "Home") return to(0);
  if (key === "End") return to(rows.length - 1);
  if (key === "ArrowDown") return to(Math.min(rows.length - 1, at + 1));
  if (key === "ArrowUp") return to(Math.max(0, at - 1));
  const row = rows[at];
  if (!row) return null;
  const isOpen = open.has(row.node.path);
  if (key === "ArrowRight" && row.node.isFolder) return isOpen ? to(at + 1) : { path: row.node.path, open: true };
  if (key === "ArrowLeft" && row.node.isFolder && isOpen) return { path: row.node.path, open: false };
  if (key === "ArrowLeft") {
    const above = rows.slice(0, at).findLast((each) => each.depth < row.depth);
    return above ? { path: above.node.path } : null;
  }
  return null;
}

/** @param {string} name @param {string} path @returns {Node} */
function folder(name, path) {
  return { name, path, size: 0, n: 0, isFolder: true, children: [] };
}

/** @param {Node} node @returns {Node} */
function sorted(node) {
  node.children.sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || a.name.localeCompare(b.name, "en", { numeric: true }));
  node.children.forEach(sorted);
  return node;
}

/** @param {Node[]} nodes @returns {string[]} */
function folders(nodes) {
  return nodes.flatMap((node) => (node.isFolder ? [node.path, ...folders(node.children)] : []));
}
