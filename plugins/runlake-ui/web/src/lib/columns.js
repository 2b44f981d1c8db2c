// Which columns a table of runs has when nobody has said so: the metric that they are compared by, the next ones, and what varies.
import { metricName } from "./names.js";

const METRICS = 3;
const PARAMS = 5;
const MIXED = 0.4; // where fewer runs than this have the metric to compare by, each is told by its own
const CHECKED = /(^|[/_.-])(val|valid|validation|eval|test|dev)([/_.-]|$)/i;

/**
 * @param {{keys: any[], primary: any, telling: string[], n_runs: number}} schema
 * @returns {string[]} the names, the metric to compare by first
 */
export function usefulColumns(schema) {
  const { primary } = schema;
  const covered = primary ? (schema.keys.find((each) => each.scope === "metric" && each.key === primary.key)?.n ?? 0) : 0;
  const several = schema.keys.some((each) => each.name === "user" && each.distinct > 1) ? ["user"] : [];
  const metrics = schema.keys
    .filter((each) => each.scope === "metric" && each.key !== primary?.key && !each.key.startsWith("system/"))
    .sort((a, b) => worth(b, primary) - worth(a, primary) || a.key.localeCompare(b.key))
    .slice(0, METRICS)
    .map((each) => metricName(each.key, each.goal ?? null));
  const ends = [...several, "start_time", "duration"];
  const alike = new Set(schema.keys.filter((each) => each.distinct === 1).map((each) => each.name)); // but for runs that lack it
  const params = schema.telling.filter((name) => !alike.has(name)).slice(0, PARAMS);
  if (primary && covered < MIXED * schema.n_runs) {
    const common = new Set(schema.keys.filter((each) => each.n >= MIXED * schema.n_runs).map((each) => each.name));
    return ["headline", ...params.filter((name) => common.has(name)), ...ends];
  }
  return [...(primary ? [primary.name] : []), ...metrics, ...params, ...ends];
}

/** Metrics that most runs have come first, and those of data that was not trained on. @param {any} key @param {any} primary */
function worth(key, primary) {
  const coverage = primary ? key.n / Math.max(1, primary.n ?? key.n) : 1;
  return (CHECKED.test(key.key) ? 2 : 0) + Math.min(1, coverage) + (key.varies ? 0.5 : 0) + (key.goal ? 0.25 : 0);
}

/** How wide a column is, in pixels. @param {string} name @param {string} shown its title */
export function widthOf(name, shown) {
  if (name === "run_name") return 200;
  if (name === "status") return 92;
  if (name === "trend") return 80;
  if (name === "headline") return 240;
  if (name === "start_time") return 92;
  if (name === "duration") return 76;
  return Math.min(140, Math.max(72, 24 + shown.length * 7));
}
