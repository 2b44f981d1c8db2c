// Where one is: the address holds all that can be chosen, so that a link shows the same to anybody.

class Place {
  path = $state("");
  params = $state(new URLSearchParams());

  constructor() {
    this.#read();
    addEventListener("popstate", () => this.#read());
  }

  /** @param {string} name */
  get(name) {
    return this.params.get(name);
  }

  /** Go to another page of ours. @param {string} to a path below the page's base, with its question mark */
  go(to) {
    history.pushState(null, "", new URL(to.replace(/^\//, ""), document.baseURI));
    this.#read();
    scrollTo(0, 0);
  }

  /**
   * Choose something here; `null` and "" are no choice. What is still being typed replaces the entry of the history.
   * @param {Record<string, string | null | undefined>} chosen @param {{replace?: boolean}} [how]
   */
  choose(chosen, how = {}) {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(chosen)) {
      if (value === null || value === undefined || value === "") url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    if (url.href === location.href) return;
    if (how.replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    this.#read();
  }

  #read() {
    const base = new URL(document.baseURI).pathname;
    this.path = location.pathname.startsWith(base) ? location.pathname.slice(base.length) : location.pathname.slice(1);
    this.params = new URLSearchParams(location.search);
  }
}

export const place = new Place();

/** A click on a link of ours stays in the page; with a key held it is the browser's. @param {MouseEvent} event */
export function followed(event) {
  const link = /** @type {HTMLElement} */ (event.target).closest?.("a");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin || link.pathname.includes("/api/")) return;
  event.preventDefault();
  const base = new URL(document.baseURI).pathname;
  if (link.hash && link.pathname === location.pathname) document.getElementById(link.hash.slice(1))?.scrollIntoView();
  else place.go(link.pathname.slice(base.length) + link.search);
}
