// What is known of the store everywhere in the page.
import { get } from "./api.js";

class Here {
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

  /** @param {string} id */
  nameOf(id) {
    return this.experiments.find((each) => each.id === id)?.name ?? id;
  }
}

export const here = new Here();
