// What is being typed into the query bar: its words for colours, and what may come next.

/** @typedef {{text: string, start: number, kind: "name" | "word" | "text" | "number" | "sign" | "space" | "other"}} Token */

const TOKENS =
  /(?<space>\s+)|(?<text>'(?:[^']|'')*'?|"[^"]*"?)|(?<name>(?:(?:metrics?|params?|tags?|attributes?)\.)?`[^`]*`?[\w.]*)|(?<number>-?\d[\w.:+-]*)|(?<sign><=|>=|!=|==|[<>=~(),@])|(?<bare>[^\s'"`<>=!~(),@]+)|(?<other>.)/gu;
const WORDS = new Set(["and", "or", "not", "in", "between", "like", "ilike", "is", "null", "has", "true", "false"]);
const SIGNS = ["=", "!=", "<", ">", "<=", ">=", "in", "~", "like", "is not null", "is null", "between"];
const MOST = 12;

/** @param {string} typed @returns {Token[]} */
export function tokens(typed) {
  const found = [];
  for (const each of typed.matchAll(TOKENS)) {
    const groups = /** @type {Record<string, string>} */ (each.groups);
    let kind = Object.keys(groups).find((name) => groups[name] !== undefined) ?? "other";
    if (kind === "bare") kind = WORDS.has(each[0].toLowerCase()) ? "word" : "name";
    found.push({ text: each[0], start: each.index, kind: /** @type {any} */ (kind) });
  }
  return valuesTold(found);
}

/** A bare word behind a comparison is a value. @param {Token[]} found */
function valuesTold(found) {
  let isValue = false;
  let depth = 0;
  for (const token of found) {
    if (token.kind === "space") continue;
    if (token.kind === "sign" && "()".includes(token.text)) depth += token.text === "(" ? (isValue ? 1 : 0) : depth ? -1 : 0;
    else if (token.kind === "sign" && token.text !== "," && token.text !== "@") isValue = true;
    else if (token.kind === "word") isValue = ["in", "like", "ilike", "between"].includes(token.text.toLowerCase()) || (isValue && depth > 0);
    else if (token.kind === "name" && isValue) {
      token.kind = "text";
      isValue = depth > 0;
    } else if (depth === 0 && (token.kind === "text" || token.kind === "number")) isValue = false;
  }
  return found;
}

/**
 * What may stand where the cursor is.
 * @param {string} typed @param {number} cursor
 * @returns {{kind: "name" | "sign" | "value" | "join", begun: string, start: number, name: string | null}}
 */
export function wanted(typed, cursor) {
  const before = tokens(typed.slice(0, cursor));
  const last = before.at(-1);
  const isInside = Boolean(last && last.kind !== "space" && last.kind !== "sign");
  const begun = isInside && last ? last.text : "";
  const said = before.filter((token, place) => token.kind !== "space" && !(isInside && place === before.length - 1));
  const prior = said.at(-1);
  const start = cursor - begun.length;
  if (!prior || prior.text === "(" || (prior.kind === "word" && ["and", "or", "not", "has"].includes(prior.text.toLowerCase()))) {
    const open = said.at(-2);
    if (prior?.text === "(" && open?.text.toLowerCase() === "in") return { kind: "value", begun, start, name: said.at(-3)?.text ?? null };
    return { kind: "name", begun, start, name: null };
  }
  if (prior.kind === "name") return { kind: "sign", begun, start, name: prior.text };
  if (prior.kind === "sign" || prior.kind === "word") return { kind: "value", begun, start, name: nameBefore(said) };
  return { kind: "join", begun, start, name: null };
}

/** @param {Token[]} said */
function nameBefore(said) {
  return said.findLast((token) => token.kind === "name")?.text ?? null;
}

/**
 * What is offered, the likeliest first.
 * @param {ReturnType<typeof wanted>} want @param {any[]} keys of the schema @param {{value: string, n: number}[]} values of the name
 * @returns {{text: string, note: string}[]}
 */
export function offers(want, keys, values) {
  const begun = want.begun.toLowerCase().replaceAll("`", "");
  if (want.kind === "sign") return SIGNS.filter((sign) => sign.startsWith(begun)).map((text) => ({ text, note: "" }));
  if (want.kind === "join") return ["and", "or"].filter((word) => word.startsWith(begun)).map((text) => ({ text, note: "" }));
  if (want.kind === "value") {
    const bare = begun.replace(/^'/, "");
    return values
      .filter(({ value }) => value.toLowerCase().includes(bare))
      .slice(0, MOST)
      .map(({ value, n }) => ({ text: /^-?[\w.:+-]+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`, note: String(n) }));
  }
  return keys
    .map((key) => ({ key, rank: rankOf(key, begun) }))
    .filter(({ rank }) => rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, MOST)
    .map(({ key }) => ({ text: key.name, note: `${key.scope} · ${key.n}` }));
}

/** @param {any} key @param {string} begun */
function rankOf(key, begun) {
  const [short, long] = [key.key.toLowerCase(), key.name.toLowerCase()];
  if (short.startsWith(begun)) return 0;
  if (long.startsWith(begun)) return 1;
  return short.includes(begun) ? 2 : 3;
}

/** What was typed with an offer in its place, and where the cursor is then. @param {string} typed @param {number} cursor @param {ReturnType<typeof wanted>} want @param {string} text */
export function completed(typed, cursor, want, text) {
  const before = typed.slice(0, want.start) + text + " ";
  return { typed: before + typed.slice(cursor).replace(/^\s+/, ""), cursor: before.length };
}
