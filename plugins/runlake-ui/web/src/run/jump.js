// To a section, and to stay there while those above it fill with what they show.

const SETTLES_MS = 2500;

/** @type {() => void} */
let leave = () => {};

/** @param {string | undefined} id */
export function jump(id) {
  leave();
  const element = id ? document.getElementById(id) : null;
  const around = element?.parentElement;
  if (!element || !around) return;
  const align = () => element.scrollIntoView();
  const watch = new ResizeObserver(align);
  const stop = new AbortController();
  leave = () => (watch.disconnect(), stop.abort(), clearTimeout(wait));
  const wait = setTimeout(() => leave(), SETTLES_MS);
  // Whoever scrolls by hand, or works on what is there, goes on from there.
  for (const what of ["wheel", "touchmove", "pointerdown", "keydown"]) addEventListener(what, () => leave(), { signal: stop.signal, passive: true, capture: true });
  for (const each of around.children) watch.observe(each);
  align();
}
