// What keys do: a page says what they are for, and who types is left alone.

/** @typedef {{keys: string[], what: string, run: (event: KeyboardEvent) => void}} Key */

/** @type {Key[][]} the innermost last */
const layers = [];

/** Have keys mean something, until the function that is given back is called. @param {Key[]} keys */
export function listen(keys) {
  layers.push(keys);
  return () => {
    const place = layers.indexOf(keys);
    if (place >= 0) layers.splice(place, 1);
  };
}

/** All that keys are for now. @returns {Key[]} */
export function meanings() {
  return layers.flat();
}

/** @param {KeyboardEvent} event */
export function pressed(event) {
  const name = (event.metaKey || event.ctrlKey ? "mod+" : "") + event.key;
  const isTyping = /** @type {HTMLElement} */ (event.target)?.closest?.("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable=true], dialog");
  if (event.altKey || event.defaultPrevented || (isTyping && !name.startsWith("mod+"))) return;
  for (const layer of layers.toReversed()) {
    const found = layer.find(({ keys }) => keys.includes(name));
    if (found) {
      event.preventDefault();
      found.run(event);
      return;
    }
  }
}
