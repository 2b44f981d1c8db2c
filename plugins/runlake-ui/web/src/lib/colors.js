// A run keeps its colour wherever it is drawn; two that are seen together never share one while there are eight or fewer.

export const N_COLORS = 8;
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

/**
 * A colour's number and a dash for each run: by its id, and where another has it already the next free one.
 * @param {string[]} runIds @param {Map<string, number>} [chosen] by the user
 * @returns {Map<string, {color: number, dash: number[]}>}
 */
export function looksOf(runIds, chosen = new Map()) {
  const taken = new Set(runIds.map((id) => chosen.get(id)).filter((each) => each !== undefined));
  const looks = new Map();
  runIds.forEach((id, place) => {
    let color = chosen.get(id);
    if (color === undefined) {
      color = hashed(id) % N_COLORS;
      while (taken.has(color) && taken.size < N_COLORS) color = (color + 1) % N_COLORS;
      taken.add(color);
    }
    looks.set(id, { color, dash: DASHES[place === 0 ? 0 : place % DASHES.length] });
  });
  return looks;
}

/** The colour itself, as the theme has it now. @param {number} color */
export function cssColor(color) {
  return token(`--s${color + 1}`);
}

/** A colour of the theme. @param {string} name */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @param {string} text */
export function hashed(text) {
  let hash = 2166136261;
  for (let n = 0; n < text.length; n++) hash = Math.imul(hash ^ text.charCodeAt(n), 16777619);
  return hash >>> 0;
}
