// How values are written: four digits that say something, and words that are read at a glance.

/** A number in four significant digits. @param {number | string | null | undefined} value */
export function number(value) {
  if (value === null || value === undefined || value === "") return "";
  const n = typeof value === "string" ? Number(value) : value;
  if (Number.isNaN(n)) return "NaN";
  if (!Number.isFinite(n)) return n > 0 ? "∞" : "−∞";
  if (n === 0) return "0";
  const size = Math.abs(n);
  if (Number.isInteger(n) && size < 1e6) return minus(String(n));
  if (size >= 1e6 || size < 1e-4) return minus(n.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e"));
  return minus(size >= 1e4 ? String(Math.round(n)) : n.toPrecision(4));
}

/** Whole numbers with thin gaps, as charts say them. @param {number} n */
export function count(n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** A number of things. @param {number} n @param {string} what @param {string} [many] */
export function things(n, what, many = `${what}s`) {
  return `${count(n)} ${n === 1 ? what : many}`;
}

/** A step on an axis: 250k. @param {number} n */
export function short(n) {
  const size = Math.abs(n);
  for (const [least, letter] of /** @type {[number, string][]} */ ([[1e9, "G"], [1e6, "M"], [1e3, "k"]])) {
    if (size >= least) return `${minus(String(Number((n / least).toPrecision(4))))}${letter}`;
  }
  return number(Number(n.toPrecision(6)));
}

/** How long: 11m 58s. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const [d, h, m, s] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  if (d) return `${d}d ${two(h)}h`;
  if (h) return `${h}h ${two(m)}m`;
  return `${m}m ${two(s)}s`;
}

/** When, as one says it now. @param {number | null | undefined} ms @param {number} [now] */
export function ago(ms, now = Date.now()) {
  if (ms === null || ms === undefined) return "";
  const seconds = Math.max(0, (now - ms) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 86400 * 14) return `${Math.round(seconds / 86400)} d ago`;
  return date(ms).slice(0, 10);
}

/** A moment in full. @param {number | null | undefined} ms */
export function date(ms) {
  if (ms === null || ms === undefined) return "";
  const at = new Date(ms);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** @param {number} n of bytes */
export function bytes(n) {
  if (n < 1000) return `${n} B`;
  for (const [least, unit] of /** @type {[number, string][]} */ ([[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]])) {
    if (n >= least) return `${Number((n / least).toPrecision(3))} ${unit}`;
  }
  return `${n} B`;
}

/** Any value of a table, as text. @param {any} value @param {string} [name] of its column */
export function cell(value, name = "") {
  if (value === null || value === undefined) return "";
  if (name === "duration") return duration(value);
  if (name === "start_time" || name === "end_time") return ago(value);
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

/** How a run stands, in a word, a sign and what it is like. @param {string} status */
export function standing(status) {
  return STANDINGS[status] ?? { word: status.toLowerCase(), sign: "·", kind: "muted" };
}

/** @type {Record<string, {word: string, sign: string, kind: string}>} */
const STANDINGS = {
  RUNNING: { word: "running", sign: "●", kind: "live" },
  FINISHED: { word: "done", sign: "✓", kind: "muted" },
  FAILED: { word: "failed", sign: "✕", kind: "bad" },
  KILLED: { word: "killed", sign: "✕", kind: "bad" },
  CRASHED: { word: "crashed", sign: "✕", kind: "bad" },
  PRUNED: { word: "pruned", sign: "✂", kind: "muted" },
  SCHEDULED: { word: "waiting", sign: "○", kind: "muted" },
};

/** @param {number} n */
function two(n) {
  return String(n).padStart(2, "0");
}

/** @param {string} text */
function minus(text) {
  return text.replaceAll("-", "−");
}
