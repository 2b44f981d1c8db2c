// A sentence about what was done, which can be undone while it is shown.

class Toasts {
  /** @type {{id: number, text: string, kind: string, undo?: () => void}[]} */
  shown = $state([]);
  #last = 0;

  /** @param {string} text @param {{kind?: string, undo?: () => void}} [how] */
  say(text, { kind = "good", undo } = {}) {
    const id = ++this.#last;
    this.shown.push({ id, text, kind, undo });
    setTimeout(() => this.drop(id), undo ? 10_000 : 5_000);
  }

  /** @param {any} problem */
  fail(problem) {
    this.say([problem.message, problem.hint].filter(Boolean).join(" "), { kind: "bad" });
  }

  /** @param {number} id */
  drop(id) {
    this.shown = this.shown.filter((each) => each.id !== id);
  }
}

export const toasts = new Toasts();
