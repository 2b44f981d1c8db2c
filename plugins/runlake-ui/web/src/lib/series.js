// Curves: all that are wanted in one moment are asked for at once.
import { frame } from "./api.js";

/** @typedef {{x0: Float64Array, x1: Float64Array, min: Float64Array, max: Float64Array, mean: Float64Array, smooth?: Float64Array}} Buckets */
/** @typedef {Buckets & {run_id: string, key: string, total: number, exact: boolean}} Drawn */
/** @typedef {{runs: string[], key: string, x: string, range: [number, number] | null, px: number, smooth: number, since?: Record<string, number>}} Asked */

const MOST_KEYS = 100;
const WAIT_MS = 16;

/** @type {Map<string, {asked: Asked, wanting: {key: string, resolve: (found: Drawn[]) => void, reject: (error: any) => void}[]}>} */
let waiting = new Map();

/** The curves of one metric. @param {Asked} asked @returns {Promise<Drawn[]>} */
export function seriesOf(asked) {
  const { key, ...shared } = asked;
  const name = JSON.stringify(shared);
  if (!waiting.size) setTimeout(ask, WAIT_MS);
  return new Promise((resolve, reject) => {
    const group = waiting.get(name) ?? { asked, wanting: [] };
    group.wanting.push({ key, resolve, reject });
    waiting.set(name, group);
  });
}

function ask() {
  const groups = [...waiting.values()];
  waiting = new Map();
  for (const { asked, wanting } of groups) {
    for (let n = 0; n < wanting.length; n += MOST_KEYS) askFor(asked, wanting.slice(n, n + MOST_KEYS));
  }
}

/** @param {Asked} asked @param {any[]} wanting */
async function askFor(asked, wanting) {
  const { key: _, ...shared } = asked;
  try {
    const found = drawn(await frame("/series", { ...shared, keys: [...new Set(wanting.map(({ key }) => key))] }));
    for (const { key, resolve } of wanting) resolve(found.filter((each) => each.key === key));
  } catch (error) {
    for (const { reject } of wanting) reject(error);
  }
}

/** The table of all buckets, curve by curve. @param {{n: number, meta: any, columns: any}} table @returns {Drawn[]} */
export function drawn({ n, meta, columns }) {
  const of = columns.series ?? [];
  /** @type {Drawn[]} */
  const found = [];
  let start = 0;
  for (let place = 1; place <= n; place++) {
    if (place < n && of[place] === of[start]) continue;
    const cut = (/** @type {any} */ column) => Float64Array.from(column.slice(start, place), Number);
    const { x0, x1, min, max, mean, smooth } = columns;
    found.push({
      ...meta.series[of[start]],
      ...{ x0: cut(x0), x1: cut(x1), min: cut(min), max: cut(max), mean: cut(mean) },
      ...(smooth ? { smooth: cut(smooth) } : {}),
    });
    start = place;
  }
  return found;
}
