// What the page asks its server. Nothing else is asked, of nobody else.
import { tableFromIPC } from "@uwdata/flechette";

const ARROW = "application/vnd.apache.arrow.stream";

/** What the server says it cannot do: a sentence, what to do, and where in what was typed. */
export class Problem extends Error {
  /** @param {number} status @param {{title?: string, detail?: string, hint?: string, position?: {start: number, stop: number}}} said */
  constructor(status, said) {
    super(said.detail ?? said.title ?? `The server answered with ${status}.`);
    this.status = status;
    this.hint = said.hint;
    this.position = said.position;
  }
}

/**
 * A JSON answer.
 * @param {string} path @param {Record<string, any>} [params] @param {AbortSignal} [signal] @returns {Promise<any>}
 */
export async function get(path, params = {}, signal) {
  return (await asked(address(path, params), { signal })).json();
}

/**
 * Have something changed, or ask with a body.
 * @param {"POST" | "PATCH" | "PUT" | "DELETE"} method @param {string} path @param {any} [body] @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function send(method, path, body = {}, signal) {
  const answer = await asked(address(path), { method, signal, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return answer.status === 204 ? null : answer.json();
}

/**
 * A table by columns; numbers are numbers here, NaN too.
 * @param {string} path @param {any} [body] of a POST; a GET without one @param {AbortSignal} [signal]
 * @returns {Promise<{n: number, meta: any, columns: Record<string, any>}>}
 */
export async function frame(path, body, signal) {
  const headers = { accept: ARROW, "content-type": "application/json" };
  const how = body === undefined ? { headers, signal } : { method: "POST", headers, signal, body: JSON.stringify(body) };
  const answer = await asked(address(path), how);
  const table = tableFromIPC(await answer.arrayBuffer(), { useBigInt: false });
  const meta = JSON.parse(table.schema.metadata?.get("runlake") ?? "{}");
  return { n: table.numRows, meta, columns: table.toColumns() };
}

/** The address of something that is downloaded or shown. @param {string} path @param {Record<string, any>} [params] */
export function address(path, params = {}) {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") said.append(name, String(each));
    }
  }
  const query = said.toString();
  return `api/v1${path}${query ? `?${query}` : ""}`;
}

/** The number that JSON has no word for is a text there. @param {number | string | null} value */
export function number(value) {
  return typeof value === "string" ? Number(value) : (value ?? NaN);
}

/** @param {string} where @param {RequestInit} how */
async function asked(where, how) {
  let answer;
  try {
    answer = await fetch(where, how);
  } catch (error) {
    if (how.signal?.aborted) throw error;
    throw new Problem(0, { detail: "The server does not answer.", hint: "Is `runlake ui` still running?" });
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, said);
}

/** Whether it only says that nobody waits for the answer any more. @param {any} error */
export function isAborted(error) {
  return error?.name === "AbortError";
}
