// Which rows of a long list are in sight, where some rows have others open below them.

/** @typedef {{top: number, child: number}} Spot the place of a row among those at the top, and of one below it, or -1 */

/**
 * Rows at the top, and how many are open below some of them.
 * @param {number} total @param {Map<number, number>} open by place
 */
export function outline(total, open) {
  const places = [...open.keys()].filter((place) => place < total).sort((a, b) => a - b);
  /** @type {number[]} */
  const before = []; // rows that are open below those in front of each
  let sum = 0;
  for (const place of places) {
    before.push(sum);
    sum += open.get(place) ?? 0;
  }
  return {
    length: total + sum,
    /** @param {number} index @returns {Spot} */
    at(index) {
      let low = 0;
      let high = places.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (places[middle] + before[middle] < index) low = middle + 1;
        else high = middle;
      }
      if (!low) return { top: index, child: -1 };
      const parent = places[low - 1];
      const below = index - parent - before[low - 1] - 1;
      const n = open.get(parent) ?? 0;
      return below < n ? { top: parent, child: below } : { top: index - before[low - 1] - n, child: -1 };
    },
    /** @param {number} top */
    indexOf(top) {
      const n = places.findIndex((place) => place >= top);
      return top + (n === -1 ? sum : before[n]);
    },
  };
}

/**
 * The rows to draw: those in sight and a few around them.
 * @param {number} scrolled @param {number} height @param {number} rowHeight @param {number} length @param {number} [around]
 */
export function inSight(scrolled, height, rowHeight, length, around = 4) {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - around);
  const stop = Math.min(length, Math.ceil((scrolled + height) / rowHeight) + around);
  return { first: Math.min(first, Math.max(0, stop)), stop };
}
