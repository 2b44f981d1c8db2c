// Where the points of a beeswarm lie: beside one another where they would cover each other, and never out of their lane.

/**
 * The place of each point in its lane, from -1 to 1.
 * @param {ArrayLike<number>} xs in pixels @param {number} wide the pixels that a point takes @param {number} [rows] that fit on each side of the middle
 * @returns {Float32Array}
 */
export function spread(xs, wide, rows = 5) {
  const counts = new Map();
  const places = new Float32Array(xs.length);
  for (let n = 0; n < xs.length; n++) {
    const bin = Math.round(xs[n] / wide);
    const before = counts.get(bin) ?? 0;
    places[n] = before;
    counts.set(bin, before + 1);
  }
  let most = 1;
  for (const many of counts.values()) most = Math.max(most, many);
  const half = Math.max(rows, Math.ceil((most - 1) / 2) || 1);
  for (let n = 0; n < places.length; n++) {
    const nth = places[n];
    places[n] = (nth % 2 ? -1 : 1) * (Math.ceil(nth / 2) / half);
  }
  return places;
}

/**
 * How high each value is among its own, from 0 to 1: by rank, so that one far value does not make the others look alike. NaN stays NaN.
 * @param {ArrayLike<number>} values @returns {Float64Array}
 */
export function ranked(values) {
  const order = Array.from({ length: values.length }, (_, n) => n)
    .filter((n) => Number.isFinite(values[n]))
    .sort((a, b) => values[a] - values[b]);
  const ranks = new Float64Array(values.length).fill(NaN);
  const last = Math.max(1, order.length - 1);
  for (let start = 0; start < order.length; ) {
    let stop = start;
    while (stop + 1 < order.length && values[order[stop + 1]] === values[order[start]]) stop++;
    for (let n = start; n <= stop; n++) ranks[order[n]] = (start + stop) / 2 / last;
    start = stop + 1;
  }
  return ranks;
}

/**
 * The table of all values by feature: what the plots of one feature draw.
 * @param {{feature: ArrayLike<number>, row: ArrayLike<number>, value: ArrayLike<number>, feature_value: ArrayLike<number>}} columns @param {number} nFeatures
 * @returns {{rows: number[], values: number[], at: number[]}[]} `at`: the feature's own values
 */
export function byFeature(columns, nFeatures) {
  /** @type {{rows: number[], values: number[], at: number[]}[]} */
  const lanes = Array.from({ length: nFeatures }, () => ({ rows: [], values: [], at: [] }));
  for (let n = 0; n < columns.feature.length; n++) {
    const lane = lanes[columns.feature[n]];
    if (!lane) continue;
    lane.rows.push(columns.row[n]);
    lane.values.push(columns.value[n]);
    lane.at.push(columns.feature_value[n]);
  }
  return lanes;
}
