// The runs of a table: only those in sight are asked for, page by page, and none moves while new ones arrive.
import { frame, isAborted } from "../lib/api.js";
import { cell } from "../lib/format.js";
import { columnOf, literal } from "../lib/names.js";

/** @typedef {{experiments: string[] | null, filter: string, sort: string[], columns: string[], group: string[] | null, fold: boolean, deleted: boolean}} Query */
/** @typedef {Record<string, any> & {run_id: string, run_name: string, status: string, n_inside: number}} Row */

const PAGE = 100;
const MOST_INSIDE = 500;
const MOST_PAGES = 40;

/** A group goes by what its runs have in common. @param {Record<string, any>} row @param {string[]} group */
function namedGroup(row, group) {
  const name = group.map((each) => `${columnOf(each).key} = ${row[each] === null ? "none" : cell(row[each], each)}`).join(", ");
  return { run_id: name, run_name: name, status: "", n_inside: 0 };
}

export class Rows {
  total = $state(0);
  nRuns = $state(0);
  nNew = $state(0);
  tookMs = $state(0);
  /** @type {Record<string, {min: number, max: number}>} */
  best = $state.raw({});
  /** @type {string[]} */
  unknown = $state.raw([]);
  /** @type {any} */
  problem = $state.raw(null);
  isAsking = $state(false);
  isFirst = $state(true);
  /** grows when rows came that were not there, so that who draws draws again */
  changed = $state(0);
  /** @type {Map<number, Row[]>} by the place of the run that they are inside of */
  inside = $state.raw(new Map());
  snapshot = 0;

  /** @type {Query | null} */
  #query = null;
  /** @type {Map<number, Row[]>} */
  #pages = new Map();
  /** @type {Set<number>} */
  #coming = new Set();
  #stop = new AbortController();

  /** Ask something else; what was there stays until the answer is. @param {Query} query */
  async ask(query) {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#query = query;
    this.isAsking = true;
    try {
      const found = await this.#fetch(query, 0, undefined);
      this.#coming.clear();
      this.#pages = new Map([[0, found.rows]]);
      this.inside = new Map();
      this.#take(found.meta);
      this.problem = null;
      this.isFirst = false;
      this.changed += 1;
    } catch (error) {
      if (isAborted(error)) return;
      this.problem = error;
    }
    this.isAsking = false;
  }

  /** The row at a place; null while it is on its way. @param {number} place @returns {Row | null} */
  at(place) {
    const page = Math.floor(place / PAGE);
    const rows = this.#pages.get(page);
    if (!rows) this.#load(page);
    return rows?.[place % PAGE] ?? null;
  }

  /** Those of the first rows that are there. @param {number} n */
  first(n) {
    return (this.#pages.get(0) ?? []).slice(0, n);
  }

  /** A run by its id, if it is there. @param {string} runId */
  known(runId) {
    for (const rows of [...this.#pages.values(), ...this.inside.values()]) {
      const found = rows.find((row) => row.run_id === runId);
      if (found) return found;
    }
    return null;
  }

  /** Show or hide what is inside a run. @param {number} place */
  async turn(place) {
    const row = this.at(place);
    if (!row?.n_inside || !this.#query) return;
    const inside = new Map(this.inside);
    if (inside.delete(place)) {
      this.inside = inside;
      return;
    }
    const query = { ...this.#query, filter: `parent_run_id = ${literal(row.run_id)}`, fold: false, group: null };
    inside.set(place, (await this.#fetch(query, 0, undefined, MOST_INSIDE)).rows);
    this.inside = inside;
  }

  /** Values of the rows that are shown, as they are now. @param {{runs: Record<string, any>, many: boolean}} changed @param {number} first @param {number} stop */
  async renew(changed, first, stop) {
    if (!this.#query) return;
    const pages = new Set([Math.floor(first / PAGE), Math.floor(Math.max(first, stop - 1) / PAGE)]);
    for (const page of pages) {
      const rows = this.#pages.get(page) ?? [];
      const isShown = changed.many || rows.some((row) => row.run_id in changed.runs) || (page === 0 && rows.length < PAGE);
      if (isShown || page === Math.min(...pages)) await this.#load(page);
    }
  }

  /** @param {number} page */
  async #load(page) {
    const query = this.#query;
    if (!query || this.#coming.has(page)) return;
    this.#coming.add(page);
    try {
      const found = await this.#fetch(query, page * PAGE, this.snapshot);
      if (query !== this.#query) return;
      if (this.#pages.size > MOST_PAGES) this.#pages.delete(this.#pages.keys().next().value ?? 0);
      this.#pages.set(page, found.rows);
      this.#take(found.meta);
      this.changed += 1;
    } catch (error) {
      if (!isAborted(error)) this.problem = error;
    } finally {
      this.#coming.delete(page);
    }
  }

  /** @param {Query} query @param {number} offset @param {number | undefined} snapshot @param {number} [limit] */
  async #fetch(query, offset, snapshot, limit = PAGE) {
    const { n, meta, columns } = await frame("/runs/query", { ...query, offset, limit, snapshot }, this.#stop.signal);
    const names = Object.keys(columns);
    /** @type {Row[]} */
    const rows = Array.from({ length: n }, (_, place) => /** @type {any} */ (Object.fromEntries(names.map((name) => [name, columns[name][place]]))));
    return { rows: query.group ? rows.map((row) => ({ ...row, ...namedGroup(row, query.group ?? []) })) : rows, meta };
  }

  /** @param {any} meta */
  #take(meta) {
    this.total = meta.total;
    this.nRuns = meta.n_runs;
    this.nNew = meta.n_new ?? 0;
    this.tookMs = meta.took_ms;
    this.best = meta.best ?? {};
    this.unknown = meta.unknown ?? [];
    this.snapshot = meta.snapshot;
  }
}
