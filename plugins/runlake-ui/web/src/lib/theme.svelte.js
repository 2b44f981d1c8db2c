// Light or dark: as the system has it, unless somebody chose.

class Theme {
  /** @type {"light" | "dark"} */
  name = $state("light");
  /** @type {string | null} */
  #chosen = null;

  start() {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    this.#chosen = new URLSearchParams(location.search).get("theme") ?? remembered();
    const apply = () => this.#apply(this.#chosen === "dark" || this.#chosen === "light" ? this.#chosen : dark.matches ? "dark" : "light");
    dark.addEventListener("change", apply);
    apply();
  }

  turn() {
    this.#chosen = this.name === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", this.#chosen);
    } catch {
      // kept nowhere, as in a frame without storage
    }
    this.#apply(/** @type {"light" | "dark"} */ (this.#chosen));
  }

  /** @param {"light" | "dark"} name */
  #apply(name) {
    document.documentElement.dataset.theme = name;
    this.name = name;
  }
}

function remembered() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

export const theme = new Theme();
