// What is told of a run first: params that somebody chose, metrics in the order that helps, the differences that count.
import { number as read } from "../lib/api.js";
import { bytes, number } from "../lib/format.js";

/** @typedef {{key: string, value: string, kind?: string, is_default: boolean | null}} Param */
/** @typedef {{key: string, n: number, first: any, last: any, min: any, max: any, best: any, best_step: number | null, goal: "min" | "max" | null}} Metric */

/** Those that differ from the library's defaults, and the rest. Where nobody knows the defaults, all are the first. @param {Param[]} params */
export function parted(params) {
  const byKey = [...params].sort((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }));
  const chosen = byKey.filter((each) => each.is_default !== true);
  return chosen.length ? { chosen, rest: byKey.filter((each) => each.is_default === true) } : { chosen: [], rest: byKey };
}

/** Those whose key or value has all the words. @template {{key: string, value?: any}} T @param {T[]} rows @param {string} words @returns {T[]} */
export function filtered(rows, words) {
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!asked.length) return rows;
  return rows.filter(({ key, value }) => asked.every((word) => `${key} ${value ?? ""}`.toLowerCase().includes(word)));
}

/** The machine's own curves apart from the training's. @param {Metric[]} metrics */
export function kindsOf(metrics) {
  const isSystem = (/** @type {Metric} */ each) => each.key.startsWith("system/");
  return { own: metrics.filter((each) => !isSystem(each)), system: metrics.filter(isSystem) };
}

/**
 * In an order: by a column, or as they help, with the one that runs are compared by first.
 * @param {Metric[]} metrics @param {{by: string, isDown: boolean}} order @param {string | null} primary
 */
export function ordered(metrics, { by, isDown }, primary) {
  const sign = isDown ? -1 : 1;
  return [...metrics].sort((a, b) => {
    if (by === "key") return Number(b.key === primary) - Number(a.key === primary) || sign * a.key.localeCompare(b.key, "en", { numeric: true });
    const [x, y] = [read(/** @type {any} */ (a)[by]), read(/** @type {any} */ (b)[by])];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y);
  });
}

/** The curves to look at first: the one that runs are compared by, those of which less or more is better, then the others. @param {Metric[]} metrics @param {string | null} primary */
export function telling(metrics, primary) {
  const worth = (/** @type {Metric} */ each) => (each.key === primary ? 2 : each.goal ? 1 : 0);
  return metrics.filter((each) => each.n > 1).sort((a, b) => worth(b) - worth(a));
}

/** A difference with its sign, and whether it is for the better; a side without a goal is neither. @param {number} from @param {number} to @param {string | null} goal */
export function difference(from, to, goal) {
  const by = to - from;
  const sign = by > 0 ? "▲" : by < 0 ? "▼" : "=";
  const kind = !goal || !by || !Number.isFinite(by) ? "muted" : by > 0 === (goal === "max") ? "good" : "bad";
  return { text: `${sign} ${by > 0 ? "+" : ""}${number(by)}`, kind };
}

/** A table as CSV. @param {string[]} columns @param {any[][]} rows */
export function csv(columns, rows) {
  return [columns, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

/**
 * The columns of a data set with what its profile knows of each, and the names of what is known.
 * @param {{schema?: any[], profile?: any}} dataset @returns {{names: string[], rows: Record<string, any>[]}}
 */
export function columnsOf({ schema, profile }) {
  const known = profile?.columns && typeof profile.columns === "object" ? profile.columns : {};
  const rows = (schema ?? []).map((each) => ({ ...each, ...(known[each.name] ?? {}) }));
  const told = (/** @type {string} */ name) => rows.some((row) => row[name] !== null && row[name] !== undefined && typeof row[name] !== "object");
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !["name", "type", "dtype"].includes(name) && told(name));
  return { names: names.slice(0, 7), rows };
}

/** A type with its shape: float64 (−1, 28, 28). @param {{type?: string, dtype?: string, shape?: any[] | null, required?: boolean}} column */
export function typeOf({ type, dtype, shape, required }) {
  const sizes = shape?.length ? ` (${shape.map((each) => (each === -1 || each === null ? "any" : each)).join(", ")})` : "";
  return `${type ?? dtype ?? ""}${sizes}${required === false ? ", optional" : ""}`;
}

/** What a value of an unknown kind is, in one line. @param {any} value @returns {string} */
export function said(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(said).join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, each]) => `${name} ${said(each)}`).join(", ");
  return value ? "yes" : "no";
}

/** @param {string} name @param {any} value */
export function machine(name, value) {
  return typeof value === "number" && /bytes|memory/i.test(name) && value > 1e4 ? bytes(value) : said(value);
}

/** @param {any} value */
function quoted(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
