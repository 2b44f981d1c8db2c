// What changed in the store, told by the server while somebody looks. One tab listens, the others hear it from that one: a browser
// holds few connections to one server.

const HIDDEN_MS = 60_000;

class Live {
  /** "live", "reconnecting", or "paused" while nobody looks */
  state = $state("reconnecting");
  snapshot = $state(0);
  nRuns = $state(0);
  nRunning = $state(0);
  /** @type {Set<(changed: {runs: Record<string, {keys: string[]}>, many: boolean}) => void>} */
  #listeners = new Set();
  /** @type {EventSource | null} */
  #source = null;
  #letGo = () => {};
  /** @type {any} */
  #hiding;
  #channel = new BroadcastChannel(`runlake ${document.baseURI}`);

  start() {
    this.#channel.onmessage = (event) => this.#hear(event.data);
    document.addEventListener("visibilitychange", () => this.#look());
    this.#look();
  }

  /** Be told what changed, until the function that is given back is called. @param {(changed: any) => void} listener */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #look() {
    clearTimeout(this.#hiding);
    if (document.hidden) this.#hiding = setTimeout(() => this.#leave(), HIDDEN_MS);
    else if (!this.#source && !this.#isWaiting) this.#lead();
  }

  #isWaiting = false;

  /** Listens as soon as no other tab does. */
  async #lead() {
    this.#isWaiting = true;
    this.state = this.snapshot ? "live" : "reconnecting";
    const listen = () =>
      new Promise((resolve) => {
        this.#letGo = () => resolve(null);
        this.#listen();
      });
    if (navigator.locks) await navigator.locks.request(`runlake ${document.baseURI}`, listen);
    else await listen();
    this.#isWaiting = false;
  }

  #leave() {
    this.#source?.close();
    this.#source = null;
    this.state = "paused";
    this.#letGo();
  }

  #listen() {
    const source = new EventSource("api/v1/events");
    this.#source = source;
    source.onerror = () => this.#tell({ state: "reconnecting" });
    for (const kind of ["hello", "changed"]) {
      source.addEventListener(kind, (event) => this.#tell({ state: "live", kind, ...JSON.parse(/** @type {MessageEvent} */ (event).data) }));
    }
  }

  /** @param {any} said */
  #tell(said) {
    this.#channel.postMessage(said);
    this.#hear(said);
  }

  /** @param {any} said */
  #hear(said) {
    this.state = said.state;
    if (said.snapshot === undefined) return;
    const isNew = said.snapshot !== this.snapshot;
    this.snapshot = said.snapshot;
    this.nRuns = said.n_runs;
    this.nRunning = said.n_running;
    const many = said.runs?.many === true || said.kind === "hello"; // more than are named, or nobody listened meanwhile
    if (isNew) for (const listener of this.#listeners) listener({ runs: many ? {} : (said.runs ?? {}), many });
  }
}

export const live = new Live();
