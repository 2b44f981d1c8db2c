// What the hand-drawn charts share: scales, ticks, axes, the theme's colours, what is under the pointer, and a picture to keep.
import { N_COLORS, token } from "../lib/colors.js";
import { short } from "../lib/format.js";

/**
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box
 * @typedef {{bg: string, surface: string, line: string, strong: string, text: string, muted: string, accent: string, onAccent: string, low: string, high: string,
 *   good: string, bad: string, series: string[]}} Look
 * @typedef {{ctx: CanvasRenderingContext2D, width: number, height: number, look: Look}} Pen
 * @typedef {{(value: number): number, back: (at: number) => number, lo: number, hi: number}} Scale
 */

/** From values to pixels, and back. @param {number} lo @param {number} hi @param {number} from @param {number} to @returns {Scale} */
export function scale(lo, hi, from, to) {
  const span = hi - lo || 1;
  const place = (/** @type {number} */ value) => from + ((value - lo) / span) * (to - from);
  return Object.assign(place, { back: (/** @type {number} */ at) => lo + ((at - from) / (to - from || 1)) * span, lo, hi });
}

/** The least and the greatest of what is finite, with a margin on both sides. @param {ArrayLike<number>} values @param {number} [margin] a part of the span */
export function extent(values, margin = 0) {
  let [lo, hi] = [Infinity, -Infinity];
  for (let n = 0; n < values.length; n++) {
    const value = values[n];
    if (!Number.isFinite(value)) continue;
    if (value < lo) lo = value;
    if (value > hi) hi = value;
  }
  if (lo > hi) return [0, 1];
  if (lo === hi) return [lo - (Math.abs(lo) || 1) * 0.5, hi + (Math.abs(hi) || 1) * 0.5];
  return [lo - (hi - lo) * margin, hi + (hi - lo) * margin];
}

/** About `n` round numbers between two. @param {number} lo @param {number} hi @param {number} [n] */
export function ticks(lo, hi, n = 5) {
  if (!(hi > lo)) return Number.isFinite(lo) ? [lo] : [];
  const rough = (hi - lo) / Math.max(1, n);
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * ten).find((each) => each >= rough * 0.999) ?? 10 * ten;
  const found = [];
  for (let at = Math.ceil(lo / step - 1e-9); at * step <= hi + step * 1e-9; at++) found.push(Number((at * step).toPrecision(12)) + 0);
  return found;
}

/** A round number as short as it can be: 0.5, 250k, −2e−7. @param {number} value */
export function tickText(value) {
  const size = Math.abs(value);
  if (size >= 1000 || (size && size < 1e-4)) return short(value);
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

/** The theme's colours as they are now. @returns {Look} */
export function look() {
  return {
    bg: token("--bg"),
    surface: token("--surface"),
    line: token("--line"),
    strong: token("--strong-line"),
    text: token("--text"),
    muted: token("--muted"),
    accent: token("--accent"),
    onAccent: token("--on-accent"),
    low: token("--low"),
    high: token("--high"),
    good: token("--good"),
    bad: token("--bad"),
    series: Array.from({ length: N_COLORS }, (_, n) => token(`--s${n + 1}`)),
  };
}

/** Between two colours. @param {string} from as #rrggbb @param {string} to @param {number} part from 0 to 1 */
export function mixed(from, to, part) {
  const [a, b] = [rgb(from), rgb(to)];
  const t = Math.min(1, Math.max(0, part));
  return `rgb(${a.map((each, n) => Math.round(each + (b[n] - each) * t)).join(" ")})`;
}

/** A ramp of `n` colours, for many points. @param {string} from @param {string} to @param {number} [n] */
export function ramp(from, to, n = 24) {
  return Array.from({ length: n }, (_, at) => mixed(from, to, n > 1 ? at / (n - 1) : 0));
}

/**
 * A cleared canvas as sharp as the screen, with text set as on the page.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height @returns {Pen}
 */
export function opened(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.font = '11px "Inter Variable", system-ui, sans-serif';
  ctx.textBaseline = "middle";
  ctx.lineJoin = "round";
  return { ctx, width, height, look: look() };
}

/**
 * Grid lines, numbers and names of both axes.
 * @param {Pen} pen @param {Box} box @param {{x: Scale, y: Scale, xName?: string, yName?: string, xTicks?: {at: number, text: string}[], yLines?: boolean}} how
 */
export function axes({ ctx, look, width }, box, { x, y, xName = "", yName = "", xTicks, yLines = true }) {
  ctx.lineWidth = 1;
  ctx.fillStyle = look.muted;
  ctx.strokeStyle = look.line;
  ctx.textAlign = "right";
  if (yLines) {
    for (const value of ticks(y.lo, y.hi, Math.max(2, (box.bottom - box.top) / 45))) {
      line(ctx, box.left, crisp(y(value)), box.right, crisp(y(value)));
      ctx.fillText(tickText(value), box.left - 6, y(value));
    }
  }
  ctx.textAlign = "center";
  const along = xTicks ?? ticks(x.lo, x.hi, Math.max(2, (box.right - box.left) / 70)).map((at) => ({ at, text: tickText(at) }));
  for (const { at, text } of along) {
    if (!yLines) line(ctx, crisp(x(at)), box.top, crisp(x(at)), box.bottom);
    const half = ctx.measureText(text).width / 2;
    ctx.fillText(text, Math.min(x(at), width - half - 1), box.bottom + 12);
  }
  if (xName) ctx.fillText(xName, (box.left + box.right) / 2, box.bottom + 28);
  if (yName) {
    ctx.textAlign = "left";
    ctx.fillText(yName, 0, box.top - 12);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
export function line(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

/** A text that fits, with its end left out where it must be. @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} width */
export function fitted(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  let [least, most] = [0, text.length];
  while (least < most) {
    const half = (least + most + 1) >> 1;
    if (ctx.measureText(`${text.slice(0, half)}…`).width <= width) least = half;
    else most = half - 1;
  }
  return `${text.slice(0, least)}…`;
}

/**
 * Which point is nearest to the pointer: they are kept by squares, so that a hundred thousand are no more work than ten.
 * @param {ArrayLike<number>} xs in pixels @param {ArrayLike<number>} ys @param {number} [size] of a square
 * @returns {(x: number, y: number, within?: number) => number} its number, or -1
 */
export function finder(xs, ys, size = 16) {
  /** @type {Map<number, number[]>} */
  const squares = new Map();
  for (let n = 0; n < xs.length; n++) {
    if (!Number.isFinite(xs[n]) || !Number.isFinite(ys[n])) continue;
    const key = square(Math.floor(xs[n] / size), Math.floor(ys[n] / size));
    const there = squares.get(key);
    if (there) there.push(n);
    else squares.set(key, [n]);
  }
  return (x, y, within = size) => {
    let [found, least] = [-1, within * within];
    const reach = Math.ceil(within / size);
    const [column, row] = [Math.floor(x / size), Math.floor(y / size)];
    for (let across = column - reach; across <= column + reach; across++) {
      for (let down = row - reach; down <= row + reach; down++) {
        for (const n of squares.get(square(across, down)) ?? []) {
          const far = (xs[n] - x) ** 2 + (ys[n] - y) ** 2;
          if (far <= least) [found, least] = [n, far];
        }
      }
    }
    return found;
  };
}

/** Keep what is drawn as a picture, on the ground of the page. @param {HTMLCanvasElement} canvas @param {string} name */
export function savePicture(canvas, name) {
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  const ctx = /** @type {CanvasRenderingContext2D} */ (copy.getContext("2d"));
  ctx.fillStyle = look().surface;
  ctx.fillRect(0, 0, copy.width, copy.height);
  ctx.drawImage(canvas, 0, 0);
  const link = document.createElement("a");
  link.download = `${name.replace(/[^\w.-]+/g, "_")}.png`;
  link.href = copy.toDataURL("image/png");
  link.click();
}

/** On the middle of a pixel, where one-pixel lines are sharp. @param {number} at */
function crisp(at) {
  return Math.round(at) + 0.5;
}

/** @param {number} column @param {number} row */
function square(column, row) {
  return column * 65536 + row;
}

/** @param {string} color */
function rgb(color) {
  const digits = color.replace("#", "");
  return [0, 2, 4].map((at) => Number.parseInt(digits.slice(at, at + 2), 16) || 0);
}
