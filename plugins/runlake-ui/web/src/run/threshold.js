// What a classifier does at a threshold, from its ROC curve and how many there are of each class.

/**
 * @typedef {{threshold: number, tp: number, fp: number, fn: number, tn: number, precision: number, recall: number, specificity: number, accuracy: number, f1: number}} Outcome
 * @typedef {{label: any, fpr: number[], tpr: number[], thresholds: number[]}} Roc
 */

/**
 * How many really are of a class and how many are not, by the rows of the confusion matrix; null where it does not tell.
 * @param {{labels: any[], counts: number[][]} | null | undefined} confusion @param {any} label
 */
export function truth(confusion, label) {
  if (!confusion) return null;
  let row = confusion.labels.findIndex((each) => String(each) === String(label));
  if (row < 0 && confusion.labels.length === 2) row = 1;
  if (row < 0) return null;
  const sums = confusion.counts.map((each) => each.reduce((sum, n) => sum + n, 0));
  const positive = sums[row];
  const negative = sums.reduce((sum, n) => sum + n, 0) - positive;
  return positive > 0 && negative > 0 ? { positive, negative } : null;
}

/**
 * The place on a curve that holds at a threshold: of those whose own threshold is not below it the least; above all of them the greatest.
 * Thresholds fall along a ROC curve and rise along one of precision and recall, whose last point has none.
 * @param {ArrayLike<number | string | null>} thresholds @param {number} threshold
 */
export function placeAt(thresholds, threshold) {
  let [found, least, greatest, most] = [-1, Infinity, 0, -Infinity];
  for (let n = 0; n < thresholds.length; n++) {
    const each = thresholds[n] === null ? NaN : Number(thresholds[n]);
    if (each > most) [greatest, most] = [n, each];
    if (each >= threshold && each <= least) [found, least] = [n, each];
  }
  return found < 0 ? greatest : found;
}

/**
 * The four counts and what they come to, at a threshold.
 * @param {Roc} roc @param {{positive: number, negative: number}} counts @param {number} threshold @returns {Outcome}
 */
export function outcome(roc, { positive, negative }, threshold) {
  const at = placeAt(roc.thresholds, threshold);
  const tp = Math.round(roc.tpr[at] * positive);
  const fp = Math.round(roc.fpr[at] * negative);
  const [fn, tn] = [positive - tp, negative - fp];
  return {
    threshold,
    tp,
    fp,
    fn,
    tn,
    precision: tp / (tp + fp),
    recall: tp / (tp + fn),
    specificity: tn / (tn + fp),
    accuracy: (tp + tn) / (positive + negative),
    f1: (2 * tp) / (2 * tp + fp + fn),
  };
}

/** The thresholds that are real numbers, from the least to the greatest. @param {(number | string)[]} thresholds @returns {[number, number]} */
export function bounds(thresholds) {
  const real = thresholds.map(Number).filter(Number.isFinite);
  return real.length ? [Math.min(...real), Math.max(...real)] : [0, 1];
}
