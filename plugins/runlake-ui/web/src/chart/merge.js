// Curves of several runs on one axis: what uPlot draws has one list of x, and a value or nothing at each.

import { short } from "../lib/format.js";

/** @typedef {import("../lib/series.js").Drawn} Drawn */
/** @typedef {{run_id: string, name: string, color: number, dash: number[]}} RunLook how a run is drawn */

/** Where the line of a bucket goes through. @param {Drawn} curve @returns {Float64Array} */
export function middles(curve) {
  return curve.x0.map((x0, n) => (x0 + curve.x1[n]) / 2);
}

/** The values of the line: smoothed ones, where that was asked for. @param {Drawn} curve */
export function values(curve) {
  return curve.smooth ?? curve.mean;
}

/** What comes behind a curve, put to its end; buckets that are told anew replace theirs. @param {Drawn} curve @param {Drawn} more @returns {Drawn} */
export function extended(curve, more) {
  if (!more.x0.length) return { ...curve, total: more.total };
  const at = more.x0[0];
  const kept = curve.x0.findIndex((x0) => x0 >= at);
  const n = kept === -1 ? curve.x0.length : kept;
  const both = (/** @type {Float64Array} */ a, /** @type {Float64Array} */ b) => Float64Array.from([...a.subarray(0, n), ...b]);
  return {
    ...curve,
    total: more.total,
    exact: curve.exact && more.exact,
    ...{ x0: both(curve.x0, more.x0), x1: both(curve.x1, more.x1), min: both(curve.min, more.min) },
    ...{ max: both(curve.max, more.max), mean: both(curve.mean, more.mean) },
    ...(curve.smooth && more.smooth ? { smooth: both(curve.smooth, more.smooth) } : {}),
  };
}

/** The least and the greatest that is drawn of each curve. @param {Drawn[]} curves @param {boolean} isLog @param {[number, number] | null} within @param {boolean} [isWide] with all that buckets hold */
export function extent(curves, isLog, within, isWide = true) {
  let [low, high] = [Infinity, -Infinity];
  for (const curve of curves) {
    const line = values(curve);
    for (let n = 0; n < line.length; n++) {
      if (within && (curve.x1[n] < within[0] || curve.x0[n] > within[1])) continue;
      for (const value of isWide ? [line[n], curve.min[n], curve.max[n]] : [line[n]]) {
        if (!Number.isFinite(value) || (isLog && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
  }
  if (low > high) return isLog ? [0.1, 1] : [0, 1];
  if (low === high) return isLog ? [low / 2, high * 2] : [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
  return isLog ? [low, high] : [low - (high - low) * 0.05, high + (high - low) * 0.05];
}

/** The place of the bucket that is nearest to x. @param {Float64Array} xs ascending @param {number} x */
export function nearest(xs, x) {
  let low = 0;
  let high = xs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && Math.abs(xs[low - 1] - x) <= Math.abs(xs[low] - x) ? low - 1 : low;
}

/** What stands at the ticks of an axis: with as many decimals as tell them apart, the same at each. @param {(number | null)[]} ticks @param {boolean} [isLog] */
export function tickTexts(ticks, isLog = false) {
  const known = /** @type {number[]} */ (ticks.filter((each) => each !== null));
  const gap = known.length > 1 && !isLog ? Math.abs(known[1] - known[0]) : 0;
  const decimals = [0, 1, 2, 3, 4, 5].find((n) => gap && Math.abs(gap * 10 ** n - Math.round(gap * 10 ** n)) < 1e-6);
  const say = (/** @type {number} */ each) => (decimals === undefined || Math.abs(each) >= 1e4 ? short(each) : each.toFixed(decimals).replace("-", "−"));
  return ticks.map((each) => (each === null ? "" : say(each)));
}
