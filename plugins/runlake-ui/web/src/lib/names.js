// Values of runs by the names that filters have for them.

/** @typedef {{name: string, scope: "metric" | "param" | "tag" | "attribute", key: string, aggregate: string | null, dtype?: string}} Column */

const AGGREGATES = ["last", "min", "max", "first", "mean"];
const SCOPES = /** @type {const} */ ({ metrics: "metric", params: "param", tags: "tag" });
const PLAIN = /^[A-Za-z_][\w.-]*$/;

/** The name of a metric's least, greatest or last value. @param {string} key @param {string | null} [aggregate] */
export function metricName(key, aggregate = null) {
  const name = `metrics.${quoted(key)}`;
  return aggregate && aggregate !== "last" ? `${name}.${aggregate}` : name;
}

/** @param {string} scope @param {string} key */
export function nameOf(scope, key) {
  return `${scope}s.${quoted(key)}`;
}

/** What a name means. @param {string} name @returns {Column} */
export function columnOf(name) {
  const found = /^(metrics|params|tags)\.(?:`([^`]+)`|(.+?))(?:\.(last|min|max|first|mean))?$/.exec(name);
  if (!found) return { name, scope: "attribute", key: name, aggregate: null };
  const scope = SCOPES[/** @type {keyof typeof SCOPES} */ (found[1])];
  const isMetric = scope === "metric";
  const key = found[2] ?? (isMetric || !found[4] ? found[3] : `${found[3]}.${found[4]}`);
  return { name, scope, key, aggregate: isMetric ? (found[4] ?? "last") : null };
}

/** A key as it stands in a filter. @param {string} key */
function quoted(key) {
  const isPlain = PLAIN.test(key) && !AGGREGATES.includes(key.split(".").at(-1) ?? "");
  return isPlain ? key : `\`${key}\``;
}

/** A text as a filter's value. @param {string} text */
export function literal(text) {
  return `'${text.replaceAll("'", "''")}'`;
}
