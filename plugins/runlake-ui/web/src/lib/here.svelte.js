// What is known of the store everywhere in the page.
import { get } from "./api.js";

class Here {
  #waiting = false;
  /** @type {any} */
  meta = $state.raw(null);
  /** @type {any[]} */
  experiments = $state.raw([]);
  /** @type {any} */
  problem = $state.raw(null);

  async look() {
    try {
      [this.meta, this.experiments] = await Promise.all([get("/meta"), get("/experiments").then((said) => said.experiments)]);
      this.problem = null;
    } catch (error) {
      this.problem = error;
    }
  }

  /** What is told of runs that go on changes nothing here; of what comes in a burst the last is enough. @param {{many: boolean, runs: Record<string, {state?: boolean}>}} changed */
  lookSoon(changed) {
    const isWorth = changed.many || Object.values(changed.runs).some((run) => run.state);
    if (!isWorth || this.#waiting) return;
    this.#waiting = true;
    setTimeout(() => {
      this.#waiting = false;
      this.look();
    }, 1000);
  }

  /** @param {string} id */
  nameOf(id) {
    return this.experiments.find((each) => each.id === id)?.name ?? id;
  }
}

export const here = new Here();
